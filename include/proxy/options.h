/* SPDX-License-Identifier: MIT */
#ifndef PROXY_OPTIONS_H
#define PROXY_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Every option of the daemon, declared once. The fields of struct config, the flag parser, the
 * environment, the configuration file, --help, --dump-config, the manual, the sample file and the
 * shell completions are all made from this table.
 *
 * X(type, field, flag and key, environment variable, default, least, most, words, marks, group, help)
 *
 * Numbers are kept in the units of their type: INT as such, SIZE in bytes, DURATION in milliseconds,
 * and so are least and most; for text they bound the length. The words of a WORD are in the order of
 * its constants in config.h. A SECRET has no flag: its name is only how messages call it. What the
 * bounds and marks are written in (M, S, RELOAD, …) is defined where the table is made.
 */

/* clang-format off */
#define OPTIONS(X) \
X(INT, port, "port", "PORT", "3456", 0, 65535, NULL, BRIEF, SERVICE, \
  "TCP port to listen on. 0 takes any free port, which the ready line then names.") \
X(ADDRESS, host, "host", "HOST", "0.0.0.0", 1, 64, NULL, BRIEF, SERVICE, \
  "IPv4 or IPv6 address to listen on. 127.0.0.1 serves this host alone; 0.0.0.0 or :: serves every " \
  "network, and tokencapd(8) says who may then do what.") \
X(PATH, db_path, "db-path", "DB_PATH", "./tokencap.db", 1, 4000, NULL, BRIEF, SERVICE, \
  "The ledger's SQLite database, created when it does not exist.") \
X(LEDGER, ledger, "ledger", "TOKENCAP_LEDGER", "", 0, 4000, NULL, BRIEF, SERVICE, \
  "Where the ledger is, when not in db-path: sqlite:PATH, or postgresql://HOST/DATABASE, which several " \
  "daemons may share (package tokencap-postgresql). A password is never part of it: libpq finds it in " \
  "PGPASSFILE or PGPASSWORD.") \
X(SECRET, ledger_password, "ledger-password", "PGPASSWORD", "", 0, 4095, NULL, FREE, SERVICE, \
  "Password of the ledger's PostgreSQL user, where PGPASSFILE names no file that has it.") \
X(DURATION, ledger_lease, "ledger-lease", "TOKENCAP_LEDGER_LEASE", "15s", 1000, H, NULL, STARTUP, SERVICE, \
  "Time after which the other daemons on a PostgreSQL ledger take one that is not heard of for dead, and " \
  "charge what it holds; it admits nothing itself a little before.") \
X(WORD, durability, "durability", "TOKENCAP_DURABILITY", "full", 0, 0, "full|normal", BRIEF, SERVICE, \
  "What committed money survives: full, even a power loss; normal, a crash of the daemon, but a power " \
  "loss may take the last moments.") \
X(INT, workers, "workers", "TOKENCAP_WORKERS", "512", 1, 65536, NULL, BRIEF, SERVICE, \
  "Threads that handle requests; each stream in flight occupies one.") \
X(PATH, data_dir, "data-dir", "TOKENCAP_DATA_DIR", "", 0, 4000, NULL, STARTUP, SERVICE, \
  "Folder that holds the vocabularies (vocab/) and the shipped price tables (pricing/). Empty: the one " \
  "that was installed with the program.") \
X(PATH, pricing_dir, "pricing-dir", "TOKENCAP_PRICING_DIR", "", 0, 4000, NULL, RELOAD | BRIEF, SERVICE, \
  "Folder of price tables, which override the shipped ones row by row. Empty: /etc/tokencap/pricing.d " \
  "where that exists.") \
X(PATH, own_vocab_dir, "vocab-dir", "TOKENCAP_VOCAB_DIR", "", 0, 4000, NULL, STARTUP, SERVICE, \
  "Folder of the vocabularies that \"tokencap vocab import\" made. Empty: /var/lib/tokencap/vocab.") \
X(WORD, log_level, "log-level", "TOKENCAP_LOG_LEVEL", "info", 0, 0, "error|warn|info|debug", RELOAD | BRIEF, SERVICE, \
  "The least important lines that are still logged.") \
X(WORD, log_format, "log-format", "TOKENCAP_LOG_FORMAT", "logfmt", 0, 0, "logfmt|json", STARTUP, SERVICE, \
  "How the line of each exchange is written.") \
X(DURATION, drain_timeout, "drain-timeout", "TOKENCAP_DRAIN_TIMEOUT", "600s", 0, D, NULL, BRIEF, SERVICE, \
  "Time for requests in flight after SIGTERM, before they are cut and their held amounts charged.") \
\
X(URL, openai_upstream, "openai-upstream", "OPENAI_UPSTREAM_URL", "https://api.openai.com/v1", 1, 2000, NULL, BRIEF, UPSTREAMS, \
  "Where OpenAI's endpoints are forwarded to, up to and with their /v1.") \
X(URL, anthropic_upstream, "anthropic-upstream", "ANTHROPIC_UPSTREAM_URL", "https://api.anthropic.com", 1, 2000, NULL, BRIEF, UPSTREAMS, \
  "Where Anthropic's endpoints are forwarded to, without their /v1.") \
X(PATH, upstream_ca, "upstream-ca", "TOKENCAP_UPSTREAM_CA", "", 0, 4000, NULL, STARTUP, UPSTREAMS, \
  "PEM file of the certificate authorities that upstreams are verified against. Empty: the system's.") \
X(SECRET, openai_key, "openai-api-key", "OPENAI_API_KEY", "", 0, 4095, NULL, STARTUP, UPSTREAMS, \
  "Key for OpenAI, lent to callers who send none and may borrow it.") \
X(SECRET, anthropic_key, "anthropic-api-key", "ANTHROPIC_API_KEY", "", 0, 4095, NULL, STARTUP, UPSTREAMS, \
  "Key for Anthropic, likewise.") \
\
X(PROJECT, default_project_id, "default-project-id", "DEFAULT_PROJECT_ID", "default", 1, 128, NULL, RELOAD | BRIEF, BUDGETS, \
  "The project of a request that names none.") \
X(INT, default_max_tokens, "default-max-tokens", "DEFAULT_MAX_TOKENS", "4096", 1, 100000000, NULL, RELOAD | BRIEF, BUDGETS, \
  "Output bound of a model whose own is unknown, in tokens.") \
X(WORD, enforce, "enforce", "TOKENCAP_ENFORCE", "estimate", 0, 0, "estimate|strict", BRIEF, BUDGETS, \
  "What a budget compares with what is left, unless it says so itself: estimate, what a request will " \
  "probably cost; strict, the most that it can cost, so that no limit is ever passed.") \
X(WORD, unknown_models, "unknown-models", "TOKENCAP_UNKNOWN_MODELS", "fallback", 0, 0, "fallback|refuse", RELOAD, BUDGETS, \
  "A model without a price: fallback prices it no lower than GPT-4o and its own family; refuse answers 400.") \
X(WORD, predict, "predict", "TOKENCAP_PREDICT", "rule", 0, 0, "rule|learned", RELOAD, BUDGETS, \
  "How output is predicted, unless a budget says so itself: by the fixed rule, or learned from what " \
  "earlier requests of the same kind used.") \
X(WORD, count_upstream, "count-upstream", "TOKENCAP_COUNT_UPSTREAM", "none", 0, 0, "none|anthropic", RELOAD, BUDGETS, \
  "Ask this provider's own endpoint for the input tokens before each request; one more round trip. When " \
  "it fails, the local count stands.") \
X(BOOL, calibrate, "calibrate", "TOKENCAP_CALIBRATE", "yes", 0, 0, NULL, RELOAD, BUDGETS, \
  "Correct approximate token counts by what providers reported for earlier requests of the same kind.") \
X(WORD, on_cap, "on-cap", "TOKENCAP_ON_CAP", "finish", 0, 0, "finish|stop", RELOAD, BUDGETS, \
  "A stream that has cost what was held for it in a budget: finish lets it end; stop ends it validly there.") \
X(WORD, on_disconnect, "on-disconnect", "TOKENCAP_ON_DISCONNECT", "drain", 0, 0, "drain|cancel", RELOAD, BUDGETS, \
  "A client that leaves before its answer is whole: drain reads the rest for its exact usage; cancel " \
  "closes the upstream and charges what was generated so far, or the held amount where nothing came.") \
X(INT, min_affordable_tokens, "min-affordable-tokens", "TOKENCAP_MIN_AFFORDABLE_TOKENS", "256", 1, 100000000, NULL, RELOAD, BUDGETS, \
  "The fewest output tokens worth offering to a request whose budget no longer affords what it asked for.") \
\
X(WORD, alert_format, "alert-format", "TOKENCAP_ALERT_FORMAT", "json", 0, 0, "json|slack", RELOAD, ALERTS, \
  "The body of an alert to a budget's alertUrl: json says everything; slack is what Slack's incoming webhooks take.") \
X(INT, alert_spike, "alert-spike", "TOKENCAP_ALERT_SPIKE", "4", 0, 1000, NULL, RELOAD, ALERTS, \
  "An hour that costs more than this many times the average one of the last week, and a twentieth of the limit, is " \
  "alerted, once a day. 0 turns that off.") \
X(BOOL, alert_private, "alert-private", "TOKENCAP_ALERT_PRIVATE", "no", 0, 0, NULL, RELOAD, ALERTS, \
  "Send alerts to loopback, private and link-local addresses too.") \
X(SECRET, alert_secret, "alert-secret", "TOKENCAP_ALERT_SECRET", "", 0, 4095, NULL, STARTUP, ALERTS, \
  "Signs alerts (HMAC-SHA256, X-Tokencap-Signature), so that their receiver knows who sent them.") \
\
X(SECRET, admin_token, "admin-token", "TOKENCAP_ADMIN_TOKEN", "", 0, 4095, NULL, STARTUP, ACCESS, \
  "Opens budgets, usage, tokens, metrics and the dashboard to callers from elsewhere than this host.") \
X(BOOL, trust_network, "trust-network", "TOKENCAP_TRUST_NETWORK", "no", 0, 0, NULL, BRIEF, ACCESS, \
  "Treat every caller as local: provider keys are lent and budgets managed without any token. For closed networks only.") \
X(LIST, allowed_hosts, "allowed-hosts", "TOKENCAP_ALLOWED_HOSTS", "", 0, 4000, NULL, RELOAD, ACCESS, \
  "Names besides localhost under which browsers reach this daemon, separated by commas; any other Host is " \
  "refused management and lent keys.") \
X(PATH, tls_cert, "tls-cert", "TOKENCAP_TLS_CERT", "", 0, 4000, NULL, STARTUP, ACCESS, \
  "PEM file of the certificate chain to serve HTTPS with; needs tls-key. SIGHUP reads both files again.") \
X(PATH, tls_key, "tls-key", "TOKENCAP_TLS_KEY", "", 0, 4000, NULL, STARTUP, ACCESS, \
  "PEM file of the certificate's private key.") \
\
X(INT, max_connections, "max-connections", "TOKENCAP_MAX_CONNECTIONS", "4096", 1, 1000000, NULL, STARTUP, LIMITS, \
  "Client connections served at a time. Like workers and queue-depth it follows the limit of open files " \
  "down, and the log says so.") \
X(INT, queue_depth, "queue-depth", "TOKENCAP_QUEUE_DEPTH", "4096", 1, 1000000, NULL, STARTUP, LIMITS, \
  "Requests that may wait for a worker; those beyond are answered 503 at once.") \
X(INT, project_concurrency, "project-concurrency", "TOKENCAP_PROJECT_CONCURRENCY", "0", 0, 1000000, NULL, RELOAD, LIMITS, \
  "Requests that a project may have in flight; more are answered 429. 0: any number.") \
X(INT, requests_per_minute, "requests-per-minute", "TOKENCAP_REQUESTS_PER_MINUTE", "0", 0, 1000000000, NULL, RELOAD, LIMITS, \
  "Requests that a project may make a minute; more are answered 429, with the time to wait. 0: any number.") \
X(INT, tokens_per_minute, "tokens-per-minute", "TOKENCAP_TOKENS_PER_MINUTE", "0", 0, 1000000000000, NULL, RELOAD, LIMITS, \
  "Tokens, input and predicted output, that a project may use a minute; corrected by the actual usage. 0: any number.") \
X(SIZE, max_body, "max-body", "TOKENCAP_MAX_BODY", "32M", 1 * K, 1 * G, NULL, STARTUP, LIMITS, \
  "Largest request body.") \
X(SIZE, memory_max, "memory-max", "TOKENCAP_MEMORY_MAX", "1G", 1 * M, 1024 * G, NULL, STARTUP, LIMITS, \
  "Bytes of requests and answers in flight, all together; a request that would pass it is answered 503.") \
X(SIZE, max_answer, "max-answer", "TOKENCAP_MAX_ANSWER", "256M", 64 * K, 64 * G, NULL, RELOAD, LIMITS, \
  "Largest answer of an upstream; a longer one is cut and its held amount charged.") \
X(INT, max_json_depth, "max-json-depth", "TOKENCAP_MAX_JSON_DEPTH", "128", 8, 1000, NULL, RELOAD, LIMITS, \
  "Deepest nesting of a request's JSON.") \
X(INT, max_json_nodes, "max-json-nodes", "TOKENCAP_MAX_JSON_NODES", "500000", 100, 100000000, NULL, RELOAD, LIMITS, \
  "Most values in a request's JSON; some 220 bytes of memory each while it is read.") \
X(SIZE, token_cache_size, "token-cache-size", "TOKENCAP_TOKEN_CACHE_SIZE", "16M", 0, 16 * G, NULL, STARTUP, LIMITS, \
  "Memory for remembered token counts of texts seen before; 0 turns that off.") \
\
X(DURATION, header_timeout, "header-timeout", "TOKENCAP_HEADER_TIMEOUT", "10s", 10, H, NULL, STARTUP, DEADLINES, \
  "From connecting, TLS included, to the end of a request's headers.") \
X(DURATION, body_idle_timeout, "body-idle-timeout", "TOKENCAP_BODY_IDLE_TIMEOUT", "30s", 10, H, NULL, STARTUP, DEADLINES, \
  "Between two pieces of a request's body.") \
X(DURATION, body_timeout, "body-timeout", "TOKENCAP_BODY_TIMEOUT", "120s", 10, D, NULL, STARTUP, DEADLINES, \
  "For the whole body of a request.") \
X(DURATION, keepalive_timeout, "keepalive-timeout", "TOKENCAP_KEEPALIVE_TIMEOUT", "75s", 10, D, NULL, STARTUP, DEADLINES, \
  "An idle client connection is kept this long.") \
X(DURATION, queue_timeout, "queue-timeout", "TOKENCAP_QUEUE_TIMEOUT", "10s", 10, H, NULL, RELOAD, DEADLINES, \
  "Waiting for a worker; after that 503.") \
X(DURATION, connect_timeout, "connect-timeout", "TOKENCAP_CONNECT_TIMEOUT", "10s", 10, H, NULL, RELOAD, DEADLINES, \
  "Connecting to an upstream, TLS included; after that 504.") \
X(DURATION, first_byte_timeout, "first-byte-timeout", "TOKENCAP_FIRST_BYTE_TIMEOUT", "600s", 10, D, NULL, RELOAD, DEADLINES, \
  "An upstream's silence before the first byte of its answer; after that 504.") \
X(DURATION, gap_timeout, "gap-timeout", "TOKENCAP_GAP_TIMEOUT", "300s", 10, D, NULL, RELOAD, DEADLINES, \
  "An upstream's silence within an answer; after that the answer is cut.") \
X(DURATION, request_timeout, "request-timeout", "TOKENCAP_REQUEST_TIMEOUT", "60min", 10, 7 * D, NULL, RELOAD, DEADLINES, \
  "A whole request, from its worker taking it to the end of the answer.") \
X(DURATION, drain_client_timeout, "drain-client-timeout", "TOKENCAP_DRAIN_CLIENT_TIMEOUT", "60s", 0, D, NULL, RELOAD, DEADLINES, \
  "Reading the rest of an answer whose client has left.") \
X(DURATION, write_stall_timeout, "write-stall-timeout", "TOKENCAP_WRITE_STALL_TIMEOUT", "60s", 10, D, NULL, RELOAD, DEADLINES, \
  "A client that does not read its answer is disconnected after this long.") \
X(DURATION, busy_timeout, "busy-timeout", "TOKENCAP_BUSY_TIMEOUT", "5s", 0, H, NULL, STARTUP, DEADLINES, \
  "Waiting for a ledger that another program has locked; after that 503.")
/* clang-format on */

enum option_type {
    OPTION_INT,
    OPTION_SIZE,
    OPTION_DURATION,
    OPTION_BOOL,
    OPTION_WORD,
    OPTION_ADDRESS,
    OPTION_URL,
    OPTION_PATH,
    OPTION_LIST,
    OPTION_PROJECT,
    OPTION_LEDGER,
    OPTION_SECRET,
    OPTION_TYPES
};

enum option_group {
    OPTIONS_SERVICE,
    OPTIONS_UPSTREAMS,
    OPTIONS_BUDGETS,
    OPTIONS_ALERTS,
    OPTIONS_ACCESS,
    OPTIONS_LIMITS,
    OPTIONS_DEADLINES,
    OPTION_GROUPS
};

enum option_mark {
    OPTION_RELOAD = 1, /* a reload takes it; else a reload reports a change and leaves it */
    OPTION_BRIEF = 2,  /* shown by --help, which fits a screen; --help-all shows the rest */
    OPTION_FREE = 4,   /* of a secret: it may hold what no header may */
};

#define X(type, field, ...) OPTION_##field,
enum option_id { OPTIONS(X) OPTION_COUNT };
#undef X

struct option_row {
    enum option_type type;
    size_t offset; /* of its field in struct config */
    const char *name, *env, *dflt;
    int64_t least, most;
    const char *words;
    unsigned marks;
    enum option_group group;
    const char *help;
};

extern const struct option_row option_rows[OPTION_COUNT];

/* -1 when there is none of that name. */
int option_find(struct span name);
int option_find_env(struct span name);

/* The name of a flag or key that was probably meant, or NULL. */
const char *option_nearest(struct span name);
const char *option_nearest_env(struct span name);

const char *option_group_title(enum option_group g);
const char *option_metavar(const struct option_row *o); /* "N", "TIME", "full|normal", … */

/* What a value is made of: a number for INT, SIZE, DURATION, BOOL and WORD, else text. */
struct option_value {
    int64_t number;
    char *text; /* on the heap, the holder's */
};

bool option_is_text(const struct option_row *o);

/* Reads text as a value of o. The message says what is wrong and what would be right, not where. */
int option_parse(const struct option_row *o, struct span text, struct option_value *out,
                 struct err *e) MUST_CHECK;

/* Appends a value as option_parse() reads it. */
void option_format(const struct option_row *o, const struct option_value *v, struct buf *out);

/* "a whole number from 0 to 65535", "a time from 10ms to 1h", …: for the manual and for messages. */
void option_range(const struct option_row *o, struct buf *out);

#endif
