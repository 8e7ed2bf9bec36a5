/* SPDX-License-Identifier: MIT */
/*
 * What the next answer should be: figures, texts, pace and faults. A behaviour comes with the
 * request (`X-Sim: input=12;output=34`, values percent-encoded) or from the queue that
 * `POST /_sim/script` fills; everything has a sensible default. The keys are the table in
 * script.c.
 */
#ifndef SIM_SCRIPT_H
#define SIM_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

#include "http.h"

enum sim_usage { USAGE_TRUE, USAGE_NONE, USAGE_NULL, USAGE_NEGATIVE, USAGE_ABSURD, USAGE_ZERO };

/* Where and in whose words a stream reports its usage. */
enum sim_shape {
    SHAPE_OPENAI,
    SHAPE_AZURE,
    SHAPE_MISTRAL,
    SHAPE_GROQ,
    SHAPE_OPENROUTER,
    SHAPE_DEEPSEEK,
    SHAPE_TOGETHER,
    SHAPE_GEMINI,
};

enum sim_eol { EOL_LF, EOL_CRLF, EOL_CR };

struct script {
    /* the answer */
    long long status;
    char *body;   /* sent as it is, in place of a made-up one */
    char *type;   /* its Content-Type */
    char *header; /* further response headers, "Name: value\r\n" each */
    char *retry_after;
    char *model;
    char *text;
    long long words;  /* length of a made-up text */
    long long chunks; /* content events on a stream; 0: one a word */
    char *tool;       /* answer with a call of this function */
    char *tool_args;
    char *finish; /* finish or stop reason, as the dialect names it */
    char *service_tier;
    /* the usage it reports; -1: by rule */
    long long input;
    long long output;
    long long final_input;  /* Anthropic streams: the input as the end restates it */
    long long start_output; /* and the output that their start already states */
    long long web_searches; /* Anthropic: searches billed beside the tokens */
    long long cached;
    long long cache_write;
    long long cache_write_1h;
    long long reasoning;
    long long usage; /* enum sim_usage */
    long long shape; /* enum sim_shape */
    /* the pace */
    long long delay_first_ms;
    long long delay_chunk_ms;
    char *gate;      /* a number: a barrier of so many requests; else a gate's name */
    char *step;      /* gate to pass before each event */
    long long split; /* bytes a write; 0: an event a write */
    long long eol;   /* enum sim_eol */
    long long comments;
    long long stamp; /* each content event carries the monotonic time at which it was sent */
    /* the fault */
    char *fault;
    long long at;   /* the event at which it strikes; -1: half-way */
    long long size; /* bytes of a flood; -1: its own default */
    char *until;    /* gate at which silence ends */
    /* the queue's own */
    char *path;      /* only requests whose path ends so */
    long long times; /* how often; 0: for ever */
};

void script_init(struct script *s);
void script_finish(struct script *s);

/* Parses "key=value;key=value". 0, or -1 with a sentence in `why`. */
int script_parse_header(struct script *s, const char *text, char *why, size_t why_size);

/* Appends the behaviours of a JSON body (one object, or a list of them) to the queue: all of
 * them or none. */
int script_push(const char *json, size_t len, char *why, size_t why_size);
void script_clear(void);
size_t script_pending(void);

/* Fills `s`, which was initialised, with the behaviour for this request. -1: its X-Sim is bad. */
int script_for(const struct http_request *req, struct script *s, char *why, size_t why_size);

#endif
