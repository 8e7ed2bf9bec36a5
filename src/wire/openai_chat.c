/* SPDX-License-Identifier: MIT */
#include "parse.h"

static const char *const known[] = {"audio",
                                    "frequency_penalty",
                                    "function_call",
                                    "functions",
                                    "logit_bias",
                                    "logprobs",
                                    "max_completion_tokens",
                                    "max_tokens",
                                    "messages",
                                    "metadata",
                                    "modalities",
                                    "model",
                                    "n",
                                    "parallel_tool_calls",
                                    "prediction",
                                    "presence_penalty",
                                    "prompt_cache_key",
                                    "prompt_cache_options",
                                    "prompt_cache_retention",
                                    "reasoning_effort",
                                    "response_format",
                                    "safety_identifier",
                                    "seed",
                                    "service_tier",
                                    "stop",
                                    "store",
                                    "stream",
                                    "stream_options",
                                    "temperature",
                                    "tool_choice",
                                    "tools",
                                    "top_logprobs",
                                    "top_p",
                                    "user",
                                    "verbosity",
                                    "web_search_options",
                                    NULL};

static const char *const known_in_message[] = {
    "role",          "content", "name",  "tool_calls",  "tool_call_id",
    "function_call", "refusal", "audio", "annotations", NULL};

#define LOOK_BACK 64 /* how many earlier calls are looked at for the one that a result answers */

static struct span call_name(const json_t *call)
{
    const json_t *f = json_object_get(call, "function");

    return json_member(f ? f : json_object_get(call, "custom"), "name");
}

/* The name of the tool that the result messages[at] comes from. */
static struct span answered_name(const json_t *messages, size_t at, struct span id)
{
    size_t looked = 0, i;
    const json_t *call;

    while (at-- > 0 && looked < LOOK_BACK) {
        const json_t *calls = json_object_get(json_array_get(messages, at), "tool_calls");
        json_array_foreach(calls, i, call)
        {
            if (span_eq(json_member(call, "id"), id))
                return call_name(call);
            if (++looked == LOOK_BACK)
                break;
        }
        looked++;
    }
    return (struct span){NULL, 0};
}

static int add_call(struct parse *p, struct message *m, struct span name, struct span arguments)
{
    struct part *part = parse_add_part(p, m, PART_TOOL_CALL, arguments);

    if (part)
        part->name = name;
    return part ? 0 : -1;
}

static int parse_calls(struct parse *p, struct message *m, const json_t *message)
{
    const json_t *legacy = json_object_get(message, "function_call"), *call;
    size_t i;

    if (json_is_object(legacy) &&
        add_call(p, m, json_member(legacy, "name"), json_member(legacy, "arguments")))
        return -1;
    json_array_foreach(json_object_get(message, "tool_calls"), i, call)
    {
        const json_t *f = json_object_get(call, "function");
        struct span arguments =
            f ? json_member(f, "arguments") : json_member(json_object_get(call, "custom"), "input");
        if (add_call(p, m, call_name(call), arguments))
            return -1;
    }
    return 0;
}

static int parse_message(struct parse *p, const json_t *messages, size_t i)
{
    const json_t *message = json_array_get(messages, i);
    const json_t *role = json_object_get(message, "role");
    struct span id = json_member(message, "tool_call_id");
    bool result =
        span_eq(json_span(role), SPAN("tool")) || span_eq(json_span(role), SPAN("function"));
    struct message *m;

    if (!json_is_object(message))
        return refuse(p->r, REFUSE_BAD_VALUE, "messages", "\"messages[%zu]\" must be an object", i);
    if (!json_is_string(role))
        return refuse(p->r, REFUSE_BAD_VALUE, "messages", "\"messages[%zu].role\" must be a string",
                      i);
    m = parse_add_message(p, json_span(role));
    if (!m)
        return -1;
    m->name = json_member(message, "name");
    if (parse_openai_content(p, m, json_object_get(message, "content"),
                             result ? PART_TOOL_RESULT : PART_TEXT))
        return -1;
    if (result)
        for (int k = 0; k < m->nparts; k++)
            m->parts[k].name = id.p ? answered_name(messages, i, id) : m->name;
    if (json_is_string(json_object_get(message, "refusal")) &&
        !parse_add_part(p, m, PART_TEXT, json_member(message, "refusal")))
        return -1;
    if (json_is_object(json_object_get(message, "audio")) && parse_uncountable(p, m, PART_AUDIO))
        return -1;
    if (json_has_others(message, known_in_message))
        parse_mark_opaque(p);
    return parse_calls(p, m, message);
}

static int parse_messages(struct parse *p)
{
    const json_t *messages = json_object_get(p->q->root, "messages");

    if (!json_is_array(messages))
        return refuse(p->r, REFUSE_BAD_VALUE, "messages",
                      messages ? "\"messages\" must be a list"
                               : "\"messages\" is missing; send a list of messages");
    for (size_t i = 0; i < json_array_size(messages); i++)
        if (parse_message(p, messages, i))
            return -1;
    return 0;
}

static int parse_format(struct parse *p)
{
    const json_t *format = json_object_get(p->q->root, "response_format");

    return parse_schema(p, json_object_get(json_object_get(format, "json_schema"), "schema"));
}

/* OpenAI's own models refuse max_tokens when they reason; other providers know only that one. */
static const char *limit_to_add(struct span model)
{
    static const char *const own[] = {"gpt-", "chatgpt-", "o1", "o3", "o4", "ft:"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (span_starts(model, span_of(own[i])))
            return "max_completion_tokens";
    return "max_tokens";
}

/* Audio answers, searches and rejected predictions cost what no token bound covers. */
static void mark_extras(struct parse *p)
{
    static const char *const extras[] = {"web_search_options", "prediction", "audio"};

    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++)
        if (json_is_object(json_object_get(p->q->root, extras[i])))
            parse_mark_unbounded(p);
}

static int parse_chat(struct parse *p)
{
    const json_t *root = p->q->root, *tools = NULL, *functions = NULL;

    p->q->limit_key = limit_to_add(p->q->model);
    if (parse_messages(p) || parse_limit(p, "max_tokens") ||
        parse_limit(p, "max_completion_tokens") || parse_int(p, "n", 1, 128, &p->q->n) ||
        parse_stream_options(p) || parse_openai_tier(p) || parse_list(p, "tools", &tools) ||
        parse_list(p, "functions", &functions) || parse_openai_tools(p, tools, functions) ||
        parse_openai_choice(p,
                            json_object_get(root, functions ? "function_call" : "tool_choice")) ||
        parse_format(p))
        return -1;
    mark_extras(p);
    parse_openai_cache(p);
    return 0;
}

const struct endpoint endpoint_chat = {parse_chat, known};
