/* SPDX-License-Identifier: MIT */
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

static void render_member(struct buf *out, const char *label, const json_t *value,
                          const char *absent)
{
    buf_str(out, label);
    if (value)
        json_write(out, value, true);
    else
        buf_str(out, absent);
}

static void render_tool(struct buf *out, const json_t *tool)
{
    render_member(out, "{\"description\": ", json_object_get(tool, "description"), "\"\"");
    render_member(out, ", \"name\": ", json_object_get(tool, "name"), "\"\"");
    render_member(out, ", \"parameters\": ", json_object_get(tool, "input_schema"), "{}");
    buf_char(out, '}');
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

/* The model sees a deferred tool only when a search has found it. */
static bool is_out_of_sight(const struct parse *p, const json_t *tool)
{
    struct span name = json_member(tool, "name");

    return json_is_true(json_object_get(tool, "defer_loading")) &&
           !(name.p && json_object_getn(p->loaded, name.p, name.n));
}

static void render_tools(struct parse *p, struct buf *out, const json_t *tools)
{
    const json_t *tool;
    size_t i;

    json_array_foreach (tools, i, tool) {
        struct span type = json_member(tool, "type");
        parse_cache_control(p, tool);
        if (is_out_of_sight(p, tool))
            continue;
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
