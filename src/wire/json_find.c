/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdlib.h>

#include "json_scan.h"
#include "wire/json.h"

/* A walk over text that json_read() accepted: the grammar is known to be kept. */
struct walk {
    const char *p;
    size_t n, at;
};

static void skip_space(struct walk *w)
{
    while (w->at < w->n && strchr(" \t\r\n", w->p[w->at]) && w->p[w->at])
        w->at++;
}

static void skip_string(struct walk *w)
{
    for (w->at++; w->at < w->n; w->at++) {
        w->at += json_plain(w->p + w->at, w->n - w->at, false);
        if (w->at >= w->n || w->p[w->at] == '"')
            break;
        if (w->p[w->at] == '\\')
            w->at++;
    }
    w->at++;
}

static void skip_container(struct walk *w)
{
    size_t depth = 0;

    while (w->at < w->n) {
        char c = w->p[w->at];
        if (c == '"') {
            skip_string(w);
            continue;
        }
        w->at++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return;
    }
}

static struct span skip_value(struct walk *w)
{
    size_t from = w->at;

    if (w->p[w->at] == '"')
        skip_string(w);
    else if (w->p[w->at] == '{' || w->p[w->at] == '[')
        skip_container(w);
    else
        while (w->at < w->n && !strchr(",}] \t\r\n", w->p[w->at]))
            w->at++;
    return (struct span){w->p + from, w->at - from};
}

/* Whether a string as written, quotes and escapes included, says the ASCII key. */
static bool says(struct span written, const char *key)
{
    const char *p = written.p + 1, *end = written.p + written.n - 1;

    while (p < end) {
        int c = (unsigned char)*p++;
        if (c == '\\' && *p == 'u') {
            char hex[5] = {p[1], p[2], p[3], p[4], '\0'};
            c = (int)strtol(hex, NULL, 16);
            p += 5;
        } else if (c == '\\') {
            return false; /* none of the short escapes occurs in a key we look for */
        }
        if (c != (unsigned char)*key++ || c == 0)
            return false;
    }
    return *key == '\0';
}

/* The member of the object that starts at w->at. */
static struct json_place find_member(struct walk *w, const char *key)
{
    struct json_place place = {0};

    w->at++;
    for (;;) {
        struct span name, value;
        size_t at;
        skip_space(w);
        if (w->at >= w->n || w->p[w->at] != '"')
            return place;
        at = w->at;
        name = skip_value(w);
        skip_space(w);
        w->at++; /* the colon */
        skip_space(w);
        value = skip_value(w);
        if (says(name, key)) {
            place.value = value;
            place.key = at;
            return place;
        }
        skip_space(w);
        if (w->at >= w->n || w->p[w->at] != ',')
            return place;
        w->at++;
    }
}

struct json_place json_find(struct span text, const char *key, const char *inner)
{
    struct walk w = {text.p, text.n, 0};
    struct json_place place;

    skip_space(&w);
    if (w.at >= w.n || w.p[w.at] != '{')
        return (struct json_place){0};
    place = find_member(&w, key);
    if (!inner || !place.value.n)
        return place;
    if (place.value.p[0] != '{')
        return (struct json_place){0};
    w.at = (size_t)(place.value.p - text.p);
    return find_member(&w, inner);
}
