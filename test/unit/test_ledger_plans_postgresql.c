/* SPDX-License-Identifier: MIT */
#include "ledger_everything.h"

#include <jansson.h>

/*
 * How PostgreSQL ran each statement that it was asked, as it says itself (auto_explain) in its log
 * (test/postgresql/with.sh): what grows with the requests is never read from one end to the other.
 * A table is read whole here only where there is no other way, for tables as small as these would
 * be read whole because it is cheap.
 */

#define SETTINGS                                                                                   \
    "-c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0"                 \
    " -c auto_explain.log_format=json -c log_min_messages=log -c enable_seqscan=off"

#define QUERIES_MAX 256

struct plans {
    void *ledger; /* the fixture */
    FILE *log;
    char *queries[QUERIES_MAX]; /* that were seen */
    int n;
    char bad[512]; /* the first that reads a table whole; "": none */
};

/* Read whole on purpose: one row in all; one row a token, an alert, a daemon, a topic. */
static const char *const may_scan[] = {"ledger", "version", "token", "alert", "daemon", "change"};

static bool is_one_of(const char *s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s, list[i]) == 0)
            return true;
    return false;
}

#define IS_ONE_OF(s, list) is_one_of(s, list, sizeof list / sizeof *list)

static const char *text(const json_t *node, const char *key)
{
    const char *s = json_string_value(json_object_get(node, key));

    return s ? s : "";
}

/* Indexes of several columns: a condition that leaves the first one open reads all of them. */
static const char *const firsts[][2] = {
    {"daily_pkey", "(project "},    {"archive_pkey", "(project "},   {"series_pkey", "(hour "},
    {"usage_project", "(project "}, {"usage_model", "(model "},      {"usage_both", "(project "},
    {"period_budget", "(budget "},  {"period_cap_pkey", "(period "}, {"budget_live", "(scope "},
};

static bool leaves_open(const json_t *node)
{
    const char *index = text(node, "Index Name"), *cond = text(node, "Index Cond");

    for (size_t i = 0; *cond && i < sizeof firsts / sizeof *firsts; i++)
        if (strcmp(index, firsts[i][0]) == 0)
            return !strstr(cond, firsts[i][1]);
    return false;
}

/* A scan without a condition on an index; but along an index, under a LIMIT and without a filter,
 * it ends after so many rows. */
static bool reads_all(const json_t *node, bool limited)
{
    const char *type = text(node, "Node Type"), *table = text(node, "Relation Name");

    if (leaves_open(node))
        return true;
    if (!*table || !strstr(type, "Scan") || IS_ONE_OF(table, may_scan))
        return false;
    if (*text(node, "Index Cond") || *text(node, "Recheck Cond") || *text(node, "TID Cond"))
        return false;
    return !limited || strncmp(type, "Index", 5) != 0 || *text(node, "Filter");
}

/* What hands on row by row as it is asked for them. */
static bool hands_on(const json_t *node)
{
    static const char *const types[] = {"Limit",         "Nested Loop", "LockRows",
                                        "Subquery Scan", "Result",      "Memoize"};

    return IS_ONE_OF(text(node, "Node Type"), types);
}

static void check_plan(struct plans *p, const char *sql, const json_t *node, bool limited)
{
    const json_t *child;
    bool below = hands_on(node) && (limited || strcmp(text(node, "Node Type"), "Limit") == 0);
    size_t i;

    if (!*p->bad && reads_all(node, limited))
        snprintf(p->bad, sizeof p->bad, "%s of %s\n   of: %s", text(node, "Node Type"),
                 text(node, "Relation Name"), sql);
    json_array_foreach(json_object_get(node, "Plans"), i, child)
        check_plan(p, sql, child,
                   below && strcmp(text(child, "Parent Relationship"), "Outer") == 0);
}

static void see_query(struct plans *p, const char *sql)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->queries[i], sql) == 0)
            return;
    assert_true(p->n < QUERIES_MAX);
    p->queries[p->n] = strdup(sql);
    assert_non_null(p->queries[p->n++]);
}

static void hear_plan(struct plans *p, const struct buf *json)
{
    json_error_t e;
    json_t *root = json_loadb(json->p, json->n, 0, &e);

    if (!root)
        fail_msg("%s: %.*s", e.text, (int)json->n, json->p);
    see_query(p, text(root, "Query Text"));
    check_plan(p, text(root, "Query Text"), json_object_get(root, "Plan"), false);
    json_decref(root);
}

/* A plan's lines begin with a tab, behind one that says so. */
static void hear(struct plans *p)
{
    struct buf json;
    char *line = NULL;
    size_t size = 0;
    bool in_plan = false;

    buf_init(&json, 0);
    while (getline(&line, &size, p->log) > 0) {
        if (in_plan && *line == '\t') {
            buf_str(&json, line);
            continue;
        }
        if (in_plan)
            hear_plan(p, &json);
        buf_clear(&json);
        in_plan = strstr(line, " plan:") != NULL;
    }
    if (in_plan)
        hear_plan(p, &json);
    clearerr(p->log);
    buf_finish(&json);
    free(line);
}

static int setup(void **state)
{
    static struct plans p;
    const char *log = getenv("TOKENCAP_TEST_POSTGRESQL_LOG");

    p = (struct plans){.log = log ? fopen(log, "r") : NULL};
    *state = &p;
    if (!p.log)
        return 0; /* no server, or somebody between us and it */
    fseek(p.log, 0, SEEK_END);
    setenv("PGOPTIONS", SETTINGS, 1); /* of the ledger's connections, and psql's */
    return fix_setup(&p.ledger);
}

static int teardown(void **state)
{
    struct plans *p = *state;

    if (!p->log)
        return 0;
    unsetenv("PGOPTIONS");
    fclose(p->log);
    for (int i = 0; i < p->n; i++)
        free(p->queries[i]);
    return fix_teardown(&p->ledger);
}

static void no_statement_scans(void **state)
{
    struct plans *p = *state;

    if (!p->log)
        skip();
    for (int i = 0; i < 7; i++) /* a prepared one has its lasting plan from the sixth time on */
        spend(p->ledger);
    use_everything(p->ledger);
    fix_close(p->ledger);
    hear(p);
    print_message("           %d statements\n", p->n);
    if (*p->bad)
        fail_msg("%s", p->bad);
    assert_true(p->n >= 30);
}

/* The check itself finds what it is for. */
static void scans_are_noticed(void **state)
{
    static const char *const statements[] = {
        "SELECT count(*) FROM tokencap.usage WHERE cost > 5",
        "SELECT u.id FROM tokencap.usage u ORDER BY u.created DESC LIMIT 20",
        "SELECT id FROM tokencap.usage WHERE cost > 5 ORDER BY id DESC LIMIT 20",
        "SELECT sum(cost) FROM tokencap.series",
        "SELECT d.day FROM tokencap.daily d WHERE d.cost > 5",
        "DELETE FROM tokencap.usage WHERE created < 5",
        "SELECT id FROM tokencap.budget WHERE cap <> 4",
        "SELECT count(*) FROM (SELECT id FROM tokencap.usage ORDER BY id) u",
    };
    struct plans *p = *state;

    if (!p->log)
        skip();
    hear(p);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        *p->bad = '\0';
        fix_psql(statements[i]);
        hear(p);
        assert_string_not_equal(p->bad, "");
    }
    *p->bad = '\0';
    fix_psql("SELECT cost FROM tokencap.usage WHERE id = 5");
    fix_psql("SELECT cost FROM tokencap.usage ORDER BY id DESC LIMIT 20");
    hear(p);
    assert_string_equal(p->bad, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_statement_scans, setup, teardown),
        cmocka_unit_test_setup_teardown(scans_are_noticed, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
