/* SPDX-License-Identifier: MIT */
#include "proxy/admin_fields.h"

#include <string.h>

#include "wire/json.h"

int field_bad(const struct field_reader *in, const char *what)
{
    return refuse(in->r, REFUSE_INVALID_REQUEST, in->field, "%s: %s", in->field, what);
}

int field_money(const struct field_reader *in, nano_t *out)
{
    struct span digits = json_find(in->text, in->field, NULL).value;
    struct err e;

    if (!json_is_number(in->value))
        return field_bad(in, "a number of US dollars is expected");
    if (money_parse(digits, 9, NANO_MAX, out, &e))
        return field_bad(in, e.msg);
    return 0;
}

int field_text(const struct field_reader *in, char *out, size_t size)
{
    size_t n = json_string_length(in->value);

    if (!json_is_string(in->value))
        return field_bad(in, "a string is expected");
    if (n >= size || strlen(json_string_value(in->value)) != n)
        return field_bad(in, "too long, or holds a NUL");
    memcpy(out, json_string_value(in->value), n + 1);
    return 0;
}

int field_word(const struct field_reader *in, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (words[i] && json_is_string(in->value) && !strcmp(words[i], json_string_value(in->value)))
            return (int)i;
    return -1;
}

static const struct field *find(const struct field *fields, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(fields[i].name, name))
            return &fields[i];
    return NULL;
}

int fields_read(struct exchange *x, json_t *root, const struct field *fields, size_t n, void *out)
{
    struct field_reader in = {.text = buf_all(&x->body), .out = out, .r = &x->refusal};
    const struct field *f;
    const char *key;

    json_object_foreach(root, key, in.value) {
        if (!(f = find(fields, n, key)))
            return refuse(&x->refusal, REFUSE_INVALID_REQUEST, NULL, "%.100s: no such field", key);
        in.field = f->name; /* the refusal outlives the parsed body */
        if (f->read(&in))
            return -1;
    }
    return 0;
}
