/* SPDX-License-Identifier: MIT */
#include "meter/tokenizer.h"

static const char *const encoding_names[ENCODINGS] = {
    [ENC_O200K] = "o200k_base",   [ENC_O200K_HARMONY] = "o200k_harmony",
    [ENC_CL100K] = "cl100k_base", [ENC_P50K] = "p50k_base",
    [ENC_R50K] = "r50k_base",
};

const char *encoding_name(enum encoding enc)
{
    return encoding_names[enc];
}

bool encoding_from_name(struct span name, enum encoding *out)
{
    static const struct {
        const char *name;
        enum encoding enc;
    } others[] = {{"gpt2", ENC_R50K}, {"p50k_edit", ENC_P50K}};

    for (int i = 0; i < ENCODINGS; i++)
        if (span_eq(name, span_of(encoding_names[i]))) {
            *out = (enum encoding)i;
            return true;
        }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (span_eq(name, span_of(others[i].name))) {
            *out = others[i].enc;
            return true;
        }
    return false;
}

/* As the encodings' makers map them, tiktoken 0.14: a whole name, or with * how it starts. Whole
 * names first, then the first start that fits, so ft:gpt-4o stands before ft:gpt-4. */
static const struct {
    const char *model;
    enum encoding enc;
} models[] = {
    {"o1", ENC_O200K},
    {"o3", ENC_O200K},
    {"o4-mini", ENC_O200K},
    {"gpt-4.1", ENC_O200K},
    {"gpt-4o", ENC_O200K},
    {"gpt-4", ENC_CL100K},
    {"gpt-3.5-turbo", ENC_CL100K},
    {"gpt-3.5", ENC_CL100K},
    {"gpt-35-turbo", ENC_CL100K},
    {"davinci-002", ENC_CL100K},
    {"babbage-002", ENC_CL100K},
    {"text-embedding-ada-002", ENC_CL100K},
    {"text-embedding-3-small", ENC_CL100K},
    {"text-embedding-3-large", ENC_CL100K},
    {"text-davinci-003", ENC_P50K},
    {"text-davinci-002", ENC_P50K},
    {"text-davinci-001", ENC_R50K},
    {"text-curie-001", ENC_R50K},
    {"text-babbage-001", ENC_R50K},
    {"text-ada-001", ENC_R50K},
    {"davinci", ENC_R50K},
    {"curie", ENC_R50K},
    {"babbage", ENC_R50K},
    {"ada", ENC_R50K},
    {"code-davinci-002", ENC_P50K},
    {"code-davinci-001", ENC_P50K},
    {"code-cushman-002", ENC_P50K},
    {"code-cushman-001", ENC_P50K},
    {"davinci-codex", ENC_P50K},
    {"cushman-codex", ENC_P50K},
    {"text-davinci-edit-001", ENC_P50K},
    {"code-davinci-edit-001", ENC_P50K},
    {"text-similarity-davinci-001", ENC_R50K},
    {"text-similarity-curie-001", ENC_R50K},
    {"text-similarity-babbage-001", ENC_R50K},
    {"text-similarity-ada-001", ENC_R50K},
    {"text-search-davinci-doc-001", ENC_R50K},
    {"text-search-curie-doc-001", ENC_R50K},
    {"text-search-babbage-doc-001", ENC_R50K},
    {"text-search-ada-doc-001", ENC_R50K},
    {"code-search-babbage-code-001", ENC_R50K},
    {"code-search-ada-code-001", ENC_R50K},
    {"gpt2", ENC_R50K},
    {"gpt-2", ENC_R50K},
    {"o1-*", ENC_O200K},
    {"o3-*", ENC_O200K},
    {"o4-mini-*", ENC_O200K},
    {"gpt-5*", ENC_O200K},
    {"gpt-4.5-*", ENC_O200K},
    {"gpt-4.1-*", ENC_O200K},
    {"chatgpt-4o-*", ENC_O200K},
    {"gpt-4o-*", ENC_O200K},
    {"gpt-4-*", ENC_CL100K},
    {"gpt-3.5-turbo-*", ENC_CL100K},
    {"gpt-35-turbo-*", ENC_CL100K},
    {"gpt-oss-*", ENC_O200K_HARMONY},
    {"ft:gpt-4o*", ENC_O200K},
    {"ft:gpt-4.1*", ENC_O200K}, /* left out over there; they bill as their base model does */
    {"ft:o4-mini*", ENC_O200K},
    {"ft:gpt-4*", ENC_CL100K},
    {"ft:gpt-3.5-turbo*", ENC_CL100K},
    {"ft:davinci-002*", ENC_CL100K},
    {"ft:babbage-002*", ENC_CL100K},
};

static bool fits(const char *rule, struct span model)
{
    struct span r = span_of(rule);

    if (r.p[r.n - 1] != '*')
        return span_eq(r, model);
    r.n--;
    return span_starts(model, r);
}

enum encoding encoding_of_model(struct span model, bool *known)
{
    if (span_starts(model, SPAN("openai/"))) /* as brokers call them */
        model = span_skip(model, 7);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (fits(models[i].model, model)) {
            *known = true;
            return models[i].enc;
        }
    *known = false;
    return ENC_O200K;
}
