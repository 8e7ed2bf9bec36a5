/* SPDX-License-Identifier: MIT */
/* What the series and the newest requests show: totals, spend, tokens, prediction, latency. */

const RANGES = {
  day: { label: "24 h", hours: 24, bucket: "hour", buckets: ["hour"] },
  week: { label: "7 days", hours: 168, bucket: "hour", buckets: ["hour", "day"] },
  month: { label: "30 days", hours: 720, bucket: "day", buckets: ["hour", "day"] },
  quarter: { label: "90 days", hours: 2160, bucket: "day", buckets: ["day", "month"] },
  year: { label: "12 months", hours: 8760, bucket: "month", buckets: ["day", "month"] },
};

const HOUR_MS = 3600000;

/** The moment from which a range shows whole buckets, and the one that doubles it for comparison. */
function rangeStart(range, bucket, now) {
  if (bucket === "hour") return Math.floor(now / HOUR_MS) * HOUR_MS - (range.hours - 1) * HOUR_MS;
  const days = Math.round(range.hours / 24);
  if (bucket === "day") return Math.floor(now / (24 * HOUR_MS)) * 24 * HOUR_MS - (days - 1) * 24 * HOUR_MS;
  const d = new Date(now);
  return Date.UTC(d.getUTCFullYear(), d.getUTCMonth() - (Math.round(days / 30.4) - 1), 1);
}

function bucketStart(text, bucket) {
  return Date.parse(bucket === "month" ? `${text}-01` : text);
}

function bucketLabel(text, bucket, hours) {
  const t = new Date(bucketStart(text, bucket));
  if (bucket === "month") return monthUtc.format(t);
  if (bucket === "day") return dayUtc.format(t);
  return hours <= 24 ? `${String(t.getHours()).padStart(2, "0")}:00` : dayLocal.format(t);
}

function bucketName(text, bucket) {
  const t = new Date(bucketStart(text, bucket));
  if (bucket === "month") return monthLongUtc.format(t);
  return bucket === "day" ? dayLongUtc.format(t) : dayAndClock.format(t);
}

/** One column of the series over the buckets from `from` on, added up over the keys. */
function totalOf(data, column, from = 0, to = data.buckets.length) {
  return sum(data.series.map((s) => sum(s[column].slice(from, to))));
}

function overTime(data, column, from) {
  return data.buckets.slice(from).map((_, i) => sum(data.series.map((s) => s[column][from + i])));
}

/* ---- totals ---- */

function change(now, before) {
  if (!before || !now) return null;
  const ratio = now / before - 1;
  const text = `${ratio >= 0 ? "+" : "−"}${Math.abs(100 * ratio).toFixed(Math.abs(ratio) < 0.1 ? 1 : 0)} % vs before`;
  return el("span", { class: ratio > 0.005 ? "up" : ratio < -0.005 ? "down" : null }, text);
}

function totalCard(name, value, sub, spark = null) {
  return el("div", { class: "total" }, el("dt", {}, name), el("dd", {}, value, el("div", { class: "sub" }, sub), spark));
}

/** view: {data, from (its first bucket of the range), live} */
function drawTotals(view) {
  const { data, from, live } = view;
  const now = (column) => totalOf(data, column, from);
  const versus = (column) => change(now(column), totalOf(data, column, 0, from)) || (view.compares ? "nothing before" : "");
  const cost = now("costUsd");
  const predicted = now("estimatedCostUsd");
  const saved = now("cacheSavingsUsd");
  const input = now("inputTokens");
  byId("totals").replaceChildren(
    totalCard("Spent", usd(cost), versus("costUsd"), sparkline(overTime(data, "costUsd", from))),
    totalCard("Requests", count(now("requests")), versus("requests"), sparkline(overTime(data, "requests", from))),
    totalCard("Tokens", count(input + now("outputTokens")), `${count(input)} in · ${count(now("outputTokens"))} out`, sparkline(overTime(data, "inputTokens", from))),
    totalCard("Saved by caches", usd(saved), input ? `${percent(now("cachedInputTokens") / input)} of input was cached` : "no input yet", sparkline(overTime(data, "cacheSavingsUsd", from).map((v) => Math.max(0, v)))),
    totalCard("Actual of predicted", predicted > 0 ? percent(cost / predicted) : "–", predicted > 0 ? `${usd(predicted)} predicted` : "no prediction yet", null),
    totalCard("In flight", live ? count(live.inFlight) : "–", live ? `${usd(live.heldUsd)} held in ${count(live.holdsOpen)} hold${live.holdsOpen === 1 ? "" : "s"}` : "", null),
    totalCard("Refused for budgets", live ? count(live.budgetRefusals) : "–", live ? `${usd(live.budgetRefusedUsd)} since ${when(live.startedAt)}` : "", null));
}

/* ---- spend over time ---- */

function spendSeries(view) {
  const { data, from } = view;
  return data.series.map((s, i) => ({
    name: s.key === null ? "all others" : s.key, color: s.key === null ? 8 : i % 8, values: s.costUsd.slice(from),
  })).filter((s) => sum(s.values) > 0);
}

function drawSpend(view) {
  const { data, from } = view;
  const buckets = data.buckets.slice(from);
  const series = spendSeries(view);
  const hours = (view.to - view.since) / HOUR_MS;
  const total = sum(series.map((s) => sum(s.values)));
  byId("spend-note").textContent = `${usd(total)} in ${buckets.length} ${data.bucket}s, by ${data.by}${view.project ? ` of ${view.project}` : ""}`;
  drawBars(byId("spend"), {
    labels: buckets.map((b) => bucketLabel(b, data.bucket, hours)), names: buckets.map((b) => bucketName(b, data.bucket)),
    series, format: usd, tick: usdTick, title: "Spend over time", summary: `${usd(total)} in all.`,
  });
  drawLegend(byId("spend-legend"), series, usd);
  if (byId("spend-table").closest("details").open) drawSpendTable(view);
}

function drawSpendTable(view) {
  const series = spendSeries(view);
  const buckets = view.data.buckets.slice(view.from);
  byId("spend-table").replaceChildren(el("table", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "From"),
      ...series.map((s) => el("th", { scope: "col", class: "number" }, s.name)), el("th", { scope: "col", class: "number" }, "All"))),
    el("tbody", {}, ...buckets.map((b, i) => el("tr", {}, el("th", { scope: "row" }, bucketName(b, view.data.bucket)),
      ...series.map((s) => el("td", { class: "number" }, usd(s.values[i]))),
      el("td", { class: "number" }, usd(sum(series.map((s) => s.values[i])))))).reverse())));
}

/* ---- tokens by kind ---- */

function drawTokens(view) {
  const { data, from } = view;
  const column = (name) => overTime(data, name, from);
  const [input, cached, written, output, reasoning] =
    ["inputTokens", "cachedInputTokens", "cacheWriteTokens", "outputTokens", "reasoningTokens"].map(column);
  const minus = (a, ...others) => a.map((v, i) => Math.max(0, v - sum(others.map((o) => o[i]))));
  const series = [
    { name: "input, new", color: 0, values: minus(input, cached, written) },
    { name: "input, from cache", color: 1, values: cached },
    { name: "input, into cache", color: 4, values: written },
    { name: "output", color: 2, values: minus(output, reasoning) },
    { name: "output, reasoning", color: 6, values: reasoning },
  ].filter((s) => sum(s.values) > 0);
  const buckets = data.buckets.slice(from);
  const hours = (view.to - view.since) / HOUR_MS;
  byId("tokens-note").textContent = `${count(sum(series.map((s) => sum(s.values))))} in all`;
  drawBars(byId("tokens"), {
    labels: buckets.map((b) => bucketLabel(b, data.bucket, hours)), names: buckets.map((b) => bucketName(b, data.bucket)),
    series, format: count, tick: count, title: "Tokens by kind",
  });
  drawLegend(byId("tokens-legend"), series, count);
}

/* ---- prediction ---- */

/** The colour that a model has in the spend chart, so that it has the same one everywhere. */
function modelColor(view, model) {
  const i = view.modelOrder.indexOf(model);
  return i < 0 ? 8 : i % 8;
}

function drawScatterOf(view) {
  const records = view.sample.filter((r) => r.costUsd > 0 && r.estimatedCostUsd > 0 && r.status === "settled");
  const host = byId("scatter");
  if (records.length < 2) {
    byId("prediction-note").textContent = "";
    host.replaceChildren(el("p", { class: "empty" }, "Too few requests yet."));
    return;
  }
  const ratios = records.map((r) => r.costUsd / r.estimatedCostUsd).sort((a, b) => a - b);
  const middle = quantile(ratios, 0.5);
  byId("prediction-note").textContent = `the newest ${whole.format(records.length)} requests; the middle one cost ${percent(middle)} of its prediction`;
  drawScatter(host, records.map((r) => ({
    x: r.estimatedCostUsd, y: r.costUsd, color: modelColor(view, r.model), label: r.model,
  })), `Predicted against actual cost of ${records.length} requests, with the line where both are equal. The middle request cost ${percent(middle)} of its prediction.`);
}

/** Of the newest requests by model: what share of its prediction a request cost, sorted. */
function ratiosByModel(sample) {
  const ratios = new Map();
  for (const r of sample) {
    if (r.status !== "settled" || r.estimatedCostUsd <= 0) continue;
    if (!ratios.has(r.model)) ratios.set(r.model, []);
    ratios.get(r.model).push(r.costUsd / r.estimatedCostUsd);
  }
  for (const list of ratios.values()) list.sort((a, b) => a - b);
  return ratios;
}

function drawErrors(view) {
  const spread = ratiosByModel(view.sample);
  const range = (model) => (spread.get(model)?.length >= 5 ? [quantile(spread.get(model), 0.1), quantile(spread.get(model), 0.9)] : null);
  const rows = view.models.filter((m) => m.key !== null && m.estimated > 0 && m.cost > 0).slice(0, 9)
    .map((m) => ({ ...m, ratio: m.cost / m.estimated, range: range(m.key) }));
  const host = byId("errors");
  if (!rows.length) {
    host.replaceChildren(el("p", { class: "empty" }, "No settled request in this time."));
    return;
  }
  const most = Math.min(3, Math.max(1.25, ...rows.map((r) => Math.max(r.ratio, r.range ? r.range[1] : 0)))) * 1.03;
  host.replaceChildren(el("ul", { class: "ranks" }, ...rows.map((r) => errorRow(view, r, most))),
    el("p", { class: "card-note" }, "Bars: all requests of the time. Thin lines: where 80 of 100 of the newest ones lie. Left of the dashed line they cost less than predicted."));
}

function errorRow(view, r, most) {
  const x = (v) => ((100 * Math.min(v, most)) / most).toFixed(2);
  return el("li", { class: "rank" }, el("span", { class: "name" }, r.key),
    svg("svg", { viewBox: "0 0 100 22", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
      svg("rect", { class: "r-track", x: 0, y: 6, width: 100, height: 10 }),
      svg("rect", { class: `f${modelColor(view, r.key)}`, x: 0, y: 6, width: x(r.ratio), height: 10 }),
      r.range ? svg("line", { class: "r-range", x1: x(r.range[0]), x2: x(r.range[1]), y1: 11, y2: 11, "vector-effect": "non-scaling-stroke" }) : null,
      svg("line", { class: "r-half", x1: x(1), x2: x(1), y1: 0, y2: 22, "vector-effect": "non-scaling-stroke" })),
    el("span", { class: "sum" }, el("b", {}, percent(r.ratio)), el("span", { class: "sub" }, ` of ${usd(r.estimated)}`)));
}

/* ---- latency ---- */

function drawLatency(view) {
  const host = byId("latency");
  const groups = new Map();
  for (const r of view.sample) {
    if (!groups.has(r.model)) groups.set(r.model, { all: [], first: [] });
    groups.get(r.model).all.push(r.durationMs);
    if (r.ttftMs !== null) groups.get(r.model).first.push(r.ttftMs);
  }
  const rows = [...groups].map(([model, g]) => ({
    model, n: g.all.length, all: g.all.sort((a, b) => a - b), first: g.first.sort((a, b) => a - b),
  })).sort((a, b) => b.n - a.n).slice(0, 8);
  byId("latency-note").textContent = rows.length ? `the newest ${whole.format(view.sample.length)} requests: middle, 95 and 99 of 100; first: to the first byte` : "";
  if (!rows.length) {
    host.replaceChildren(el("p", { class: "empty" }, "No request in this time."));
    return;
  }
  host.replaceChildren(el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of latencies" }, el("table", { class: "tight" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Model"), el("th", { scope: "col" }, el("span", { class: "visually-hidden" }, "Spread")),
      ...["p50", "p95", "p99", "first p50", "first p95"].map((t) => el("th", { scope: "col", class: "number" }, t)))),
    el("tbody", {}, ...rows.map((r) => latencyRow(r, Math.max(...rows.map((o) => quantile(o.all, 0.99)))))))));
}

function latencyRow(r, most) {
  const x = (p) => (100 * Math.sqrt(quantile(r.all, p) / (most || 1))).toFixed(2);
  const cell = (list, p) => el("td", { class: "number" }, duration(quantile(list, p)));
  return el("tr", {}, el("th", { scope: "row" }, r.model),
    el("td", {}, svg("svg", { class: "spread", viewBox: "0 0 100 14", width: 64, height: 14, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
      svg("rect", { class: "r-track", x: 0, y: 4, width: 100, height: 6 }),
      svg("rect", { class: "r-tail", x: 0, y: 4, width: x(0.99), height: 6 }),
      svg("rect", { class: "r-span", x: 0, y: 4, width: x(0.95), height: 6 }),
      svg("rect", { class: "r-mid", x: 0, y: 4, width: x(0.5), height: 6 }))),
    cell(r.all, 0.5), cell(r.all, 0.95), cell(r.all, 0.99), cell(r.first, 0.5), cell(r.first, 0.95));
}
