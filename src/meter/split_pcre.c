/* SPDX-License-Identifier: MIT */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "meter/split.h"

#include <stdlib.h>

#define JIT_STACK_MIN (32 * 1024)
#define JIT_STACK_MAX (1024 * 1024)
#define HEAP_KIB      (512 * 1024) /* of the interpreter, on the largest texts */

struct split_pcre {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

const char *split_pattern_of(enum split_rule rule)
{
    static const char *const patterns[] = {
        [SPLIT_O200K] =
            "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*"
            "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+"
            "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        [SPLIT_CL100K] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
                         "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        [SPLIT_R50K] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"
                       "|\\s+(?!\\S)|\\s+",
    };

    return rule < SPLIT_PATTERN ? patterns[rule] : NULL;
}

/* Patterns are written for engines whose $ is the end of the text alone, and whose newline is \n.
 */
static int compile(struct split_pcre *s, const struct buf *spelled, struct err *e)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    PCRE2_UCHAR why[128];
    PCRE2_SIZE at;
    int code;

    if (!context)
        return err_set(e, ERR_MEMORY, "no memory for a pattern");
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    s->code = pcre2_compile((PCRE2_SPTR)spelled->p, spelled->n,
                            PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &code, &at,
                            context);
    pcre2_compile_context_free(context);
    if (s->code)
        return 0;
    pcre2_get_error_message(code, why, sizeof why);
    return err_set(e, ERR_INVALID, "the pattern is not understood: %s", (const char *)why);
}

/* JIT compilation may be forbidden to the process; then the interpreter serves. */
static int prepare(struct split_pcre *s, struct err *e)
{
    s->match = pcre2_match_data_create(1, NULL);
    s->context = pcre2_match_context_create(NULL);
    if (!s->match || !s->context)
        return err_set(e, ERR_MEMORY, "no memory for a pattern");
    pcre2_set_heap_limit(s->context, HEAP_KIB);
    if (pcre2_jit_compile(s->code, PCRE2_JIT_COMPLETE) == 0)
        s->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    if (s->stack)
        pcre2_jit_stack_assign(s->context, NULL, s->stack);
    return 0;
}

int split_pcre_create(struct span pattern, struct split_pcre **out, struct err *e)
{
    struct split_pcre *s = calloc(1, sizeof *s);
    struct buf spelled;
    int status;

    if (!s)
        return err_set(e, ERR_MEMORY, "no memory for a pattern");
    buf_init(&spelled, 0);
    status = split_spell_out(pattern, &spelled, e);
    if (status == 0)
        status = compile(s, &spelled, e);
    buf_finish(&spelled);
    if (status == 0)
        status = prepare(s, e);
    if (status < 0) {
        split_pcre_destroy(s);
        return -1;
    }
    *out = s;
    return 0;
}

void split_pcre_destroy(struct split_pcre *s)
{
    if (!s)
        return;
    pcre2_jit_stack_free(s->stack);
    pcre2_match_context_free(s->context);
    pcre2_match_data_free(s->match);
    pcre2_code_free(s->code);
    free(s);
}

/* The next match that is not empty: 1, none: 0, no memory: -1. */
static int next_match(struct split_pcre *s, const char *text, size_t n, size_t from, size_t *start,
                      size_t *end)
{
    uint32_t options = PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY;
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->match);
    int code = pcre2_match(s->code, (PCRE2_SPTR)text, n, from, options, s->match, s->context);

    if (code == PCRE2_ERROR_JIT_STACKLIMIT)
        code = pcre2_match(s->code, (PCRE2_SPTR)text, n, from, options | PCRE2_NO_JIT, s->match,
                           s->context);
    if (code == PCRE2_ERROR_NOMATCH)
        return 0;
    if (code < 0)
        return -1;
    *start = at[0];
    *end = at[1];
    return 1;
}

size_t split_pcre_next(struct split_pcre *s, const char *text, size_t n, size_t from, size_t *ends,
                       size_t max)
{
    size_t count = 0, start = n, end = n;

    while (from < n && count < max) {
        int found = next_match(s, text, n, from, &start, &end);
        if (found < 0)
            return 0;
        if (!found)
            start = end = n;
        if (start > from)
            ends[count++] = start;
        from = start;
        if (end > start && count < max)
            ends[count++] = from = end;
    }
    return count;
}
