/* SPDX-License-Identifier: MIT */
#include "reader.h"

#define COUNT_MAX INT64_C(2000000000) /* tokens or calls of one answer; beyond it is absurd */

void reader_text(struct answer *a, struct span inside)
{
    scan_unescape(inside, &a->text);
}

/* Members that hold what a model wrote, or lead to it, in all of OpenAI's dialects. */
static bool carries_text(struct span key)
{
    static const struct span keys[] = {
        SPAN("content"),    SPAN("text"),      SPAN("refusal"),    SPAN("thinking"),
        SPAN("tool_calls"), SPAN("function"),  SPAN("custom"),     SPAN("function_call"),
        SPAN("name"),       SPAN("arguments"), SPAN("input"),      SPAN("summary"),
        SPAN("code"),       SPAN("audio"),     SPAN("transcript"),
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (span_eq(key, keys[i]))
            return true;
    return false;
}

/* The same thought under two names, as some hosts send it, is read once. */
static bool is_thought(struct span key)
{
    return span_eq(key, SPAN("reasoning_content")) || span_eq(key, SPAN("reasoning"));
}

void reader_collect(struct answer *a, struct scan *s)
{
    struct span key, inside;
    bool thought = false;

    if (scan_open(s, '[')) {
        while (scan_item(s))
            reader_collect(a, s);
    } else if (scan_open(s, '{')) {
        while (scan_key(s, &key)) {
            if (carries_text(key) || (is_thought(key) && !thought))
                reader_collect(a, s);
            else
                scan_value(s);
            thought = thought || is_thought(key);
        }
    } else if (scan_string(scan_value(s), &inside)) {
        reader_text(a, inside);
    }
}

/* Something that can be a name: no control characters, and not too long. */
static void note(struct span name, char *out, size_t size)
{
    if (name.n == 0 || name.n >= size)
        return;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
            return;
    memcpy(out, name.p, name.n);
    out[name.n] = '\0';
}

void reader_note(struct span value, char *out, size_t size)
{
    struct buf plain;
    struct span inside;

    if (!scan_string(value, &inside))
        return;
    if (inside.n == 0 || !memchr(inside.p, '\\', inside.n)) {
        note(inside, out, size);
        return;
    }
    buf_init(&plain, size);
    scan_unescape(inside, &plain);
    if (!plain.failed)
        note(buf_all(&plain), out, size);
    buf_finish(&plain);
}

void reader_keep(struct span value, char *out, size_t size)
{
    struct span inside;

    if (!scan_string(value, &inside) || value.n >= size)
        return;
    memcpy(out, value.p, value.n);
    out[value.n] = '\0';
}

bool reader_event(const struct sse_event *ev, const struct scan_field *fields, size_t n, void *out)
{
    struct span *type = (struct span *)(void *)((char *)out + fields[0].at);

    if (!scan_members(ev->data, fields, n, out))
        return false;
    if (!scan_string(*type, type) || !type->n)
        *type = ev->name;
    return true;
}

int64_t reader_index(struct span value)
{
    int64_t v = -1;

    return reader_count(value, &v) ? v : -1;
}

void reader_time(struct span value, int64_t *out)
{
    long long v;

    if (span_to_int64(value, &v))
        *out = v;
}

bool reader_count(struct span value, int64_t *out)
{
    long long v;

    if (scan_is_null(value))
        return true;
    if (!span_to_int64(value, &v) || v > COUNT_MAX)
        return false;
    *out = v;
    return true;
}

enum service_tier reader_tier(struct span value)
{
    static const struct {
        struct span name;
        enum service_tier tier;
    } tiers[] = {
        {SPAN("batch"), TIER_BATCH},
        {SPAN("flex"), TIER_FLEX},
        {SPAN("priority"), TIER_PRIORITY},
        {SPAN("fast"), TIER_PRIORITY}, /* asked for as fast, answered as priority */
    };

    for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++)
        if (scan_is(value, tiers[i].name))
            return tiers[i].tier;
    return TIER_STANDARD;
}

void reader_usage_good(struct answer *a, int nparts)
{
    a->usage.nparts = nparts;
    a->usage.seen = true;
    a->usage.suspicious = false;
    a->input_seen = true;
}

void reader_usage_bad(struct answer *a)
{
    memset(a->usage.parts, 0, sizeof(a->usage.parts));
    a->usage.nparts = 0;
    a->usage.seen = false;
    a->usage.suspicious = true;
    a->input_seen = false;
    a->usage.has_reported_cost = false;
    a->usage.reported_cost = 0;
}
