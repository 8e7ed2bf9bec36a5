/* SPDX-License-Identifier: MIT */
#ifndef METER_PROMPT_H
#define METER_PROMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * A request's input in the terms that counting needs, whatever the dialect. wire/ builds it in the
 * request's arena; every span borrows from there or from the parsed body and lives as long.
 */

enum api { /* the priced endpoints */
    API_CHAT,      /* /v1/chat/completions */
    API_RESPONSES, /* /v1/responses */
    API_MESSAGES,  /* /v1/messages */
    API_EMBEDDINGS,
    API_COMPLETIONS,
    APIS
};

enum part_kind {
    PART_TEXT,
    PART_TOOL_CALL,   /* name and arguments, in text */
    PART_TOOL_RESULT, /* text; name when known */
    PART_IMAGE,
    PART_THINKING,
    PART_TOKENS, /* already tokenised by the client: ntokens */
    PART_AUDIO,
    PART_FILE,
    PART_UNKNOWN, /* something this program does not know; text holds its JSON */
};

enum image_detail { DETAIL_AUTO, DETAIL_LOW, DETAIL_HIGH, DETAIL_ORIGINAL };

struct part {
    enum part_kind kind;
    struct span text;
    struct span name;
    int64_t ntokens;
    int width, height; /* pixels; 0 when unknown (a remote image) */
    enum image_detail detail;
};

struct message {
    struct span role;
    struct span name; /* participant's name, n == 0 when absent */
    struct part *parts;
    int nparts;
};

/* What OpenAI's rendering of tools starts with; reasoning models have it tokenised apart. */
#define PROMPT_TOOLS_HEAD SPAN("namespace functions {\n\n")

enum tool_choice { CHOICE_AUTO, CHOICE_NONE, CHOICE_ANY, CHOICE_NAMED };

struct prompt {
    enum api api;
    struct span model; /* as the client wrote it */
    struct message *messages; /* system prompts and `instructions` included, in order */
    int nmessages;
    int ntools;
    struct span tools;      /* the tools as the provider renders them, all in one text */
    bool tools_inexact;     /* a tool has something the rendering is not sure of */
    enum tool_choice tool_choice;
    struct span chosen_tool; /* its name, with CHOICE_NAMED */
    int64_t hosted_tokens;   /* of the provider's own tools among them, roughly */
    bool thinking;           /* the model was asked to think in a budget (Anthropic) */
    struct span schema;     /* response_format / output schema, compact JSON; n == 0 when none */
    bool schema_nested;
    bool opaque;            /* has input that cannot be counted here: audio, files, stored conversations,
                               hosted tools, unknown parts */
    bool media;             /* any image, audio or file */
};

#endif
