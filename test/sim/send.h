/* SPDX-License-Identifier: MIT */
/*
 * Puts an answer on the wire: its framing, its pace, and the places where a fault may strike.
 */
#ifndef SIM_SEND_H
#define SIM_SEND_H

#include <stdbool.h>
#include <stddef.h>

#include "answer.h"
#include "http.h"
#include "journal.h"
#include "script.h"

struct fault;

enum framing {
    FRAME_USUAL, /* chunks for a stream, a length for the rest */
    FRAME_LENGTH,
    FRAME_CHUNKED,
    FRAME_EOF,
    FRAME_LENGTH_LOW,  /* a Content-Length below what is sent */
    FRAME_LENGTH_HIGH, /* and one above it */
    FRAME_LENGTH_TWICE,
    FRAME_LENGTH_NEGATIVE,
};

/* One answer under way; belongs to the connection's thread. */
struct wire {
    struct http_conn *conn;
    const struct http_request *req;
    const struct script *script;
    struct answer *answer;
    struct journal_entry *entry;
    const struct fault *fault; /* or NULL */
    enum framing framing;
    bool keep_alive;
    const char *end; /* how it ended, for the journal */
};

/* Sends the answer. Whether the connection may serve another request. */
bool wire_answer(struct wire *w);

/* For faults: bytes of the body, in the framing's coding, and the raw connection's. */
int wire_body(struct wire *w, const char *bytes, size_t len);
int wire_raw(struct wire *w, const void *bytes, size_t len);
/* Ends the connection: with a FIN, or with a reset. Always -1. */
int wire_close(struct wire *w);
int wire_reset(struct wire *w);

#endif
