/* SPDX-License-Identifier: MIT */
#ifndef METER_COUNT_H
#define METER_COUNT_H

#include "meter/prompt.h"
#include "meter/tokenizer.h"

/* Counts a whole request's input by its provider's rules. Pure but for the counter it is given. */

enum count_method {
    COUNT_EXACT,       /* equal to what the provider bills */
    COUNT_NEAR,        /* within a small published margin */
    COUNT_APPROXIMATE, /* within a published margin of its class */
    COUNT_PROVIDER,    /* the provider's own count endpoint said so */
};

const char *count_method_name(enum count_method m);

struct count {
    int64_t tokens;                             /* the whole input */
    int64_t text, tools, images, schema, frame; /* what was counted; they sum to raw */
    int64_t raw; /* the sum as counted; tokens differs where experience corrected it */
    int64_t
        bound; /* no less than what can be billed: tokens plus the published margin of its class */
    enum count_method method;
    enum encoding encoding;
};

/* What the description of one of Anthropic's own tools takes, by its type ("web_search_20250305");
 * 0 when the type is not known. */
int64_t count_hosted_tool(struct span type);

/* 0, or -1 when memory ran out. */
int count_prompt(const struct prompt *p, struct text_counter counter, struct count *out) MUST_CHECK;

#endif
