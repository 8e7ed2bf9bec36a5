/* SPDX-License-Identifier: MIT */
#include "meter/image.h"
#include "parse.h"

static const char *const known[] = {"cache_control",
                                    "container",
                                    "context_management",
                                    "inference_geo",
                                    "max_tokens",
                                    "mcp_servers",
                                    "messages",
                                    "metadata",
                                    "model",
                                    "output_config",
                                    "output_format",
                                    "service_tier",
                                    "speed",
                                    "stop_sequences",
                                    "stream",
                                    "system",
                                    "temperature",
                                    "thinking",
                                    "tool_choice",
                                    "tools",
                                    "top_k",
                                    "top_p",
                                    NULL};

static int parse_blocks(struct parse *p, struct message *m, const json_t *content,
                        enum part_kind kind);

static int parse_text_block(struct parse *p, struct message *m, const json_t *block,
                            enum part_kind kind)
{
    const json_t *text = json_object_get(block, "text");

    if (!json_is_string(text))
        return parse_unknown(p, m, block);
    return parse_add_part(p, m, kind, json_span(text)) ? 0 : -1;
}

static int parse_image_block(struct parse *p, struct message *m, const json_t *block,
                             enum part_kind kind)
{
    const json_t *source = json_object_get(block, "source");
    struct part *image;

    (void)kind;
    if (parse_image(p, m, json_member(source, "url"), NULL))
        return -1;
    image = &m->parts[m->nparts - 1];
    if (span_eq(json_member(source, "type"), SPAN("base64")))
        image_size(json_member(source, "data"), &image->width, &image->height);
    return 0;
}

/* A document in plain text, or in blocks, can be counted; a PDF cannot. */
static int parse_document(struct parse *p, struct message *m, const json_t *block,
                          enum part_kind kind)
{
    const json_t *source = json_object_get(block, "source");
    struct span type = json_member(source, "type");

    if (span_eq(type, SPAN("text")) && json_is_string(json_object_get(source, "data")))
        return parse_add_part(p, m, kind, json_member(source, "data")) ? 0 : -1;
    if (span_eq(type, SPAN("content")))
        return parse_blocks(p, m, json_object_get(source, "content"), kind);
    return parse_uncountable(p, m, PART_FILE);
}

static int parse_file(struct parse *p, struct message *m, const json_t *block, enum part_kind kind)
{
    (void)block, (void)kind;
    return parse_uncountable(p, m, PART_FILE);
}

static int parse_tool_use(struct parse *p, struct message *m, const json_t *block,
                          enum part_kind kind)
{
    struct span input = parse_json_text(p, json_object_get(block, "input"));
    struct part *part;

    (void)kind;
    if (!input.p)
        return parse_no_memory(p);
    part = parse_add_part(p, m, PART_TOOL_CALL, input);
    if (!part)
        return -1;
    part->name = json_member(block, "name");
    return 0;
}

/* The result's frame counts even when it is empty. */
static int parse_tool_result(struct parse *p, struct message *m, const json_t *block,
                             enum part_kind kind)
{
    int before = m->nparts;

    (void)kind;
    if (parse_blocks(p, m, json_object_get(block, "content"), PART_TOOL_RESULT))
        return -1;
    if (m->nparts == before && !parse_add_part(p, m, PART_TOOL_RESULT, (struct span){NULL, 0}))
        return -1;
    return 0;
}

static int parse_thinking(struct parse *p, struct message *m, const json_t *block,
                          enum part_kind kind)
{
    (void)kind;
    return parse_add_part(p, m, PART_THINKING, json_member(block, "thinking")) ? 0 : -1;
}

/* Encrypted: 4 characters of base64 carry 3 bytes, and about 4 of those are a token. */
static int parse_redacted(struct parse *p, struct message *m, const json_t *block,
                          enum part_kind kind)
{
    struct part *part = parse_add_part(p, m, PART_THINKING, (struct span){NULL, 0});

    (void)kind;
    if (!part)
        return -1;
    part->ntokens = (int64_t)(json_member(block, "data").n * 3 / 16);
    return 0;
}

static int parse_search_result(struct parse *p, struct message *m, const json_t *block,
                               enum part_kind kind)
{
    if (!parse_add_part(p, m, kind, json_member(block, "title")) ||
        !parse_add_part(p, m, kind, json_member(block, "source")))
        return -1;
    return parse_blocks(p, m, json_object_get(block, "content"), kind);
}

/* A deferred tool that a search has found: the model has seen it since. */
static int parse_reference(struct parse *p, struct message *m, const json_t *block,
                           enum part_kind kind)
{
    struct span name = json_member(block, "tool_name");

    (void)kind;
    if (!p->loaded)
        p->loaded = json_object();
    if (name.p && json_object_setn_new(p->loaded, name.p, name.n, json_true()))
        return parse_no_memory(p);
    return parse_opaque(p, m, block);
}

/* What the provider's own tools said, and other text in a shape of its own. */
static int parse_textual(struct parse *p, struct message *m, const json_t *block,
                         enum part_kind kind)
{
    (void)kind;
    return parse_opaque(p, m, block);
}

static const struct {
    const char *type;
    int (*parse)(struct parse *p, struct message *m, const json_t *block, enum part_kind kind);
} block_types[] = {
    {"text", parse_text_block},
    {"image", parse_image_block},
    {"document", parse_document},
    {"tool_use", parse_tool_use},
    {"tool_result", parse_tool_result},
    {"thinking", parse_thinking},
    {"redacted_thinking", parse_redacted},
    {"search_result", parse_search_result},
    {"container_upload", parse_file},
    {"tool_reference", parse_reference},
    {"compaction", parse_textual},
    {"server_tool_use", parse_textual},
    {"mcp_tool_use", parse_textual},
    {"mcp_tool_result", parse_textual},
    {"web_search_tool_result", parse_textual},
    {"web_fetch_tool_result", parse_textual},
    {"code_execution_tool_result", parse_textual},
    {"bash_code_execution_tool_result", parse_textual},
    {"text_editor_code_execution_tool_result", parse_textual},
    {"tool_search_tool_result", parse_textual},
    {"advisor_tool_result", parse_textual},
};

void parse_cache_control(struct parse *p, const json_t *object)
{
    const json_t *control = json_object_get(object, "cache_control");

    if (!control || json_is_null(control))
        return;
    parse_mark_kind(p, TOK_CACHE_READ);
    parse_mark_kind(p, TOK_CACHE_WRITE_5M);
    if (json_object_get(control, "ttl") && !span_eq(json_member(control, "ttl"), SPAN("5m")))
        parse_mark_kind(p, TOK_CACHE_WRITE_1H);
}

static int parse_block(struct parse *p, struct message *m, const json_t *block, enum part_kind kind)
{
    struct span type = json_member(block, "type");

    parse_cache_control(p, block);
    for (size_t i = 0; i < sizeof block_types / sizeof *block_types; i++)
        if (span_eq(type, span_of(block_types[i].type)))
            return block_types[i].parse(p, m, block, kind);
    return parse_unknown(p, m, block);
}

static int parse_blocks(struct parse *p, struct message *m, const json_t *content,
                        enum part_kind kind)
{
    const json_t *block;
    size_t i;

    if (!content || json_is_null(content))
        return 0;
    if (json_is_string(content))
        return parse_add_part(p, m, kind, json_span(content)) ? 0 : -1;
    if (!json_is_array(content))
        return parse_unknown(p, m, content);
    json_array_foreach (content, i, block)
        if (parse_block(p, m, block, kind))
            return -1;
    return 0;
}

static int parse_message(struct parse *p, const json_t *messages, size_t i)
{
    static const char *const known_in_message[] = {"role", "content", NULL};
    const json_t *message = json_array_get(messages, i), *role = json_object_get(message, "role");
    struct message *m;

    if (!json_is_object(message))
        return refuse(p->r, REFUSE_BAD_VALUE, "messages", "\"messages[%zu]\" must be an object", i);
    if (!json_is_string(role))
        return refuse(p->r, REFUSE_BAD_VALUE, "messages", "\"messages[%zu].role\" must be a string",
                      i);
    m = parse_add_message(p, json_span(role));
    if (!m)
        return -1;
    if (json_has_others(message, known_in_message))
        parse_mark_opaque(p);
    return parse_blocks(p, m, json_object_get(message, "content"), PART_TEXT);
}

static int parse_conversation(struct parse *p)
{
    const json_t *messages = json_object_get(p->q->root, "messages");
    const json_t *system = json_object_get(p->q->root, "system");
    struct message *m;

    if (!json_is_array(messages))
        return refuse(p->r, REFUSE_BAD_VALUE, "messages",
                      messages ? "\"messages\" must be a list"
                               : "\"messages\" is missing; send a list of messages");
    if (system && !json_is_null(system)) {
        m = parse_add_message(p, SPAN("system"));
        if (!m || parse_blocks(p, m, system, PART_TEXT))
            return -1;
    }
    for (size_t i = 0; i < json_array_size(messages); i++)
        if (parse_message(p, messages, i))
            return -1;
    return 0;
}

static int parse_output_format(struct parse *p)
{
    static const char *const known_in_config[] = {"effort", "format", NULL};
    const json_t *root = p->q->root, *config = json_object_get(root, "output_config");
    const json_t *format = json_object_get(config, "format");

    if (json_has_others(config, known_in_config))
        parse_mark_opaque(p);

    if (!format)
        format = json_object_get(root, "output_format");
    return parse_schema(p, json_object_get(format, "schema"));
}

static int parse_rates(struct parse *p)
{
    struct span tier = {NULL, 0}, speed = {NULL, 0}, geo = {NULL, 0};

    if (parse_text(p, "service_tier", &tier) || parse_text(p, "speed", &speed) ||
        parse_text(p, "inference_geo", &geo))
        return -1;
    if (span_eq(speed, SPAN("fast")))
        p->q->tier = TIER_FAST;
    p->q->us_only = span_eq(geo, SPAN("us"));
    return 0;
}

/* Tools and content that the provider fetches or runs by itself, in calls of their own. */
static void mark_hidden(struct parse *p)
{
    static const char *const hidden[] = {"mcp_servers", "container", "context_management"};

    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        const json_t *v = json_object_get(p->q->root, hidden[i]);
        if (json_is_string(v) || json_array_size(v) || json_object_size(v))
            parse_mark_unbounded(p);
    }
}

static int parse_anthropic(struct parse *p)
{
    const json_t *thinking = json_object_get(p->q->root, "thinking");

    p->q->limit_key = "max_tokens";
    p->q->prompt.thinking = span_eq(json_member(thinking, "type"), SPAN("enabled"));
    if (parse_conversation(p) || parse_limit(p, "max_tokens") || parse_rates(p) ||
        parse_anthropic_tools(p) || parse_output_format(p))
        return -1;
    mark_hidden(p);
    parse_cache_control(p, p->q->root);
    return 0;
}

const struct endpoint endpoint_messages = {parse_anthropic, known};
