/* SPDX-License-Identifier: MIT */
#include "wire/request.h"

#include "meter/price.h"
#include "parse.h"

static const struct endpoint *const endpoints[APIS] = {
    [API_CHAT] = &endpoint_chat,
    [API_RESPONSES] = &endpoint_responses,
    [API_MESSAGES] = &endpoint_messages,
    [API_EMBEDDINGS] = &endpoint_embeddings,
    [API_COMPLETIONS] = &endpoint_completions,
};

static const enum refusal_kind json_refusals[] = {
    [JSON_INVALID] = REFUSE_INVALID_JSON,
    [JSON_DUPLICATE_KEY] = REFUSE_DUPLICATE_KEY,
    [JSON_TOO_COMPLEX] = REFUSE_JSON_TOO_COMPLEX,
    [JSON_NO_MEMORY] = REFUSE_OVERLOADED,
};

/* A control character, C1 and U+2028/9 included, would be a trap in logs, headers and tables. */
static bool has_control(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i], next = i + 1 < s.n ? (unsigned char)s.p[i + 1] : 0;
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && next < 0xa0))
            return true;
        if (c == 0xe2 && next == 0x80 && i + 2 < s.n && ((unsigned char)s.p[i + 2] & 0xfe) == 0xa8)
            return true;
    }
    return false;
}

static int parse_model(struct parse *p)
{
    const json_t *model = json_object_get(p->q->root, "model");
    struct span id = json_span(model);

    if (!model)
        return refuse(p->r, REFUSE_BAD_VALUE, "model",
                      "\"model\" is missing; name the model to use");
    if (!json_is_string(model))
        return refuse(p->r, REFUSE_BAD_VALUE, "model", "\"model\" must be a string");
    if (id.n == 0 || id.n >= MODEL_ID_MAX)
        return refuse(p->r, REFUSE_BAD_VALUE, "model",
                      "\"model\" must have 1 to %d bytes, it has %zu", MODEL_ID_MAX - 1, id.n);
    if (has_control(id))
        return refuse(p->r, REFUSE_BAD_VALUE, "model", "\"model\" has control characters");
    p->q->model = p->q->prompt.model = id;
    return 0;
}

int request_parse(enum api api, struct span body, const struct json_limits *limits, struct arena *a,
                  struct request *out, struct refusal *r)
{
    struct request q = {.body = body, .n = 1, .generates = true, .prompt.api = api};
    struct parse p = {a, &q, r, NULL};
    enum json_fault fault;
    struct err e;
    bool failed;

    fault = json_read(body, limits, &q.root, &e);
    if (fault)
        return refuse(r, json_refusals[fault], NULL, "The request body: %s", e.msg);
    failed = parse_model(&p) || parse_bool(&p, "stream", &q.stream) || endpoints[api]->parse(&p);
    json_decref(p.loaded);
    if (failed) {
        json_decref(q.root);
        return -1;
    }
    if (json_has_others(q.root, endpoints[api]->known))
        parse_mark_opaque(&p);
    parse_mark_kind(&p, TOK_INPUT);
    if (q.unbounded)
        q.kinds = 0;
    *out = q;
    return 0;
}

void request_forget(struct request *q)
{
    json_decref(q->root);
    q->root = NULL;
    q->prompt = (struct prompt){
        .api = q->prompt.api, .opaque = q->prompt.opaque, .media = q->prompt.media};
}
