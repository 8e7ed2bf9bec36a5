/* SPDX-License-Identifier: MIT */
#include "parse.h"

/* What a content part of OpenAI's is, by its type; text stands in the named member. */
enum content { CONTENT_TEXT, CONTENT_IMAGE, CONTENT_AUDIO, CONTENT_FILE };

static const struct {
    const char *type;
    enum content is;
    const char *member;
} contents[] = {
    {"text", CONTENT_TEXT, "text"},           {"input_text", CONTENT_TEXT, "text"},
    {"output_text", CONTENT_TEXT, "text"},    {"summary_text", CONTENT_TEXT, "text"},
    {"reasoning_text", CONTENT_TEXT, "text"}, {"refusal", CONTENT_TEXT, "refusal"},
    {"image_url", CONTENT_IMAGE, NULL},       {"input_image", CONTENT_IMAGE, NULL},
    {"input_audio", CONTENT_AUDIO, NULL},     {"file", CONTENT_FILE, NULL},
    {"input_file", CONTENT_FILE, NULL},
};

/* Chat: "image_url":{"url","detail"}. Responses: "image_url":"…" beside "detail", or a "file_id".
 */
static int parse_image_part(struct parse *p, struct message *m, const json_t *part)
{
    const json_t *image = json_object_get(part, "image_url");

    if (json_is_object(image))
        return parse_image(p, m, json_member(image, "url"), json_object_get(image, "detail"));
    return parse_image(p, m, json_span(image), json_object_get(part, "detail"));
}

static int parse_part(struct parse *p, struct message *m, const json_t *part, enum part_kind kind)
{
    struct span type = json_member(part, "type");
    size_t i = 0, n = sizeof contents / sizeof *contents;

    while (i < n && !span_eq(type, span_of(contents[i].type)))
        i++;
    if (i == n)
        return parse_unknown(p, m, part);
    switch (contents[i].is) {
    case CONTENT_IMAGE:
        return parse_image_part(p, m, part);
    case CONTENT_AUDIO:
        return parse_uncountable(p, m, PART_AUDIO);
    case CONTENT_FILE:
        return parse_uncountable(p, m, PART_FILE);
    case CONTENT_TEXT:
        break;
    }
    if (!json_is_string(json_object_get(part, contents[i].member)))
        return parse_unknown(p, m, part);
    return parse_add_part(p, m, kind, json_member(part, contents[i].member)) ? 0 : -1;
}

int parse_openai_content(struct parse *p, struct message *m, const json_t *content,
                         enum part_kind kind)
{
    const json_t *part;
    size_t i;

    if (!content || json_is_null(content))
        return 0;
    if (json_is_string(content))
        return parse_add_part(p, m, kind, json_span(content)) ? 0 : -1;
    if (!json_is_array(content))
        return parse_unknown(p, m, content);
    json_array_foreach(content, i, part) if (parse_part(p, m, part, kind)) return -1;
    return 0;
}

/* The provider caches by itself, and writes at a price that depends on how long it keeps:
 * prompt_cache_options.ttl is what is billed. The older prompt_cache_retention says how long a prefix may
 * stay at most ("24h" for all newer models), so that only its own "12h" means as much. */
void parse_openai_cache(struct parse *p)
{
    const json_t *root = p->q->root;
    struct span ttl = json_member(json_object_get(root, "prompt_cache_options"), "ttl");
    struct span kept = json_member(root, "prompt_cache_retention");

    parse_mark_kind(p, TOK_CACHE_READ);
    parse_mark_kind(p, TOK_CACHE_WRITE_30M);
    p->q->cache_12h = span_eq(ttl, SPAN("12h")) || span_eq(kept, SPAN("12h"));
    if (p->q->cache_12h || (ttl.n && !span_eq(ttl, SPAN("30m"))))
        parse_mark_kind(p, TOK_CACHE_WRITE_12H);
}

int parse_openai_tier(struct parse *p)
{
    static const struct {
        const char *name;
        enum service_tier tier;
    } tiers[] = {{"flex", TIER_FLEX},     {"batch", TIER_BATCH},      {"priority", TIER_PRIORITY},
                 {"fast", TIER_PRIORITY}, {"scale", TIER_STANDARD},   {"default", TIER_STANDARD},
                 {"auto", TIER_STANDARD}, {"standard", TIER_STANDARD}};
    struct span name = {NULL, 0};

    if (parse_text(p, "service_tier", &name))
        return -1;
    if (!name.p)
        return 0;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        if (span_eq(name, span_of(tiers[i].name))) {
            p->q->tier = tiers[i].tier;
            return 0;
        }
    }
    p->q->tier = TIER_PRIORITY; /* a tier that is new to us is hardly a cheap one */
    parse_mark_unbounded(p);
    return 0;
}
