/* SPDX-License-Identifier: MIT */
/* conversation VOCABDIR TEXT KB…: for conversations of so many kilobytes that are not in the shared
 * cache yet, a line of the median microseconds of CPU that counting one takes, counting it again
 * with one more message, and counting such a message alone. */
#include <string.h>

#include "measure.h"
#include "meter/count.h"
#include "proxy/tokcache.h"

#define MESSAGE      1500 /* bytes, and the rest of a line */
#define MESSAGES_MAX 1024

struct talk {
    struct message messages[MESSAGES_MAX];
    struct part parts[MESSAGES_MAX];
    int n;
    size_t bytes;
};

struct times {
    int64_t anew, next, alone;
};

static bool add_message(struct talk *t, struct span *rest)
{
    const char *end = rest->n > MESSAGE ? memchr(rest->p + MESSAGE, '\n', rest->n - MESSAGE) : NULL;
    struct part *part = &t->parts[t->n];

    if (!end || t->n == MESSAGES_MAX)
        return false;
    *part = (struct part){.kind = PART_TEXT, .text = {rest->p, (size_t)(end - rest->p)}};
    t->messages[t->n++] = (struct message){
        .role = t->n % 2 ? SPAN("assistant") : SPAN("user"), .parts = part, .nparts = 1};
    t->bytes += part->text.n;
    *rest = span_skip(*rest, part->text.n + 1);
    return true;
}

/* Nanoseconds of CPU that counting n messages takes. */
static int64_t count(struct tokcache *c, struct message *messages, int n)
{
    struct prompt p = {
        .api = API_CHAT, .model = SPAN("gpt-4o"), .messages = messages, .nmessages = n};
    int64_t from = cpu_ns();
    struct count counted;

    if (count_prompt(&p, tokcache_counter(c), &counted) < 0)
        exit(1);
    return cpu_ns() - from;
}

/* One conversation from what is left of the text; false when that is too little. */
static bool hold(struct tokcache *c, struct span *rest, size_t bytes, struct times *t)
{
    struct talk talk = {.n = 0};

    while (talk.bytes < bytes)
        if (!add_message(&talk, rest))
            return false;
    t->anew = count(c, talk.messages, talk.n);
    if (!add_message(&talk, rest))
        return false;
    t->next = count(c, talk.messages, talk.n);
    if (!add_message(&talk, rest))
        return false;
    t->alone = count(c, &talk.messages[talk.n - 1], 1);
    return true;
}

static int smaller(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double median_us(int64_t *ns, size_t n)
{
    qsort(ns, n, sizeof *ns, smaller);
    return (double)ns[n / 2] / 1e3;
}

static int bench(const struct vocabs *v, struct span text, size_t bytes)
{
    static int64_t anew[MESSAGES_MAX], next[MESSAGES_MAX], alone[MESSAGES_MAX];
    struct tokcache *c;
    struct times t;
    struct err e;
    size_t n = 0;

    if (tokcache_create(v, 8u << 20, &c, &e) < 0)
        return 1;
    for (; n < MESSAGES_MAX && hold(c, &text, bytes, &t); n++) {
        anew[n] = t.anew;
        next[n] = t.next;
        alone[n] = t.alone;
    }
    tokcache_destroy(c);
    if (!n)
        return 1;
    printf("%.0f %.1f %.1f\n", median_us(anew, n), median_us(next, n), median_us(alone, n));
    return 0;
}

int main(int argc, char **argv)
{
    struct vocabs *v;
    struct err e = {0};
    size_t n = 0;
    char *text = argc > 3 ? read_file(argv[2], &n) : NULL;
    int status = 0;

    if (!text || vocabs_open(argv[1], &v, &e) < 0) {
        fprintf(stderr, "usage: %s VOCABDIR TEXT KB… %s\n", argv[0], e.msg);
        return 1;
    }
    for (int i = 3; i < argc && status == 0; i++)
        status = bench(v, (struct span){text, n}, strtoul(argv[i], NULL, 10) * 1000);
    vocabs_close(v);
    free(text);
    return status;
}
