/* SPDX-License-Identifier: MIT */
#include "meter/family.h"
#include "parse.h"

/*
 * Tools as OpenAI's models see them: a TypeScript-like namespace. The format was found by fitting
 * recorded requests, beside OpenAI's open "harmony" format, which is its next of kin; what those do
 * not settle makes the rendering inexact. GPT-4 and GPT-3.5 have an older style: properties end
 * with a comma and are indented by depth, and only those of the first level keep their comment.
 */

struct render {
    struct buf *out;
    const json_t *root; /* the function's parameters, where $ref points into */
    bool classic;
    int depth, indent;
    bool inexact;
};

#define DEPTH_MAX 64 /* of nested types; a schema may refer to itself */

static void render_type(struct render *r, const json_t *schema);

static void render_indent(struct render *r)
{
    for (int i = 0; i < r->indent; i++)
        buf_char(r->out, ' ');
}

/* A comment: its lines lose the white space around them, but for the first one's mark. */
static void render_comment(struct render *r, const json_t *description)
{
    struct span text = json_span(description), line;
    bool first = true;

    while (text.n && strchr(" \t\r\n", text.p[text.n - 1]))
        text.n--;
    if (!text.n)
        return;
    if (memchr(text.p, '\n', text.n))
        r->inexact = true;
    render_indent(r);
    buf_str(r->out, "// ");
    while (text.n) {
        span_cut(text, '\n', &line, &text);
        if (!first)
            buf_char(r->out, '\n');
        buf_span(r->out, r->classic ? line : span_trim(line));
        first = false;
    }
    buf_char(r->out, '\n');
}

/* How many names of a "required" list are looked at for one property. The list mostly has the
 * properties' own order, so that the search starts where the last one ended. */
#define REQUIRED_MAX 64

static bool is_required(struct render *r, const json_t *required, const char *name, size_t *from)
{
    size_t n = json_array_size(required);

    for (size_t i = 0; i < n && i < REQUIRED_MAX; i++) {
        size_t at = (*from + i) % n;
        const char *one = json_string_value(json_array_get(required, at));
        if (one && strcmp(one, name) == 0) {
            *from = at + 1;
            return true;
        }
    }
    r->inexact |= n > REQUIRED_MAX;
    return false;
}

static void render_title(struct render *r, const json_t *schema)
{
    struct span title = json_member(schema, "title");

    if (!title.n || r->classic)
        return;
    r->inexact = true;
    render_indent(r);
    buf_str(r->out, "// ");
    buf_span(r->out, title);
    buf_char(r->out, '\n');
    render_indent(r);
    buf_str(r->out, "//\n");
}

static void render_examples(struct render *r, const json_t *examples)
{
    const json_t *one;
    size_t i;

    if (!json_array_size(examples) || r->classic)
        return;
    r->inexact = true;
    buf_str(r->out, "// Examples:\n");
    json_array_foreach(examples, i, one)
    {
        buf_str(r->out, "// - ");
        json_write(r->out, one, true);
        buf_char(r->out, '\n');
    }
}

/* What stands behind a property's type. An enum ends its line even when it is the last. */
static void render_end(struct render *r, const json_t *property, bool last)
{
    const json_t *preset = json_object_get(property, "default");
    bool ends = !last || r->classic || json_object_get(property, "enum");

    if (ends)
        buf_char(r->out, ',');
    if (preset && !r->classic) {
        buf_str(r->out, " // default: ");
        json_write(r->out, preset, true);
    }
    if (ends)
        buf_char(r->out, '\n');
}

static void render_properties(struct render *r, const json_t *schema)
{
    const json_t *properties = json_object_get(schema, "properties"), *value;
    const json_t *required = json_object_get(schema, "required");
    size_t left = json_object_size(properties), from = 0;
    const char *name;

    buf_str(r->out, "{\n");
    json_object_foreach((json_t *)(uintptr_t)properties, name, value)
    {
        render_title(r, value);
        if (!r->classic || r->indent == 0)
            render_comment(r, json_object_get(value, "description"));
        render_examples(r, json_object_get(value, "examples"));
        render_indent(r);
        buf_str(r->out, name);
        buf_str(r->out, is_required(r, required, name, &from) ? ": " : "?: ");
        render_type(r, value);
        render_end(r, value, --left == 0);
    }
}

static void render_object(struct render *r, const json_t *schema)
{
    int outer = r->indent;

    r->indent += r->classic && r->depth > 1 ? 2 : 0;
    render_properties(r, schema);
    r->indent = outer;
    if (r->classic)
        render_indent(r);
    buf_char(r->out, '}');
}

static void render_union(struct render *r, const json_t *list)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (i)
            buf_str(r->out, " | ");
        render_type(r, one);
    }
}

static void render_enum(struct render *r, const json_t *list)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (i)
            buf_str(r->out, " | ");
        json_write(r->out, one, true);
        if (!json_is_string(one))
            r->inexact = true;
    }
}

/* {"$ref":"#/$defs/Name"}: the schema it names. */
static const json_t *follow(const struct render *r, const json_t *schema)
{
    struct span path = json_member(schema, "$ref"), step;
    const json_t *at = r->root;

    if (!span_starts(path, SPAN("#")))
        return NULL;
    path = span_skip(path, path.n > 1 ? 2 : 1);
    while (at && path.n) {
        span_cut(path, '/', &step, &path);
        at = json_object_getn(at, step.p, step.n);
    }
    return at;
}

static void render_named_type(struct render *r, struct span type, const json_t *schema)
{
    const json_t *items = json_object_get(schema, "items");

    if (span_eq(type, SPAN("integer"))) {
        buf_str(r->out, "number");
    } else if (span_eq(type, SPAN("array"))) {
        if (items)
            render_type(r, items);
        else
            buf_str(r->out, "any");
        r->inexact |= !items || json_object_get(items, "anyOf") || json_object_get(items, "enum");
        buf_str(r->out, "[]");
    } else if (span_eq(type, SPAN("object"))) {
        if (json_object_size(json_object_get(schema, "properties")))
            render_object(r, schema);
        else
            buf_str(r->out, "object");
        r->inexact |= !json_object_size(json_object_get(schema, "properties"));
    } else {
        buf_span(r->out, type); /* string, number, boolean, null */
    }
}

static void render_types(struct render *r, const json_t *list, const json_t *schema)
{
    const json_t *one;
    size_t i;

    r->inexact = true;
    json_array_foreach(list, i, one)
    {
        if (i)
            buf_str(r->out, " | ");
        render_named_type(r, json_span(one), schema);
    }
}

static void render_type(struct render *r, const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type"), *target;

    if (r->depth == DEPTH_MAX || r->out->failed) {
        buf_str(r->out, "any");
        r->inexact = true;
        return;
    }
    r->depth++;
    if (json_is_array(json_object_get(schema, "enum"))) {
        render_enum(r, json_object_get(schema, "enum"));
    } else if (json_is_array(json_object_get(schema, "anyOf"))) {
        render_union(r, json_object_get(schema, "anyOf"));
    } else if (json_is_string(type)) {
        render_named_type(r, json_span(type), schema);
    } else if (json_is_array(type)) {
        render_types(r, type, schema);
    } else {
        r->inexact = true;
        target = follow(r, schema);
        if (target && target != schema)
            render_type(r, target);
        else if (json_is_array(json_object_get(schema, "oneOf")))
            render_union(r, json_object_get(schema, "oneOf"));
        else
            buf_str(r->out, "any");
    }
    r->depth--;
}

/* A function's parameters. With a comment of their own, before the brace, their properties stand
 * one column to the right. */
static void render_parameters(struct render *r, const json_t *parameters)
{
    const json_t *description = json_object_get(parameters, "description");
    const json_t *title = json_object_get(parameters, "title");

    r->depth = 1;
    if (!r->classic && (json_is_string(description) || json_is_string(title))) {
        render_comment(r, json_is_string(description) ? description : title);
        r->indent = 1;
        r->inexact = true;
    }
    render_object(r, parameters);
    r->depth = r->indent = 0;
}

static void render_function(struct render *r, const json_t *function)
{
    const json_t *parameters = json_object_get(function, "parameters");

    r->root = parameters;
    render_comment(r, json_object_get(function, "description"));
    buf_str(r->out, "type ");
    buf_span(r->out, json_member(function, "name"));
    if (json_object_size(json_object_get(parameters, "properties"))) {
        buf_str(r->out, " = (_: ");
        render_parameters(r, parameters);
        buf_str(r->out, ") => any;");
    } else {
        buf_str(r->out, " = () => any;");
        r->inexact |= !json_is_object(parameters);
    }
}

/* Tools that run on the client's side, so that they cost no more than tokens. */
static bool is_local(struct span type)
{
    static const char *const types[] = {"custom",    "local_shell",          "apply_patch",
                                        "namespace", "computer_use_preview", "computer"};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (span_eq(type, span_of(types[i])))
            return true;
    return false;
}

/* A tool that is not a function: its JSON stands in for a rendering that is not known. */
static void render_other(struct parse *p, struct render *r, const json_t *tool)
{
    struct span text = parse_json_text(p, tool);

    r->inexact = true;
    if (is_local(json_member(tool, "type")))
        parse_mark_opaque(p);
    else
        parse_mark_unbounded(p);
    buf_span(r->out, text);
}

static void render_list(struct parse *p, struct render *r, const json_t *list)
{
    const json_t *tool;
    size_t i;

    json_array_foreach(list, i, tool)
    {
        const json_t *function = json_object_get(tool, "function");
        bool bare = !json_object_get(tool, "type") && json_object_get(tool, "name");
        if (p->q->prompt.ntools++)
            buf_str(r->out, "\n\n");
        if (json_is_object(function))
            render_function(r, function);
        else if (bare || span_eq(json_member(tool, "type"), SPAN("function")))
            render_function(r, tool);
        else
            render_other(p, r, tool);
    }
}

/* How much text tools may render to: references can blow a small schema up without end. */
#define RENDERED_MAX (4u << 20)

int parse_openai_tools(struct parse *p, const json_t *tools, const json_t *functions)
{
    struct prompt *prompt = &p->q->prompt;
    struct buf out;
    struct render r = {.out = &out, .classic = family_of_model(prompt->model) == FAMILY_CLASSIC};
    char *copy = NULL;

    if (!json_array_size(tools) && !json_array_size(functions))
        return 0;
    buf_init(&out, RENDERED_MAX);
    buf_span(&out, PROMPT_TOOLS_HEAD);
    render_list(p, &r, tools);
    render_list(p, &r, functions);
    buf_str(&out, "\n\n} // namespace functions");
    if (out.failed) {
        r.inexact = true;
        parse_mark_unbounded(p);
    }
    copy = arena_copy(p->a, out.p, out.n);
    prompt->tools = (struct span){copy, out.n};
    prompt->tools_inexact = r.inexact;
    p->q->tools = true;
    buf_finish(&out);
    return copy ? 0 : parse_no_memory(p);
}

int parse_openai_choice(struct parse *p, const json_t *choice)
{
    static const struct {
        const char *name;
        enum tool_choice choice;
    } choices[] = {{"auto", CHOICE_AUTO}, {"none", CHOICE_NONE}, {"required", CHOICE_ANY}};

    if (json_is_object(choice)) {
        const json_t *function = json_object_get(choice, "function");
        p->q->prompt.tool_choice = CHOICE_NAMED;
        p->q->prompt.chosen_tool = json_member(function ? function : choice, "name");
    }
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (span_eq(json_span(choice), span_of(choices[i].name)))
            p->q->prompt.tool_choice = choices[i].choice;
    return 0;
}
