/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "cli/plain.h"
#include "cli/term.h"
#include "cli/top.h"

/* How `tokencap top` looks, without a daemon or a terminal. */

#define NOW_MS INT64_C(1764000000000) /* 2025-11-24T16:00:00Z */

/* ---- plain text ---- */

static void assert_plain(const char *text, size_t n, const char *expected)
{
    struct buf out;

    buf_init(&out, 0);
    plain_add(&out, (struct span){text, n});
    assert_string_equal(out.n ? out.p : "", expected);
    buf_finish(&out);
}

#define PLAIN(text, expected) assert_plain(text, sizeof(text) - 1, expected)

static void test_plain(void **state)
{
    (void)state;
    PLAIN("", "");
    PLAIN("gpt-4o <b>&'\"", "gpt-4o <b>&'\"");
    PLAIN("a\x1b[2Jb\r\n\t\x7f", "a?[2Jb????");
    PLAIN("a\0b", "a?b");
    PLAIN("\xc2\x9b"
          "31m",
          "?31m"); /* C1: CSI */
    PLAIN("\xe2\x80\xae"
          "evil\xe2\x80\xac\xe2\x81\xa6",
          "?evil??");                                              /* RLO, PDF, LRI */
    PLAIN("\xe2\x80\x8f\xd8\x9c\xe2\x80\x8d\xef\xbb\xbf", "????"); /* RLM, ALM, ZWJ, BOM */
    PLAIN("e\xcc\x81\xe2\x80\xa8", "e??");                         /* an accent, LS */
    PLAIN("\xf0\x9f\x98\x80 \xe6\x97\xa5", "\xf0\x9f\x98\x80 \xe6\x97\xa5"); /* shown as they are */
    PLAIN("\xff\xc3 \xed\xa0\x80", "?? ???");                                /* no UTF-8 */
    PLAIN("\xee\x80\x80\xf3\xa0\x80\xa1\xef\xbf\xbf", "???"); /* private, tag, none */
}

static void test_width(void **state)
{
    (void)state;
    assert_int_equal(plain_width(SPAN("gpt-4o")), 6);
    assert_int_equal(plain_width(SPAN("caf\xc3\xa9")), 4);
    assert_int_equal(plain_width(SPAN("\xe6\x97\xa5\xe6\x9c\xac\xf0\x9f\x98\x80")), 6);
    assert_int_equal(plain_fit(SPAN("\xe6\x97\xa5\xe6\x9c\xac"), 3).n, 3);
    assert_int_equal(plain_fit(SPAN("abc"), 0).n, 0);
    assert_int_equal(plain_fit(SPAN("abc"), 9).n, 3);
}

static void test_until(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {-5, "0s"},
        {0, "0s"},
        {999, "0s"},
        {59999, "59s"},
        {60000, "1m"},
        {61000, "1m 1s"},
        {3600000, "1h"},
        {7325000, "2h 2m"},
        {86400000, "1d"},
        {266400000, "3d 2h"},
        {86400000 + 60000, "1d"},
    };
    char out[TOP_UNTIL_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(top_until(rows[i].ms, out), rows[i].text);
}

/* ---- lines and columns ---- */

static void test_sharing_lines(void **state)
{
    static const struct {
        int lines;
        size_t wanted[PANES];
        int focus, rows[PANES];
    } rows[] = {
        {0, {9, 9, 9}, 0, {-1, -1, -1}},  {1, {9, 9, 9}, 1, {-1, 0, -1}},
        {5, {9, 9, 9}, 2, {-1, -1, 4}},   {6, {9, 9, 9}, 0, {1, 1, 1}},
        {10, {9, 9, 9}, 0, {3, 2, 2}},    {20, {1, 2, 200}, 0, {1, 2, 14}},
        {20, {99, 99, 99}, 1, {5, 8, 4}}, {50, {2, 3, 4}, 0, {2, 3, 4}},
        {8, {0, 0, 0}, 0, {1, 1, 1}},
    };
    int got[PANES];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        top_share(rows[i].lines, rows[i].wanted, rows[i].focus, got);
        for (int p = 0; p < PANES; p++)
            assert_int_equal(got[p], rows[i].rows[p]);
    }
}

static json_t *load(const char *text)
{
    json_error_t e;
    json_t *root = json_loads(text, 0, &e);

    if (!root)
        fail_msg("%s: %s", text, e.text);
    return root;
}

static const char budgets[] =
    "{\"seq\":7,\"version\":\"1.2.3\",\"live\":{\"inFlight\":2,\"holdsOpen\":3,\"heldUsd\":0.25,"
    "\"refusals\":4,\"budgetRefusedUsd\":1.5,\"startedAt\":\"2025-11-24T15:00:00Z\"},\"budgets\":["
    "{\"projectId\":\"b\",\"limitUsd\":10,\"spentUsd\":2.5,\"reservedUsd\":0.5,\"remainingUsd\":7,"
    "\"periodEnd\":\"2025-11-26T16:00:00Z\"},"
    "{\"projectId\":\"a\",\"limitUsd\":10,\"spentUsd\":9,\"reservedUsd\":1,\"remainingUsd\":0,"
    "\"periodEnd\":null},"
    "{\"projectId\":null,\"scope\":\"global\",\"limitUsd\":0,\"spentUsd\":0,\"reservedUsd\":0,"
    "\"remainingUsd\":0,\"periodEnd\":null},"
    "{\"projectId\":null,\"tokenId\":12,\"scope\":\"token\",\"limitUsd\":4,\"spentUsd\":5,"
    "\"reservedUsd\":0,\"remainingUsd\":0,\"periodEnd\":null}]}";

static void start(struct top *t)
{
    json_t *root = load(budgets);
    struct err e;

    top_init(t, "http://127.0.0.1:3456");
    assert_int_equal(top_take_live(t, root, &e), 0);
    json_decref(root);
}

static char *draw(struct top *t, int width, int height, bool keys)
{
    struct canvas c;
    char *text;
    size_t n;
    FILE *out = open_memstream(&text, &n);

    canvas_init(&c, width, height, true);
    top_draw(t, &c, NOW_MS, keys);
    canvas_print(&c, out);
    canvas_finish(&c);
    fclose(out);
    return text;
}

static void assert_shows(struct top *t, int width, int height, const char *expected)
{
    char *text = draw(t, width, height, false);

    if (!strstr(text, expected))
        fail_msg("not there: %s\nin: %s", expected, text);
    free(text);
}

static void test_budgets(void **state)
{
    struct top t;

    (void)state;
    start(&t);
    t.state = TOP_LIVE;
    assert_shows(&t, 80, 24,
                 "tokencap  live  16:00:00 UTC  http://127.0.0.1:3456  version 1.2.3\n");
    assert_shows(&t, 80, 24, "Now   $0.250000 held  2 in flight  4 refused since its start\n");
    assert_shows(&t, 100, 24,
                 "BUDGET        USED-                               SPENT $    HELD $    LEFT $    "
                 "LIMIT $   "
                 "RESETS IN\n");
    assert_shows(&t, 80, 24, "(token 12)    #################  125 %  5.000000");
    assert_shows(&t, 80, 24, "a             ###############==   90 %");
    assert_shows(
        &t, 80, 24,
        "b             ####=............   25 %  2.500000  0.500000  7.000000          2d\n");
    assert_shows(&t, 80, 24, "(everything)  .................    0 %");
    top_finish(&t);
}

static void test_order(void **state)
{
    struct top t;
    struct pane *p = &t.panes[PANE_BUDGETS];

    (void)state;
    start(&t);
    assert_string_equal(pane_cell(p, 0, 0)->text, "(token 12)");
    assert_string_equal(pane_cell(p, 3, 0)->text, "(everything)");
    top_key(&t, 'r');
    assert_string_equal(pane_cell(p, 0, 0)->text, "(everything)");
    while (p->sort != 0)
        top_key(&t, 's');
    assert_string_equal(pane_cell(p, 0, 0)->text, "(everything)");
    assert_string_equal(pane_cell(p, 3, 0)->text, "b");
    while (p->sort != 6) /* when it resets: what never does comes last, in the daemon's order */
        top_key(&t, 's');
    assert_string_equal(pane_cell(p, 0, 0)->text, "b");
    assert_string_equal(pane_cell(p, 1, 0)->text, "a");
    top_key(&t, 'r');
    assert_string_equal(pane_cell(p, 0, 0)->text, "b");
    assert_string_equal(pane_cell(p, 3, 0)->text, "(token 12)");
    top_finish(&t);
}

static void test_choosing_a_project(void **state)
{
    struct buf path;
    struct top t;

    (void)state;
    start(&t);
    for (const char *key = "/a\x01 b\x7f\n"; *key; key++)
        top_key(&t, *key);
    assert_string_equal(t.project, "a");
    assert_int_equal(t.panes[PANE_BUDGETS].nrows, 1);
    t.by_project = true; /* of one project there is nothing to tell apart */
    buf_init(&path, 0);
    top_groups_path(&t, NOW_MS, &path);
    assert_string_equal(path.p, "/v1/usage?by=model&from=2025-11-24&project_id=a");
    buf_clear(&path);
    top_key(&t, TERM_ESCAPE);
    assert_int_equal(t.panes[PANE_BUDGETS].nrows, 4);
    top_groups_path(&t, NOW_MS, &path);
    assert_string_equal(path.p, "/v1/usage?by=project&from=2025-11-24&all=true");
    buf_finish(&path);
    for (int i = 0; i < 300; i++)
        top_key(&t, i ? 'x' : '/');
    assert_int_equal(strlen(t.typed), PROJECT_ID_MAX);
    top_key(&t, TERM_ESCAPE);
    assert_string_equal(t.project, "");
    top_finish(&t);
}

static void test_scrolling(void **state)
{
    struct top t;
    char *text;

    (void)state;
    start(&t);
    top_key(&t, TERM_PAGE_DOWN);
    text = draw(&t, 80, 11, true); /* two rows of four */
    assert_int_equal(t.panes[PANE_BUDGETS].first, 2);
    free(text);
    top_key(&t, TERM_UP);
    assert_int_equal(t.panes[PANE_BUDGETS].first, 1);
    top_key(&t, TERM_PAGE_UP);
    assert_int_equal(t.panes[PANE_BUDGETS].first, 0);
    top_key(&t, TERM_TAB);
    assert_int_equal(t.focus, PANE_GROUPS);
    top_key(&t, TERM_BACK_TAB);
    top_key(&t, TERM_BACK_TAB);
    assert_int_equal(t.focus, PANE_REQUESTS);
    top_finish(&t);
}

/* Whatever the size: no line is longer, and there are no more of them. */
static void test_every_size(void **state)
{
    struct top t;

    (void)state;
    start(&t);
    for (int width = 1; width <= 130; width++) {
        for (int height = 1; height <= 40; height += 3) {
            for (int keys = 0; keys < 4; keys++) {
                int lines = 0;
                char *text;

                t.help = keys & 2;
                t.focus = height % PANES;
                text = draw(&t, width, height, keys & 1);
                for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1, lines++)
                    assert_true(end - line <= width);
                assert_true(lines >= 1 && lines <= height);
                free(text);
            }
        }
    }
    top_finish(&t);
}

static void test_answers_that_are_none(void **state)
{
    static const char *const answers[] = {"{}", "{\"live\":{}}",
                                          "{\"live\":{\"startedAt\":\"x\"},\"budgets\":5}",
                                          "{\"groups\":{}}", "{\"records\":null}"};
    struct top t;
    struct err e;

    (void)state;
    top_init(&t, "");
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        json_t *root = load(answers[i]);

        assert_int_equal(top_take_live(&t, root, &e), -1);
        assert_int_equal(top_take_groups(&t, root, &e), -1);
        assert_int_equal(top_take_requests(&t, root, &e), -1);
        json_decref(root);
    }
    top_finish(&t);
}

/* Rows whose members are missing or of another kind are shown as unknown. */
static void test_rows_that_are_none(void **state)
{
    json_t *root =
        load("{\"groups\":[{},{\"key\":5,\"totalRequests\":\"7\",\"totalCostUsd\":[]},5],"
             "\"records\":[{\"createdAt\":\"yesterday\",\"ttftMs\":null}]}");
    struct top t;
    struct err e;

    (void)state;
    top_init(&t, "");
    assert_int_equal(top_take_groups(&t, root, &e), 0);
    assert_int_equal(top_take_requests(&t, root, &e), 0);
    assert_shows(&t, 80, 24, "\n-                     -       -        -        -\n");
    top_finish(&t);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_until),
        cmocka_unit_test(test_sharing_lines),
        cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_choosing_a_project),
        cmocka_unit_test(test_scrolling),
        cmocka_unit_test(test_every_size),
        cmocka_unit_test(test_answers_that_are_none),
        cmocka_unit_test(test_rows_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
