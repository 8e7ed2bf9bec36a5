/* SPDX-License-Identifier: MIT */
#include "counting.h"

#include <stdlib.h>

/*
 * OpenAI's frames, found by fitting recorded requests of 2025 and 2026 and the published examples
 * of OpenAI's cookbook. Every constant is in tokens.
 */
struct frames {
    int answer;      /* in which the answer starts */
    int message;     /* around each message, its role besides */
    int name;        /* with a participant's name */
    int assistant;   /* an assistant's text, above any other message's */
    bool head_apart; /* the tools' first line is tokenised by itself */
    bool padded;     /* see count_padding() */
    int tools[2];    /* around them; Chat, Responses */
    int call[2];     /* with its name and arguments; Chat, Responses */
    int result;      /* with its tool's name */
    int none;        /* tool_choice "none" */
    int named[2];    /* tool_choice with a name, besides the name; Chat, Responses */
};

static const struct frames classic = {.answer = 3,
                                      .message = 3,
                                      .name = 1,
                                      .padded = true,
                                      .tools = {9, 3},
                                      .call = {7, 7},
                                      .result = 3,
                                      .none = 1,
                                      .named = {4, 8}};
static const struct frames classic_0301 = {.answer = 3,
                                           .message = 4,
                                           .name = -1,
                                           .padded = true,
                                           .tools = {9, 3},
                                           .call = {7, 7},
                                           .result = 3,
                                           .none = 1,
                                           .named = {4, 8}};
static const struct frames omni = {.answer = 3,
                                   .message = 3,
                                   .name = 1,
                                   .padded = true,
                                   .tools = {9, 3},
                                   .call = {9, 7},
                                   .result = 4,
                                   .named = {4, 8}};
static const struct frames reasoning = {.answer = 2,
                                        .message = 3,
                                        .name = 1,
                                        .assistant = 2,
                                        .head_apart = true,
                                        .tools = {90, 8},
                                        .call = {11, 11},
                                        .result = 8};

static const struct frames *frames_of(const struct tally *t)
{
    if (t->family == FAMILY_REASONING || t->family == FAMILY_GPT6)
        return &reasoning;
    if (t->family != FAMILY_CLASSIC)
        return &omni;
    return span_ends(t->prompt->model, SPAN("-0301")) ? &classic_0301 : &classic;
}

static bool is_responses(const struct tally *t)
{
    return t->prompt->api == API_RESPONSES;
}

/* A tool's name stands behind "functions." in one of its two places, where the point joins it. */
static int64_t name_behind_point(struct tally *t, struct span name)
{
    char joined[256] = ".";

    if (name.n == 0 || name.n >= sizeof joined)
        return tally_text(t, name);
    memcpy(joined + 1, name.p, name.n);
    return tally_text(t, (struct span){joined, name.n + 1});
}

static void count_call(struct tally *t, const struct frames *f, const struct part *p)
{
    t->count->text += name_behind_point(t, p->name) + tally_text(t, p->text);
    t->count->frame += f->call[is_responses(t)];
    if (t->family != FAMILY_OMNI || is_responses(t))
        tally_method(t, COUNT_NEAR);
}

static void count_result(struct tally *t, const struct frames *f, const struct part *p)
{
    t->count->text += tally_text(t, p->name) + tally_text(t, p->text);
    t->count->frame += f->result;
}

/* A part of a message; returns whether the message has a frame of its own for it. */
static bool count_part(struct tally *t, const struct frames *f, const struct part *p)
{
    switch (p->kind) {
    case PART_TOOL_CALL:
        count_call(t, f, p);
        return false;
    case PART_TOOL_RESULT:
        count_result(t, f, p);
        return false;
    case PART_IMAGE:
        tally_image(t, image_tokens_openai(t->prompt->model, p), p->width > 0);
        return true;
    case PART_THINKING:
        t->count->text += p->ntokens;
        tally_method(t, COUNT_APPROXIMATE);
        return false;
    case PART_AUDIO:
    case PART_FILE:
    case PART_TOKENS:
    case PART_UNKNOWN:
    case PART_TEXT:
        break;
    }
    t->count->text += tally_text(t, p->text);
    return true;
}

static bool is_system(const struct message *m)
{
    return span_eq(m->role, SPAN("system")) || span_eq(m->role, SPAN("developer"));
}

static void count_message(struct tally *t, const struct frames *f, const struct message *m)
{
    bool framed = false, assistant = span_eq(m->role, SPAN("assistant"));
    int calls = 0, texts = 0, results = 0;

    for (int i = 0; i < m->nparts; i++) {
        const struct part *p = &m->parts[i];
        calls += p->kind == PART_TOOL_CALL;
        texts += p->kind == PART_TEXT;
        results += p->kind == PART_TOOL_RESULT;
    }
    for (int i = 0; i < m->nparts; i++) {
        const struct part *p = &m->parts[i];
        if (p->kind == PART_TEXT && p->text.n == 0 && calls)
            continue; /* "content":"" beside calls is no message of its own */
        framed |= count_part(t, f, p);
    }
    if (framed) {
        t->count->frame += f->message + tally_text(t, is_system(m) ? SPAN("system") : m->role);
        if (assistant)
            t->count->frame += f->assistant;
    }
    if (m->name.n && !results)
        t->count->frame += tally_text(t, m->name) + f->name;
    if (texts > 1 || calls > 1 || (calls && framed) || (assistant && f->assistant))
        tally_method(t, COUNT_NEAR);
}

static void count_messages(struct tally *t, const struct frames *f)
{
    const struct prompt *p = t->prompt;

    for (int i = 0; i < p->nmessages; i++) {
        count_message(t, f, &p->messages[i]);
        if (i && span_eq(p->messages[i].role, p->messages[i - 1].role) &&
            span_eq(p->messages[i].role, SPAN("assistant")))
            tally_method(t, COUNT_NEAR);
    }
}

/* What a line break behind a text adds: it may join the text's last token. */
static int64_t line_break(struct tally *t, struct span text)
{
    char tail[64];
    size_t n = text.n < sizeof tail - 1 ? text.n : sizeof tail - 1;

    if (text.n == 0 || text.p[text.n - 1] == '\n')
        return 0;
    memcpy(tail, text.p + text.n - n, n);
    tail[n] = '\n';
    return tally_text(t, (struct span){tail, n + 1}) - tally_text(t, (struct span){tail, n});
}

/* With tools, Chat ends the first system message with a line break, and needs four tokens less. */
static void count_padding(struct tally *t)
{
    const struct prompt *p = t->prompt;
    const struct message *m;
    int i = 0;

    while (i < p->nmessages && !is_system(&p->messages[i]))
        i++;
    if (i == p->nmessages)
        return;
    m = &p->messages[i];
    t->count->tools -= 4;
    if (m->nparts)
        t->count->tools += line_break(t, m->parts[m->nparts - 1].text);
}

static void count_choice(struct tally *t, const struct frames *f)
{
    const struct prompt *p = t->prompt;

    if (p->tool_choice == CHOICE_NONE)
        t->count->tools += f->none;
    if (p->tool_choice == CHOICE_NAMED && f->named[0])
        t->count->tools += f->named[is_responses(t)] + tally_text(t, p->chosen_tool);
    if (p->tool_choice == CHOICE_NAMED || p->tool_choice == CHOICE_NONE)
        tally_method(t, COUNT_NEAR);
}

static void count_tools(struct tally *t, const struct frames *f)
{
    const struct prompt *p = t->prompt;
    struct span rest = span_skip(p->tools, PROMPT_TOOLS_HEAD.n);

    if (f->head_apart)
        t->count->tools = tally_text(t, PROMPT_TOOLS_HEAD) + tally_text(t, rest);
    else
        t->count->tools = tally_text(t, p->tools);
    t->count->tools += f->tools[is_responses(t)];
    if (f->padded && !is_responses(t))
        count_padding(t);
    count_choice(t, f);
    if (p->tools_inexact || t->family != FAMILY_REASONING)
        tally_method(t, COUNT_NEAR);
}

/* Models whose frame differs from their family's, or was never compared with a billed request. */
static const struct {
    const char *word;
    int tokens;
} oddities[] = {
    {"o1-mini", 7}, {"-search", -11}, {"o1", 0},        {"o4", 0},        {"-chat", 0},
    {"codex", 0},   {"-audio", 0},    {"-realtime", 0}, {"-research", 0},
};

static void count_oddity(struct tally *t)
{
    for (size_t i = 0; i < sizeof oddities / sizeof *oddities; i++) {
        if (family_has_word(t->prompt->model, span_of(oddities[i].word))) {
            t->count->frame += oddities[i].tokens;
            tally_method(t, COUNT_NEAR);
            return;
        }
    }
}

void count_openai(struct tally *t)
{
    const struct prompt *p = t->prompt;
    const struct frames *f = frames_of(t);

    if ((t->family == FAMILY_OTHER && t->count->encoding < ENCODINGS) || t->family == FAMILY_GPT6)
        tally_method(t, COUNT_APPROXIMATE);
    count_messages(t, f);
    t->count->frame += f->answer;
    count_oddity(t);
    if (p->ntools)
        count_tools(t, f);
    if (p->schema.n) {
        t->count->schema = tally_text(t, p->schema);
        tally_method(t, p->schema_nested ? COUNT_APPROXIMATE : COUNT_NEAR);
    }
}
