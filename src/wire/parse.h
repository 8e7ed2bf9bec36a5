/* SPDX-License-Identifier: MIT */
#ifndef WIRE_PARSE_H
#define WIRE_PARSE_H

#include "wire/request.h"

/*
 * What the parsers of the five APIs share; private to wire/. A parser walks the parsed tree and
 * builds the prompt in the request's arena. Each function returns 0, or -1 (NULL) with the refusal
 * filled.
 */

struct parse {
    struct arena *a;
    struct request *q;
    struct refusal *r;
    json_t *loaded; /* names of deferred tools that the conversation refers to, or NULL */
};

/* An API: its parser, and the top-level members that it or nothing in pricing depends on. */
struct endpoint {
    int (*parse)(struct parse *p);
    const char *const *known;
};

extern const struct endpoint endpoint_chat, endpoint_responses, endpoint_messages,
    endpoint_embeddings, endpoint_completions;

/* Top-level members. Absent or null: 0 is returned and *out stays as it is. */
int parse_bool(struct parse *p, const char *key, bool *out) MUST_CHECK;
int parse_int(struct parse *p, const char *key, int64_t min, int64_t max, int64_t *out) MUST_CHECK;
int parse_text(struct parse *p, const char *key, struct span *out) MUST_CHECK;
int parse_list(struct parse *p, const char *key, const json_t **out) MUST_CHECK;

/* An output limit: as parse_int(), kept in the request with its key when it is there. */
int parse_limit(struct parse *p, const char *key) MUST_CHECK;

/* stream_options.include_usage */
int parse_stream_options(struct parse *p) MUST_CHECK;

int parse_no_memory(struct parse *p);

/* Appends to the prompt; spans are borrowed. */
struct message *parse_add_message(struct parse *p, struct span role) MUST_CHECK;
struct part *parse_add_part(struct parse *p, struct message *m, enum part_kind kind,
                            struct span text) MUST_CHECK;

/* A part that is kept as JSON. Opaque: it stands for about as many tokens as its text. Unknown: it may
 * stand for anything, so that the request has no bound. */
int parse_opaque(struct parse *p, struct message *m, const json_t *part) MUST_CHECK;
int parse_unknown(struct parse *p, struct message *m, const json_t *part) MUST_CHECK;

/* An image by its URL: a data URL's size is read, a remote one's is unknown. */
int parse_image(struct parse *p, struct message *m, struct span url,
                const json_t *detail) MUST_CHECK;

/* Audio or a file: cannot be counted here and has no bound here. */
int parse_uncountable(struct parse *p, struct message *m, enum part_kind kind) MUST_CHECK;

/* A value's compact JSON in the arena; n == 0 with p == NULL when there is no memory. */
struct span parse_json_text(struct parse *p, const json_t *value);

/* What was seen that leaves the request without a bound, or without a reliable count. */
void parse_mark_opaque(struct parse *p);
void parse_mark_unbounded(struct parse *p);

/* Input that can be billed as that kind, besides the plain one. */
void parse_mark_kind(struct parse *p, enum token_kind kind);

/* Reading the tree: an empty span (p == NULL) for whatever is not a string. */
struct span json_span(const json_t *string);
struct span json_member(const json_t *object, const char *key);

/* Appends a value as JSON, compact or with Python's spaces behind commas and colons. */
void json_write(struct buf *out, const json_t *value, bool spaced);

/* Whether an object has members besides these (a NULL-terminated list). */
bool json_has_others(const json_t *object, const char *const *known);

/* OpenAI's tools in both forms ({"type","function":{…}} and flat), rendered as the models see them.
 */
int parse_openai_tools(struct parse *p, const json_t *tools, const json_t *functions) MUST_CHECK;
int parse_openai_choice(struct parse *p, const json_t *choice) MUST_CHECK;
int parse_openai_tier(struct parse *p) MUST_CHECK;
void parse_openai_cache(struct parse *p);
int parse_anthropic_tools(struct parse *p) MUST_CHECK;
/* A cache_control that an object may have: what is before it can be written to the cache. */
void parse_cache_control(struct parse *p, const json_t *object);

/* The JSON schema of an output format, when it has one. */
int parse_schema(struct parse *p, const json_t *schema) MUST_CHECK;

/* OpenAI's content: a string, or a list of parts of Chat or Responses. */
int parse_openai_content(struct parse *p, struct message *m, const json_t *content,
                         enum part_kind kind) MUST_CHECK;

#endif
