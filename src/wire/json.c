/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "json_reader.h"

/*
 * One pass over the text builds jansson's tree. Its own parser takes a character at a time, lets
 * the last of two equal keys win unless told, and knows no bounds; this one runs over plain text 8
 * bytes at a time.
 */

bool json_wrong(struct reader *r, enum json_fault fault, const char *what)
{
    size_t line = 1, start = 0;

    for (size_t i = 0; i < r->at && i < r->text.n; i++) {
        if (r->text.p[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    r->fault = fault;
    err_set(r->e, fault == JSON_TOO_COMPLEX ? ERR_LIMIT : ERR_INVALID,
            "%s at byte %zu (line %zu, column %zu)", what, r->at, line, r->at - start + 1);
    return false;
}

bool json_no_memory(struct reader *r)
{
    r->fault = JSON_NO_MEMORY;
    err_set(r->e, ERR_MEMORY, "no memory to read a body of %zu bytes", r->text.n);
    return false;
}

static json_t *or_no_memory(struct reader *r, json_t *value)
{
    if (!value)
        json_no_memory(r);
    return value;
}

static bool at_end(const struct reader *r)
{
    return r->at >= r->text.n;
}

static void skip_space(struct reader *r)
{
    while (!at_end(r)) {
        char c = r->text.p[r->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            return;
        r->at++;
    }
}

/* Whether c comes next, behind white space; then it is stepped over. */
static bool next_is(struct reader *r, char c)
{
    skip_space(r);
    if (at_end(r) || r->text.p[r->at] != c)
        return false;
    r->at++;
    return true;
}

static bool unexpected(struct reader *r)
{
    unsigned char c = at_end(r) ? 0 : (unsigned char)r->text.p[r->at];

    if (at_end(r))
        return json_wrong(r, JSON_INVALID, "unexpected end");
    if (c >= 0x80 && !utf8_valid_len(span_skip(r->text, r->at)))
        return json_wrong(r, JSON_INVALID, "invalid UTF-8");
    return json_wrong(r, JSON_INVALID, "unexpected character");
}

/* For who returns a value where something is wrong. */
static json_t *nothing(bool wrong)
{
    (void)wrong;
    return NULL;
}

static json_t *read_value(struct reader *r);

static bool read_member(struct reader *r, json_t *object)
{
    struct span key;
    char *copy = NULL;
    json_t *value;
    size_t at = r->at, before = json_object_size(object);
    bool added;

    if (!next_is(r, '"'))
        return unexpected(r);
    if (!json_read_string(r, &key))
        return false;
    if (key.n && memchr(key.p, '\0', key.n)) {
        r->at = at;
        return json_wrong(r, JSON_INVALID, "NUL in a key");
    }
    if (key.p == r->scratch.p) { /* the value's strings need scratch too */
        copy = strndup(key.p, key.n);
        if (!copy)
            return json_no_memory(r);
        key.p = copy;
    }
    value = next_is(r, ':') ? read_value(r) : nothing(unexpected(r));
    added = value && json_object_setn_new_nocheck(object, key.p, key.n, value) == 0;
    free(copy);
    if (value && !added)
        return json_no_memory(r);
    if (added && json_object_size(object) == before) {
        r->at = at;
        return json_wrong(r, JSON_DUPLICATE_KEY, "the same key as before");
    }
    return added;
}

static json_t *read_object(struct reader *r)
{
    json_t *object = or_no_memory(r, json_object());

    if (!object || next_is(r, '}'))
        return object;
    do {
        skip_space(r);
        if (!read_member(r, object))
            goto fail;
    } while (next_is(r, ','));
    if (next_is(r, '}'))
        return object;
    unexpected(r);
fail:
    json_decref(object);
    return NULL;
}

static json_t *read_array(struct reader *r)
{
    json_t *array = or_no_memory(r, json_array()), *value;

    if (!array || next_is(r, ']'))
        return array;
    do {
        value = read_value(r);
        if (!value)
            goto fail;
        if (json_array_append_new(array, value)) {
            json_no_memory(r);
            goto fail;
        }
    } while (next_is(r, ','));
    if (next_is(r, ']'))
        return array;
    unexpected(r);
fail:
    json_decref(array);
    return NULL;
}

static json_t *read_literal(struct reader *r)
{
    static const struct {
        struct span word;
        json_t *(*make)(void);
    } literals[] = {{{"true", 4}, json_true}, {{"false", 5}, json_false}, {{"null", 4}, json_null}};

    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
        if (span_starts(span_skip(r->text, r->at), literals[i].word)) {
            r->at += literals[i].word.n;
            return literals[i].make();
        }
    }
    return nothing(unexpected(r));
}

/* The bracket that was just read opens a container. */
static json_t *read_nested(struct reader *r, json_t *(*read)(struct reader *r))
{
    json_t *value;

    if (r->depth_left == 0) {
        r->at--;
        return nothing(json_wrong(r, JSON_TOO_COMPLEX, "nested too deeply"));
    }
    r->depth_left--;
    value = read(r);
    r->depth_left++;
    return value;
}

static json_t *read_value(struct reader *r)
{
    struct span string;
    char c;

    skip_space(r);
    if (at_end(r))
        return nothing(unexpected(r));
    if (r->nodes_left-- == 0)
        return nothing(json_wrong(r, JSON_TOO_COMPLEX, "too many values"));
    c = r->text.p[r->at];
    if (c == '-' || isdigit((unsigned char)c))
        return json_read_number(r);
    if (c != '"' && c != '{' && c != '[')
        return read_literal(r);
    r->at++;
    if (c == '{')
        return read_nested(r, read_object);
    if (c == '[')
        return read_nested(r, read_array);
    if (!json_read_string(r, &string))
        return NULL;
    return or_no_memory(r, json_stringn_nocheck(string.n ? string.p : "", string.n));
}

static json_t *read_root(struct reader *r)
{
    json_t *root;

    if (span_starts(r->text, SPAN("\xef\xbb\xbf")))
        return nothing(json_wrong(r, JSON_INVALID, "byte order mark"));
    skip_space(r);
    if (at_end(r))
        return nothing(json_wrong(r, JSON_INVALID, "empty where a JSON object was expected"));
    if (r->text.p[r->at] != '{')
        return nothing(json_wrong(r, JSON_INVALID, "something else than a JSON object"));
    root = read_value(r);
    skip_space(r);
    if (!root || at_end(r))
        return root;
    json_decref(root);
    return nothing(json_wrong(r, JSON_INVALID, "something behind the JSON object"));
}

enum json_fault json_read(struct span text, const struct json_limits *limits, json_t **root,
                          struct err *e)
{
    struct reader r = {
        .text = text, .nodes_left = limits->nodes, .depth_left = limits->depth, .e = e};
    json_t *tree;

    buf_init(&r.scratch, 0);
    tree = read_root(&r);
    buf_finish(&r.scratch);
    if (tree)
        *root = tree;
    return r.fault;
}
