/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "wire/request.h"

/* POST /v1/messages/count_tokens takes a Messages body with these members alone. */
static const char *const counted[] = {"model",    "messages",    "system",     "tools",
                                      "tool_choice", "thinking", "mcp_servers", "output_config"};

#define COUNTED (sizeof counted / sizeof *counted)

bool request_count_body(const struct request *q, struct buf *out)
{
    json_t *body = json_object();
    char *text = NULL;

    for (size_t i = 0; body && i < COUNTED; i++) {
        json_t *v = json_object_get(q->root, counted[i]);
        if (v && json_object_set(body, counted[i], v)) {
            json_decref(body);
            return false;
        }
    }
    if (body)
        text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    if (text)
        buf_str(out, text);
    free(text);
    return text && !out->failed;
}

int64_t request_count_answer(struct span body)
{
    struct json_limits limits = {8, 64};
    int64_t tokens = -1;
    json_t *root, *v;
    struct err e;

    if (json_read(body, &limits, &root, &e) != JSON_OK)
        return -1;
    v = json_object_get(root, "input_tokens");
    if (json_is_integer(v) && json_integer_value(v) >= 0)
        tokens = json_integer_value(v);
    json_decref(root);
    return tokens;
}
