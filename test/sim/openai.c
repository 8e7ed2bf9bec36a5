/* SPDX-License-Identifier: MIT */
/* Chat Completions and the older Completions, streamed and not, in several providers' shapes. */
#include "dialect.h"

#include <string.h>

#define CREATED 1767225600LL

/* How a provider's streams differ. */
struct shape {
    bool always;       /* states usage without being asked */
    bool on_content;   /* on the last content chunk, not on one of its own */
    bool filter_first; /* begins with a chunk of no choices */
    bool x_groq;
};

static const struct shape shapes[] = {
    [SHAPE_OPENAI] = {0},
    [SHAPE_AZURE] = {.filter_first = true},
    [SHAPE_MISTRAL] = {.always = true, .on_content = true},
    [SHAPE_GROQ] = {.always = true, .x_groq = true},
    [SHAPE_OPENROUTER] = {.always = true, .on_content = true},
    [SHAPE_DEEPSEEK] = {.always = true, .on_content = true},
    [SHAPE_TOGETHER] = {.always = true, .on_content = true},
    [SHAPE_GEMINI] = {.always = true, .on_content = true},
};

static void put_figure(const struct ask *ask, struct answer *a, const char *name, int64_t value)
{
    buf_printf(&a->body, "\"%s\":%lld", name, ask_figure(ask, value));
}

static void put_details(const struct ask *ask, struct answer *a)
{
    const struct usage *u = &ask->usage;

    buf_printf(&a->body, ",\"prompt_tokens_details\":{\"cached_tokens\":%lld,\"audio_tokens\":0",
               (long long)(u->cached > 0 ? u->cached : 0));
    if (u->cache_write >= 0)
        buf_printf(&a->body, ",\"cache_write_tokens\":%lld", (long long)u->cache_write);
    buf_printf(&a->body,
               "},\"completion_tokens_details\":{\"reasoning_tokens\":%lld,\"audio_tokens\":0,"
               "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}",
               (long long)(u->reasoning > 0 ? u->reasoning : 0));
}

/* The words in which each provider says how much of the prompt was cached. */
static void put_usage(const struct ask *ask, struct answer *a)
{
    const struct usage *u = &ask->usage;
    long long cached = u->cached > 0 ? u->cached : 0;
    int64_t output = u->output, total = u->input + u->output;

    if (ask->script->shape == SHAPE_GEMINI && u->reasoning > 0)
        output -= u->reasoning; /* its thoughts show in the total alone */
    buf_puts(&a->body, "{");
    put_figure(ask, a, "prompt_tokens", u->input);
    buf_puts(&a->body, ",");
    put_figure(ask, a, "completion_tokens", output);
    buf_puts(&a->body, ",");
    put_figure(ask, a, "total_tokens", total);
    switch (ask->script->shape) {
    case SHAPE_MISTRAL:
        if (u->cached >= 0)
            buf_printf(&a->body, ",\"num_cached_tokens\":%lld", cached);
        break;
    case SHAPE_TOGETHER:
        if (u->cached >= 0)
            buf_printf(&a->body, ",\"cached_tokens\":%lld", cached);
        break;
    case SHAPE_DEEPSEEK:
        buf_printf(&a->body, ",\"prompt_cache_hit_tokens\":%lld,\"prompt_cache_miss_tokens\":%lld",
                   cached, (long long)u->input - cached);
        break;
    case SHAPE_GROQ:
        buf_puts(&a->body, ",\"queue_time\":0.01,\"prompt_time\":0.02,\"completion_time\":0.03,"
                           "\"total_time\":0.05");
        break;
    case SHAPE_GEMINI:
        break;
    case SHAPE_OPENROUTER:
        put_details(ask, a);
        buf_puts(&a->body, ",\"cost\":0.0042,\"is_byok\":false,\"cost_details\":"
                           "{\"upstream_inference_cost\":null}");
        break;
    default:
        put_details(ask, a);
    }
    buf_puts(&a->body, "}");
    a->states_usage = true;
}

static void put_id(const struct ask *ask, struct answer *a, const char *prefix, const char *object)
{
    buf_printf(&a->body,
               "{\"id\":\"%s-sim%08llu\",\"object\":\"%s\",\"created\":%lld,\"model\":", prefix,
               (unsigned long long)ask->id, object, CREATED);
    buf_printf(&a->body, "\"%s\"", ask->model);
    if (ask->script->service_tier)
        buf_printf(&a->body, ",\"service_tier\":\"%s\"", ask->script->service_tier);
    buf_puts(&a->body, ",\"system_fingerprint\":\"fp_sim\",\"choices\":[");
}

static const char *finish_reason(const struct ask *ask)
{
    if (ask->script->finish)
        return ask->script->finish;
    if (ask->script->tool)
        return "tool_calls";
    return ask->was_cut ? "length" : "stop";
}

/* A call of the scripted function; `index` is stated on streams alone. */
static void put_tool_call(const struct ask *ask, struct answer *a, bool with_args)
{
    const char *args = ask->script->tool_args ? ask->script->tool_args : "{}";

    buf_puts(&a->body, "\"tool_calls\":[{");
    if (a->stream)
        buf_puts(&a->body, "\"index\":0,");
    buf_printf(&a->body, "\"id\":\"call_sim%08llu\",\"type\":\"function\",\"function\":{\"name\":",
               (unsigned long long)ask->id);
    buf_json(&a->body, ask->script->tool, strlen(ask->script->tool));
    buf_puts(&a->body, ",\"arguments\":");
    buf_json(&a->body, args, with_args ? strlen(args) : 0);
    buf_puts(&a->body, "}}]");
}

static void put_message(const struct ask *ask, struct answer *a)
{
    buf_puts(&a->body, "\"message\":{\"role\":\"assistant\",\"content\":");
    if (ask->script->tool) {
        buf_puts(&a->body, "null,");
        put_tool_call(ask, a, true);
    } else {
        buf_json(&a->body, ask->text.bytes ? ask->text.bytes : "", ask->text.len);
    }
    buf_puts(&a->body, ",\"refusal\":null,\"annotations\":[]},\"logprobs\":null");
}

static void chat_whole(const struct ask *ask, struct answer *a)
{
    answer_open(a, NULL);
    put_id(ask, a, "chatcmpl", "chat.completion");
    for (int i = 0; i < ask->choices; i++) {
        buf_printf(&a->body, "%s{\"index\":%d,", i ? "," : "", i);
        put_message(ask, a);
        buf_printf(&a->body, ",\"finish_reason\":\"%s\"}", finish_reason(ask));
    }
    buf_puts(&a->body, "]");
    if (ask_states_usage(ask)) {
        buf_puts(&a->body, ",\"usage\":");
        put_usage(ask, a);
    } else if (ask->usage_kind == USAGE_NULL) {
        buf_puts(&a->body, ",\"usage\":null");
    }
    buf_puts(&a->body, "}");
    answer_close(a, true);
}

/* Ends a chunk whose list of choices is still open. */
static void end_chunk(const struct ask *ask, struct answer *a, bool with_usage, bool content)
{
    const struct shape *shape = &shapes[ask->script->shape];

    buf_puts(&a->body, "]");
    if (with_usage && ask_states_usage(ask)) {
        buf_puts(&a->body,
                 shape->x_groq ? ",\"x_groq\":{\"id\":\"req_sim\",\"usage\":" : ",\"usage\":");
        put_usage(ask, a);
        if (shape->x_groq)
            buf_puts(&a->body, "}");
    } else if (ask->include_usage && ask->usage_kind != USAGE_NONE && !shape->always) {
        buf_puts(&a->body, ",\"usage\":null");
    }
    if (ask->script->shape == SHAPE_OPENAI)
        buf_puts(&a->body, ",\"obfuscation\":\"aB3x\"");
    buf_puts(&a->body, "}");
    answer_close(a, content);
}

static void open_chunk(const struct ask *ask, struct answer *a)
{
    answer_open(a, NULL);
    put_id(ask, a, "chatcmpl", "chat.completion.chunk");
}

static void end_delta(struct answer *a, const char *reason)
{
    buf_printf(&a->body, "},\"logprobs\":null,\"finish_reason\":");
    if (reason)
        buf_printf(&a->body, "\"%s\"}", reason);
    else
        buf_puts(&a->body, "null}");
}

static void chat_tool_events(const struct ask *ask, struct answer *a, int choice)
{
    const char *args = ask->script->tool_args ? ask->script->tool_args : "{}";
    size_t len = strlen(args), half = len / 2;

    open_chunk(ask, a);
    buf_printf(&a->body, "{\"index\":%d,\"delta\":{", choice);
    put_tool_call(ask, a, false);
    end_delta(a, NULL);
    end_chunk(ask, a, false, true);
    for (int part = 0; part < 2; part++) {
        open_chunk(ask, a);
        buf_printf(&a->body,
                   "{\"index\":%d,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
                   "{\"arguments\":",
                   choice);
        buf_json(&a->body, args + (part ? half : 0), part ? len - half : half);
        buf_puts(&a->body, "}}]");
        end_delta(a, NULL);
        end_chunk(ask, a, false, true);
    }
}

static void chat_choice_events(const struct ask *ask, struct answer *a, int choice, bool is_final)
{
    const struct shape *shape = &shapes[ask->script->shape];

    open_chunk(ask, a);
    buf_printf(&a->body,
               "{\"index\":%d,\"delta\":{\"role\":\"assistant\",\"content\":%s,\"refusal\":null",
               choice, ask->script->tool ? "null" : "\"\"");
    end_delta(a, NULL);
    end_chunk(ask, a, false, false);
    if (ask->script->tool)
        chat_tool_events(ask, a, choice);
    for (size_t i = 0; i < ask->chunks && !ask->script->tool; i++) {
        struct slice text = ask_chunk(ask, i);

        open_chunk(ask, a);
        buf_printf(&a->body, "{\"index\":%d,\"delta\":{\"content\":", choice);
        buf_json(&a->body, text.at, text.len);
        end_delta(a, NULL);
        end_chunk(ask, a, false, true);
    }
    open_chunk(ask, a);
    buf_printf(&a->body, "{\"index\":%d,\"delta\":{", choice);
    end_delta(a, finish_reason(ask));
    end_chunk(ask, a, is_final && (shape->on_content || shape->x_groq), false);
}

static void done(struct answer *a)
{
    answer_open(a, NULL);
    buf_puts(&a->body, "[DONE]");
    answer_close(a, false);
    answer_mark_last(a);
}

static void chat_stream(const struct ask *ask, struct answer *a)
{
    const struct shape *shape = &shapes[ask->script->shape];

    if (shape->filter_first) {
        answer_open(a, NULL);
        buf_printf(&a->body,
                   "{\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\","
                   "\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":"
                   "{\"hate\":{\"filtered\":false,\"severity\":\"safe\"}}}]}");
        answer_close(a, false);
    }
    for (int i = 0; i < ask->choices; i++)
        chat_choice_events(ask, a, i, i == ask->choices - 1);
    if (ask->include_usage && !shape->on_content && !shape->x_groq && ask_states_usage(ask)) {
        open_chunk(ask, a);
        end_chunk(ask, a, true, false);
    }
    done(a);
}

void openai_chat(const struct ask *ask, struct answer *a)
{
    if (ask->stream)
        chat_stream(ask, a);
    else
        chat_whole(ask, a);
}

static void completion_choice(struct answer *a, struct slice text, int choice, const char *reason)
{
    buf_puts(&a->body, "{\"text\":");
    buf_json(&a->body, text.at ? text.at : "", text.len);
    buf_printf(&a->body, ",\"index\":%d,\"logprobs\":null,\"finish_reason\":", choice);
    if (reason)
        buf_printf(&a->body, "\"%s\"}", reason);
    else
        buf_puts(&a->body, "null}");
}

static void completion_stream(const struct ask *ask, struct answer *a)
{
    for (size_t i = 0; i < ask->chunks; i++) {
        answer_open(a, NULL);
        put_id(ask, a, "cmpl", "text_completion");
        completion_choice(a, ask_chunk(ask, i), 0,
                          i == ask->chunks - 1 ? finish_reason(ask) : NULL);
        end_chunk(ask, a, false, true);
    }
    if (ask->include_usage && ask_states_usage(ask)) {
        answer_open(a, NULL);
        put_id(ask, a, "cmpl", "text_completion");
        end_chunk(ask, a, true, false);
    }
    done(a);
}

void openai_completions(const struct ask *ask, struct answer *a)
{
    struct slice prompt = peek_member(ask->body, "prompt");
    size_t prompts = peek_list_of_numbers(prompt) ? 1 : peek_count(prompt);
    int choices = ask->choices * (int)(prompts ? prompts : 1);

    if (ask->stream) {
        completion_stream(ask, a);
        return;
    }
    answer_open(a, NULL);
    put_id(ask, a, "cmpl", "text_completion");
    for (int i = 0; i < choices; i++) {
        if (i)
            buf_puts(&a->body, ",");
        completion_choice(a, (struct slice){ask->text.bytes, ask->text.len}, i, finish_reason(ask));
    }
    buf_puts(&a->body, "]");
    if (ask_states_usage(ask)) {
        buf_puts(&a->body, ",\"usage\":");
        put_usage(ask, a);
    }
    buf_puts(&a->body, "}");
    answer_close(a, true);
}
