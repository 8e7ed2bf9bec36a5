/* SPDX-License-Identifier: MIT */
#ifndef PROXY_EXCHANGE_H
#define PROXY_EXCHANGE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/futex.h"
#include "base/ring.h"
#include "meter/estimate.h"
#include "proxy/access.h"
#include "proxy/headers.h"
#include "proxy/live.h"
#include "proxy/ratelimit.h"
#include "proxy/route.h"
#include "proxy/server.h"
#include "proxy/upstream.h"
#include "wire/answer.h"
#include "wire/request.h"

/*
 * One request's life. The connection's thread fills what the client sent, hands the exchange to the
 * queue and waits for the reply; a worker runs the steps. Both hold it, and the last one frees it: a
 * client that leaves does not end its exchange.
 */

/* Bytes of a stream that its client has not taken: memory that it begins with, and what it may take. */
#define REPLY_RING     512
#define REPLY_RING_MAX (64 * 1024)

struct reply {
    int status;
    struct headers headers;
    bool live;               /* the body goes on while its viewer stays */
    bool streamed;           /* the body comes through the ring (outlet.h), else from `body` */
    bool head_only;          /* the upstream's answer to a HEAD: a length, and no body */
    long long length;        /* of head_only; -1: it told none */
    struct buf body;
    struct ring ring;
    _Atomic bool carried;    /* the connection's thread is in outlet_carry(), once it was there */
    struct headers trailers; /* final before the ring ends */
    bool close;              /* close the connection after it */
};

/* Who has it: a worker takes what is queued, or its connection's thread gives up waiting for one. */
enum exchange_stage { STAGE_QUEUED, STAGE_TAKEN, STAGE_SHED };

/* How far the money has come. Only steps.h's functions move it. */
enum exchange_hold { NO_HOLD, HOLD_HELD, HOLD_ENDED };

struct exchange {
    struct server *server;
    struct settings *settings;
    struct arena arena;
    int64_t memory;    /* charged to the server's bytes in flight */
    _Atomic int users; /* the connection's thread and the worker */
    char id[REQUEST_ID_LEN + 1];
    int64_t arrived_ns, arrived_ms;
    int64_t submitted_ns; /* when it was queued */

    /* What the client sent. Written before the hand-over, read-only after. */
    enum method method;
    struct span raw_target;
    bool http11;
    bool chunks; /* a stream's chunks may go to the socket past the library */
    struct headers headers;
    bool begun;      /* the headers have been looked at */
    struct buf body;
    int64_t dropped; /* bytes of the body beyond max-body */
    struct sockaddr_storage peer;
    struct target target;
    struct caller caller;
    char project[PROJECT_ID_MAX + 1];

    /* Between the two threads. */
    _Atomic int stage;            /* enum exchange_stage; leaves QUEUED exactly once */
    struct once answered;         /* reply's status and headers are final; whole, or the ring runs */
    _Atomic int64_t client_gone_ns; /* when its leaving was noticed; 0: it is there */
    pthread_mutex_t fd_lock;
    int client_fd;                /* guarded by fd_lock; -1 once the connection is done with us */
    struct upstream *calling;     /* guarded by fd_lock; NULL when no call is under way */
    struct reply reply;
    struct viewer viewer;         /* the connection's own, of a live reply */
    struct conn *conn;           /* listen.c's: the connection's deadlines; NULL: it has none */
    struct MHD_Response *stream; /* listen.c's, while it sends a streamed reply */

    /* The worker's. */
    bool refused;
    struct refusal refusal;
    const struct provider *provider;
    const char *lent_key;
    struct request request;
    struct arena parsed; /* where the request's prompt is, until it is counted */
    bool parses_big;     /* has one of server.big_parses */
    struct count count;
    struct price price;
    struct price_facts facts;
    struct estimate estimate;  /* by the rule; by what was learned, once the verdict says so */
    struct calibrate_key calibrate_key;
    struct learn_key learn_key;
    bool learned;              /* learned_estimate is one */
    struct estimate learned_estimate;
    bool rated; /* `rate` is filled */
    struct rate_state rate;
    int64_t rate_tokens; /* taken of the project's tokens a minute */
    enum exchange_hold hold;
    struct reservation reservation;
    struct verdict verdict;
    int64_t applied_max_tokens; /* the output limit we set, of one answer; 0: the client's stands */
    struct upstream_result upstream;
    int upstream_status;
    bool forwarded; /* the upstream's own answer is what the client gets */
    bool coded;     /* it is compressed, though that was not asked for: it passes unread */
    struct answer answer;
    int64_t generated; /* tokens of answer.text[0…looked_at), as far as a cap asked */
    size_t looked_at;
    bool capped;       /* we ended the stream, validly, at its cap */
    struct settlement settlement;
    nano_t remaining; /* of the tightest budget, after what the exchange has done to it; meaningful
                         with verdict.has_budget */
};

/* 1 to 128 of A-Z a-z 0-9 . _ : @ - */
bool exchange_is_project_id(struct span s);

/* NULL: no memory. users is 1: the connection's. */
struct exchange *exchange_create(struct server *s, int client_fd, const struct sockaddr *peer,
                                 socklen_t peer_len);
void exchange_release(struct exchange *x);

/* The worker's thread, once the request is counted: lets go of its tree, and of its turn to build one. */
void exchange_forget_prompt(struct exchange *x);

/* The connection's thread, once the headers are there: framing, route, caller, project. -1: refused,
 * x->refusal says why. */
int exchange_accept(struct exchange *x) MUST_CHECK;

/* The connection's thread, once the body is there: queues it, or refuses it with 503. */
int exchange_submit(struct exchange *x) MUST_CHECK;

/* The connection's thread: refuses an exchange that no worker has taken in time (-1). */
int exchange_check_waiting(struct exchange *x) MUST_CHECK;

/* A worker: runs every step, and lets go of the exchange. */
void exchange_run(struct exchange *x, struct upstream *u);

/* Counts n more bytes towards memory-max; false when that is reached. Given back at the end. */
bool exchange_charge_memory(struct exchange *x, size_t n) MUST_CHECK;
int exchange_refuse_memory(struct exchange *x);

/* Makes the reply from x->refusal. */
void exchange_reply_refusal(struct exchange *x);

/* The connection's thread noticed that the client has left. */
void exchange_client_left(struct exchange *x);
/* Looks at the socket: has it? Either thread. How often, where nobody else hears of it: */
#define CLIENT_LOOK_MS 200
bool exchange_client_has_left(struct exchange *x);
bool exchange_client_is_gone(const struct exchange *x);

/* Cuts the client's connection, so that its thread wakes from a write that will never end. */
void exchange_hang_up(struct exchange *x);

#endif
