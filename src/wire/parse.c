/* SPDX-License-Identifier: MIT */
#include "parse.h"

#include <math.h>

#include "meter/image.h"

struct span json_span(const json_t *string)
{
    return (struct span){json_string_value(string), json_string_length(string)};
}

struct span json_member(const json_t *object, const char *key)
{
    return json_span(json_object_get(object, key));
}

bool json_has_others(const json_t *object, const char *const *known)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        const char *const *k = known;
        while (*k && strcmp(*k, key) != 0)
            k++;
        if (!*k)
            return true;
    }
    return false;
}

int parse_no_memory(struct parse *p)
{
    if (p->a->starved)
        return refuse(p->r, REFUSE_OVERLOADED, NULL, "There is no memory to read the request");
    return refuse(p->r, REFUSE_JSON_TOO_COMPLEX, NULL,
                  "The request takes more memory to read than one request may have");
}

void parse_mark_opaque(struct parse *p)
{
    p->q->prompt.opaque = true;
}

void parse_mark_unbounded(struct parse *p)
{
    p->q->prompt.opaque = true;
    p->q->unbounded = true;
}

void parse_mark_kind(struct parse *p, enum token_kind kind)
{
    p->q->kinds |= 1U << kind;
}

/* A top-level member that is there and not null. */
static const json_t *given(const struct parse *p, const char *key)
{
    const json_t *v = json_object_get(p->q->root, key);

    return json_is_null(v) ? NULL : v;
}

int parse_bool(struct parse *p, const char *key, bool *out)
{
    const json_t *v = given(p, key);

    if (v && !json_is_boolean(v))
        return refuse(p->r, REFUSE_BAD_VALUE, key, "\"%s\" must be true or false", key);
    if (v)
        *out = json_is_true(v);
    return 0;
}

int parse_int(struct parse *p, const char *key, int64_t min, int64_t max, int64_t *out)
{
    const json_t *v = given(p, key);
    double d = json_number_value(v); /* exact: min and max have less than 53 bits */

    if (!v)
        return 0;
    if (!json_is_number(v) || d != floor(d) || d < (double)min || d > (double)max)
        return refuse(p->r, REFUSE_BAD_VALUE, key,
                      "\"%s\" must be a whole number from %lld to %lld", key, (long long)min,
                      (long long)max);
    *out = (int64_t)d;
    return 0;
}

int parse_text(struct parse *p, const char *key, struct span *out)
{
    const json_t *v = given(p, key);

    if (v && !json_is_string(v))
        return refuse(p->r, REFUSE_BAD_VALUE, key, "\"%s\" must be a string", key);
    if (v)
        *out = json_span(v);
    return 0;
}

int parse_list(struct parse *p, const char *key, const json_t **out)
{
    const json_t *v = given(p, key);

    if (v && !json_is_array(v))
        return refuse(p->r, REFUSE_BAD_VALUE, key, "\"%s\" must be a list", key);
    *out = v;
    return 0;
}

int parse_limit(struct parse *p, const char *key)
{
    int64_t limit = -1;

    if (parse_int(p, key, 0, INT32_MAX, &limit))
        return -1;
    if (limit >= 0) {
        p->q->output_limit = limit ? limit : 1;
        p->q->limit_key = key;
    }
    return 0;
}

int parse_stream_options(struct parse *p)
{
    const json_t *options = given(p, "stream_options");
    const json_t *usage = json_object_get(options, "include_usage");

    if (options && !json_is_object(options))
        return refuse(p->r, REFUSE_BAD_VALUE, "stream_options",
                      "\"stream_options\" must be an object");
    if (usage && !json_is_boolean(usage) && !json_is_null(usage))
        return refuse(p->r, REFUSE_BAD_VALUE, "stream_options.include_usage",
                      "\"stream_options.include_usage\" must be true or false");
    p->q->asks_usage = json_is_true(usage);
    return 0;
}

/*
 * Lists grow in the arena by doubling: a list of n is full when n is a power of two (or 0).
 * Returns the list with room for one more, zeroed; NULL when there is no memory.
 */
static void *room_for_one(struct arena *a, void *list, int n, size_t size)
{
    size_t room = n ? (size_t)n * 2 : 1;
    void *larger;

    if (n & (n - 1))
        return list;
    larger = arena_alloc(a, room * size);
    if (larger && n)
        memcpy(larger, list, (size_t)n * size);
    return larger;
}

struct message *parse_add_message(struct parse *p, struct span role)
{
    struct prompt *prompt = &p->q->prompt;
    struct message *list =
        room_for_one(p->a, prompt->messages, prompt->nmessages, sizeof *prompt->messages);

    if (!list) {
        parse_no_memory(p);
        return NULL;
    }
    prompt->messages = list;
    list[prompt->nmessages].role = role;
    return &list[prompt->nmessages++];
}

struct part *parse_add_part(struct parse *p, struct message *m, enum part_kind kind,
                            struct span text)
{
    struct part *list = room_for_one(p->a, m->parts, m->nparts, sizeof *m->parts);

    if (!list) {
        parse_no_memory(p);
        return NULL;
    }
    m->parts = list;
    list[m->nparts] = (struct part){.kind = kind, .text = text};
    return &list[m->nparts++];
}

struct span parse_json_text(struct parse *p, const json_t *value)
{
    struct buf text;
    struct span kept = {NULL, 0};

    buf_init(&text, 0);
    if (value)
        json_write(&text, value, false);
    if (!text.failed)
        kept = (struct span){arena_copy(p->a, text.n ? text.p : "", text.n), text.n};
    buf_finish(&text);
    return kept;
}

int parse_opaque(struct parse *p, struct message *m, const json_t *part)
{
    struct span text = parse_json_text(p, part);

    if (!text.p)
        return parse_no_memory(p);
    parse_mark_opaque(p);
    return parse_add_part(p, m, PART_UNKNOWN, text) ? 0 : -1;
}

int parse_unknown(struct parse *p, struct message *m, const json_t *part)
{
    parse_mark_unbounded(p);
    return parse_opaque(p, m, part);
}

int parse_image(struct parse *p, struct message *m, struct span url, const json_t *detail)
{
    static const char *const details[] = {[DETAIL_AUTO] = "auto",
                                          [DETAIL_LOW] = "low",
                                          [DETAIL_HIGH] = "high",
                                          [DETAIL_ORIGINAL] = "original"};
    struct part *image = parse_add_part(p, m, PART_IMAGE, (struct span){NULL, 0});

    if (!image)
        return -1;
    image_size_of_url(url, &image->width, &image->height);
    for (size_t i = 0; i < sizeof details / sizeof *details; i++)
        if (span_eq(json_span(detail), span_of(details[i])))
            image->detail = (enum image_detail)i;
    p->q->prompt.media = true;
    return 0;
}

int parse_uncountable(struct parse *p, struct message *m, enum part_kind kind)
{
    parse_mark_unbounded(p);
    p->q->prompt.media = true;
    return parse_add_part(p, m, kind, (struct span){NULL, 0}) ? 0 : -1;
}

/* Whether a schema has a schema inside one of its properties. */
static bool is_nested(const json_t *schema)
{
    const char *key;
    json_t *property;

    if (json_object_get(schema, "$defs") || json_object_get(schema, "definitions"))
        return true;
    json_object_foreach (json_object_get(schema, "properties"), key, property) {
        if (json_object_get(property, "properties") || json_object_get(property, "items") ||
            json_object_get(property, "anyOf") || json_object_get(property, "$ref"))
            return true;
    }
    return false;
}

int parse_schema(struct parse *p, const json_t *schema)
{
    if (!json_is_object(schema))
        return 0;
    p->q->prompt.schema = parse_json_text(p, schema);
    if (!p->q->prompt.schema.p)
        return parse_no_memory(p);
    p->q->prompt.schema_nested = is_nested(schema);
    return 0;
}
