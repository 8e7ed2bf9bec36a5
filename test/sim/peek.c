/* SPDX-License-Identifier: MIT */
#include "peek.h"

#include <stdlib.h>
#include <string.h>

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

/* `p` stands on the opening quote; returns what follows the closing one. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '"')
            return p + 1;
    }
    return end;
}

static const char *skip_value(const char *p, const char *end)
{
    int depth = 0;

    while (p < end) {
        char c = *p;

        if (c == '"') {
            p = skip_string(p, end);
            if (depth == 0)
                return p;
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']'))
            return p;
        if (c == '{' || c == '[')
            depth++;
        if (c == '}' || c == ']') {
            depth--;
            if (depth == 0)
                return p + 1;
        }
        p++;
    }
    return end;
}

struct slice peek_member(struct slice json, const char *key)
{
    size_t key_len = strlen(key);
    const char *end, *p;

    if (!json.at)
        return (struct slice){0};
    end = json.at + json.len;
    p = skip_space(json.at, end);
    if (p >= end || *p != '{')
        return (struct slice){0};
    p = skip_space(p + 1, end);
    while (p < end && *p == '"') {
        const char *name = p + 1, *value;
        size_t name_len;

        p = skip_string(p, end);
        name_len = (size_t)(p - name) - 1;
        p = skip_space(p, end);
        if (p >= end || *p != ':')
            break;
        value = skip_space(p + 1, end);
        p = skip_value(value, end);
        if (name_len == key_len && memcmp(name, key, key_len) == 0) {
            while (p > value && strchr(" \t\r\n", p[-1]))
                p--;
            return (struct slice){value, (size_t)(p - value)};
        }
        p = skip_space(p, end);
        if (p < end && *p == ',')
            p = skip_space(p + 1, end);
    }
    return (struct slice){0};
}

bool peek_is_true(struct slice value)
{
    return value.len == 4 && memcmp(value.at, "true", 4) == 0;
}

int64_t peek_int(struct slice value, int64_t otherwise)
{
    char digits[32], *end;
    long long n;

    if (!value.at || value.len == 0 || value.len >= sizeof(digits))
        return otherwise;
    memcpy(digits, value.at, value.len);
    digits[value.len] = '\0';
    n = strtoll(digits, &end, 10);
    return *end ? otherwise : n;
}

void peek_string(struct slice value, char *to, size_t size)
{
    size_t len;

    to[0] = '\0';
    if (value.len < 2 || value.at[0] != '"')
        return;
    len = value.len - 2 < size - 1 ? value.len - 2 : size - 1;
    memcpy(to, value.at + 1, len);
    to[len] = '\0';
}

size_t peek_count(struct slice value)
{
    const char *end, *p;
    size_t count = 0;

    if (!value.at || value.len < 2 || value.at[0] != '[')
        return 0;
    end = value.at + value.len;
    for (p = skip_space(value.at + 1, end); p < end && *p != ']'; count++) {
        p = skip_space(skip_value(p, end), end);
        if (p < end && *p == ',')
            p = skip_space(p + 1, end);
    }
    return count;
}

bool peek_list_of_numbers(struct slice value)
{
    const char *p;

    if (!value.at || value.len < 2 || value.at[0] != '[')
        return false;
    p = skip_space(value.at + 1, value.at + value.len);
    return *p == '-' || (*p >= '0' && *p <= '9');
}
