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
      const began = performance.now();
      for (const target of ["/v1/usage/history?all=true&limit=20&model=claude-opus-4-5", "/v1/usage/series?all=true&by=project&bucket=day&from=" +
        new Date(Date.now() - 700 * 86400000).toISOString(), "/v1/usage?all=true&by=model"]) {
        const answer = await world.get(target);
        assert.equal(answer.status, 200, answer.text);
      }
      console.log(`three queries: ${Math.round(performance.now() - began)} ms`);
    } finally {
      await world.close();
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});
