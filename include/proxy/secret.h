/* SPDX-License-Identifier: MIT */
#ifndef PROXY_SECRET_H
#define PROXY_SECRET_H

#include <stdbool.h>

#include "base/err.h"

/*
 * Memory for provider keys, tokens and passwords: kept out of core dumps and, where the system allows
 * it, out of swap; wiped when given back.
 */

/* A copy of text, or NULL when there is no memory. */
char *secret_keep(const char *text);
void secret_forget(char *secret); /* NULL is fine */

/* Looks a secret up: the environment variable of that name, which is wiped and unset, else the file
 * of that name in $CREDENTIALS_DIRECTORY. free: it may hold what no header may. *out is NULL when there
 * is none; else the caller's. */
int secret_take(const char *name, bool free, char **out, struct err *e) MUST_CHECK;

#endif
