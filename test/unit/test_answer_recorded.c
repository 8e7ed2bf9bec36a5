/* SPDX-License-Identifier: MIT */
/*
 * Usage as Anthropic really reported it, read as it would be settled, against sums made from a JSON
 * tree. The recordings are no part of the project; where they are not, this test says so and is
 * skipped: ../shared/data/anthropic_usage.jsonl beside the repository. test_answer.c proves the
 * same rules with fixtures of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "wire/answer.h"

#define RECORDED "../shared/data/anthropic_usage.jsonl"

static int64_t figure(json_t *usage, json_t *delta, const char *key)
{
    json_t *later = json_object_get(delta, key);

    return json_integer_value(json_is_integer(later) ? later : json_object_get(usage, key));
}

static int64_t sum_input(json_t *usage, json_t *delta)
{
    return figure(usage, delta, "input_tokens") + figure(usage, delta, "cache_read_input_tokens") +
           figure(usage, delta, "cache_creation_input_tokens");
}

/* As the API sends it: a message, or the start and the end of a stream. */
static void answer(json_t *usage, json_t *delta, struct answer *a)
{
    char *start = json_dumps(usage, JSON_COMPACT), *end = json_dumps(delta, JSON_COMPACT);
    struct buf text = {0}, out = {0};

    answer_init(a, API_MESSAGES, false);
    if (delta) {
        buf_printf(&text, "data: {\"type\":\"message_start\",\"message\":{\"usage\":%s}}\n\n",
                   start);
        buf_printf(&text, "data: {\"type\":\"message_delta\",\"usage\":%s}\n\n", end);
        answer_feed(a, buf_all(&text), &out);
        answer_end(a, &out);
    } else {
        buf_printf(&text, "{\"type\":\"message\",\"usage\":%s}", start);
        answer_body(a, buf_all(&text));
    }
    free(start);
    free(end);
    buf_finish(&text);
    buf_finish(&out);
}

static void check(json_t *row)
{
    json_t *usage = json_object_get(row, "usage"), *delta = json_object_get(usage, "delta");
    json_t *list = json_object_get(usage, "iterations"), *one;
    int64_t input = sum_input(usage, delta), output = figure(usage, delta, "output_tokens");
    struct answer a;
    size_t i;

    if (json_array_size(list))
        input = output = 0;
    json_array_foreach(list, i, one)
    {
        input += sum_input(one, NULL);
        output += figure(one, NULL, "output_tokens");
    }
    json_incref(delta);
    json_object_del(usage, "delta");
    answer(usage, delta, &a);
    json_decref(delta);
    assert_true(a.usage.seen);
    assert_false(a.usage.suspicious);
    assert_int_equal(usage_input(&a.usage), input);
    assert_int_equal(usage_output(&a.usage), output);
    answer_finish(&a);
}

static void test_anthropic(void **state)
{
    FILE *f = fopen(RECORDED, "r");
    char *line = NULL;
    size_t size = 0;
    int rows = 0;

    (void)state;
    if (!f) {
        fprintf(stderr, "SKIPPED: %s is not there\n", RECORDED);
        skip();
    }
    while (getline(&line, &size, f) > 0) {
        json_t *row = json_loads(line, JSON_ALLOW_NUL, NULL);

        assert_non_null(row);
        if (strcmp(json_string_value(json_object_get(row, "kind")), "msg") == 0) {
            check(row);
            rows++;
        }
        json_decref(row);
    }
    free(line);
    fclose(f);
    fprintf(stderr, "%d recorded answers\n", rows);
    assert_true(rows > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_anthropic)};

    return cmocka_run_group_tests_name("answer_recorded", tests, NULL, NULL);
}
