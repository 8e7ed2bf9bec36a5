/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter/learn.h"
#include "meter/sketch.h"

/* The same numbers each time. */
static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((state >> 33) % below);
}

/* Long-tailed lengths around a scale: the product of three dice. */
static int64_t length(int64_t scale)
{
    return 1 + scale * (1 + draw(8)) * (1 + draw(8)) * (1 + draw(8)) / 64;
}

static void small_values_are_exact(void **unused)
{
    struct sketch s;

    (void)unused;
    sketch_init(&s);
    assert_int_equal(sketch_quantile(&s, 0.5), INT64_MAX);
    for (int i = 0; i < 10; i++)
        sketch_add(&s, 7);
    assert_int_equal(sketch_quantile(&s, 0.5), 7);
    assert_int_equal(sketch_quantile(&s, 0.95), INT64_MAX); /* ten values cannot say */
    for (int i = 0; i < 10; i++)
        sketch_add(&s, 7);
    assert_int_equal(sketch_quantile(&s, 0.95), 7);
    sketch_init(&s);
    for (int i = 0; i < 100; i++)
        sketch_add(&s, i % 30);
    assert_in_range(sketch_quantile(&s, 0.5), 13, 16);
    sketch_init(&s);
    sketch_add(&s, -5);
    sketch_add(&s, 0);
    assert_int_equal(sketch_quantile(&s, 0.5), 0);
}

static void large_values_keep_their_size(void **unused)
{
    static const int64_t values[] = {31,   32,   33,     63,      64,        1000,
                                     4095, 4096, 128000, 1048575, SKETCH_MAX};

    (void)unused;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct sketch s;
        int64_t q;

        sketch_init(&s);
        for (int n = 0; n < 50; n++)
            sketch_add(&s, values[i]);
        q = sketch_quantile(&s, 0.9);
        if (q < values[i] - values[i] / 16 || q > values[i] + values[i] / 16)
            fail_msg("%lld became %lld", (long long)values[i], (long long)q);
    }
    for (int n = 0; n < 2; n++) {
        struct sketch s;

        sketch_init(&s);
        sketch_add(&s, n ? INT64_MAX : SKETCH_MAX + 1);
        sketch_add(&s, INT64_MAX);
        assert_in_range(sketch_quantile(&s, 0.5), SKETCH_MAX / 16 * 15, SKETCH_MAX);
    }
}

static double covered(struct sketch *s, int64_t scale, int n)
{
    int good = 0;

    for (int i = 0; i < n; i++) {
        const int64_t v = length(scale);

        good += v <= sketch_quantile(s, s->level);
        sketch_add(s, v);
    }
    return 100.0 * good / n;
}

static void covers_95_of_100_whatever_happens(void **unused)
{
    struct sketch s;
    double c;

    (void)unused;
    state = 1;
    sketch_init(&s);
    covered(&s, 300, 200);
    c = covered(&s, 300, 20000);
    if (c < 94 || c > 96)
        fail_msg("steady: %.2f", c);
    c = covered(&s, 2000, 200); /* seven times longer at once */
    if (c < 75)
        fail_msg("right after: %.2f", c);
    c = covered(&s, 2000, 5000);
    if (c < 93 || c > 97)
        fail_msg("longer: %.2f", c);
    c = covered(&s, 100, 5000); /* and much shorter */
    if (c < 93 || c > 97)
        fail_msg("shorter: %.2f", c);
    assert_true(sketch_quantile(&s, 0.95) < 900); /* the long ones are forgotten */
}

static void survives_as_bytes(void **unused)
{
    unsigned char bytes[SKETCH_BYTES_MAX], again[SKETCH_BYTES_MAX];
    struct sketch s, r;
    size_t n;

    (void)unused;
    state = 2;
    sketch_init(&s);
    covered(&s, 300, 10000);
    n = sketch_write(&s, bytes);
    assert_true(sketch_read(&r, bytes, n));
    assert_int_equal(r.samples, s.samples);
    for (double level = 0.1; level < 0.96; level += 0.1) {
        const int64_t a = sketch_quantile(&s, level), b = sketch_quantile(&r, level);

        if (llabs(a - b) > a / 50 + 1)
            fail_msg("at %.2f %lld became %lld", level, (long long)a, (long long)b);
    }
    assert_int_equal(sketch_write(&r, again), n);
    assert_memory_equal(bytes, again, n);
    assert_true(covered(&r, 300, 3000) > 93);
}

static void refuses_other_bytes(void **unused)
{
    unsigned char bytes[SKETCH_BYTES_MAX], bad[SKETCH_BYTES_MAX];
    struct sketch s, r = {.samples = 77};
    size_t n;

    (void)unused;
    state = 3;
    sketch_init(&s);
    covered(&s, 300, 100);
    n = sketch_write(&s, bytes);
    assert_false(sketch_read(&r, bytes, 0));
    assert_false(sketch_read(&r, bytes, 6));
    assert_false(sketch_read(&r, bytes, n - 1));
    memcpy(bad, bytes, n);
    bad[0] = 2; /* another format */
    assert_false(sketch_read(&r, bad, n));
    memcpy(bad, bytes, n);
    bad[1] = bad[2] = 0xff; /* a level beyond all levels */
    assert_false(sketch_read(&r, bad, n));
    memcpy(bad, bytes, n);
    bad[7] = bad[8] = 0xff; /* a bucket that is none */
    assert_false(sketch_read(&r, bad, n));
    memcpy(bad, bytes, n);
    memcpy(bad + 11, bad + 7, 4); /* the same bucket twice */
    assert_false(sketch_read(&r, bad, n));
    assert_int_equal(r.samples, 77);
}

static struct learn_key key(const char *project, int64_t input, int64_t limit)
{
    return (struct learn_key){span_of(project), SPAN("gpt-4o"), API_CHAT, input, limit};
}

static void teach(struct learner *l, struct learn_key k, int64_t scale, int n)
{
    while (n-- > 0)
        learner_add(l, &k, length(scale));
}

static void nearest_history_counts(void **unused)
{
    struct learner *l = learner_create(1024);
    const struct learn_key a = key("a", 100, 0), a_long = key("a", 100000, 0), b = key("b", 100, 0);
    const struct learn_key b_limited = key("b", 100, 500);
    struct learn_key other = a;
    struct learned r;

    (void)unused;
    state = 4;
    assert_non_null(l);
    assert_false(learner_predict(l, &a, &r));
    teach(l, a, 100, 39);
    assert_false(learner_predict(l, &a, &r));
    teach(l, a, 100, 1);
    assert_true(learner_predict(l, &a, &r));
    assert_int_equal(r.level, LEARN_PROJECT_CLASS);
    assert_int_equal(r.samples, 40);
    assert_true(r.p50 > 0 && r.p50 <= r.p95);
    assert_true(learner_predict(l, &a_long, &r));
    assert_int_equal(r.level, LEARN_PROJECT);
    assert_false(learner_predict(l, &b, &r)); /* 40 are too few for everybody */
    teach(l, a, 100, 160);
    assert_true(learner_predict(l, &b, &r));
    assert_int_equal(r.level, LEARN_MODEL_CLASS);
    assert_true(learner_predict(l, &b_limited, &r));
    assert_int_equal(r.level, LEARN_MODEL);
    other.model = SPAN("gpt-4o-mini");
    assert_false(learner_predict(l, &other, &r));
    other = a;
    other.api = API_RESPONSES;
    assert_false(learner_predict(l, &other, &r));
    /* the project's own history wins over everybody's */
    teach(l, b, 5000, 40);
    assert_true(learner_predict(l, &b, &r));
    assert_int_equal(r.level, LEARN_PROJECT_CLASS);
    assert_true(r.p50 > 1000);
    assert_string_equal(learn_level_name(LEARN_PROJECT), "project");
    learner_destroy(l);
}

static void memory_is_bounded(void **unused)
{
    struct learner *l = learner_create(64);
    struct learned r;

    (void)unused;
    assert_non_null(l);
    for (int i = 0; i < 20000; i++) {
        char project[16];
        struct learn_key k;

        snprintf(project, sizeof project, "p%d", i);
        k = key(project, 100, 0);
        learner_add(l, &k, 10);
        assert_true(learner_count(l) <= 64);
    }
    assert_int_equal(learner_count(l), 64);
    /* what everybody uses is not what made room */
    assert_true(
        learner_predict(l, &(struct learn_key){SPAN("new"), SPAN("gpt-4o"), API_CHAT, 100, 0}, &r));
    assert_int_equal(r.samples, 20000);
    learner_destroy(l);
    learner_destroy(NULL);
}

struct saved {
    unsigned char key[LEARN_KEY_LEN], data[LEARN_DATA_MAX];
    size_t n;
};

struct store {
    struct saved list[64];
    int n;
};

static void keep(void *ctx, const unsigned char k[LEARN_KEY_LEN], const unsigned char *data,
                 size_t n)
{
    struct store *s = ctx;

    assert_true(s->n < 64 && n <= LEARN_DATA_MAX);
    memcpy(s->list[s->n].key, k, LEARN_KEY_LEN);
    memcpy(s->list[s->n].data, data, n);
    s->list[s->n++].n = n;
}

static void survives_a_restart(void **unused)
{
    struct learner *before = learner_create(256), *after = learner_create(256);
    struct store *store = calloc(1, sizeof *store);
    const struct learn_key a = key("a", 100, 0);
    struct learned x, y;

    (void)unused;
    assert_true(before && after && store);
    state = 5;
    teach(before, a, 100, 500);
    learner_save(before, keep, store);
    assert_int_equal(store->n, LEARN_LEVELS);
    for (int i = 0; i < store->n; i++)
        assert_true(
            learner_restore(after, store->list[i].key, store->list[i].data, store->list[i].n));
    assert_true(learner_predict(before, &a, &x));
    assert_true(learner_predict(after, &a, &y));
    assert_int_equal(y.samples, x.samples);
    assert_int_equal(y.level, x.level);
    assert_true(llabs(x.p95 - y.p95) <= x.p95 / 50 + 1);
    store->n = 0;
    learner_save(before, keep, store); /* nothing changed since */
    assert_int_equal(store->n, 0);
    assert_false(learner_restore(after, store->list[0].key, store->list[0].data, 3));
    learner_destroy(before);
    learner_destroy(after);
    free(store);
}

/* A store as the ledger is one: by key, where n 0 removes. */
static void keep_or_drop(void *ctx, const unsigned char k[LEARN_KEY_LEN], const unsigned char *data,
                         size_t n)
{
    struct store *s = ctx;
    int i = 0;

    while (i < s->n && memcmp(s->list[i].key, k, LEARN_KEY_LEN) != 0)
        i++;
    if (i < s->n)
        s->list[i] = s->list[--s->n];
    if (n)
        keep(s, k, data, n);
}

static void what_made_room_is_not_kept(void **unused)
{
    struct learner *l = learner_create(16);
    struct store *store = calloc(1, sizeof *store);

    (void)unused;
    assert_true(l && store);
    for (int i = 0; i < 300; i++) {
        char name[16];
        int n = snprintf(name, sizeof name, "project-%d", i);
        struct learn_key k = {{name, (size_t)n}, SPAN("gpt-4o"), API_CHAT, 100, 0};

        learner_add(l, &k, 50);
        if (i % 7 == 0) {
            learner_save(l, keep_or_drop, store);
            assert_int_equal(store->n, learner_count(l));
        }
    }
    assert_int_equal(learner_count(l), 16);
    learner_destroy(l);
    free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(large_values_keep_their_size),
        cmocka_unit_test(covers_95_of_100_whatever_happens),
        cmocka_unit_test(survives_as_bytes),
        cmocka_unit_test(refuses_other_bytes),
        cmocka_unit_test(nearest_history_counts),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(survives_a_restart),
        cmocka_unit_test(what_made_room_is_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
