/* SPDX-License-Identifier: MIT */
/*
 * What holds for every answer, whatever the upstream sends: every byte passes when nothing is
 * hidden, and the cuts of the stream change nothing; usage is sane whenever it is said to be; a
 * stop makes a whole stream. First byte: options. Second: the size of the pieces.
 */
#include <stdint.h>
#include <stdlib.h>

#include "wire/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(fact)                                                                              \
    do {                                                                                           \
        if (!(fact))                                                                               \
            abort();                                                                               \
    } while (0)

static void check_usage(const struct answer *a)
{
    const struct usage *u = &a->usage;

    REQUIRE(u->nparts >= 0 && u->nparts <= USAGE_PARTS_MAX);
    REQUIRE(!(u->seen && u->suspicious));
    REQUIRE(!u->seen || usage_input(u) > 0);
    REQUIRE(!u->seen || !a->text.n || usage_output(u) > 0);
    REQUIRE(u->reported_cost >= 0 && u->reported_cost <= NANO_MAX);
    REQUIRE(u->reasoning >= 0 && u->web_searches >= 0);
    REQUIRE(memchr(u->model, '\0', sizeof(u->model)));
    for (int i = 0; i < u->nparts; i++)
        for (int k = 0; k < TOK_KINDS; k++)
            REQUIRE(u->parts[i].tokens[k] >= 0);
}

static void feed(struct answer *a, struct span in, size_t piece, struct buf *out)
{
    a->may_stop = true;
    a->sse.bound = 1500;
    for (size_t at = 0; at < in.n; at += piece) {
        struct span rest = span_skip(in, at);

        answer_feed(a, (struct span){rest.p, rest.n < piece ? rest.n : piece}, out);
    }
}

static void check_same(const struct answer *a, const struct answer *b)
{
    REQUIRE(a->complete == b->complete && a->failed == b->failed);
    REQUIRE(span_eq(buf_all(&a->text), buf_all(&b->text)));
    REQUIRE(memcmp(a->usage.parts, b->usage.parts, sizeof(a->usage.parts)) == 0);
    REQUIRE(a->usage.seen == b->usage.seen && a->usage.suspicious == b->usage.suspicious);
    REQUIRE(strcmp(a->usage.model, b->usage.model) == 0);
}

static void check_stream(enum api api, struct span in, size_t piece, bool hide)
{
    struct buf out = {0}, out_cut = {0};
    struct answer whole, cut;

    answer_init(&whole, api, hide);
    answer_init(&cut, api, hide);
    feed(&whole, in, in.n, &out);
    feed(&cut, in, piece, &out_cut);
    answer_end(&whole, &out);
    answer_end(&cut, &out_cut);
    check_usage(&whole);
    check_same(&whole, &cut);
    REQUIRE(span_eq(buf_all(&out), buf_all(&out_cut)));
    REQUIRE(hide ? out.n <= in.n : span_eq(buf_all(&out), in));
    answer_finish(&whole);
    answer_finish(&cut);
    buf_finish(&out);
    buf_finish(&out_cut);
}

static void check_stop(enum api api, struct span in, bool asks)
{
    struct buf out = {0}, again = {0};
    struct answer a, b;

    answer_init(&a, api, false);
    a.asks_usage = asks;
    feed(&a, in, in.n, &out);
    if (answer_stop(&a, &out)) {
        answer_init(&b, api, false);
        answer_feed(&b, buf_all(&out), &again);
        REQUIRE(b.complete);
        REQUIRE(sse_rest(&b.sse).n == 0);
        answer_finish(&b);
    }
    answer_finish(&a);
    buf_finish(&out);
    buf_finish(&again);
}

static void check_body(enum api api, struct span in)
{
    struct answer a;

    answer_init(&a, api, false);
    answer_body(&a, in);
    check_usage(&a);
    answer_finish(&a);
}

static void check_answer(enum api api, const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data + 2, size - 2};

    check_stream(api, in, 1 + data[1] % 64, data[0] & 0x10);
    check_stop(api, in, data[0] & 0x20);
    check_body(api, in);
}
