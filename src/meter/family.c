/* SPDX-License-Identifier: MIT */
#include "meter/family.h"

#include <ctype.h>

/* OpenAI's: the first prefix that fits. */
static const struct {
    const char *prefix;
    enum family family;
} prefixes[] = {
    {"gpt-4o", FAMILY_OMNI},
    {"gpt-4.", FAMILY_OMNI},
    {"chatgpt-4o", FAMILY_OMNI},
    {"gpt-4", FAMILY_CLASSIC},
    {"gpt-3.5", FAMILY_CLASSIC},
    {"gpt-35", FAMILY_CLASSIC},
    {"gpt-5", FAMILY_REASONING},
    {"gpt-6", FAMILY_GPT6},
    {"o1", FAMILY_REASONING},
    {"o3", FAMILY_REASONING},
    {"o4", FAMILY_REASONING},
    {"codex-", FAMILY_REASONING},
    {"computer-use", FAMILY_REASONING},
};

struct span family_bare_name(struct span model)
{
    for (size_t i = model.n; i-- > 0;) {
        if (model.p[i] == '/') {
            model = span_skip(model, i + 1);
            break;
        }
    }
    return span_starts(model, SPAN("ft:")) ? span_skip(model, 3) : model;
}

static struct span from_word(struct span s, struct span word)
{
    while (s.n >= word.n && !span_eq((struct span){s.p, word.n}, word))
        s = span_skip(s, 1);
    return s.n >= word.n ? s : (struct span){s.p, 0};
}

bool family_has_word(struct span model, struct span word)
{
    return from_word(model, word).n > 0;
}

/* A number of one or two digits at the start of s, as a version's part is; -1 for anything else. */
static int version_part(struct span s)
{
    size_t n = 0;
    int v = 0;

    while (n < s.n && isdigit((unsigned char)s.p[n]))
        n++;
    if (n == 0 || n > 2)
        return -1;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (s.p[i] - '0');
    return v;
}

int family_claude_version(struct span model)
{
    struct span s = from_word(model, SPAN("claude-")), word;
    int major = -1, minor = -1;

    while (s.n && minor < 0) {
        size_t n = 0;
        while (n < s.n && s.p[n] != '-' && s.p[n] != '.')
            n++;
        word = (struct span){s.p, n};
        if (major < 0)
            major = version_part(word);
        else
            minor = version_part(word) < 0 ? 0 : version_part(word);
        s = span_skip(s, n < s.n ? n + 1 : n);
    }
    return major < 0 ? 0 : major * 10 + (minor < 0 || minor > 9 ? 0 : minor);
}

static enum family claude_family(struct span model)
{
    int version = family_claude_version(model);

    if (from_word(model, SPAN("fable")).n || from_word(model, SPAN("mythos")).n)
        return FAMILY_CLAUDE_47;
    if (version >= 50)
        return FAMILY_CLAUDE_5;
    return version >= 47 ? FAMILY_CLAUDE_47 : FAMILY_CLAUDE_3;
}

enum family family_of_model(struct span model)
{
    struct span name = family_bare_name(model);

    if (from_word(name, SPAN("claude")).n)
        return claude_family(name);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (span_starts(name, span_of(prefixes[i].prefix)))
            return prefixes[i].family;
    return FAMILY_OTHER;
}
