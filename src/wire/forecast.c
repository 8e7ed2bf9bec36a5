/* SPDX-License-Identifier: MIT */
#include "wire/forecast.h"

int forecast_predict(const struct request *q, const struct count *count, struct price price,
                     const struct learned *learned, int64_t default_max_tokens, int64_t at_wall_ms,
                     struct estimate *out, struct err *e)
{
    struct estimate_in in = {
        .count = count,
        .price = price,
        .output_limit = q->output_limit,
        .n = q->n,
        .default_max_tokens = default_max_tokens,
        .generates = q->generates,
        .opaque_input = q->prompt.opaque || q->prompt.media,
        .tools = q->tools,
        .tier = q->tier,
        .us_only = q->us_only,
        .kinds = q->kinds,
        .learned = learned,
        .at_wall_ms = at_wall_ms,
    };

    return estimate(&in, out, e);
}

static void write_pricing(struct jsonw *w, const struct forecast *f)
{
    jsonw_key(w, "pricing");
    jsonw_open(w, '{');
    jsonw_member_str(w, "rule", span_of(price_rule_name(f->rule)));
    jsonw_member_str(w, "id", span_of(f->facts.id));
    jsonw_member_str(w, "source", span_of(f->facts.source));
    jsonw_member_str(w, "asOf", span_of(f->facts.as_of));
    jsonw_close(w, '}');
}

static void write_breakdown(struct jsonw *w, const struct forecast *f)
{
    const struct count *c = &f->count;

    jsonw_key(w, "breakdown");
    jsonw_open(w, '{');
    jsonw_member_int(w, "textTokens", c->text);
    jsonw_member_int(w, "toolsTokens", c->tools);
    jsonw_member_int(w, "imageTokens", c->images);
    jsonw_member_int(w, "schemaTokens", c->schema);
    jsonw_member_int(w, "frameTokens", c->frame);
    jsonw_member_int(w, "countedTokens", c->raw); /* what the parts sum to, before any correction */
    jsonw_member_int(w, "inputTokensBound", c->bound);
    money_member(w, "inputCostUsd", f->estimate.input_cost);
    money_member(w, "outputCostUsd", f->estimate.output_cost);
    jsonw_close(w, '}');
}

static void write_budget(struct jsonw *w, const struct forecast *f)
{
    jsonw_key(w, "budget");
    if (!f->has_budget) {
        jsonw_null(w);
        return;
    }
    jsonw_open(w, '{');
    jsonw_member_bool(w, "admitted", f->admitted);
    money_member(w, "limitUsd", f->limit);
    money_member(w, "spentUsd", f->spent);
    money_member(w, "reservedUsd", f->reserved);
    money_member(w, "remainingUsd", f->remaining);
    jsonw_member_int(w, "affordableMaxTokens", f->affordable_max_tokens);
    jsonw_close(w, '}');
}

void forecast_write(struct jsonw *w, const struct forecast *f)
{
    jsonw_open(w, '{');
    jsonw_member_str(w, "provider", span_of(f->provider));
    jsonw_member_str(w, "model", f->model);
    write_pricing(w, f);
    jsonw_member_int(w, "inputTokens", f->count.tokens);
    jsonw_member_str(w, "inputTokensMethod", span_of(count_method_name(f->count.method)));
    jsonw_member_int(w, "estimatedOutputTokens", f->estimate.output_tokens);
    jsonw_member_int(w, "p95OutputTokens", f->estimate.p95_output);
    jsonw_member_int(w, "maxOutputTokens", f->estimate.max_output);
    jsonw_member_str(w, "confidence", span_of(confidence_name(f->estimate.confidence)));
    money_member(w, "estimatedCostUsd", f->estimate.cost);
    money_member(w, "maximumCostUsd", f->estimate.maximum);
    money_member(w, "p95CostUsd", f->estimate.hold);
    money_member(w, "holdUsd", f->hold);
    write_breakdown(w, f);
    write_budget(w, f);
    jsonw_close(w, '}');
}
