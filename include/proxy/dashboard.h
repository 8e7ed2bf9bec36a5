/* SPDX-License-Identifier: MIT */
#ifndef PROXY_DASHBOARD_H
#define PROXY_DASHBOARD_H

#include <stddef.h>

/* The spending page: one file, made at build time from src/dashboard/ by its embed.sh, and the policy
 * that lets a browser run its script and style, and nothing else. */

extern const unsigned char dashboard_page[];
extern const size_t dashboard_page_size;
extern const char dashboard_policy[]; /* of the Content-Security-Policy header */

#endif
