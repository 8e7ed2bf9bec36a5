/* SPDX-License-Identifier: MIT */
/* Makes the pictures of docs/dashboard.md: a seeded ledger and some live requests. */

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { drawn, makeWorld, ROOT, run } from "./harness.mjs";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tokencap-pictures-"));
const database = path.join(folder, "tokencap.db");
const out = path.join(ROOT, "docs/pictures");
fs.mkdirSync(out, { recursive: true });
await run("test/dashboard/seed", [database, "24000", "80"]);
const world = await makeWorld({ database });
await world.post("/v1/budget", { projectId: "trial", limitUsd: 0.002 });
for (let i = 0; i < 8; i++) {
  await world.chat("checkout-assistant", { input: 900 + 60 * i, output: 60 + 9 * i, sim: ";delay_first_ms=30" });
  await world.message("docs-search", { input: 700 + 90 * i, output: 90, stream: true, sim: ";delay_first_ms=20;delay_chunk_ms=1" });
  await world.chat("trial");
}
for (const [name, options] of [["dashboard", {}], ["dashboard-dark", { scheme: "dark" }], ["dashboard-narrow", { width: 375, height: 1500 }]]) {
  const page = await world.open(options);
  await drawn(page);
  await page.setViewportSize({ width: options.width || 1360, height: name === "dashboard" ? 2300 : options.height || 1500 });
  await page.waitForFunction(() => document.fonts.status === "loaded");
  await page.screenshot({ path: path.join(out, `${name}.png`) });
  console.log(`docs/pictures/${name}.png`);
}
await world.close();
fs.rmSync(folder, { recursive: true, force: true });
