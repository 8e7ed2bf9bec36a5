/* SPDX-License-Identifier: MIT */
#include "dialect.h"

#include <string.h>

#define DIMENSIONS     8
#define MAX_DIMENSIONS 4096

/* A vector of whole sixteenths, so that its decimals are exact. */
static float component(size_t input, int64_t i)
{
    return (float)((input * 7 + (size_t)i * 3) % 31) / 16.0f - 1.0f;
}

static void put_vector(struct answer *a, size_t input, int64_t dimensions, bool base64)
{
    float vector[MAX_DIMENSIONS];

    for (int64_t i = 0; i < dimensions; i++)
        vector[i] = component(input, i);
    if (base64) {
        buf_puts(&a->body, "\"");
        buf_base64(&a->body, vector, (size_t)dimensions * sizeof(float));
        buf_puts(&a->body, "\"");
        return;
    }
    buf_puts(&a->body, "[");
    for (int64_t i = 0; i < dimensions; i++)
        buf_printf(&a->body, "%s%.4f", i ? "," : "", (double)vector[i]);
    buf_puts(&a->body, "]");
}

void openai_embeddings(const struct ask *ask, struct answer *a)
{
    struct slice input = peek_member(ask->body, "input");
    size_t inputs = peek_list_of_numbers(input) ? 1 : peek_count(input);
    int64_t dimensions = peek_int(peek_member(ask->body, "dimensions"), DIMENSIONS);
    char format[16];

    peek_string(peek_member(ask->body, "encoding_format"), format, sizeof(format));
    if (dimensions < 1 || dimensions > MAX_DIMENSIONS)
        dimensions = DIMENSIONS;
    a->stream = false;
    a->type = "application/json";
    answer_open(a, NULL);
    buf_puts(&a->body, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < (inputs ? inputs : 1); i++) {
        buf_printf(&a->body,
                   "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i ? "," : "", i);
        put_vector(a, i, dimensions, strcmp(format, "base64") == 0);
        buf_puts(&a->body, "}");
    }
    buf_printf(&a->body, "],\"model\":\"%s\"", ask->model);
    if (ask_states_usage(ask)) {
        buf_printf(&a->body, ",\"usage\":{\"prompt_tokens\":%lld,\"total_tokens\":%lld}",
                   ask_figure(ask, ask->usage.input), ask_figure(ask, ask->usage.input));
        a->states_usage = true;
    }
    buf_puts(&a->body, "}");
    answer_close(a, true);
}
