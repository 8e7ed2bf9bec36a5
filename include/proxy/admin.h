/* SPDX-License-Identifier: MIT */
#ifndef PROXY_ADMIN_H
#define PROXY_ADMIN_H

#include "base/jsonw.h"
#include "proxy/exchange.h"
#include "wire/json.h"

/*
 * Health, usage, budgets, tokens and metrics: answered on the connection's own thread, so that they work
 * with every worker busy. 0 with x->reply made, or -1 with x->refusal filled.
 */
int admin_answer(struct exchange *x) MUST_CHECK;

/* The parts of it, one a file; each answers the routes of one subject. */
int admin_root(struct exchange *x) MUST_CHECK;
int admin_health(struct exchange *x) MUST_CHECK;
int admin_metrics(struct exchange *x) MUST_CHECK;
int admin_usage(struct exchange *x) MUST_CHECK;
int admin_usage_by(struct exchange *x) MUST_CHECK; /* GET /v1/usage?by=… */
int admin_history(struct exchange *x) MUST_CHECK;
int admin_budget(struct exchange *x) MUST_CHECK;
int admin_budget_reset(struct exchange *x) MUST_CHECK;
int admin_budgets(struct exchange *x) MUST_CHECK;
int admin_tokens(struct exchange *x) MUST_CHECK;
int admin_token(struct exchange *x) MUST_CHECK;

int admin_series(struct exchange *x) MUST_CHECK;
int admin_live(struct exchange *x) MUST_CHECK;
int admin_dashboard(struct exchange *x) MUST_CHECK;
int admin_login(struct exchange *x) MUST_CHECK;
int admin_logout(struct exchange *x) MUST_CHECK;

/* Query parameters. An absent one leaves *out as it is; a bad one is refused by name. */
int admin_bad_query(struct exchange *x, const char *name, const char *what);
int admin_query_int(struct exchange *x, const char *name, long long least, long long most,
                    long long *out) MUST_CHECK;
int admin_query_time(struct exchange *x, const char *name, int64_t *out) MUST_CHECK;
int admin_query_word(struct exchange *x, const char *name, const char *const *words, size_t n,
                     size_t *out) MUST_CHECK;
/* The caller's project; NULL with all=true, which a project token may not ask. */
int admin_query_project(struct exchange *x, const char **project) MUST_CHECK;

/* Objects that several answers hold. */
void admin_write_usage(struct jsonw *w, const struct usage_row *r);

/* What they share: a reply of JSON written so far, and the ledger's errors in HTTP's terms. */
int admin_reply(struct exchange *x, int status, const char *content_type) MUST_CHECK;
int admin_refuse_ledger(struct exchange *x, const struct err *e);

/* admin_budget_json.c: a budget as JSON (with or without what only an admin may see), and the body as a
 * budget. */
void admin_write_budget(struct jsonw *w, const struct budget *b, bool secrets);
int admin_read_budget(struct exchange *x, struct budget *b) MUST_CHECK;

/* The body as a small JSON object; *root is the caller's. */
int admin_read_json(struct exchange *x, json_t **root) MUST_CHECK;

#endif
