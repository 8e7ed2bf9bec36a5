/* SPDX-License-Identifier: MIT */
#include "counting.h"

#include <math.h>

/*
 * Anthropic's frames in tokens, found on recorded requests and in Anthropic's own tables. Texts are
 * estimated (claude_ratio.c), so that nothing here is exact.
 */

/* What surrounds a request with tools, by model: the first row whose version is not above the
 * model's and whose line the model's name has. */
static const struct {
    int version; /* times ten */
    const char *line;
    int any_choice, must_call; /* tool_choice auto or none; any or a named one */
} tool_frames[] = {
    {50, "opus", 286, 406}, {50, "", 354, 474}, {48, "", 290, 410},      {47, "", 675, 804},
    {45, "", 496, 592},     {40, "", 313, 315}, {35, "haiku", 264, 355}, {0, "", 346, 313},
};

#define EACH_TOOL  2
#define NAMED_TOOL 9

/* A tool's JSON takes fewer tokens than other code. */
static const double tool_json[2] = {1.06, 1.30}; /* Claude 3 to 4.6, later */

#define SCHEMA_FRAME   130   /* around an output format */
#define THINKING_FRAME 29    /* a budget to think in */
#define NEXT_MESSAGE   3     /* each message but the first */
#define CALLS_FRAME    (-27) /* each message with calls */
#define CALL_FRAME     45
#define NO_ARGUMENTS   (-10)
#define RESULT_FRAME   34

static int first_frame(const struct tally *t)
{
    if (t->family == FAMILY_CLAUDE_3)
        return 7;
    return t->family == FAMILY_CLAUDE_47 && family_claude_version(t->prompt->model) < 48 ? 11 : 6;
}

static void add_text(struct tally *t, struct span text)
{
    t->count->text += llround(claude_tokens(t, text));
}

/* Models up to Sonnet 4.5 forget what they thought before the user's last own message. */
static bool forgets_thinking(const struct prompt *p)
{
    int version = family_claude_version(p->model);

    return version < 45 || (version == 45 && !family_has_word(p->model, SPAN("opus")));
}

/* The index of the last message that a person wrote, not only tools. */
static int last_own_message(const struct prompt *p)
{
    for (int i = p->nmessages; i-- > 0;) {
        const struct message *m = &p->messages[i];
        if (!span_eq(m->role, SPAN("user")))
            continue;
        for (int k = 0; k < m->nparts; k++)
            if (m->parts[k].kind != PART_TOOL_RESULT)
                return i;
    }
    return 0;
}

static void count_part(struct tally *t, const struct part *p, bool forgotten)
{
    switch (p->kind) {
    case PART_IMAGE:
        tally_image(t, image_tokens_anthropic(t->prompt->model, p), p->width > 0);
        return;
    case PART_TOOL_CALL:
        add_text(t, p->name);
        t->count->frame += CALL_FRAME + (p->text.n <= 2 ? NO_ARGUMENTS : 0);
        break;
    case PART_TOOL_RESULT:
        t->count->frame += RESULT_FRAME;
        break;
    case PART_THINKING:
        if (forgotten)
            return;
        t->count->text += p->ntokens;
        break;
    case PART_TEXT:
    case PART_TOKENS:
    case PART_AUDIO:
    case PART_FILE:
    case PART_UNKNOWN:
        break;
    }
    add_text(t, p->text);
}

static void count_messages(struct tally *t)
{
    const struct prompt *p = t->prompt;
    int forgotten = forgets_thinking(p) ? last_own_message(p) : 0, turns = 0;

    for (int i = 0; i < p->nmessages; i++) {
        const struct message *m = &p->messages[i];
        bool calls = false;
        for (int k = 0; k < m->nparts; k++) {
            count_part(t, &m->parts[k], i < forgotten);
            calls |= m->parts[k].kind == PART_TOOL_CALL;
        }
        turns += !span_eq(m->role, SPAN("system"));
        t->count->frame += calls ? CALLS_FRAME : 0;
    }
    t->count->frame += first_frame(t) + NEXT_MESSAGE * (turns > 1 ? turns - 1 : 0);
}

static int tools_frame(const struct prompt *p)
{
    int version = family_claude_version(p->model), i = 0;

    while (version < tool_frames[i].version ||
           (*tool_frames[i].line && !family_has_word(p->model, span_of(tool_frames[i].line))))
        i++;
    return p->tool_choice == CHOICE_ANY || p->tool_choice == CHOICE_NAMED
               ? tool_frames[i].must_call
               : tool_frames[i].any_choice;
}

static void count_tools(struct tally *t)
{
    const struct prompt *p = t->prompt;
    double json = tool_json[t->family != FAMILY_CLAUDE_3];

    t->count->tools = tools_frame(p) + EACH_TOOL * p->ntools + p->hosted_tokens +
                      llround((double)tally_text_in(t, ENC_O200K, p->tools) * json);
    if (p->tool_choice == CHOICE_NAMED)
        t->count->tools += NAMED_TOOL;
}

void count_anthropic(struct tally *t)
{
    const struct prompt *p = t->prompt;

    tally_method(t, COUNT_APPROXIMATE);
    count_messages(t);
    if (p->thinking)
        t->count->frame += THINKING_FRAME;
    if (p->ntools)
        count_tools(t);
    if (p->schema.n)
        t->count->schema = SCHEMA_FRAME + llround(claude_tokens(t, p->schema));
}
