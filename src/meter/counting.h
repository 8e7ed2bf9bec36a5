/* SPDX-License-Identifier: MIT */
#ifndef METER_COUNTING_H
#define METER_COUNTING_H

#include "meter/count.h"
#include "meter/family.h"

/* What the providers' counting rules share; private to meter/. */

struct tally {
    const struct prompt *prompt;
    struct text_counter counter;
    struct count *count;
    enum family family;
    int64_t slack; /* what may be billed above count->tokens */
    bool failed;   /* no memory; sticky */
};

/* Tokens of a text in the tally's encoding, or in another. */
int64_t tally_text(struct tally *t, struct span text);
int64_t tally_text_in(struct tally *t, enum encoding encoding, struct span text);

/* The count is no better than this method. */
void tally_method(struct tally *t, enum count_method method);

/* An image: its likely tokens are counted, the difference to the most is slack. */
struct image_tokens {
    int64_t likely, most;
};

void tally_image(struct tally *t, struct image_tokens image, bool size_known);

/* How OpenAI's and Anthropic's rules count. */
void count_openai(struct tally *t);
void count_anthropic(struct tally *t);

struct image_tokens image_tokens_openai(struct span model, const struct part *image);
struct image_tokens image_tokens_anthropic(struct span model, const struct part *image);

/* A text's tokens in a Claude family's vocabulary, from its o200k tokens and what it is written in.
 */
double claude_tokens(struct tally *t, struct span text);

#endif
