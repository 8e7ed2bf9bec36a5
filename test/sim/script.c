/* SPDX-License-Identifier: MIT */
#include "script.h"

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

enum key_kind { KEY_INT, KEY_STR, KEY_HEADER, KEY_ENUM, KEY_FAULT };

struct key {
    const char *name;
    enum key_kind kind;
    size_t offset;
    long long otherwise;
    const char *names; /* of an enum, in order, separated by blanks */
};

#define INT(field, value)                                                                          \
    {                                                                                              \
#field, KEY_INT, offsetof(struct script, field), value, NULL                               \
    }
#define STR(field)                                                                                 \
    {                                                                                              \
#field, KEY_STR, offsetof(struct script, field), 0, NULL                                   \
    }
#define ENUM(field, names)                                                                         \
    {                                                                                              \
#field, KEY_ENUM, offsetof(struct script, field), 0, names                                 \
    }

static const struct key keys[] = {
    INT(status, 200),
    STR(body),
    STR(type),
    {"header", KEY_HEADER, offsetof(struct script, header), 0, NULL},
    STR(retry_after),
    STR(model),
    STR(text),
    INT(words, 8),
    INT(chunks, 0),
    STR(tool),
    STR(tool_args),
    STR(finish),
    STR(service_tier),
    INT(input, -1),
    INT(output, -1),
    INT(final_input, -1),
    INT(start_output, 1),
    INT(web_searches, 0),
    INT(cached, -1),
    INT(cache_write, -1),
    INT(cache_write_1h, -1),
    INT(reasoning, -1),
    ENUM(usage, "true none null negative absurd zero"),
    ENUM(shape, "openai azure mistral groq openrouter deepseek together gemini"),
    INT(delay_first_ms, 0),
    INT(delay_chunk_ms, 0),
    STR(gate),
    STR(step),
    INT(split, 0),
    ENUM(eol, "lf crlf cr"),
    INT(comments, 0),
    INT(stamp, 0),
    {"fault", KEY_FAULT, offsetof(struct script, fault), 0, NULL},
    INT(at, -1),
    INT(size, -1),
    STR(until),
    STR(path),
    INT(times, 1),
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

struct queued {
    struct script script;
    struct queued *next;
};

static struct {
    pthread_mutex_t lock;
    struct queued *first; /* guarded by lock */
    size_t count;         /* guarded by lock; read without it as a hint */
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char **str_at(struct script *s, const struct key *key)
{
    return (char **)(void *)((char *)s + key->offset);
}

static long long *int_at(struct script *s, const struct key *key)
{
    return (long long *)(void *)((char *)s + key->offset);
}

static bool is_str(const struct key *key)
{
    return key->kind == KEY_STR || key->kind == KEY_HEADER || key->kind == KEY_FAULT;
}

void script_init(struct script *s)
{
    *s = (struct script){0};
    for (size_t i = 0; i < KEYS; i++) {
        if (!is_str(&keys[i]))
            *int_at(s, &keys[i]) = keys[i].otherwise;
    }
}

void script_finish(struct script *s)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (is_str(&keys[i]))
            free(*str_at(s, &keys[i]));
    }
    script_init(s);
}

static void copy(struct script *to, const struct script *from)
{
    *to = *from;
    for (size_t i = 0; i < KEYS; i++) {
        char **text = str_at(to, &keys[i]);

        if (is_str(&keys[i]) && *text)
            *text = sim_strdup(*text);
    }
}

static int enum_value(const char *names, const char *value)
{
    size_t len = strlen(value);
    int n = 0;

    for (const char *p = names; *p; n++) {
        size_t name_len = strcspn(p, " ");

        if (name_len == len && memcmp(p, value, len) == 0)
            return n;
        p += name_len + (p[name_len] == ' ');
    }
    return -1;
}

static void add_header(char **to, const char *line)
{
    struct buf b = {0};

    if (*to)
        buf_puts(&b, *to);
    buf_printf(&b, "%s\r\n", line);
    free(*to);
    *to = b.bytes;
}

/* Sets one key; -1 when there is none of that name, or the value does not suit it. */
static int set(struct script *s, const char *name, const char *value)
{
    const struct key *key = keys;
    char *end;

    while (key < keys + KEYS && strcmp(key->name, name) != 0)
        key++;
    if (key == keys + KEYS)
        return -1;
    switch (key->kind) {
    case KEY_INT:
        *int_at(s, key) = strtoll(value, &end, 10);
        return *value && !*end ? 0 : -1;
    case KEY_ENUM:
        *int_at(s, key) = enum_value(key->names, value);
        return *int_at(s, key) < 0 ? -1 : 0;
    case KEY_HEADER:
        add_header(str_at(s, key), value);
        return 0;
    case KEY_FAULT:
        if (!fault_find(value))
            return -1;
        break;
    case KEY_STR:
        break;
    }
    free(*str_at(s, key));
    *str_at(s, key) = sim_strdup(value);
    return 0;
}

static void percent_decode(char *text)
{
    char *to = text;

    for (const char *p = text; *p; p++) {
        unsigned value;

        if (*p == '%' && sscanf(p + 1, "%2x", &value) == 1) {
            *to++ = (char)value;
            p += 2;
        } else {
            *to++ = *p;
        }
    }
    *to = '\0';
}

int script_parse_header(struct script *s, const char *text, char *why, size_t why_size)
{
    char *copied = sim_strdup(text), *rest = NULL;
    int status = 0;

    for (char *pair = strtok_r(copied, ";", &rest); pair; pair = strtok_r(NULL, ";", &rest)) {
        char *name = pair + strspn(pair, " "), *value = strchr(name, '=');

        if (value) {
            *value++ = '\0';
            percent_decode(value);
        }
        if (!value || set(s, name, value) < 0) {
            snprintf(why, why_size, "X-Sim: bad key or value at '%s'", name);
            status = -1;
            break;
        }
    }
    free(copied);
    return status;
}

static int set_json(struct script *s, const char *name, json_t *value)
{
    char *text;
    json_t *item;
    size_t i;
    int status;

    if (json_is_string(value))
        return set(s, name, json_string_value(value));
    if (json_is_array(value) && strcmp(name, "header") == 0) {
        json_array_foreach(value, i, item)
        {
            if (set_json(s, name, item) < 0)
                return -1;
        }
        return 0;
    }
    if (json_is_null(value))
        return 0;
    text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        return -1;
    status = set(s, name, text);
    free(text);
    return status;
}

static struct queued *queued_from(json_t *object, char *why, size_t why_size)
{
    struct queued *q = sim_alloc(sizeof(*q));
    const char *name;
    json_t *value;

    script_init(&q->script);
    if (!json_is_object(object))
        snprintf(why, why_size, "a behaviour is an object");
    json_object_foreach(object, name, value)
    {
        if (set_json(&q->script, name, value) < 0)
            snprintf(why, why_size, "bad key or value: '%s'", name);
    }
    return q;
}

static void free_list(struct queued *q)
{
    while (q) {
        struct queued *next = q->next;

        script_finish(&q->script);
        free(q);
        q = next;
    }
}

int script_push(const char *json, size_t len, char *why, size_t why_size)
{
    struct queued *first = NULL, **last = &first;
    json_error_t error;
    json_t *root = json_loadb(json, len, 0, &error), *item;
    size_t count = 0, i;

    why[0] = '\0';
    if (json_is_object(root)) {
        *last = queued_from(root, why, why_size);
        count = 1;
    } else if (json_is_array(root)) {
        json_array_foreach(root, i, item)
        {
            *last = queued_from(item, why, why_size);
            last = &(*last)->next;
            count++;
        }
    } else {
        snprintf(why, why_size, "not a JSON object or list");
    }
    json_decref(root);
    if (why[0]) {
        free_list(first);
        return -1;
    }
    pthread_mutex_lock(&queue.lock);
    for (last = &queue.first; *last; last = &(*last)->next)
        ;
    *last = first;
    __atomic_add_fetch(&queue.count, count, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&queue.lock);
    return 0;
}

void script_clear(void)
{
    pthread_mutex_lock(&queue.lock);
    free_list(queue.first);
    queue.first = NULL;
    __atomic_store_n(&queue.count, 0, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&queue.lock);
}

size_t script_pending(void)
{
    return __atomic_load_n(&queue.count, __ATOMIC_ACQUIRE);
}

static bool suits(const struct script *s, const struct http_request *req)
{
    size_t path_len = http_path_len(req), len = s->path ? strlen(s->path) : 0;

    return len <= path_len &&
           memcmp(req->target + path_len - len, s->path ? s->path : "", len) == 0;
}

/* Takes the first queued behaviour that suits the request, if there is one. */
static void take(const struct http_request *req, struct script *s)
{
    pthread_mutex_lock(&queue.lock);
    for (struct queued **at = &queue.first; *at; at = &(*at)->next) {
        struct queued *q = *at;

        if (!suits(&q->script, req))
            continue;
        if (q->script.times == 1) {
            *s = q->script;
            *at = q->next;
            free(q);
            __atomic_sub_fetch(&queue.count, 1, __ATOMIC_RELEASE);
        } else {
            copy(s, &q->script);
            if (q->script.times > 1)
                q->script.times--;
        }
        break;
    }
    pthread_mutex_unlock(&queue.lock);
}

int script_for(const struct http_request *req, struct script *s, char *why, size_t why_size)
{
    const char *header = http_header(req, "X-Sim");

    if (header)
        return script_parse_header(s, header, why, why_size);
    if (script_pending())
        take(req, s);
    return 0;
}
