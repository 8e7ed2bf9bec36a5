/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter/price.h"

/*
 * Costs against test/prices/reference.py, which works them out a second time in decimals from the
 * same tables. By itself a few thousand cases; `make check-prices` pipes a million into it. Run
 * from the repository's root, with a folder of tables as argument to read cases from standard
 * input.
 */

static int read_part(char **save, struct usage_part *part)
{
    const char *model = strtok_r(NULL, " ", save);

    *part = (struct usage_part){.tokens = {0}};
    if (!model)
        return -1;
    if (strcmp(model, "-"))
        snprintf(part->model, sizeof part->model, "%s", model);
    for (int k = 0; k < TOK_KINDS; k++) {
        const char *n = strtok_r(NULL, " ", save);

        if (!n)
            return -1;
        part->tokens[k] = strtoll(n, NULL, 10);
    }
    return 0;
}

/* One line: what is asked, what was used, "=", what it must cost. */
static int read_case(char *line, char **provider, char **model, struct usage *u, int64_t *at,
                     nano_t *want)
{
    char *save, *field[8], *equals;

    for (int i = 0; i < 8; i++)
        if (!(field[i] = strtok_r(i ? NULL : line, " ", &save)))
            return -1;
    *u = (struct usage){.seen = true,
                        .tier = (enum service_tier)atoi(field[3]),
                        .us_only = atoi(field[4]),
                        .web_searches = atoi(field[5]),
                        .nparts = atoi(field[7])};
    *provider = strcmp(field[0], "-") ? field[0] : NULL;
    *model = field[1];
    if (strcmp(field[2], "-"))
        snprintf(u->model, sizeof u->model, "%s", field[2]);
    *at = strtoll(field[6], NULL, 10);
    if (u->nparts > USAGE_PARTS_MAX)
        return -1;
    for (int i = 0; i < u->nparts; i++)
        if (read_part(&save, &u->parts[i]))
            return -1;
    equals = strtok_r(NULL, " ", &save);
    if (!equals || strcmp(equals, "="))
        return -1;
    *want = strtoll(save, NULL, 10);
    return 0;
}

static long compare(FILE *in, const struct price_table *t)
{
    char *line = NULL, *provider = NULL, *model = NULL;
    long n = 0;
    size_t cap = 0;

    while (getline(&line, &cap, in) > 0) {
        char copy[4096];
        struct usage u;
        int64_t at = 0;
        nano_t want = 0, got = -1;
        struct err e = {.msg = ""};

        snprintf(copy, sizeof copy, "%s", line);
        if (read_case(line, &provider, &model, &u, &at, &want))
            fail_msg("not a case: %s", copy);
        if (price_cost(t, price_find(t, provider, span_of(model)), provider, &u, at, &got, &e) ||
            got != want)
            fail_msg("%" PRId64 " instead of %" PRId64 " %s: %s", got, want, e.msg, copy);
        n++;
    }
    free(line);
    return n;
}

static const char *piped_tables; /* NULL: run the reference here */
static long piped_cases;

static void check(const char *dir, FILE *in, long expected)
{
    struct price_table *t;
    struct err e;
    long n;

    if (price_load(&dir, 1, &t, &e))
        fail_msg("%s", e.msg);
    n = compare(in, t);
    assert_int_equal(n, expected);
    print_message("%s: %ld costs equal the reference's\n", dir, n);
    price_free(t);
}

static void costs_are_the_reference(void **state)
{
    static const char *const dirs[] = {"pricing", "test/prices/odd"};

    (void)state;
    if (piped_tables) {
        check(piped_tables, stdin, piped_cases);
        return;
    }
    if (system("python3 -c 'import decimal' 2>/dev/null")) {
        print_message("SKIPPED: no python3, so costs were not compared with the reference\n");
        skip();
    }
    for (int i = 0; i < 2; i++) {
        char command[128];
        FILE *in;

        snprintf(command, sizeof command, "python3 test/prices/reference.py %s 3000", dirs[i]);
        in = popen(command, "r");
        assert_non_null(in);
        check(dirs[i], in, 3000);
        assert_int_equal(pclose(in), 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(costs_are_the_reference)};

    piped_tables = argc > 2 ? argv[1] : NULL;
    piped_cases = argc > 2 ? atol(argv[2]) : 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
