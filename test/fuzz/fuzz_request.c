/* SPDX-License-Identifier: MIT */
/* Any body, to any API (the first byte): refused, or read; and what is edited for the upstream can
 * be read again and says what it was edited to say. */
#include "fuzz_request.h"

#define LIMIT 4321

/* Every span of the prompt lies in memory that can be read. */
static size_t touch(struct span s)
{
    size_t sum = 0;

    for (size_t i = 0; i < s.n; i++)
        sum += (unsigned char)s.p[i];
    return sum;
}

static size_t touch_prompt(const struct prompt *p)
{
    size_t sum = touch(p->model) + touch(p->tools) + touch(p->schema) + touch(p->chosen_tool);

    for (int i = 0; i < p->nmessages; i++) {
        sum += touch(p->messages[i].role) + touch(p->messages[i].name);
        for (int k = 0; k < p->messages[i].nparts; k++)
            sum += touch(p->messages[i].parts[k].text) + touch(p->messages[i].parts[k].name);
    }
    return sum;
}

static void check_splice(const struct request *q, struct arena *a)
{
    const struct splice edits = {.include_usage = true, .max_tokens = LIMIT};
    struct request again;
    struct refusal r;
    struct buf out;

    buf_init(&out, 0);
    if (request_parse(q->prompt.api, request_splice(q, &edits, &out), &limits, a, &again, &r))
        abort();
    if (q->generates && again.output_limit != LIMIT)
        abort();
    if (q->stream && (q->prompt.api == API_CHAT || q->prompt.api == API_COMPLETIONS) &&
        !again.asks_usage)
        abort();
    request_forget(&again);
    buf_finish(&out);
}

static void check(const struct request *q, struct arena *a)
{
    volatile size_t sum = touch_prompt(&q->prompt);

    (void)sum;
    check_splice(q, a);
}
