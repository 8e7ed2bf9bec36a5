/* SPDX-License-Identifier: MIT */
/* The Responses API: one object, or its life told in numbered events. */
#include "dialect.h"

#include <string.h>

enum form { FORM_EMPTY, FORM_FULL };

static const char *status_of(const struct ask *ask)
{
    const char *finish = ask->script->finish;

    if (finish && (strcmp(finish, "failed") == 0 || strcmp(finish, "cancelled") == 0))
        return finish;
    if (ask->was_cut || (finish && strcmp(finish, "stop") != 0))
        return "incomplete";
    return "completed";
}

static void put_usage(const struct ask *ask, struct answer *a)
{
    const struct usage *u = &ask->usage;

    buf_printf(&a->body, "{\"input_tokens\":%lld,\"input_tokens_details\":{\"cached_tokens\":%lld",
               ask_figure(ask, u->input), (long long)(u->cached > 0 ? u->cached : 0));
    if (u->cache_write >= 0)
        buf_printf(&a->body, ",\"cache_write_tokens\":%lld", (long long)u->cache_write);
    buf_printf(&a->body,
               "},\"output_tokens\":%lld,\"output_tokens_details\":{\"reasoning_tokens\":%lld},"
               "\"total_tokens\":%lld}",
               ask_figure(ask, u->output), (long long)(u->reasoning > 0 ? u->reasoning : 0),
               ask_figure(ask, u->input + u->output));
    a->states_usage = true;
}

static void put_text_part(const struct ask *ask, struct answer *a, enum form form)
{
    buf_puts(&a->body, "{\"type\":\"output_text\",\"text\":");
    buf_json(&a->body, ask->text.bytes ? ask->text.bytes : "",
             form == FORM_FULL ? ask->text.len : 0);
    buf_puts(&a->body, ",\"annotations\":[],\"logprobs\":[]}");
}

static void put_item(const struct ask *ask, struct answer *a, enum form form)
{
    const char *args = ask->script->tool_args ? ask->script->tool_args : "{}";
    const char *status = form == FORM_FULL ? "completed" : "in_progress";
    unsigned long long id = ask->id;

    if (ask->script->tool) {
        buf_printf(&a->body,
                   "{\"id\":\"fc_sim%08llu\",\"type\":\"function_call\",\"status\":\"%s\","
                   "\"call_id\":\"call_sim%08llu\",\"name\":",
                   id, status, id);
        buf_json(&a->body, ask->script->tool, strlen(ask->script->tool));
        buf_puts(&a->body, ",\"arguments\":");
        buf_json(&a->body, args, form == FORM_FULL ? strlen(args) : 0);
        buf_puts(&a->body, "}");
        return;
    }
    buf_printf(&a->body,
               "{\"id\":\"msg_sim%08llu\",\"type\":\"message\",\"status\":\"%s\","
               "\"role\":\"assistant\",\"content\":[",
               id, status);
    if (form == FORM_FULL)
        put_text_part(ask, a, FORM_FULL);
    buf_puts(&a->body, "]}");
}

static void put_response(const struct ask *ask, struct answer *a, enum form form)
{
    const char *status = form == FORM_FULL ? status_of(ask) : "in_progress";

    buf_printf(&a->body,
               "{\"id\":\"resp_sim%08llu\",\"object\":\"response\",\"created_at\":1767225600,"
               "\"status\":\"%s\",\"background\":false,\"error\":%s,\"incomplete_details\":%s,"
               "\"instructions\":null,\"max_output_tokens\":null,\"model\":\"%s\",\"output\":[",
               (unsigned long long)ask->id, status,
               strcmp(status, "failed") == 0
                   ? "{\"code\":\"server_error\",\"message\":\"The model failed.\"}"
                   : "null",
               strcmp(status, "incomplete") == 0 ? "{\"reason\":\"max_output_tokens\"}" : "null",
               ask->model);
    if (form == FORM_FULL)
        put_item(ask, a, FORM_FULL);
    buf_printf(&a->body,
               "],\"parallel_tool_calls\":true,\"previous_response_id\":null,"
               "\"service_tier\":\"%s\",\"store\":true,\"temperature\":1.0,"
               "\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],"
               "\"top_p\":1.0,\"truncation\":\"disabled\",\"usage\":",
               ask->script->service_tier ? ask->script->service_tier : "default");
    if (form == FORM_FULL && ask_states_usage(ask))
        put_usage(ask, a);
    else
        buf_puts(&a->body, "null");
    buf_puts(&a->body, ",\"user\":null,\"metadata\":{}}");
}

/* Opens the event `type`, numbered, its object left open. */
static void open_event(struct answer *a, const char *type)
{
    size_t number = a->pieces;

    answer_open(a, type);
    buf_printf(&a->body, "{\"type\":\"%s\",\"sequence_number\":%zu", type, number);
}

static void response_event(const struct ask *ask, struct answer *a, const char *type,
                           enum form form)
{
    open_event(a, type);
    buf_puts(&a->body, ",\"response\":");
    put_response(ask, a, form);
    buf_puts(&a->body, "}");
    answer_close(a, false);
}

static void item_event(const struct ask *ask, struct answer *a, const char *type, enum form form)
{
    open_event(a, type);
    buf_puts(&a->body, ",\"output_index\":0,\"item\":");
    put_item(ask, a, form);
    buf_puts(&a->body, "}");
    answer_close(a, false);
}

/* An event about a part of the item; `member` holds `text`. */
static void part_event(const struct ask *ask, struct answer *a, const char *type,
                       const char *member, struct slice text, bool content)
{
    bool call = ask->script->tool != NULL;

    open_event(a, type);
    buf_printf(&a->body, ",\"item_id\":\"%s_sim%08llu\",\"output_index\":0", call ? "fc" : "msg",
               (unsigned long long)ask->id);
    if (!call)
        buf_puts(&a->body, ",\"content_index\":0,\"logprobs\":[]");
    buf_printf(&a->body, ",\"%s\":", member);
    buf_json(&a->body, text.at ? text.at : "", text.len);
    buf_puts(&a->body, "}");
    answer_close(a, content);
}

static void content_part_event(const struct ask *ask, struct answer *a, const char *type,
                               enum form form)
{
    open_event(a, type);
    buf_printf(&a->body,
               ",\"item_id\":\"msg_sim%08llu\",\"output_index\":0,\"content_index\":0,\"part\":",
               (unsigned long long)ask->id);
    put_text_part(ask, a, form);
    buf_puts(&a->body, "}");
    answer_close(a, false);
}

static void text_events(const struct ask *ask, struct answer *a)
{
    content_part_event(ask, a, "response.content_part.added", FORM_EMPTY);
    for (size_t i = 0; i < ask->chunks; i++)
        part_event(ask, a, "response.output_text.delta", "delta", ask_chunk(ask, i), true);
    part_event(ask, a, "response.output_text.done", "text",
               (struct slice){ask->text.bytes, ask->text.len}, false);
    content_part_event(ask, a, "response.content_part.done", FORM_FULL);
}

static void call_events(const struct ask *ask, struct answer *a)
{
    const char *args = ask->script->tool_args ? ask->script->tool_args : "{}";
    size_t len = strlen(args);

    part_event(ask, a, "response.function_call_arguments.delta", "delta",
               (struct slice){args, len / 2}, true);
    part_event(ask, a, "response.function_call_arguments.delta", "delta",
               (struct slice){args + len / 2, len - len / 2}, true);
    part_event(ask, a, "response.function_call_arguments.done", "arguments",
               (struct slice){args, len}, false);
}

void openai_responses(const struct ask *ask, struct answer *a)
{
    char last[64] = "response.";

    if (!ask->stream) {
        answer_open(a, NULL);
        put_response(ask, a, FORM_FULL);
        answer_close(a, true);
        return;
    }
    response_event(ask, a, "response.created", FORM_EMPTY);
    response_event(ask, a, "response.in_progress", FORM_EMPTY);
    item_event(ask, a, "response.output_item.added", FORM_EMPTY);
    if (ask->script->tool)
        call_events(ask, a);
    else
        text_events(ask, a);
    item_event(ask, a, "response.output_item.done", FORM_FULL);
    strncat(last, status_of(ask), sizeof(last) - strlen(last) - 1);
    response_event(ask, a, last, FORM_FULL);
    answer_mark_last(a);
}

void openai_input_tokens(const struct ask *ask, struct answer *a)
{
    a->stream = false;
    answer_open(a, NULL);
    buf_printf(&a->body, "{\"object\":\"response.input_tokens\",\"input_tokens\":%lld}",
               (long long)ask->usage.input);
    answer_close(a, false);
}
