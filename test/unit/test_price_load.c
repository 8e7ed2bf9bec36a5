/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "meter/price.h"

/* A folder for tables; f1 and f2 are the files that a test writes into it. */
struct folders {
    char shipped[32], extra[32];
};

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) < 0, 0);
    assert_int_equal(fclose(f), 0);
}

static void remove_file(const char *dir, const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    unlink(path);
}

static int make_folders(void **state)
{
    struct folders *f = calloc(1, sizeof *f);

    assert_non_null(f);
    strcpy(f->shipped, "/tmp/tokencap-price-XXXXXX");
    strcpy(f->extra, "/tmp/tokencap-extra-XXXXXX");
    assert_non_null(mkdtemp(f->shipped));
    assert_non_null(mkdtemp(f->extra));
    *state = f;
    return 0;
}

static int remove_folders(void **state)
{
    static const char *const names[] = {"base.json", "test.json", "more.json", "schema.json"};
    struct folders *f = *state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        remove_file(f->shipped, names[i]);
        remove_file(f->extra, names[i]);
    }
    assert_int_equal(rmdir(f->shipped), 0);
    assert_int_equal(rmdir(f->extra), 0);
    free(f);
    return 0;
}

#define TAIL "\"as_of\":\"2026-01-01\",\"source\":\"test\"}"
#define BASE                                                                                       \
    "{\"provider\":\"openai\",\"models\":[{\"id\":\"gpt-4o\",\"input\":\"2.5\",\"output\":\"10\"," \
    "\"cache_read\":\"1.25\"," TAIL "]}"
#define ROW(fields)   "{\"id\":\"m\"," fields "," TAIL
#define FILE_OF(rows) "{\"provider\":\"test\",\"models\":[" rows "]}"
#define IO            "\"input\":\"1\",\"output\":\"2\""

static int load(const struct folders *f, struct price_table **t, struct err *e)
{
    const char *dirs[] = {f->shipped, f->extra};

    *t = NULL;
    return price_load(dirs, 2, t, e);
}

/* Each table is refused in one line that names file, model and field. */
static void refuses_bad_tables(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {FILE_OF(ROW("\"input\":\"1\"")), "test.json: model \"m\": field \"output\" is missing"},
        {FILE_OF("{\"id\":\"m\"," IO ",\"source\":\"x\"}"),
         "model \"m\": field \"as_of\" is missing"},
        {FILE_OF("{" IO "," TAIL), "model 1: field \"id\" is missing"},
        {FILE_OF(ROW("\"input\":\"-1\",\"output\":\"2\"")),
         "model \"m\": field \"input\": \"-1\" is negative"},
        {FILE_OF(ROW("\"input\":\"1e400\",\"output\":\"2\"")),
         "model \"m\": field \"input\": \"1e400\" is too large"},
        {FILE_OF(ROW("\"input\":1e400,\"output\":\"2\"")),
         "model \"m\": field \"input\": real number overflow"},
        {FILE_OF(ROW("\"input\":1.5,\"output\":\"2\"")),
         "model \"m\": field \"input\": must be a decimal in quotes"},
        {FILE_OF(ROW("\"input\":\"0.1234567\",\"output\":\"2\"")),
         "field \"input\": \"0.1234567\" has more than 6 decimals"},
        {FILE_OF(ROW("\"input\":\"free\",\"output\":\"2\"")), "not a decimal"},
        {FILE_OF(ROW(IO ",\"inptu\":\"1\"")), "model \"m\": unknown field \"inptu\""},
        {FILE_OF(ROW(IO ",\"input\":\"3\"")), "model \"m\": field \"input\": duplicate object key"},
        {FILE_OF(ROW(IO) "," ROW(IO)), "model \"m\": field \"id\": duplicate"},
        {FILE_OF(ROW(IO) ",{\"id\":\"M\"," IO "," TAIL), "model \"M\": field \"id\": duplicate"},
        {FILE_OF(ROW(IO ",\"aliases\":[\"a\"]") ",{\"id\":\"n\"," IO ",\"aliases\":[\"A\"]," TAIL),
         "field \"aliases\": \"a\" also names"},
        {FILE_OF(ROW(IO ",\"aliases\":[\"n\"]") ",{\"id\":\"n\"," IO ",\"aliases\":[\"m\"]," TAIL),
         "field \"aliases\": \"m\" is the id of another model"},
        {FILE_OF("{\"id\":\"a\",\"alias_of\":\"b\"},{\"id\":\"b\",\"alias_of\":\"c\"},{\"id\":"
                 "\"c\",\"alias_of\":\"a\"}"),
         "field \"alias_of\": a cycle of aliases"},
        {FILE_OF("{\"id\":\"a\",\"alias_of\":\"a\"}"), "a cycle of aliases"},
        {FILE_OF("{\"id\":\"a\",\"alias_of\":\"nobody\"}"),
         "field \"alias_of\": no model \"nobody\""},
        {FILE_OF("{\"id\":\"a\",\"alias_of\":\"m\",\"input\":\"1\"}," ROW(IO)),
         "unknown field \"input\""},
        {FILE_OF(ROW(IO ",\"future\":[{\"from\":\"2027-02-01\"," IO "},{\"from\":\"2027-01-01\"," IO
                        "}]")),
         "field \"future\": \"2027-01-01\" is out of order"},
        {FILE_OF(ROW(IO ",\"future\":[{\"from\":\"2027-02-01\"," IO "},{\"from\":\"2027-02-01\"," IO
                        "}]")),
         "out of order"},
        {FILE_OF(ROW(IO ",\"future\":[{\"from\":\"next year\"," IO "}]")),
         "field \"future\": field \"from\": must be a date"},
        {FILE_OF(ROW(IO ",\"future\":[{\"from\":\"2027-13-01\"," IO "}]")), "must be a date"},
        {FILE_OF(ROW(IO ",\"future\":[{" IO "}]")), "field \"future\": field \"from\" is missing"},
        {FILE_OF(ROW(IO ",\"tiers\":[{\"above\":5," IO "},{\"above\":5," IO "}]")),
         "field \"tiers\": \"above\" must rise"},
        {FILE_OF(ROW(IO ",\"tiers\":[{\"above\":0," IO "}]")),
         "field \"above\": must be a whole number"},
        {FILE_OF(ROW(IO ",\"batch\":{\"input\":\"1\"}")),
         "field \"batch\": field \"output\" is missing"},
        {FILE_OF(ROW(IO ",\"off_peak\":{" IO ",\"peak_utc\":[\"10:00-06:00\"]}")),
         "field \"peak_utc\": must hold spans"},
        {FILE_OF(
             ROW(IO ",\"off_peak\":{" IO ",\"peak_utc\":[\"06:00-10:00\"],\"peak_days\":\"mon\"}")),
         "field \"peak_days\": must be a span"},
        {FILE_OF(ROW(IO ",\"us_only\":\"0.9\"")), "field \"us_only\": a multiplier below 1"},
        {FILE_OF(ROW(IO ",\"context\":1.5")), "field \"context\": must be a whole number"},
        {FILE_OF(ROW(IO ",\"reasoning\":\"yes\"")), "field \"reasoning\": must be true or false"},
        {FILE_OF("{\"id\":\"two words\"," IO "," TAIL), "field \"id\": contains a space"},
        {"{\"models\":[" ROW(IO) "]}", "field \"provider\" is missing"},
        {"{\"prefixes\":[\"x\"],\"models\":[]}", "no field \"provider\""},
        {"{\"provider\":\"Test\",\"models\":[]}", "field \"provider\": must be"},
        {"{\"provider\":\"test\",\"suffixes\":[\"-pro\"],\"models\":[]}",
         "field \"suffixes\": \"-pro\""},
        {"{\"provider\":\"test\"}", "test.json: field \"models\" is missing"},
        {"{\"provider\":\"test\",\"models\":{}}", "\"models\" must be a list"},
        {"[]", "test.json: must be an object"},
        {"", "test.json: line 1"},
        {"{\"provider\":", "test.json: line 1"},
    };
    struct folders *f = *state;

    write_file(f->shipped, "base.json", BASE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct price_table *t;
        struct err e;

        write_file(f->shipped, "test.json", cases[i].text);
        if (load(f, &t, &e) == 0)
            fail_msg("was taken: %s", cases[i].text);
        if (!strstr(e.msg, cases[i].why) || !strstr(e.msg, "test.json") || strchr(e.msg, '\n'))
            fail_msg("%s\n  instead of: %s\n  for: %s", e.msg, cases[i].why, cases[i].text);
        assert_null(t);
    }
}

static pico_t input_of(const struct price_table *t, const char *model)
{
    return price_facts(price_find(t, "test", span_of(model)), 0).input;
}

static void later_folder_overrides_row_by_row(void **state)
{
    struct folders *f = *state;
    struct price_table *t;
    struct price p;
    struct err e;

    write_file(f->shipped, "base.json", BASE);
    write_file(f->shipped, "schema.json", "not a table");
    write_file(
        f->shipped, "test.json",
        FILE_OF(ROW(IO ",\"aliases\":[\"m-old\",\"m-taken\"]") ",{\"id\":\"n\"," IO "," TAIL));
    write_file(
        f->extra, "more.json",
        FILE_OF(
            "{\"id\":\"M\",\"input\":\"0.5\",\"output\":\"2\"," TAIL
            ",{\"id\":\"m-taken\",\"input\":\"7\",\"output\":\"7\"," TAIL
            ",{\"id\":\"mine\",\"alias_of\":\"n\"},{\"id\":\"also-mine\",\"alias_of\":\"mine\"}"));
    if (load(f, &t, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(input_of(t, "m"), 500000);
    assert_int_equal(input_of(t, "m-old"), 500000); /* an old row's alias follows the new row */
    assert_int_equal(input_of(t, "m-taken"), 7000000);
    assert_int_equal(input_of(t, "n"), 1000000);
    p = price_find(t, "test", SPAN("also-mine"));
    assert_int_equal(p.rule, PRICE_ALIAS);
    assert_string_equal(price_facts(p, 0).id, "n");
    assert_int_equal(price_count(t), 7);
    price_free(t);
}

static void refuses_ten_times_cheaper(void **state)
{
    struct folders *f = *state;
    struct price_table *t;
    struct err e;

    write_file(f->shipped, "base.json", BASE);
    write_file(f->shipped, "test.json", FILE_OF(ROW(IO)));
    write_file(f->extra, "more.json", FILE_OF(ROW("\"input\":\"1\",\"output\":\"0.2\"")));
    assert_int_equal(load(f, &t, &e), -1);
    assert_non_null(strstr(e.msg, "more.json: model \"m\": field \"output\": 10 times cheaper"));
    write_file(f->extra, "more.json", FILE_OF(ROW("\"input\":\"1\",\"output\":\"0.21\"")));
    assert_int_equal(load(f, &t, &e), 0);
    price_free(t);
    write_file(f->extra, "more.json",
               FILE_OF(ROW("\"input\":\"0\",\"output\":\"0\",\"allow_cheaper\":true")));
    assert_int_equal(load(f, &t, &e), 0);
    assert_int_equal(input_of(t, "m"), 0);
    price_free(t);
}

static void needs_tables_and_the_floor(void **state)
{
    struct folders *f = *state;
    const char *nowhere = "/tmp/tokencap-price-none";
    struct price_table *t = NULL;
    struct err e;

    assert_int_equal(price_load(&nowhere, 1, &t, &e), -1);
    assert_non_null(strstr(e.msg, nowhere));
    assert_int_equal(load(f, &t, &e), -1);
    assert_non_null(strstr(e.msg, "no price tables"));
    write_file(f->shipped, "test.json", FILE_OF(ROW(IO)));
    assert_int_equal(load(f, &t, &e), -1);
    assert_non_null(strstr(e.msg, "gpt-4o"));
    assert_null(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_bad_tables, make_folders, remove_folders),
        cmocka_unit_test_setup_teardown(later_folder_overrides_row_by_row, make_folders,
                                        remove_folders),
        cmocka_unit_test_setup_teardown(refuses_ten_times_cheaper, make_folders, remove_folders),
        cmocka_unit_test_setup_teardown(needs_tables_and_the_floor, make_folders, remove_folders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
