/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/clock.h"
#include "proxy/admin.h"

/* The parameters that management requests have in common. An absent one leaves *out as it is. */

int admin_bad_query(struct exchange *x, const char *name, const char *what)
{
    return refuse(&x->refusal, REFUSE_INVALID_REQUEST, name, "%s: %s", name, what);
}

int admin_query_int(struct exchange *x, const char *name, long long least, long long most, long long *out)
{
    struct span v = query_get(x->target.raw_query, name, &x->arena);
    char what[96];

    if (!v.p || (span_to_int64(v, out) && *out >= least && *out <= most))
        return 0;
    snprintf(what, sizeof what, "a whole number from %lld to %lld is expected", least, most);
    return admin_bad_query(x, name, what);
}

int admin_query_time(struct exchange *x, const char *name, int64_t *out)
{
    struct span v = query_get(x->target.raw_query, name, &x->arena);

    if (v.p && (strlen(v.p) != v.n || (*out = clock_parse_iso(v.p)) < 0))
        return admin_bad_query(x, name, "a date or time like 2026-11-24T08:00:00Z is expected");
    return 0;
}

int admin_query_word(struct exchange *x, const char *name, const char *const *words, size_t n, size_t *out)
{
    struct span v = query_get(x->target.raw_query, name, &x->arena);
    char what[128] = "";
    size_t used = 0;

    if (!v.p)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (span_eq(v, span_of(words[i]))) {
            *out = i;
            return 0;
        }
        used += (size_t)snprintf(what + used, sizeof what - used, "%s%s", i ? i + 1 < n ? ", " : " or " : "",
                                 words[i]);
    }
    snprintf(what + used, sizeof what - used, " is expected");
    return admin_bad_query(x, name, what);
}

int admin_query_project(struct exchange *x, const char **project)
{
    struct span all = query_get(x->target.raw_query, "all", &x->arena);
    bool every = all.p && span_eq(all, SPAN("true"));

    if (all.p && !every && !span_eq(all, SPAN("false")))
        return admin_bad_query(x, "all", "true or false is expected");
    if (every && x->caller.has_token)
        return refuse(&x->refusal, REFUSE_FORBIDDEN, "all",
                      "A project token sees its own project; all=true needs the admin token.");
    *project = every ? NULL : x->project;
    return 0;
}
