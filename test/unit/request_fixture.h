/* SPDX-License-Identifier: MIT */
#ifndef REQUEST_FIXTURE_H
#define REQUEST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four that it needs */
#include <cmocka.h>

#include "wire/request.h"

#define ARENA_CAP (256u << 20)

#define CHAT "\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"

struct fixture {
    struct arena a;
    struct request q;
    struct refusal r;
};

static inline int parse(struct fixture *f, enum api api, const char *body)
{
    struct json_limits limits = JSON_LIMITS;

    arena_init(&f->a, ARENA_CAP);
    return request_parse(api, span_of(body), &limits, &f->a, &f->q, &f->r);
}

static inline void must_parse(struct fixture *f, enum api api, const char *body)
{
    if (parse(f, api, body))
        fail_msg("%s\nrefused: %s", body, f->r.message);
}

static inline void finish(struct fixture *f)
{
    request_forget(&f->q);
    arena_finish(&f->a);
}

#endif
