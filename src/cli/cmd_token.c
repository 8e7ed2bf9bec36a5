/* SPDX-License-Identifier: MIT */
#include <jansson.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "cli/cli.h"

enum { URL, JSON, PROJECT, MODELS, EXPIRES, LABEL };

#define COMMON                                                                                     \
    [URL] = {"url", "URL", "Where the daemon is; else TOKENCAP_URL, else http://127.0.0.1:3456."}, \
    [JSON] = {"json", NULL, "Print JSON."}

const struct flag token_flags[] = {COMMON, {NULL, NULL, NULL}};

const struct flag token_create_flags[] = {
    COMMON,
    [PROJECT] = {"project", "ID", "The project that its bearer acts for."},
    [MODELS] = {"models", "GLOBS", "The models it may use, such as 'gpt-4o*,o3'; all when absent."},
    [EXPIRES] = {"expires", "WHEN", "After a time (30d) or on a date; never when absent."},
    [LABEL] = {"label", "TEXT", "A note to recognise it by."},
    {NULL, NULL, NULL},
};

static const struct column columns[] = {
    {"ID", "id", COLUMN_NUMBER},           {"PROJECT", "projectId", COLUMN_TEXT},
    {"MODELS", "models", COLUMN_TEXT},     {"LABEL", "label", COLUMN_TEXT},
    {"CREATED", "createdAt", COLUMN_TEXT}, {"EXPIRES", "expiresAt", COLUMN_TEXT},
    {"REVOKED", "revokedAt", COLUMN_TEXT},
};

#define COLUMNS (sizeof columns / sizeof *columns)

static int write_wish(const struct invocation *in, struct jsonw *w, struct err *e)
{
    int64_t expires;
    char when[CLOCK_ISO_LEN];

    jsonw_open(w, '{');
    jsonw_member_str(w, "projectId", span_of(in->values[PROJECT]));
    if (given(in, MODELS))
        jsonw_member_str(w, "models", span_of(in->values[MODELS]));
    if (given(in, LABEL))
        jsonw_member_str(w, "label", span_of(in->values[LABEL]));
    if (given(in, EXPIRES)) {
        if (parse_when("expires", in->values[EXPIRES], +1, &expires, e) < 0)
            return -1;
        clock_iso(expires, when);
        jsonw_member_str(w, "expires", span_of(when));
    }
    jsonw_close(w, '}');
    return 0;
}

/* The token alone goes to standard output, so that a script can keep it. */
int cmd_token_create(const struct invocation *in, struct err *e)
{
    struct jsonw w;
    struct buf body;
    json_t *root;
    int r;

    if (!given(in, PROJECT))
        return err_set(e, ERR_USAGE, "token create needs --project");
    buf_init(&body, 0);
    jsonw_init(&w, &body);
    r = write_wish(in, &w, e);
    if (r == 0)
        r = daemon_call(in->values[URL], "POST", "/v1/tokens", body.p, &root, e);
    buf_finish(&body);
    if (r < 0)
        return -1;
    if (given(in, JSON)) {
        json_dumpf(root, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        const char *token = json_string_value(json_object_get(root, "token"));

        puts(token ? token : "");
        fputs("tokencap: this is shown only once\n", stderr);
    }
    json_decref(root);
    return 0;
}

int cmd_token_list(const struct invocation *in, struct err *e)
{
    const json_t *token;
    struct table t;
    json_t *root;
    size_t i;

    if (daemon_call(in->values[URL], "GET", "/v1/tokens", NULL, &root, e) < 0)
        return -1;
    table_init(&t, columns, COLUMNS);
    json_array_foreach (json_object_get(root, "tokens"), i, token)
        for (size_t c = 0; c < COLUMNS; c++)
            add_json_cell(&t, columns[c].kind, json_object_get(token, columns[c].key));
    json_decref(root);
    return finish_table(&t, in, JSON, e);
}

int cmd_token_revoke(const struct invocation *in, struct err *e)
{
    for (int i = 0; i < in->noperands; i++) {
        struct buf path;
        json_t *root;
        int r;

        buf_init(&path, 0);
        buf_str(&path, "/v1/tokens/");
        url_encode(&path, in->operands[i]);
        r = path.failed ? err_set(e, ERR_MEMORY, "no memory")
                        : daemon_call(in->values[URL], "DELETE", path.p, NULL, &root, e);
        buf_finish(&path);
        if (r < 0)
            return err_prefix(e, "token %s", in->operands[i]);
        if (given(in, JSON))
            json_dumpf(root, stdout, JSON_COMPACT);
        else
            fputs(json_string_value(json_object_get(root, "message")), stdout);
        putchar('\n');
        json_decref(root);
    }
    return 0;
}
