/* SPDX-License-Identifier: MIT */
#include "meter/count.h"

#include "counting.h"

const char *count_method_name(enum count_method m)
{
    static const char *const names[] = {
        [COUNT_EXACT] = "exact",
        [COUNT_NEAR] = "near",
        [COUNT_APPROXIMATE] = "approximate",
        [COUNT_PROVIDER] = "provider",
    };

    return names[m];
}

int64_t tally_text_in(struct tally *t, enum encoding encoding, struct span text)
{
    int64_t n = text.n ? t->counter.count(t->counter.ctx, encoding, text) : 0;

    if (n < 0)
        t->failed = true;
    return n < 0 ? 0 : n;
}

int64_t tally_text(struct tally *t, struct span text)
{
    return tally_text_in(t, t->count->encoding, text);
}

void tally_method(struct tally *t, enum count_method method)
{
    if (method > t->count->method)
        t->count->method = method;
}

void tally_image(struct tally *t, struct image_tokens image, bool size_known)
{
    t->count->images += image.likely;
    t->slack += image.most - image.likely;
    tally_method(t, size_known ? COUNT_NEAR : COUNT_APPROXIMATE);
}

/* Embeddings and completions: texts and token lists, each by itself, without frames. */
static void count_plain(struct tally *t)
{
    for (int i = 0; i < t->prompt->nmessages; i++) {
        const struct message *m = &t->prompt->messages[i];
        for (int k = 0; k < m->nparts; k++)
            t->count->text += m->parts[k].kind == PART_TOKENS ? m->parts[k].ntokens
                                                              : tally_text(t, m->parts[k].text);
    }
}

static void (*rules(const struct tally *t))(struct tally *)
{
    if (t->prompt->api == API_EMBEDDINGS || t->prompt->api == API_COMPLETIONS)
        return count_plain;
    if (t->prompt->api == API_MESSAGES || family_is_claude(t->family))
        return count_anthropic;
    return count_openai;
}

/*
 * The published margins, in percent of what is not counted exactly and in tokens besides. They
 * cover every recorded request of their class (docs/accuracy.md); a foreign vocabulary can be far
 * from ours.
 */
static int64_t margin(const struct tally *t)
{
    static const struct {
        int percent, tokens;
    } margins[] = {[COUNT_EXACT] = {0, 0}, [COUNT_NEAR] = {3, 16}, [COUNT_APPROXIMATE] = {15, 64}};
    int percent = margins[t->count->method].percent;

    if (t->count->method == COUNT_EXACT) /* whatever family its name suggests besides */
        return 0;
    if (family_is_claude(t->family))
        percent = t->family == FAMILY_CLAUDE_3 ? 35 : 45;
    else if (t->family == FAMILY_OTHER && t->count->method == COUNT_APPROXIMATE)
        percent = 60;
    return (t->count->tokens - t->count->images) * percent / 100 + margins[t->count->method].tokens;
}

/* A model counted by its own vocabulary: the text is exact, but not what its template puts around each
 * message, five to eight tokens where we count four. */
static void count_template(struct tally *t)
{
    tally_method(t, COUNT_NEAR);
    t->slack += 4 * (int64_t)t->prompt->nmessages;
}

int count_prompt(const struct prompt *p, struct text_counter counter, struct count *out)
{
    struct count c = {0};
    struct tally t = {
        .prompt = p, .counter = counter, .count = &c, .family = family_of_model(p->model)};
    bool known;

    c.encoding = vocabs_encoding_of_model(counter.vocabs, p->model, &known);
    if (!known || p->opaque)
        tally_method(&t, COUNT_APPROXIMATE);
    else if (c.encoding >= ENCODINGS)
        count_template(&t);
    rules (&t)(&t);
    if (t.failed)
        return -1;
    c.tokens = c.raw = c.text + c.tools + c.images + c.schema + c.frame;
    c.bound = c.tokens + t.slack + margin(&t);
    *out = c;
    return 0;
}
