/* SPDX-License-Identifier: MIT */
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { drawn, makeWorld, run } from "./harness.mjs";

const ROWS = Number(process.env.ROWS || 1000000);
const LIMIT_MS = 1000;

/** From nothing to figures, charts and live budgets. The best of a few: the machine may be busy. */
async function timeToOpen(page, url) {
  await page.goto("about:blank");
  const began = performance.now();
  await page.goto(url);
  await drawn(page);
  return Math.round(performance.now() - began);
}

/** What the page asks for, at its widest; and what else asks for usage. */
function targets() {
  const ago = (days) => new Date(Date.now() - days * 86400000).toISOString();
  const series = (by, bucket, days) => `/v1/usage/series?all=true&by=${by}&bucket=${bucket}&from=${ago(days)}`;
  return [
    "/dashboard", "/v1/usage/live", "/v1/budgets", "/metrics",
    series("model", "hour", 2), series("model", "hour", 30), series("model", "day", 180), series("project", "month", 730),
    `/v1/usage/history?all=true&limit=500&from=${ago(30)}`, `/v1/usage/history?all=true&limit=500&from=${ago(365)}`,
    "/v1/usage/history?project_id=playground&limit=1000", "/v1/usage/history?all=true&limit=20&model=claude-opus-4-5",
    "/v1/usage?all=true&by=model", "/v1/usage?all=true&by=day", `/v1/usage?all=true&by=project&from=${ago(365)}`,
  ];
}

/** What an answer costs the daemon, which does not depend on what else the machine does. */
async function processorTime(world, target) {
  const used = async () => 1000 * Number(/^process_cpu_seconds_total (\S+)$/m.exec((await world.get("/metrics")).text)[1]);
  const before = await used();
  for (let i = 0; i < 5; i++) {
    const answer = await world.get(target);
    assert.equal(answer.status, 200, answer.text);
  }
  return (await used() - before) / 5;
}

test(`with ${ROWS} requests behind it the page is there within a second`, { timeout: 600000 }, async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tokencap-scale-"));
  const database = path.join(folder, "tokencap.db");
  try {
    await run("test/dashboard/seed", [database, String(ROWS), "400"]);
    const world = await makeWorld({ database });
    try {
      const page = await world.browser();
      for (const range of ["day", "week", "month", "quarter", "year"]) {
        const times = [];
        for (let i = 0; i < 3; i++) times.push(await timeToOpen(page, `${world.url}/dashboard#range=${range}`));
        console.log(`${range}: ${times.join(", ")} ms`);
        assert.ok(Math.min(...times) < LIMIT_MS, `${range} took ${times} ms`);
      }
      for (const target of targets()) {
        const ms = await processorTime(world, target);
        console.log(`${ms.toFixed(1)} ms of a processor: ${target}`);
        assert.ok(ms < LIMIT_MS / 10, `${target} took ${ms} ms`);
      }
    } finally {
      await world.close();
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});
