/* SPDX-License-Identifier: MIT */
/* The lists of models, in either dialect's shape. */
#include "dialect.h"

#include <string.h>

struct model {
    const char *id, *name;
    long long created;
    const char *created_at;
};

static const struct model openai_models[] = {
    {"gpt-4o", "system", 1715367049, NULL},
    {"gpt-4o-mini", "system", 1721172741, NULL},
    {"gpt-5", "system", 1754425777, NULL},
    {"text-embedding-3-small", "system", 1705948997, NULL},
};

static const struct model anthropic_models[] = {
    {"claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", 0, "2025-09-29T00:00:00Z"},
    {"claude-haiku-4-5-20251001", "Claude Haiku 4.5", 0, "2025-10-01T00:00:00Z"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void put_model(struct answer *a, const struct model *m)
{
    if (m->created_at)
        buf_printf(
            &a->body,
            "{\"type\":\"model\",\"id\":\"%s\",\"display_name\":\"%s\",\"created_at\":\"%s\"}",
            m->id, m->name, m->created_at);
    else
        buf_printf(&a->body,
                   "{\"id\":\"%s\",\"object\":\"model\",\"created\":%lld,\"owned_by\":\"%s\"}",
                   m->id, m->created, m->name);
}

static const struct model *models_of(enum dialect dialect, size_t *count)
{
    *count = dialect == ANTHROPIC ? COUNT(anthropic_models) : COUNT(openai_models);
    return dialect == ANTHROPIC ? anthropic_models : openai_models;
}

void models_list(const struct ask *ask, struct answer *a)
{
    size_t count;
    const struct model *models = models_of(ask->dialect, &count);

    answer_open(a, NULL);
    buf_puts(&a->body,
             ask->dialect == ANTHROPIC ? "{\"data\":[" : "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_puts(&a->body, ",");
        put_model(a, &models[i]);
    }
    buf_puts(&a->body, "]");
    if (ask->dialect == ANTHROPIC)
        buf_printf(&a->body, ",\"has_more\":false,\"first_id\":\"%s\",\"last_id\":\"%s\"",
                   models[0].id, models[count - 1].id);
    buf_puts(&a->body, "}");
    answer_close(a, false);
}

void models_get(const struct ask *ask, struct answer *a)
{
    size_t count, len = http_path_len(ask->req);
    const struct model *models = models_of(ask->dialect, &count);

    for (size_t i = 0; i < count; i++) {
        size_t id_len = strlen(models[i].id);

        if (id_len < len && ask->req->target[len - id_len - 1] == '/' &&
            memcmp(ask->req->target + len - id_len, models[i].id, id_len) == 0) {
            answer_open(a, NULL);
            put_model(a, &models[i]);
            answer_close(a, false);
            return;
        }
    }
    answer_error(a, ask->dialect, 404, "The model does not exist.");
}
