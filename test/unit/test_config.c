/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "proxy/config.h"

extern char **environ;

static char dir[] = "/tmp/tokencap-config-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static char *write_file(const char *name, const char *text)
{
    char *path = strdup(path_of(name));
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

/* Every test starts with an environment that says nothing. */
static int clean(void **state)
{
    (void)state;
    clearenv();
    return 0;
}

static int load(struct config *c, struct err *e, const char *a, const char *b, const char *d)
{
    char *argv[5] = {(char *)"tokencapd"};
    enum config_action action;
    int argc = 1;

    for (int i = 0; i < 3; i++) {
        const char *word = i == 0 ? a : i == 1 ? b : d;
        if (word)
            argv[argc++] = (char *)(uintptr_t)word;
    }
    return config_load(argc, argv, c, &action, e);
}

static void must_load(struct config *c, const char *a, const char *b, const char *d)
{
    struct err e = {0};

    if (load(c, &e, a, b, d) < 0)
        fail_msg("%s", e.msg);
}

static void refused(int status, const char *message, const char *a, const char *b, const char *d)
{
    struct config c;
    struct err e = {0};

    assert_int_equal(load(&c, &e, a, b, d), -1);
    if (strcmp(e.msg, message) != 0)
        fail_msg("expected: %s\n     got: %s", message, e.msg);
    assert_int_equal(config_exit_status(&e), status);
}

static void defaults_are_the_contracts(void **state)
{
    struct config c;

    (void)state;
    must_load(&c, NULL, NULL, NULL);
    assert_int_equal(c.port, 3456);
    assert_string_equal(c.host, "0.0.0.0");
    assert_string_equal(c.db_path, "./tokencap.db");
    assert_string_equal(c.default_project_id, "default");
    assert_int_equal(c.default_max_tokens, 4096);
    assert_string_equal(c.openai_upstream, "https://api.openai.com/v1");
    assert_string_equal(c.anthropic_upstream, "https://api.anthropic.com");
    assert_null(c.openai_key);
    assert_null(c.anthropic_key);
    assert_null(c.admin_token);
    assert_int_equal(c.workers, 512);
    assert_int_equal(c.queue_depth, 4096);
    assert_int_equal(c.max_connections, 4096);
    assert_int_equal(c.max_body, 32 << 20);
    assert_int_equal(c.durability, DURABILITY_FULL);
    assert_int_equal(c.enforce, ENFORCE_BY_ESTIMATE);
    assert_int_equal(c.log_level, LOG_INFO);
    assert_false(c.trust_network);
    assert_int_equal(c.header_timeout, 10000);
    assert_int_equal(c.request_timeout, 3600000);
    assert_int_equal(c.drain_timeout, 600000);
    assert_int_equal(c.busy_timeout, 5000);
    assert_int_equal(c.warnings.n, 0);
    config_finish(&c);
}

static void flag_beats_environment_beats_file(void **state)
{
    char *file = write_file("order.conf", "port = 1\nworkers=2 # two\nqueue-depth = 3\n");
    struct config c;

    (void)state;
    setenv("PORT", "11", 1);
    setenv("TOKENCAP_WORKERS", "12", 1);
    setenv("HOST", "", 1);
    must_load(&c, "--config", file, "--port=21");
    assert_int_equal(c.port, 21);
    assert_int_equal(c.workers, 12);
    assert_int_equal(c.queue_depth, 3);
    assert_string_equal(c.host, "0.0.0.0");
    assert_int_equal(c.source[OPTION_port], FROM_FLAG);
    assert_int_equal(c.source[OPTION_workers], FROM_ENVIRONMENT);
    assert_int_equal(c.source[OPTION_queue_depth], FROM_FILE);
    assert_int_equal(c.line[OPTION_queue_depth], 3);
    config_finish(&c);
    free(file);
}

static void a_weaker_source_is_still_checked(void **state)
{
    (void)state;
    setenv("PORT", "many", 1);
    refused(78, "environment variable PORT: \"many\" is not a whole number from 0 to 65535",
            "--port", "80", NULL);
}

static void flags_are_understood(void **state)
{
    struct config c;

    (void)state;
    must_load(&c, "--host", "[::1]", "--trust-network");
    assert_string_equal(c.host, "::1");
    assert_true(c.trust_network);
    assert_non_null(strstr(c.warnings.p, "trust-network is on"));
    config_finish(&c);
    must_load(&c, "--trust-network=no", "--port", "0");
    assert_false(c.trust_network);
    assert_int_equal(c.port, 0);
    config_finish(&c);
}

static void bad_flags_are_usage(void **state)
{
    (void)state;
    refused(64, "there is no option --prot; did you mean --port?", "--prot", "1", NULL);
    refused(64, "there is no option --drain_timout; did you mean --drain-timeout?",
            "--drain_timout=1s", NULL, NULL);
    refused(64, "there is no option --chekc-config; did you mean --check-config?", "--chekc-config",
            NULL, NULL);
    refused(64, "there is no option --frobnicate; --help-all lists them all", "--frobnicate", NULL,
            NULL);
    refused(64, "\"3456\" is not expected: options start with --", "3456", NULL, NULL);
    refused(64, "--port needs a value", "--port", NULL, NULL);
    refused(64, "--config needs a value", "--config", NULL, NULL);
    refused(64, "--port: \"99999\" is not a whole number from 0 to 65535", "--port", "99999", NULL);
    refused(64, "--host: \"localhost\" is a name, not an address; write 127.0.0.1 or ::1",
            "--host=localhost", NULL, NULL);
    refused(64, "--enforce: \"Strict\" is not estimate or strict", "--enforce=Strict", NULL, NULL);
    refused(64, "--log-level: \"loud\" is not error, warn, info or debug", "--log-level", "loud",
            NULL);
    refused(
        64,
        "--openai-api-key: secrets are read from the environment variable OPENAI_API_KEY or the "
        "systemd credential of that name, never from here",
        "--openai-api-key=sk-1", NULL, NULL);
}

static void each_value(const char *flag, const char *const *texts, const int64_t *values, size_t n,
                       enum option_id id)
{
    for (size_t i = 0; i < n; i++) {
        struct config c;

        must_load(&c, flag, texts[i], NULL);
        assert_int_equal(config_value(&c, id).number, values[i]);
        config_finish(&c);
    }
}

static void times_and_sizes(void **state)
{
    static const char *const times[] = {"10", "500ms", "2min", "2m", "1h30min", "1 h", "1H"};
    static const int64_t ms[] = {10000, 500, 120000, 120000, 5400000, 3600000, 3600000};
    static const char *const sizes[] = {"1048576", "2M", "2MiB", "1024k", "1G", "5 MiB"};
    static const int64_t bytes[] = {1 << 20, 2 << 20, 2 << 20, 1 << 20, 1 << 30, 5 << 20};

    (void)state;
    each_value("--gap-timeout", times, ms, 7, OPTION_gap_timeout);
    each_value("--max-body", sizes, bytes, 6, OPTION_max_body);
    refused(64, "--max-body: \"10 20\" is not a size (such as 64K, 32M or 1G) from 1K to 1G",
            "--max-body", "10 20", NULL);
    refused(
        64,
        "--gap-timeout: \"1h30\" is not a time (such as 500ms, 10s, 5min or 1h) from 10ms to 1d",
        "--gap-timeout", "1h30", NULL);
    refused(
        64,
        "--gap-timeout: \"99999999999999999999s\" is not a time (such as 500ms, 10s, 5min or 1h) "
        "from 10ms to 1d",
        "--gap-timeout", "99999999999999999999s", NULL);
    refused(64,
            "--gap-timeout: \"\" is not a time (such as 500ms, 10s, 5min or 1h) from 10ms to 1d",
            "--gap-timeout=", NULL, NULL);
}

static void urls(void **state)
{
    static const char *const bad[] = {
        "api.openai.com",
        "ftp://x",
        "https://",
        "https:///v1",
        "http://h:0",
        "http://h:70000",
        "https://a b",
        "https://user:canary@host/",
        "https://h/?key=canary",
        "https://h/#f",
        "",
    };
    struct config c;

    (void)state;
    must_load(&c, "--openai-upstream=http://127.0.0.1:81/v1/", "--anthropic-upstream",
              "http://[::1]:9");
    assert_string_equal(c.openai_upstream, "http://127.0.0.1:81/v1");
    assert_string_equal(c.anthropic_upstream, "http://[::1]:9");
    assert_int_equal(c.warnings.n, 0);
    config_finish(&c);
    must_load(&c, "--openai-upstream=http://10.0.0.1", NULL, NULL);
    assert_non_null(strstr(c.warnings.p, "openai is not https"));
    config_finish(&c);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e;

        assert_int_equal(load(&c, &e, "--openai-upstream", bad[i], NULL), -1);
        assert_non_null(strstr(e.msg, "is not an address of the form"));
        assert_null(strstr(e.msg, "canary"));
    }
}

static void expect_in_file(const char *text, const char *tail)
{
    char *file = write_file("bad.conf", text);
    char message[512];

    snprintf(message, sizeof message, "%s%s", file, tail);
    refused(78, message, "--config", file, NULL);
    free(file);
}

static void mistakes_in_the_file_are_located(void **state)
{
    (void)state;
    expect_in_file("# a comment\n\n  prot = 3\n",
                   ":3:3: there is no option \"prot\"; did you mean \"port\"?");
    expect_in_file("port = abc", ":1:8: port: \"abc\" is not a whole number from 0 to 65535");
    expect_in_file("port = 1\r\nport = 2\r\n", ":2:1: port is set already on line 1");
    expect_in_file("port 1\n", ":1:1: a line is either \"option = value\" or a comment that starts "
                               "with #; here \"=\" is missing");
    expect_in_file("[other]\n", ":1:1: there is no section [other]; sections are [providers.NAME]");
    expect_in_file("db-path = \"x\n", ":1:11: the closing quote is missing");
    expect_in_file("db-path = \"x\" y\n",
                   ":1:15: nothing but a comment may follow the closing quote");
    expect_in_file("admin-token = secret\n",
                   ":1:15: admin-token: secrets are read from the environment variable "
                   "TOKENCAP_ADMIN_TOKEN or the systemd credential of that name, never from here");
    expect_in_file("max-body = 2M\nmemory-max = 1M\n",
                   ":1: max-body: the largest body (2097152 bytes) is larger than all memory for "
                   "requests in flight (memory-max, 1048576 bytes)");
}

static void a_file_that_cannot_be_read(void **state)
{
    char message[256];

    (void)state;
    refused(78, "configuration file /nowhere/x.conf cannot be read: No such file or directory",
            "--config", "/nowhere/x.conf", NULL);
    snprintf(message, sizeof message, "configuration file %s cannot be read: Is a directory", dir);
    refused(78, message, "--config", dir, NULL);
}

static void mistakes_in_a_section_are_located(void **state)
{
    (void)state;
    expect_in_file("[providers.x]\nbase-ulr = https://x\n",
                   ":2:1: base-ulr: did you mean \"base-url\"?");
    expect_in_file("[providers.x]\nbase-url = ftp://x\n",
                   ":2:12: base-url: a URL that begins with https:// (or http://) is expected");
    expect_in_file("[providers.x]\nkey = A\nkey = B\n", ":3:1: key: set already in this section");
    expect_in_file("[providers.x]\nport = 1\n",
                   ":2:1: port: a provider has base-url, dialect, key, key-header, models and "
                   "stream-options; options of the daemon stand before the first section");
}

static void a_dump_has_the_sections(void **state)
{
    char *file = write_file("providers.conf", "[providers.groq]\nbase-url = https://g/v1/\n"
                                              "key = GROQ_KEY\nmodels = llama-*, qwen*\n");
    char *dump = NULL;
    struct config c;
    size_t size;
    FILE *f;

    (void)state;
    setenv("GROQ_KEY", "gsk-canary", 1);
    must_load(&c, "--config", file, NULL);
    f = open_memstream(&dump, &size);
    config_act(CONFIG_DUMP, &c, f);
    fclose(f);
    assert_non_null(strstr(dump, "\n[providers.groq]\nbase-url = https://g/v1\ndialect = openai\n"
                                 "key = GROQ_KEY  # (set)\nkey-header = bearer\n"
                                 "models = llama-*, qwen*\nstream-options = yes\n"));
    assert_null(strstr(dump, "canary"));
    config_finish(&c);
    free(file);
    file = write_file("dump.conf", dump);
    must_load(&c, "--config", file, NULL);
    assert_int_equal(c.providers.n, 3);
    config_finish(&c);
    free(file);
    free(dump);
}

static void providers_have_sections(void **state)
{
    char *file = write_file("providers.conf", "port = 1\n[providers.groq]\n"
                                              "base-url = https://api.groq.com/openai/v1/\n"
                                              "key = GROQ_KEY\nmodels = llama-*, qwen*\n"
                                              "stream-options = no\n");
    const struct provider *p;
    struct config c;

    (void)state;
    setenv("GROQ_KEY", "gsk", 1);
    must_load(&c, "--config", file, NULL);
    p = provider_find(&c.providers, SPAN("groq"));
    assert_non_null(p);
    assert_string_equal(p->base_url, "https://api.groq.com/openai/v1");
    assert_string_equal(p->key, "gsk");
    assert_null(getenv("GROQ_KEY"));
    assert_false(p->stream_options);
    assert_ptr_equal(provider_for(&c.providers, false, SPAN("llama-3.3-70b")), p);
    assert_string_equal(provider_for(&c.providers, false, SPAN("gpt-4o"))->name, "openai");
    assert_string_equal(provider_for(&c.providers, true, SPAN("llama-3.3-70b"))->name, "anthropic");
    config_finish(&c);
    free(file);
}

static void values_in_the_file(void **state)
{
    char *file = write_file("values.conf", "\xef\xbb\xbf# start\r\n"
                                           "db-path = \"/a b/#c.db\"  # quoted\r\n"
                                           "allowed-hosts = a.example, b.example ,c\n"
                                           "tls-cert =\n"
                                           "trust-network = off");
    struct config c;

    (void)state;
    must_load(&c, "--config", file, NULL);
    assert_string_equal(c.db_path, "/a b/#c.db");
    assert_string_equal(c.allowed_hosts, "a.example,b.example,c");
    assert_string_equal(c.tls_cert, "");
    assert_true(config_host_allowed(&c, SPAN("B.Example:3456")));
    assert_true(config_host_allowed(&c, SPAN("localhost:1")));
    assert_true(config_host_allowed(&c, SPAN("127.9.9.9")));
    assert_true(config_host_allowed(&c, SPAN("[::1]:80")));
    assert_true(config_host_allowed(&c, SPAN("localhost.")));
    assert_false(config_host_allowed(&c, SPAN("evil.example")));
    assert_false(config_host_allowed(&c, SPAN("127.0.0.1.evil.example")));
    assert_false(config_host_allowed(&c, SPAN("a.example.evil")));
    assert_false(config_host_allowed(&c, SPAN("")));
    config_finish(&c);
    free(file);
}

static void tls_goes_in_pairs(void **state)
{
    char *file = write_file("cert.pem", "x");
    struct config c;
    struct err e;

    (void)state;
    refused(64, "--tls-cert: tls-key is missing: a certificate and its key go together",
            "--tls-cert", file, NULL);
    setenv("TOKENCAP_TLS_KEY", "/nowhere.pem", 1);
    assert_int_equal(load(&c, &e, "--tls-cert", file, NULL), -1);
    assert_string_equal(e.msg,
                        "environment variable TOKENCAP_TLS_KEY: tls-key: /nowhere.pem cannot "
                        "be read: No such file or directory");
    assert_int_equal(config_exit_status(&e), 78);
    free(file);
}

static void secrets_leave_the_environment(void **state)
{
    char block[] = "OPENAI_API_KEY=sk-canary-123";
    struct config c;
    char *dump = NULL;
    size_t size;
    FILE *f;

    (void)state;
    putenv(block);
    must_load(&c, NULL, NULL, NULL);
    assert_string_equal(c.openai_key, "sk-canary-123");
    assert_null(getenv("OPENAI_API_KEY"));
    assert_null(strstr(block, "canary"));
    for (size_t i = 0; i < sizeof block; i++)
        assert_int_not_equal(block[i], 's'); /* wiped byte for byte */
    f = open_memstream(&dump, &size);
    config_act(CONFIG_DUMP, &c, f);
    fclose(f);
    assert_null(strstr(dump, "canary"));
    assert_non_null(strstr(dump, "# OPENAI_API_KEY (set)\n"));
    assert_non_null(strstr(dump, "# ANTHROPIC_API_KEY (not set)\n"));
    free(dump);
    config_finish(&c);
}

static void secrets_from_credentials(void **state)
{
    char *key = write_file("ANTHROPIC_API_KEY", "sk-ant-1\n");
    char *bad = write_file("OPENAI_API_KEY", "two words\n");
    char message[256];
    struct config c;

    (void)state;
    setenv("CREDENTIALS_DIRECTORY", dir, 1);
    snprintf(message, sizeof message,
             "credential %s has a space, a line break or another byte that no key has, at byte 4",
             bad);
    refused(78, message, NULL, NULL, NULL);
    unlink(bad);
    must_load(&c, NULL, NULL, NULL);
    assert_string_equal(c.anthropic_key, "sk-ant-1");
    config_finish(&c);
    setenv("ANTHROPIC_API_KEY", "sk-stronger", 1);
    must_load(&c, NULL, NULL, NULL);
    assert_string_equal(c.anthropic_key, "sk-stronger");
    config_finish(&c);
    unlink(key);
    free(key);
    free(bad);
}

/* A password goes into no header. */
static void a_password_may_hold_anything(void **state)
{
    struct config c;

    (void)state;
    setenv("PGPASSWORD", "two words, \xc3\xa9", 1);
    must_load(&c, NULL, NULL, NULL);
    assert_string_equal(c.ledger_password, "two words, \xc3\xa9");
    assert_null(getenv("PGPASSWORD"));
    config_finish(&c);
}

static void near_misses_in_the_environment(void **state)
{
    struct config c;

    (void)state;
    setenv("OPENAI_API_KEYS", "x", 1);
    setenv("TOKENCAP_WORKER", "x", 1);
    setenv("TOKENCAP_URL", "x", 1);
    setenv("TOKENCAP_PORT_3456_TCP", "x", 1);
    setenv("SPORT", "x", 1);
    must_load(&c, NULL, NULL, NULL);
    assert_non_null(strstr(c.warnings.p, "OPENAI_API_KEYS means nothing here; did you mean "
                                         "OPENAI_API_KEY?"));
    assert_non_null(strstr(c.warnings.p, "did you mean TOKENCAP_WORKERS?"));
    assert_null(strstr(c.warnings.p, "TOKENCAP_URL "));
    assert_null(strstr(c.warnings.p, "3456"));
    assert_null(strstr(c.warnings.p, "SPORT"));
    config_finish(&c);
}

static void a_dump_loads_as_itself(void **state)
{
    char *first = NULL, *second = NULL, *file;
    size_t size;
    struct config c;
    FILE *f;

    (void)state;
    must_load(&c, "--db-path=/x y/#.db", "--gap-timeout=90s", "--max-body=3M");
    f = open_memstream(&first, &size);
    config_act(CONFIG_DUMP, &c, f);
    fclose(f);
    assert_non_null(strstr(first, "db-path = \"/x y/#.db\"  # --db-path\n"));
    config_finish(&c);
    file = write_file("dump.conf", first);
    must_load(&c, "--config", file, NULL);
    for (int i = 0; i < OPTION_COUNT; i++)
        c.source[i] = i == OPTION_db_path || i == OPTION_gap_timeout || i == OPTION_max_body
                          ? FROM_FLAG
                          : FROM_DEFAULT;
    f = open_memstream(&second, &size);
    config_act(CONFIG_DUMP, &c, f);
    fclose(f);
    assert_string_equal(first, second);
    config_finish(&c);
    free(first);
    free(second);
    free(file);
}

static void help_fits_a_screen(void **state)
{
    char *text = NULL;
    size_t size, lines = 0;
    FILE *f = open_memstream(&text, &size);

    (void)state;
    config_act(CONFIG_HELP, NULL, f);
    fclose(f);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++)
        if (strlen(line) > 80)
            fail_msg("wider than 80 columns: %s", line);
    assert_true(lines + 1 <= 24);
    free(text);
}

static void help_all_names_every_option(void **state)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    (void)state;
    config_act(CONFIG_HELP_ALL, NULL, f);
    fclose(f);
    for (int i = 0; i < OPTION_COUNT; i++)
        assert_non_null(strstr(text, option_rows[i].env));
    free(text);
}

static void a_reload_takes_what_it_may(void **state)
{
    char *file = write_file("reload.conf", "port = 1000\nlog-level = warn\nmax-answer = 1M\n");
    struct config c, fresh;
    struct err e;

    (void)state;
    setenv("TOKENCAP_ADMIN_TOKEN", "0123456789abcdef", 1);
    setenv("TOKENCAP_GAP_TIMEOUT", "7s", 1);
    must_load(&c, "--config", file, "--predict=learned");
    free(write_file("reload.conf",
                    "port = 2000\nlog-level = debug\ngap-timeout = 8s\npredict = rule\n"));
    assert_int_equal(config_reload(&c, &fresh, &e), 0);
    assert_int_equal(fresh.port, 1000);
    assert_string_equal(fresh.warnings.p, "port has changed; the new value needs a restart\n");
    assert_int_equal(fresh.log_level, LOG_DEBUG);
    assert_int_equal(fresh.gap_timeout, 7000);
    assert_int_equal(fresh.predict, PREDICT_BY_LEARNING);
    assert_int_equal(fresh.max_answer, 256 << 20);
    assert_string_equal(fresh.admin_token, "0123456789abcdef");
    assert_string_equal(fresh.data_dir, c.data_dir);
    free(write_file("reload.conf", "log-level = loud\n"));
    assert_int_equal(config_reload(&c, &fresh, &e), -1);
    assert_non_null(strstr(e.msg, "reload.conf:1:13: log-level"));
    assert_int_equal(fresh.port, 1000);
    config_finish(&c);
    config_finish(&fresh);
    free(file);
}

static void the_table_is_sound(void **state)
{
    (void)state;
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *o = &option_rows[i];
        size_t n = strlen(o->help);

        assert_int_equal(option_find(span_of(o->name)), i);
        assert_int_equal(option_find_env(span_of(o->env)), i);
        assert_true(o->help[n - 1] == '.');
        assert_true(i == 0 || o->group >= option_rows[i - 1].group);
        if ((o->type == OPTION_WORD) != (o->words != NULL))
            fail_msg("%s: words", o->name);
    }
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"order.conf", "bad.conf",    "values.conf",   "cert.pem",
                                        "dump.conf",  "reload.conf", "providers.conf"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(path_of(names[i]));
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults_are_the_contracts, clean),
        cmocka_unit_test_setup(flag_beats_environment_beats_file, clean),
        cmocka_unit_test_setup(a_weaker_source_is_still_checked, clean),
        cmocka_unit_test_setup(flags_are_understood, clean),
        cmocka_unit_test_setup(bad_flags_are_usage, clean),
        cmocka_unit_test_setup(times_and_sizes, clean),
        cmocka_unit_test_setup(urls, clean),
        cmocka_unit_test_setup(mistakes_in_the_file_are_located, clean),
        cmocka_unit_test_setup(a_file_that_cannot_be_read, clean),
        cmocka_unit_test_setup(providers_have_sections, clean),
        cmocka_unit_test_setup(mistakes_in_a_section_are_located, clean),
        cmocka_unit_test_setup(a_dump_has_the_sections, clean),
        cmocka_unit_test_setup(values_in_the_file, clean),
        cmocka_unit_test_setup(tls_goes_in_pairs, clean),
        cmocka_unit_test_setup(secrets_leave_the_environment, clean),
        cmocka_unit_test_setup(secrets_from_credentials, clean),
        cmocka_unit_test_setup(a_password_may_hold_anything, clean),
        cmocka_unit_test_setup(near_misses_in_the_environment, clean),
        cmocka_unit_test_setup(a_dump_loads_as_itself, clean),
        cmocka_unit_test_setup(help_fits_a_screen, clean),
        cmocka_unit_test_setup(help_all_names_every_option, clean),
        cmocka_unit_test_setup(a_reload_takes_what_it_may, clean),
        cmocka_unit_test_setup(the_table_is_sound, clean),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
