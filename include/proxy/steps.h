/* SPDX-License-Identifier: MIT */
#ifndef PROXY_STEPS_H
#define PROXY_STEPS_H

#include "proxy/exchange.h"

/*
 * The steps of an exchange, in the order of the table in exchange.c. Each runs on the worker's thread,
 * returns 0 to go on, or -1 with x->refusal filled. forget, settle
 * and what follows it run whatever came before.
 */

int step_admit(struct exchange *x, struct upstream *u);   /* may it come in */
int step_parse(struct exchange *x, struct upstream *u);   /* the body's facts */
int step_choose(struct exchange *x, struct upstream *u);  /* the provider, and whose key */
int step_count(struct exchange *x, struct upstream *u);   /* input tokens */
int step_ask(struct exchange *x, struct upstream *u);     /* the provider's own count, where wanted */
int step_forget(struct exchange *x, struct upstream *u);  /* the prompt, which is counted */
int step_price(struct exchange *x, struct upstream *u);   /* the model's price */
int step_predict(struct exchange *x, struct upstream *u); /* output, cost, bounds */
int step_quote(struct exchange *x, struct upstream *u);   /* /v1/estimate: the answer is the prediction */
int step_limit(struct exchange *x, struct upstream *u);   /* the project's rate limits, or 429 */
int step_reserve(struct exchange *x, struct upstream *u); /* hold it, or 402 */
int step_forward(struct exchange *x, struct upstream *u); /* to the upstream, and its answer back */
int step_settle(struct exchange *x, struct upstream *u);  /* end the hold, once it is open */
int step_unlimit(struct exchange *x, struct upstream *u); /* give back what was taken too much */
int step_finish(struct exchange *x, struct upstream *u);  /* what is left of the reply; the log line */

/* outgoing.c: where the request goes (suffix: added to the path), and the headers it goes with. NULL or
 * false: no memory. */
const char *outgoing_url(struct exchange *x, const char *suffix);
bool outgoing_headers(struct exchange *x, struct headers *out);

/* afford.c: the largest output limit of one answer whose hold fits into `room`; 0: none. strict says what
 * the hold is: the maximum, else the estimate. */
int64_t afford_tokens(const struct exchange *x, nano_t room, bool strict);
/* Whether what the request can cost has an upper bound at all. */
bool afford_is_bounded(const struct exchange *x);
/* What the request can cost at most with that output limit (0: the bound it has). -1: overflow. */
int afford_maximum(const struct exchange *x, int64_t limit, nano_t *out, struct err *e) MUST_CHECK;

/* forward.c: whether the client may take what it got for the whole answer. */
bool answer_is_whole(const struct exchange *x);

/* settle.c: the usage as far as it was read, the rest counted here; false when nothing can be said. */
bool settle_count_answer(struct exchange *x, struct usage *usage);

/* cap.c: whether a stream has generated as much as was held for it, and a valid end for it. */
bool cap_reached(struct exchange *x);
bool cap_stop(struct exchange *x, struct buf *out);

/* overbudget.c: the 402 from the verdict. */
int refuse_over_budget(struct exchange *x);

/* tally.c: tells metrics and live viewers of an exchange that has ended, or was refused before a worker
 * had it; and what prompt caches saved (tokens read) and cost more (tokens written). */
void tally_exchange(struct exchange *x);
void tally_refused_early(struct exchange *x);
void tally_cache(struct exchange *x, nano_t *saved, nano_t *premium);

/* limit.c: x-ratelimit-* headers, where the project has limits that are tighter than what the upstream told. */
void limit_add_headers(struct exchange *x, struct headers *h);

/* reply.c: the X-Tokencap-* headers. Predictions as far as the exchange came; actual figures once it has
 * been settled. */
void reply_add_predictions(struct exchange *x, struct headers *h);
void reply_add_actuals(struct exchange *x, struct headers *h);
void reply_announce_actuals(struct exchange *x, struct headers *h); /* that they will come as trailers */
void reply_add_ids(struct exchange *x, struct headers *h);

#endif
