/* SPDX-License-Identifier: MIT */
#ifndef METER_FAMILY_H
#define METER_FAMILY_H

#include <stdbool.h>

#include "base/str.h"

/* Models that count alike, told by their names. Pure; any thread. */

enum family {
    FAMILY_OTHER,     /* no rule known */
    FAMILY_CLASSIC,   /* gpt-4, gpt-3.5 */
    FAMILY_OMNI,      /* gpt-4o, gpt-4.1, gpt-4.5 */
    FAMILY_REASONING, /* o1, o3, o4, gpt-5 … 5.6, computer-use */
    FAMILY_GPT6,      /* as the last, but neither encoding nor frame is known */
    FAMILY_CLAUDE_3,  /* Claude 3 … Opus 4.6, Sonnet 4.6, Haiku 4.5 */
    FAMILY_CLAUDE_47, /* Opus 4.7 and later 4.x, Fable, Mythos */
    FAMILY_CLAUDE_5,  /* Opus 5, Sonnet 5 and later */
};

/* The model may carry a provider's prefix ("openai/…", "us.anthropic.…") and "ft:". */
enum family family_of_model(struct span model);

static inline bool family_is_claude(enum family f)
{
    return f >= FAMILY_CLAUDE_3;
}

/* The model's name without what providers and fine-tuning put before it. */
struct span family_bare_name(struct span model);

/* Whether the word, which is not empty, stands anywhere in the name. */
bool family_has_word(struct span model, struct span word);

/* A Claude's version times ten: 45 for "claude-sonnet-4-5-20250929", 30 for "claude-3-opus"; 0:
 * none. */
int family_claude_version(struct span model);

#endif
