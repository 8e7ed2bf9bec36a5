/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "meter/count.h"
#include "parse.h"

/*
 * Anthropic's tools as their models see them: each a JSON object of its description, name and
 * parameters, as Python writes it.
 */

/* Tools of Anthropic's own schema that the client runs, by the start of their type: no more than
 * tokens, of a prompt that is not ours to read. */
static bool is_local(struct span type)
{
    static const char *const starts[] = {"bash_", "text_editor_", "computer_", "memory_"};

    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (span_starts(type, span_of(starts[i])))
            return true;
    return false;
}

static json_t *shared(const json_t *object, const char *key)
{
    json_t *v = json_object_get(object, key);

    return v ? json_incref(v) : json_object();
}

static void render_tool(struct buf *out, const json_t *tool)
{
    json_t *seen = json_object();
    json_t *description = json_object_get(tool, "description");
    char *text;

    json_object_set_new(seen, "description",
                        description ? json_incref(description) : json_string(""));
    json_object_set_new(seen, "name", shared(tool, "name"));
    json_object_set_new(seen, "parameters", shared(tool, "input_schema"));
    text = json_dumps(seen, JSON_REAL_PRECISION(15));
    if (text)
        buf_str(out, text);
    else
        out->failed = true;
    free(text);
    json_decref(seen);
}

static int parse_choice(struct parse *p)
{
    static const struct {
        const char *name;
        enum tool_choice choice;
    } choices[] = {
        {"auto", CHOICE_AUTO}, {"none", CHOICE_NONE}, {"any", CHOICE_ANY}, {"tool", CHOICE_NAMED}};
    struct span type = json_member(json_object_get(p->q->root, "tool_choice"), "type");

    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (span_eq(type, span_of(choices[i].name)))
            p->q->prompt.tool_choice = choices[i].choice;
    return 0;
}

static void render_tools(struct parse *p, struct buf *out, const json_t *tools)
{
    const json_t *tool;
    size_t i;

    json_array_foreach(tools, i, tool)
    {
        struct span type = json_member(tool, "type");
        parse_cache_control(p, tool);
        if (json_is_true(json_object_get(tool, "defer_loading")))
            continue; /* the model sees it only after a search */
        p->q->prompt.ntools++;
        p->q->prompt.hosted_tokens += count_hosted_tool(type);
        if (!count_hosted_tool(type))
            render_tool(out, tool);
        if (!type.n || span_eq(type, SPAN("custom")))
            continue;
        p->q->prompt.tools_inexact = true;
        if (is_local(type))
            parse_mark_opaque(p);
        else
            parse_mark_unbounded(p);
    }
}

int parse_anthropic_tools(struct parse *p)
{
    struct buf out;
    const json_t *tools;
    char *copy;

    if (parse_list(p, "tools", &tools) || parse_choice(p))
        return -1;
    if (!json_array_size(tools))
        return 0;
    buf_init(&out, 0);
    render_tools(p, &out, tools);
    copy = out.failed ? NULL : arena_copy(p->a, out.n ? out.p : "", out.n);
    p->q->prompt.tools = (struct span){copy, out.n};
    p->q->tools = true;
    buf_finish(&out);
    return copy ? 0 : parse_no_memory(p);
}
