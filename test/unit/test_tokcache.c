/* SPDX-License-Identifier: MIT */
#include "tokenizer_fixture.h"

#include <pthread.h>
#include <stdlib.h>

#include "proxy/tokcache.h"

#define TURNS   60
#define THREADS 8

static struct tokcache *cache_of(size_t bytes)
{
    struct tokcache *c;
    struct err e;

    if (tokcache_create(vocabs, bytes, &c, &e) < 0)
        fail_msg("%s", e.msg);
    return c;
}

/* The i-th text: words that no other has in this order, some 2 KB of them. */
static struct span text(int i)
{
    static _Thread_local char p[4096];
    uint64_t seed = (uint64_t)i * 0x9e3779b97f4a7c15 + 1;
    size_t n = 0;

    for (int k = 0; k < 150; k++)
        n += (size_t)snprintf(p + n, sizeof p - n, "winter %u ", dice(&seed) % 1000000);
    return (struct span){p, n};
}

static int64_t count(struct tokcache *c, enum encoding enc, struct span s)
{
    struct text_counter counter = tokcache_counter(c);
    int64_t n = counter.count(counter.ctx, enc, s);

    assert_int_equal(n, tokenizer_count(tokenizer, enc, s));
    return n;
}

static void assert_stats(const struct tokcache *c, long long hits, long long misses)
{
    struct tokcache_stats s;

    tokcache_stats(c, &s);
    assert_int_equal(s.hits, hits);
    assert_int_equal(s.misses, misses);
}

/* Each turn says all that was said before, and something new: only that is counted. */
static void a_conversation_grows(void **state)
{
    struct tokcache *c = cache_of(1 << 20);

    (void)state;
    for (int turn = 0; turn < TURNS; turn++) {
        for (int i = 0; i <= turn; i++)
            count(c, ENC_O200K, text(i));
        assert_stats(c, turn * (turn + 1) / 2, turn + 1);
    }
    tokcache_destroy(c);
}

static void encodings_are_apart(void **state)
{
    struct tokcache *c = cache_of(1 << 20);

    (void)state;
    assert_true(count(c, ENC_O200K, text(1)) != count(c, ENC_P50K, text(1)));
    assert_stats(c, 0, 2);
    count(c, ENC_P50K, text(1));
    assert_stats(c, 1, 2);
    tokcache_destroy(c);
}

/* What is short is counted as fast as it is found. */
static void short_texts_are_not_kept(void **state)
{
    struct tokcache *c = cache_of(1 << 20);

    (void)state;
    for (int i = 0; i < 3; i++)
        count(c, ENC_O200K, SPAN("hello world"));
    assert_stats(c, 0, 0);
    tokcache_destroy(c);
}

static void count_numbers(struct tokcache *c, int from, int to)
{
    char p[80];

    for (int i = from; i < to; i++) {
        snprintf(p, sizeof p, "%079d", i);
        count(c, ENC_O200K, span_of(p));
    }
}

/* Many more texts than it holds: those of late are known, the first ones are not. */
static void memory_is_bounded(void **state)
{
    struct tokcache *c = cache_of(1 << 20), *none = cache_of(0);
    struct tokcache_stats s;

    (void)state;
    count_numbers(c, 0, 100000);
    assert_stats(c, 0, 100000);
    count_numbers(c, 99000, 100000);
    tokcache_stats(c, &s);
    assert_true(s.hits > 990);
    count_numbers(c, 0, 1000);
    assert_stats(c, s.hits, s.misses + 1000);
    tokcache_destroy(c);

    count(none, ENC_O200K, text(1));
    count(none, ENC_O200K, text(1));
    assert_stats(none, 0, 0);
    tokcache_destroy(none);
}

struct worker {
    pthread_t thread;
    struct tokcache *cache;
    const int64_t *want;
    bool wrong;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    struct text_counter counter = tokcache_counter(w->cache);

    for (int round = 0; round < 20; round++)
        for (int i = 0; i < TURNS; i++)
            w->wrong |= counter.count(counter.ctx, ENC_O200K, text(i)) != w->want[i];
    return NULL;
}

static void threads_share_it(void **state)
{
    struct tokcache *c = cache_of(1 << 14); /* small, so that entries come and go */
    struct worker w[THREADS];
    struct tokcache_stats s;
    int64_t want[TURNS];

    (void)state;
    for (int i = 0; i < TURNS; i++)
        want[i] = tokenizer_count(tokenizer, ENC_O200K, text(i));
    for (int i = 0; i < THREADS; i++) {
        w[i] = (struct worker){.cache = c, .want = want};
        assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(w[i].thread, NULL);
        assert_false(w[i].wrong);
    }
    tokcache_stats(c, &s);
    assert_int_equal(s.hits + s.misses, THREADS * 20 * TURNS);
    assert_true(s.hits > 0);
    tokcache_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conversation_grows),     cmocka_unit_test(encodings_are_apart),
        cmocka_unit_test(short_texts_are_not_kept), cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(threads_share_it),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
