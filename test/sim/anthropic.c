/* SPDX-License-Identifier: MIT */
/* Messages: whole, or as a stream whose usage is stated at its start and, cumulative, at its end.
 */
#include "dialect.h"

#include <string.h>

static const char *stop_reason(const struct ask *ask)
{
    if (ask->script->finish)
        return ask->script->finish;
    if (ask->script->tool)
        return "tool_use";
    return ask->was_cut ? "max_tokens" : "end_turn";
}

static void put_searches(const struct ask *ask, struct answer *a)
{
    if (ask->script->web_searches)
        buf_printf(&a->body, ",\"server_tool_use\":{\"web_search_requests\":%lld}",
                   ask->script->web_searches);
}

static void put_usage(const struct ask *ask, struct answer *a, int64_t output)
{
    const struct usage *u = &ask->usage;
    long long write_5m = u->cache_write > 0 ? u->cache_write : 0;
    long long write_1h = u->cache_write_1h > 0 ? u->cache_write_1h : 0;

    buf_printf(&a->body,
               "{\"input_tokens\":%lld,\"cache_creation_input_tokens\":%lld,"
               "\"cache_read_input_tokens\":%lld,\"cache_creation\":{"
               "\"ephemeral_5m_input_tokens\":%lld,\"ephemeral_1h_input_tokens\":%lld},"
               "\"output_tokens\":%lld,\"service_tier\":\"%s\"",
               ask_figure(ask, u->input), write_5m + write_1h,
               (long long)(u->cached > 0 ? u->cached : 0), write_5m, write_1h,
               ask_figure(ask, output),
               ask->script->service_tier ? ask->script->service_tier : "standard");
    put_searches(ask, a);
    buf_puts(&a->body, "}");
    a->states_usage = true;
}

static void put_head(const struct ask *ask, struct answer *a)
{
    buf_printf(&a->body,
               "{\"id\":\"msg_sim%08llu\",\"type\":\"message\",\"role\":\"assistant\","
               "\"model\":\"%s\",\"content\":[",
               (unsigned long long)ask->id, ask->model);
}

static void put_text_block(struct answer *a, struct slice text)
{
    buf_puts(&a->body, "{\"type\":\"text\",\"text\":");
    buf_json(&a->body, text.at ? text.at : "", text.len);
    buf_puts(&a->body, "}");
}

static void put_tool_block(const struct ask *ask, struct answer *a, const char *input)
{
    buf_printf(&a->body, "{\"type\":\"tool_use\",\"id\":\"toolu_sim%08llu\",\"name\":",
               (unsigned long long)ask->id);
    buf_json(&a->body, ask->script->tool, strlen(ask->script->tool));
    buf_printf(&a->body, ",\"input\":%s}", input);
}

static const char *tool_args(const struct ask *ask)
{
    return ask->script->tool_args ? ask->script->tool_args : "{}";
}

static void message_whole(const struct ask *ask, struct answer *a)
{
    answer_open(a, NULL);
    put_head(ask, a);
    if (ask->script->tool)
        put_tool_block(ask, a, tool_args(ask));
    else
        put_text_block(a, (struct slice){ask->text.bytes, ask->text.len});
    buf_printf(&a->body, "],\"stop_reason\":\"%s\",\"stop_sequence\":null", stop_reason(ask));
    if (ask_states_usage(ask)) {
        buf_puts(&a->body, ",\"usage\":");
        put_usage(ask, a, ask->usage.output);
    }
    buf_puts(&a->body, "}");
    answer_close(a, true);
}

static void start_event(const struct ask *ask, struct answer *a)
{
    answer_open(a, "message_start");
    buf_puts(&a->body, "{\"type\":\"message_start\",\"message\":");
    put_head(ask, a);
    buf_puts(&a->body, "],\"stop_reason\":null,\"stop_sequence\":null");
    if (ask_states_usage(ask)) {
        buf_puts(&a->body, ",\"usage\":");
        put_usage(ask, a, ask->script->start_output);
    }
    buf_puts(&a->body, "}}");
    answer_close(a, false);
}

static void block_start_event(const struct ask *ask, struct answer *a)
{
    answer_open(a, "content_block_start");
    buf_puts(&a->body, "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":");
    if (ask->script->tool)
        put_tool_block(ask, a, "{}");
    else
        put_text_block(a, (struct slice){0});
    buf_puts(&a->body, "}");
    answer_close(a, false);
}

static void delta_event(struct answer *a, const char *type, const char *member, struct slice text)
{
    answer_open(a, "content_block_delta");
    buf_printf(&a->body,
               "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"%s\",\"%s\":",
               type, member);
    buf_json(&a->body, text.at, text.len);
    buf_puts(&a->body, "}}");
    answer_close(a, true);
}

static void simple_event(struct answer *a, const char *name, const char *json)
{
    answer_open(a, name);
    buf_puts(&a->body, json);
    answer_close(a, false);
}

/* The closing usage is cumulative; an input stated again replaces the first (server
 * tools make it grow). Other figures may be left out, and are. */
static void message_delta_event(const struct ask *ask, struct answer *a)
{
    answer_open(a, "message_delta");
    buf_printf(&a->body,
               "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"%s\","
               "\"stop_sequence\":null}",
               stop_reason(ask));
    if (ask_states_usage(ask)) {
        buf_puts(&a->body, ",\"usage\":{");
        if (ask->script->final_input >= 0)
            buf_printf(&a->body, "\"input_tokens\":%lld,", ask->script->final_input);
        buf_printf(&a->body, "\"output_tokens\":%lld", ask_figure(ask, ask->usage.output));
        put_searches(ask, a);
        buf_puts(&a->body, "}");
    }
    buf_puts(&a->body, "}");
    answer_close(a, false);
}

static void message_stream(const struct ask *ask, struct answer *a)
{
    const char *args = tool_args(ask);
    size_t len = strlen(args);

    start_event(ask, a);
    block_start_event(ask, a);
    simple_event(a, "ping", "{\"type\": \"ping\"}");
    if (ask->script->tool) {
        delta_event(a, "input_json_delta", "partial_json", (struct slice){args, len / 2});
        delta_event(a, "input_json_delta", "partial_json",
                    (struct slice){args + len / 2, len - len / 2});
    }
    for (size_t i = 0; i < ask->chunks && !ask->script->tool; i++)
        delta_event(a, "text_delta", "text", ask_chunk(ask, i));
    simple_event(a, "content_block_stop", "{\"type\":\"content_block_stop\",\"index\":0}");
    message_delta_event(ask, a);
    simple_event(a, "message_stop", "{\"type\":\"message_stop\"}");
    answer_mark_last(a);
}

void anthropic_messages(const struct ask *ask, struct answer *a)
{
    if (ask->stream)
        message_stream(ask, a);
    else
        message_whole(ask, a);
}

void anthropic_count_tokens(const struct ask *ask, struct answer *a)
{
    a->stream = false;
    answer_open(a, NULL);
    buf_printf(&a->body, "{\"input_tokens\":%lld}", (long long)ask->usage.input);
    answer_close(a, false);
}
