/* SPDX-License-Identifier: MIT */
#ifndef PROXY_PROVIDER_H
#define PROXY_PROVIDER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "meter/price.h"

/*
 * The upstreams. Two are built in, OpenAI and Anthropic; a [providers.NAME] section of the configuration
 * adds one that speaks either's dialect. Requests reach it through the path prefix /NAME/v1/… or because
 * their model matches. Immutable once the configuration is loaded; owned by it.
 */

enum key_header { KEY_BEARER, KEY_X_API_KEY, KEY_API_KEY };

struct provider {
    char *name;
    const char *price_name; /* what price tables call it; set by provider_name_prices() */
    char *base_url;      /* OpenAI's dialect: up to and with /v1; Anthropic's: without */
    bool anthropic;      /* the dialect */
    char *key_variable;  /* the environment variable or credential that holds the key; "": none */
    char *key;           /* NULL: none to lend; see proxy/secret.h */
    enum key_header key_header;
    char *models;        /* globs of the models that go there, comma-separated; "": the prefix alone */
    bool stream_options; /* it takes stream_options, so that usage can be asked for */
    unsigned given;      /* which keys its section has set: a bit for each of provider.c's fields */
};

struct providers {
    struct provider *list; /* [0] OpenAI, [1] Anthropic, then the configured ones in their order */
    int n;
};

/* Starts a section: an empty provider of that name at the end of the list. */
int provider_add(struct providers *p, struct span name, struct err *e) MUST_CHECK;

/* One "key = value" of the section that was started last. ERR_NOT_FOUND when the key is at fault, else
 * the value is. */
int provider_assign(struct providers *p, struct span key, struct span value, struct err *e) MUST_CHECK;

/* All sections have been read: what is missing, and the keys. Keys already taken from the environment
 * come from `running` (NULL at the start). */
int provider_settle(struct providers *p, const struct providers *running, struct err *e) MUST_CHECK;

/* Each provider's name in the price tables: that of its host, else its own. Borrows from both. */
void provider_name_prices(struct providers *p, const struct price_table *t);

/* Appends the section as the file would have it. */
void provider_write(const struct provider *p, struct buf *out);

void providers_finish(struct providers *p);

/* Whether one of the comma-separated globs matches: models of providers and of project tokens. */
bool glob_list_matches(const char *globs, struct span text);

/* By name; NULL when there is none. */
const struct provider *provider_find(const struct providers *p, struct span name);

/* Where a model of that dialect goes: the first provider whose globs match, else the built-in one. */
const struct provider *provider_for(const struct providers *p, bool anthropic, struct span model);

#endif
