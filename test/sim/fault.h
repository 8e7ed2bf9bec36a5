/* SPDX-License-Identifier: MIT */
/* The ways in which an upstream can misbehave: the table in fault.c. */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "send.h"

enum strike {
    STRIKE_GO_ON,
    STRIKE_END,    /* the body ends here, properly framed */
    STRIKE_BROKEN, /* nothing more is sent */
};

struct fault {
    const char *name;
    enum framing framing;
    /* Before anything else is done with the answer: changes it. */
    void (*prepare)(struct wire *w);
    /* In place of the head; -1: in place of the whole answer. */
    int (*instead)(struct wire *w);
    /* Adds to the head, before its framing. */
    void (*head)(struct wire *w, struct buf *head);
    /* In place of the piece `at` of the body (by default half-way, or the last one). */
    enum strike (*strike)(struct wire *w, size_t at);
    bool at_last;
    bool drip;        /* byte by byte */
    bool close_after; /* closes after a whole answer that did not announce it */
    bool unstreamed;  /* answers whole what was to be a stream */
};

const struct fault *fault_find(const char *name);

#endif
