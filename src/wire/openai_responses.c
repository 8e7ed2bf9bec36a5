/* SPDX-License-Identifier: MIT */
#include "parse.h"

static const char *const known[] = {"background",
                                    "context_management",
                                    "conversation",
                                    "include",
                                    "input",
                                    "instructions",
                                    "max_output_tokens",
                                    "max_tool_calls",
                                    "metadata",
                                    "model",
                                    "parallel_tool_calls",
                                    "previous_response_id",
                                    "prompt",
                                    "prompt_cache_key",
                                    "prompt_cache_options",
                                    "prompt_cache_retention",
                                    "reasoning",
                                    "safety_identifier",
                                    "service_tier",
                                    "store",
                                    "stream",
                                    "stream_options",
                                    "temperature",
                                    "text",
                                    "tool_choice",
                                    "tools",
                                    "top_logprobs",
                                    "top_p",
                                    "truncation",
                                    "user",
                                    NULL};

#define LOOK_BACK                                                                                  \
    64 /* how many earlier items are looked at for the call that an output answers                 \
        */

static struct span answered_name(const json_t *items, size_t at, struct span id)
{
    for (size_t looked = 0; at-- > 0 && looked < LOOK_BACK; looked++) {
        const json_t *item = json_array_get(items, at);
        struct span name = json_member(item, "name");
        if (name.p && span_eq(json_member(item, "call_id"), id))
            return name;
    }
    return (struct span){NULL, 0};
}

static int add_call(struct parse *p, const json_t *item, const char *arguments)
{
    struct message *m = parse_add_message(p, SPAN("assistant"));
    struct part *part =
        m ? parse_add_part(p, m, PART_TOOL_CALL, json_member(item, arguments)) : NULL;

    if (!part)
        return -1;
    part->name = json_member(item, "name");
    return 0;
}

static int parse_call(struct parse *p, const json_t *items, size_t i)
{
    return add_call(p, json_array_get(items, i), "arguments");
}

static int parse_custom_call(struct parse *p, const json_t *items, size_t i)
{
    return add_call(p, json_array_get(items, i), "input");
}

static int parse_output(struct parse *p, const json_t *items, size_t i)
{
    const json_t *item = json_array_get(items, i);
    struct message *m = parse_add_message(p, SPAN("tool"));
    struct span name = answered_name(items, i, json_member(item, "call_id"));

    if (!m || parse_openai_content(p, m, json_object_get(item, "output"), PART_TOOL_RESULT))
        return -1;
    for (int k = 0; k < m->nparts; k++)
        m->parts[k].name = name;
    return 0;
}

/* Base64 of encrypted thoughts: 4 characters carry 3 bytes, and about 4 of those are a token. */
static int64_t hidden_tokens(struct span encrypted)
{
    return (int64_t)(encrypted.n * 3 / 16);
}

static int parse_reasoning(struct parse *p, const json_t *items, size_t i)
{
    const json_t *item = json_array_get(items, i);
    struct message *m = parse_add_message(p, SPAN("assistant"));
    struct part *part;

    if (!m || parse_openai_content(p, m, json_object_get(item, "summary"), PART_THINKING))
        return -1;
    part = parse_add_part(p, m, PART_THINKING, (struct span){NULL, 0});
    if (!part)
        return -1;
    part->ntokens = hidden_tokens(json_member(item, "encrypted_content"));
    return 0;
}

static int parse_message(struct parse *p, const json_t *items, size_t i)
{
    const json_t *item = json_array_get(items, i), *role = json_object_get(item, "role");
    struct message *m;

    if (!json_is_string(role))
        return refuse(p->r, REFUSE_BAD_VALUE, "input", "\"input[%zu].role\" must be a string", i);
    m = parse_add_message(p, json_span(role));
    if (!m)
        return -1;
    return parse_openai_content(p, m, json_object_get(item, "content"), PART_TEXT);
}

/* Something that stands for input which only the provider has. */
static int parse_reference(struct parse *p, const json_t *items, size_t i)
{
    (void)items, (void)i;
    parse_mark_unbounded(p);
    return 0;
}

/* What tools were called with and what they said, in a shape of its own. */
static int parse_textual(struct parse *p, const json_t *items, size_t i)
{
    struct message *m = parse_add_message(p, SPAN("assistant"));

    return m ? parse_opaque(p, m, json_array_get(items, i)) : -1;
}

static const struct {
    const char *type;
    int (*parse)(struct parse *p, const json_t *items, size_t i);
} item_types[] = {
    {"message", parse_message},
    {"function_call", parse_call},
    {"function_call_output", parse_output},
    {"custom_tool_call", parse_custom_call},
    {"custom_tool_call_output", parse_output},
    {"reasoning", parse_reasoning},
    {"item_reference", parse_reference},
    {"web_search_call", parse_textual},
    {"file_search_call", parse_textual},
    {"code_interpreter_call", parse_textual},
    {"local_shell_call", parse_textual},
    {"local_shell_call_output", parse_textual},
    {"shell_call", parse_textual},
    {"shell_call_output", parse_textual},
    {"apply_patch_call", parse_textual},
    {"apply_patch_call_output", parse_textual},
    {"tool_search_call", parse_textual},
    {"tool_search_output", parse_textual},
    {"mcp_list_tools", parse_textual},
    {"mcp_call", parse_textual},
    {"mcp_approval_request", parse_textual},
    {"mcp_approval_response", parse_textual},
};

static int parse_item(struct parse *p, const json_t *items, size_t i)
{
    const json_t *item = json_array_get(items, i);
    struct span type = json_member(item, "type");
    struct message *m;

    if (!json_is_object(item))
        return refuse(p->r, REFUSE_BAD_VALUE, "input", "\"input[%zu]\" must be an object", i);
    if (!json_object_get(item, "type"))
        return parse_message(p, items, i);
    for (size_t k = 0; k < sizeof item_types / sizeof *item_types; k++)
        if (span_eq(type, span_of(item_types[k].type)))
            return item_types[k].parse(p, items, i);
    m = parse_add_message(p, SPAN("assistant"));
    return m ? parse_unknown(p, m, item) : -1;
}

static int add_text(struct parse *p, struct span role, struct span text)
{
    struct message *m = parse_add_message(p, role);

    return m && parse_add_part(p, m, PART_TEXT, text) ? 0 : -1;
}

static int parse_input(struct parse *p)
{
    const json_t *input = json_object_get(p->q->root, "input");
    struct span instructions = {NULL, 0};

    if (parse_text(p, "instructions", &instructions) ||
        (instructions.n && add_text(p, SPAN("system"), instructions)))
        return -1;
    if (!input || json_is_null(input)) /* it may stand in a stored prompt or conversation */
        return 0;
    if (json_is_string(input))
        return add_text(p, SPAN("user"), json_span(input));
    if (!json_is_array(input))
        return refuse(p->r, REFUSE_BAD_VALUE, "input", "\"input\" must be a string or a list");
    for (size_t i = 0; i < json_array_size(input); i++)
        if (parse_item(p, input, i))
            return -1;
    return 0;
}

/* What the provider adds from its own store, or runs more than once for one answer. */
static void mark_hidden(struct parse *p)
{
    static const char *const stored[] = {"previous_response_id", "conversation", "prompt",
                                         "context_management"};
    const json_t *reasoning = json_object_get(p->q->root, "reasoning");

    for (size_t i = 0; i < sizeof stored / sizeof *stored; i++) {
        const json_t *v = json_object_get(p->q->root, stored[i]);
        if (v && !json_is_null(v))
            parse_mark_unbounded(p);
    }
    if (span_eq(json_member(reasoning, "mode"), SPAN("pro")))
        parse_mark_unbounded(p);
}

static int parse_responses(struct parse *p)
{
    const json_t *root = p->q->root, *tools = NULL, *text = json_object_get(root, "text");

    p->q->limit_key = "max_output_tokens";
    if (parse_input(p) || parse_limit(p, "max_output_tokens") || parse_openai_tier(p) ||
        parse_list(p, "tools", &tools) || parse_openai_tools(p, tools, NULL) ||
        parse_openai_choice(p, json_object_get(root, "tool_choice")) ||
        parse_schema(p, json_object_get(json_object_get(text, "format"), "schema")))
        return -1;
    mark_hidden(p);
    parse_openai_cache(p);
    return 0;
}

const struct endpoint endpoint_responses = {parse_responses, known};
