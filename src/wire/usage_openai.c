/* SPDX-License-Identifier: MIT */
/*
 * Usage as OpenAI reports it, and as all who speak its dialect do, each in its own way. Totals
 * include their details; here they are made disjoint.
 */
#include "reader.h"

enum group { TOP, INPUT_DETAILS, OUTPUT_DETAILS, TOOLS, COSTS, GROUPS };

enum field {
    INPUT,
    CACHED,
    WRITTEN,
    AUDIO_IN,
    OUTPUT,
    REASONING,
    REJECTED,
    AUDIO_OUT,
    TOTAL,
    SEARCHES,
    FIELDS
};

static const struct {
    enum group group;
    struct span key;
    enum field field;
} fields[] = {
    {TOP, SPAN("prompt_tokens"), INPUT},
    {TOP, SPAN("input_tokens"), INPUT}, /* Responses */
    {TOP, SPAN("completion_tokens"), OUTPUT},
    {TOP, SPAN("output_tokens"), OUTPUT},
    {TOP, SPAN("total_tokens"), TOTAL},
    {TOP, SPAN("cached_tokens"), CACHED},           /* Together, Moonshot */
    {TOP, SPAN("num_cached_tokens"), CACHED},       /* Mistral */
    {TOP, SPAN("prompt_cache_hit_tokens"), CACHED}, /* DeepSeek */
    {INPUT_DETAILS, SPAN("cached_tokens"), CACHED},
    {INPUT_DETAILS, SPAN("cache_write_tokens"), WRITTEN},
    {INPUT_DETAILS, SPAN("audio_tokens"), AUDIO_IN},
    {OUTPUT_DETAILS, SPAN("reasoning_tokens"), REASONING},
    {OUTPUT_DETAILS, SPAN("rejected_prediction_tokens"), REJECTED},
    {OUTPUT_DETAILS, SPAN("audio_tokens"), AUDIO_OUT},
    {TOOLS, SPAN("web_search_requests"), SEARCHES}, /* OpenRouter */
};

static const struct {
    struct span key;
    enum group group;
} groups[] = {
    {SPAN("prompt_tokens_details"), INPUT_DETAILS},
    {SPAN("input_tokens_details"), INPUT_DETAILS},
    {SPAN("completion_tokens_details"), OUTPUT_DETAILS},
    {SPAN("output_tokens_details"), OUTPUT_DETAILS},
    {SPAN("server_tool_use"), TOOLS},
    {SPAN("cost_details"), COSTS},
};

struct report {
    int64_t v[FIELDS];
    bool has[FIELDS];
    bool bad; /* a figure is no count */
    struct span cost, upstream_cost;
    bool own_key; /* OpenRouter: the upstream bills its own part apart */
};

static enum group group_of(enum group in, struct span key)
{
    for (size_t i = 0; in == TOP && i < sizeof(groups) / sizeof(groups[0]); i++)
        if (span_eq(key, groups[i].key))
            return groups[i].group;
    return TOP;
}

static void read_field(struct report *r, enum group group, struct span key, struct span value)
{
    if (group == TOP && span_eq(key, SPAN("cost")))
        r->cost = value;
    else if (group == TOP && span_eq(key, SPAN("is_byok")))
        r->own_key = span_eq(value, SPAN("true"));
    else if (group == COSTS && span_eq(key, SPAN("upstream_inference_cost")))
        r->upstream_cost = value;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        int64_t v = -1;

        if (fields[i].group != group || !span_eq(key, fields[i].key))
            continue;
        if (!reader_count(value, &v))
            r->bad = true;
        if (v < 0)
            continue;
        r->has[fields[i].field] = true;
        if (v > r->v[fields[i].field])
            r->v[fields[i].field] = v;
    }
}

/* Reads the members of the object that was just opened; the groups it knows one level down. */
static void read_group(struct report *r, struct scan *s, enum group group)
{
    struct span key;

    while (scan_key(s, &key)) {
        enum group inner = group_of(group, key);

        if (inner != TOP && scan_open(s, '{'))
            read_group(r, s, inner);
        else
            read_field(r, group, key, scan_value(s));
    }
}

/* A decimal of US dollars, rounded up; false when it is negative, no number or absurd. */
static bool dollars(struct span value, nano_t *out)
{
    int64_t m = 0;
    int shift = 9, exponent = 0;
    bool lost = false, point = false;
    size_t i = 0;

    for (; i < value.n && value.p[i] != 'e' && value.p[i] != 'E'; i++) {
        int digit = value.p[i] - '0';
        bool room = m < NANO_MAX / 100;

        if (value.p[i] == '.') {
            point = true;
            continue;
        }
        if (digit < 0 || digit > 9)
            return false;
        lost = lost || (!room && digit);
        m = room ? m * 10 + digit : m;
        shift += (room ? 0 : 1) - (point ? 1 : 0);
    }
    bool minus = ++i < value.n && value.p[i] == '-';
    for (; i < value.n && exponent < 1000; i++)
        if (value.p[i] >= '0' && value.p[i] <= '9')
            exponent = exponent * 10 + (value.p[i] - '0');
    shift += minus ? -exponent : exponent;
    for (; shift > 0 && m; shift--) {
        if (m > NANO_MAX / 10)
            return false;
        m *= 10;
    }
    for (; shift < 0 && m; shift++) {
        lost = lost || m % 10;
        m /= 10;
    }
    *out = m + lost;
    return value.n > 0 && *out <= NANO_MAX;
}

/* OpenRouter's own figure; with the user's own key at the upstream, that one's bill comes on top.
 */
static bool read_cost(struct answer *a, const struct report *r)
{
    nano_t cost, upstream = 0;

    a->usage.has_reported_cost = false;
    if (scan_is_null(r->cost) ||
        r->cost.p[0] == '{') /* Perplexity's is an object of other meaning */
        return true;
    if (!dollars(r->cost, &cost))
        return false;
    if (r->own_key && !scan_is_null(r->upstream_cost) && !dollars(r->upstream_cost, &upstream))
        return false;
    if (!money_add(cost, upstream, &a->usage.reported_cost))
        return false;
    a->usage.has_reported_cost = true;
    return true;
}

/* What Gemini and xAI generate beyond completion_tokens, their thoughts, is in the total alone. */
static void complete_output(struct report *r, enum api api)
{
    int64_t *v = r->v;

    if (api == API_EMBEDDINGS && v[INPUT] < v[TOTAL])
        v[INPUT] = v[TOTAL];
    if (r->has[INPUT] && v[TOTAL] > v[INPUT] + v[OUTPUT])
        v[OUTPUT] = v[TOTAL] - v[INPUT];
}

static bool contradicts_itself(const struct report *r)
{
    const int64_t *v = r->v;

    return v[INPUT] == 0 || (v[TOTAL] && v[TOTAL] < v[INPUT] + v[OUTPUT]) ||
           v[CACHED] + v[WRITTEN] > v[INPUT] || v[AUDIO_IN] > v[INPUT] ||
           v[REASONING] > v[OUTPUT] || v[REJECTED] > v[OUTPUT] || v[AUDIO_OUT] > v[OUTPUT];
}

bool reader_usage_openai(struct answer *a, struct span usage)
{
    struct report r = {0};
    struct scan s;
    int64_t *v = r.v, *tokens = a->usage.parts[0].tokens;

    scan_begin(&s, usage);
    if (!scan_open(&s, '{'))
        return false;
    read_group(&r, &s, TOP);
    complete_output(&r, a->api);
    if (!r.bad && v[INPUT] + v[OUTPUT] + v[TOTAL] == 0)
        return false;
    if (r.bad || contradicts_itself(&r) || !read_cost(a, &r)) {
        reader_usage_bad(a);
        return true;
    }
    int64_t anew = v[INPUT] - v[CACHED] - v[WRITTEN];
    int64_t audio = v[AUDIO_IN] < anew ? v[AUDIO_IN] : anew; /* the rest of it was cached */

    memset(a->usage.parts, 0, sizeof(a->usage.parts[0]));
    tokens[TOK_INPUT] = anew - audio;
    tokens[TOK_AUDIO_INPUT] = audio;
    tokens[TOK_CACHE_READ] = v[CACHED];
    tokens[a->cache_write] = v[WRITTEN];
    tokens[TOK_OUTPUT] = v[OUTPUT] - v[AUDIO_OUT];
    tokens[TOK_AUDIO_OUTPUT] = v[AUDIO_OUT];
    a->usage.reasoning = v[REASONING];
    a->usage.rejected = v[REJECTED];
    if (r.has[SEARCHES])
        a->usage.web_searches = v[SEARCHES];
    reader_usage_good(a, 1);
    return true;
}
