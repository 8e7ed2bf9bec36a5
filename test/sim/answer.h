/* SPDX-License-Identifier: MIT */
/*
 * An answer in the making: a head, and a body made of pieces (the events of a stream, or one JSON
 * text), which send.c then puts on the wire at the scripted pace. What a dialect writes goes
 * through the functions here; struct ask is what it answers to.
 */
#ifndef SIM_ANSWER_H
#define SIM_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "http.h"
#include "journal.h"
#include "peek.h"
#include "script.h"

enum dialect { OPENAI, ANTHROPIC };

/* A request as the dialects see it. */
struct ask {
    const struct http_request *req;
    const struct script *script;
    struct slice body;
    enum dialect dialect;
    uint64_t id;     /* of this answer; made-up ids and times derive from it */
    char model[256]; /* to be answered with */
    bool stream;
    bool include_usage;
    int64_t max_tokens; /* -1: none given */
    int choices;
    struct buf text; /* the answer's text */
    size_t *cut;     /* chunk i of the text is cut[i] .. cut[i + 1] */
    size_t chunks;
    bool was_cut;         /* by max_tokens */
    struct usage usage;   /* the figures to state, by script or by rule */
    long long usage_kind; /* enum sim_usage */
};

struct piece {
    size_t at, len;
    bool content; /* carries generated text */
    bool last;    /* the dialect's own end mark */
};

struct answer {
    int status;
    const char *type; /* Content-Type */
    bool stream;
    bool chunked; /* in chunks, though it has no events */
    bool states_usage;
    struct usage usage; /* what it states */
    struct buf header;  /* further header lines */
    struct buf body;
    struct piece *piece;
    size_t pieces, piece_cap;
    const char *eol; /* of events */
};

/* `req` and `script` must outlive the ask. */
void ask_init(struct ask *ask, const struct http_request *req, const struct script *script,
              enum dialect dialect, uint64_t id);
void ask_finish(struct ask *ask);
/* The text of chunk i. */
struct slice ask_chunk(const struct ask *ask, size_t i);
/* Whether usage is stated at all, in the place where it belongs. */
bool ask_states_usage(const struct ask *ask);
/* The figure as scripted faults bend it: negative, absurd, zero. */
long long ask_figure(const struct ask *ask, int64_t value);

void answer_init(struct answer *a, const struct ask *ask);
void answer_finish(struct answer *a);
void answer_header(struct answer *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A piece: open, then write to a->body, then close. Event names may be NULL. */
void answer_open(struct answer *a, const char *event);
void answer_close(struct answer *a, bool content);
/* Marks the piece just closed as the end mark. */
void answer_mark_last(struct answer *a);

/* An error in the dialect's own words; replaces what the answer held. */
void answer_error(struct answer *a, enum dialect dialect, int status, const char *message);

#endif
