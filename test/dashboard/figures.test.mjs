/* SPDX-License-Identifier: MIT */
/* What the page says is what the daemon answers: every figure and chart, number by number. */

import assert from "node:assert/strict";
import { drawn, inWorld, total } from "./harness.mjs";

const DAY = 86400000;
const usd = (v) => `$${v.toFixed(v >= 0.01 ? 3 : 6)}`;
const texts = (page, selector) => page.$$eval(selector, (list) => list.map((n) => n.textContent));

inWorld("a budget's bar: spent, held, left, when it resets, where it is heading", async (world) => {
  await world.post("/v1/budget", { projectId: "team-a", limitUsd: 0.05, periodDays: 30 });
  await world.post("/v1/budget", { projectId: "team-b", limitUsd: 0.001, periodDays: 30, enforcement: "estimate" });
  await world.post("/v1/budget", { projectId: "endless", limitUsd: 1 });
  for (let i = 0; i < 2; i++) await world.chat("team-a", { input: 1000, output: 100 });
  await world.chat("team-b", { input: 40, output: 40 });
  const slow = world.chat("team-a", { sim: ";gate=go" });
  const page = await world.browser();
  await page.clock.setFixedTime(new Date(Date.now() + 10 * DAY));
  await page.goto(`${world.url}/dashboard`);
  await drawn(page);
  await page.waitForFunction(() => document.querySelector('[data-budget="project:team-a"]').textContent.includes(" held"));

  const { budget } = (await world.get("/v1/budget?project_id=team-a")).json;
  assert.equal(budget.spentUsd, 0.007);
  const row = await page.textContent('[data-budget="project:team-a"]');
  for (const part of [`${usd(budget.spentUsd)} of ${usd(0.05)}`, `${usd(budget.reservedUsd)} held`, `${usd(budget.remainingUsd)} left`,
    "every 30 days", "resets in 20 days", `heading for ${usd(0.021)}`])
    assert.ok(row.includes(part), `${part} in ${row}`);
  const bar = await page.$eval('[data-budget="project:team-a"] svg', (s) => ({
    label: s.getAttribute("aria-label"), spent: Number(s.querySelector(".m-spent").getAttribute("width")),
    held: [Number(s.querySelector(".m-held").getAttribute("x")), Number(s.querySelector(".m-held").getAttribute("width"))],
    mark: Number(s.querySelector(".m-mark").getAttribute("x1")),
  }));
  assert.match(bar.label, /^14 % spent, \d+ % held, heading for 42 %$/);
  assert.deepEqual([bar.spent, bar.held[0], Math.round(bar.mark)], [14, 14, 42]);
  assert.ok(Math.abs(bar.held[1] - (100 * budget.reservedUsd) / 0.05) < 0.01);
  assert.match(await page.textContent('[data-budget="project:team-b"]'), /runs out in \d+ days/);
  assert.match(await page.textContent('[data-budget="project:endless"]'), /does not reset/);
  await fetch(`${world.sim.url}/_sim/open?gate=go`, { method: "POST" });
  assert.equal((await slow).status, 200);
});

inWorld("predicted against actual: a point a request, the line where both are equal, the error by model", async (world) => {
  for (let i = 1; i <= 6; i++) await world.chat("team-a", { input: 100 * i, output: 10 * i });
  await world.chat("team-a", { model: "gpt-4o-mini", input: 5000, output: 500 });
  const page = await world.open();
  const { records } = (await world.get("/v1/usage/history?all=true&limit=500")).json;
  const shown = await page.$eval("#scatter svg", (s) => ({
    points: [...s.querySelectorAll("circle")].map((c) => [Number(c.getAttribute("cx")), Number(c.getAttribute("cy"))]),
    line: s.querySelector(".one-to-one").getAttribute("d").match(/[\d.]+/g).map(Number),
    axes: [...s.querySelectorAll(".axis-title")].map((t) => t.textContent),
  }));
  assert.equal(shown.points.length, records.length);
  assert.deepEqual(shown.axes, ["predicted", "actual"]);
  const [x1, y1, x2, y2] = shown.line;
  records.forEach((r, i) => { /* above the line is dearer than predicted */
    const [x, y] = shown.points[i];
    const above = y1 + ((x - x1) / (x2 - x1)) * (y2 - y1) - y; /* pictures count from the top */
    if (Math.abs(above) > 0.5) assert.equal(above > 0, r.costUsd > r.estimatedCostUsd);
  });
  const models = ["gpt-4o", "gpt-4o-mini"].map((model) => {
    const own = records.filter((r) => r.model === model);
    const all = (key) => own.reduce((sum, r) => sum + r[key], 0);
    return { model, cost: all("costUsd"), text: `${(100 * all("costUsd") / all("estimatedCostUsd")).toFixed(0)} %` };
  }).sort((a, b) => b.cost - a.cost);
  assert.deepEqual(await texts(page, "#errors .rank .name"), models.map((m) => m.model));
  assert.deepEqual(await texts(page, "#errors .rank .sum b"), models.map((m) => m.text));
});

inWorld("tokens by kind, and what caches saved", async (world) => {
  await world.chat("team-a", { input: 1000, output: 90, sim: ";cached=400;reasoning=50" });
  await world.message("team-a", { input: 100, output: 40, sim: ";cached=2000;cache_write=300" });
  const page = await world.open();
  const legend = await page.$$eval("#tokens-legend li", (list) => list.map((li) => [li.querySelector(".name").textContent, li.querySelector(".sum").textContent]));
  assert.deepEqual(Object.fromEntries(legend), {
    "input, new": "700", "input, from cache": "2,400", "input, into cache": "300", output: "80", "output, reasoning": "50",
  });
  assert.equal(await page.$$eval("#tokens path", (l) => l.length), 5);
  /* gpt-4o: 400 at half of $2.50 a million; haiku 4.5: 2000 at a tenth of $1, less 300 written at a quarter more */
  assert.equal(await total(page, "Saved by caches"), usd(400 * 1.25e-6 + 2000 * 0.9e-6 - 300 * 0.25e-6));
  assert.match(await page.textContent("#totals"), /71 % of input was cached/);
  assert.equal(await total(page, "Tokens"), "3,530");
});

inWorld("spend over time, stacked by model or project, in hours, days and months", async (world) => {
  for (const [project, model] of [["team-a", "gpt-4o"], ["team-a", "gpt-4o-mini"], ["team-b", "gpt-4o"]]) await world.chat(project, { model, input: 1000 });
  const page = await world.open();
  const ranges = {
    day: { hour: 24 }, week: { hour: 168, day: 7 }, month: { hour: 720, day: 30 }, quarter: { day: 90, month: 3 }, year: { day: 365, month: 12 },
  };
  for (const by of ["model", "project"]) {
    await page.check(`#by input[value="${by}"]`);
    const { groups } = (await world.get(`/v1/usage?all=true&by=${by}`)).json;
    for (const [range, choices] of Object.entries(ranges)) {
      await page.check(`#range input[value="${range}"]`);
      for (const [bucket, n] of Object.entries(choices)) {
        if (range !== "day") await page.check(`#bucket input[value="${bucket}"]`);
        await page.waitForFunction((said) => document.querySelector("#spend-note").textContent.endsWith(said), ` in ${n} ${bucket}s, by ${by}`);
        const shown = await page.$$eval("#spend-legend li", (l) => l.map((li) => [li.querySelector(".name").textContent, li.querySelector(".sum").textContent]));
        assert.deepEqual(shown, groups.map((g) => [g.key, usd(g.totalCostUsd)]), `${range}, ${bucket}, ${by}`);
      }
    }
  }
});

inWorld("latency and time to the first token, by model", async (world) => {
  await world.chat("team-a", { sim: ";delay_first_ms=300", stream: true });
  await world.chat("team-a", { model: "gpt-4o-mini" });
  const page = await world.open();
  const { records } = (await world.get("/v1/usage/history?all=true")).json;
  const [table] = await page.$$eval("#latency tbody", (l) => l.map((b) => [...b.rows].map((r) => [...r.cells].map((c) => c.textContent))));
  for (const r of records) {
    const row = table.find((cells) => cells[0] === r.model);
    const ms = (v) => (v < 1000 ? `${v} ms` : `${(v / 1000).toFixed(2)} s`);
    assert.deepEqual([row[2], row[4], row[5]], [ms(r.durationMs), ms(r.durationMs), ms(r.ttftMs)]);
  }
  const streamed = records.find((r) => r.model === "gpt-4o");
  assert.ok(streamed.ttftMs >= 300 && streamed.durationMs >= streamed.ttftMs);
});
