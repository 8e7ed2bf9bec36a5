/* SPDX-License-Identifier: MIT */
#ifndef PROXY_ALERT_H
#define PROXY_ALERT_H

#include "ledger/ledger.h"
#include "proxy/server.h"

/*
 * Alerts of budgets: one POST to the budget's alertUrl when a threshold of its limit is reached, or when an
 * hour costs much more than hours use to; once for each threshold and period. A thread of its own finds
 * them, writes them down in the ledger, and sends what waits there, again and again for a while.
 */

struct alerter;

int alerter_start(struct server *s, struct alerter **out, struct err *e) MUST_CHECK;
void alerter_stop(struct alerter *a); /* what waits is sent after the next start */

/* ---- its parts ---- */

/* What was found to be known already, so that the ledger is asked once. */
#define ALERTS_SEEN 4096

struct alert_seen {
    uint64_t marks[ALERTS_SEEN]; /* hashes; 0: free */
    int n;
};

struct alert_rules {
    bool slack;   /* the body is what Slack's incoming webhooks take */
    int spike;    /* how many times the average hour an hour must cost; 0: never */
};

/* Looks at every budget and writes down what is to be sent. spikes: look for those too. *any: there are
 * budgets with alerts. */
int alert_scan(struct ledger *l, const struct alert_rules *rules, struct alert_seen *seen, bool spikes,
               int64_t now_ms, bool *any, struct err *e) MUST_CHECK;

/* Fills id and body from a budget's state; threshold 0 is a spike: hour is what the running hour cost so
 * far, usual the average one. */
int alert_write(struct alert *a, const struct budget *b, const struct alert_rules *rules, nano_t hour,
                nano_t usual, struct err *e) MUST_CHECK;

/* "t=SECONDS,v1=HEX": HMAC-SHA256 over "SECONDS.BODY" with the secret. */
#define ALERT_SIGNATURE_MAX 128
int alert_sign(const char *secret, int64_t now_s, const char *body, char out[ALERT_SIGNATURE_MAX],
               struct err *e) MUST_CHECK;

/* When to try again after so many tries; 0: no more. */
int64_t alert_retry_ms(int tries);

#endif
