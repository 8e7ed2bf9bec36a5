/* SPDX-License-Identifier: MIT */
import assert from "node:assert/strict";
import fs from "node:fs";
import { ADMIN, drawn, inWorld, rows, total, violations, waitForTotal } from "./harness.mjs";

inWorld("shows what passed, and what passes, without reloading", async (world) => {
  await world.post("/v1/budget", { projectId: "team-a", limitUsd: 1 });
  for (let i = 0; i < 3; i++) assert.equal((await world.chat("team-a")).status, 200);
  assert.equal((await world.message("team-b")).status, 200);
  const page = await world.open();
  assert.equal(await total(page, "Requests"), "4");
  assert.equal((await rows(page, "#requests")).length, 4);
  const { json } = await world.get("/v1/budget?project_id=team-a");
  assert.match(await page.textContent('[data-budget="project:team-a"]'), new RegExp(`\\$${json.budget.spentUsd.toFixed(6).replace(/0+$/, "").slice(0, 6)}`));
  assert.equal(await page.$$eval("#spend path", (l) => l.length), 2, "a series for each model");
  assert.ok(await page.$$eval("#tokens path", (l) => l.length) >= 2, "tokens by kind");
  assert.equal(await page.$$eval("#scatter circle", (l) => l.length), 4, "a point a request");

  await world.chat("team-c", { model: "gpt-4o-mini" });
  await page.waitForFunction(() => document.querySelector("#requests tr td:nth-child(2)").textContent === "team-c");
  await waitForTotal(page, "Requests", "5");
  await page.waitForFunction(() => document.querySelectorAll("#spend path").length === 3);
});

inWorld("shows money in flight and refusals as they happen", async (world) => {
  await world.post("/v1/budget", { projectId: "small", limitUsd: 0.000001 });
  const page = await world.open();
  const slow = world.chat("slow", { sim: ";gate=go" });
  await waitForTotal(page, "In flight", "1");
  await fetch(`${world.sim.url}/_sim/open?gate=go`, { method: "POST" });
  assert.equal((await slow).status, 200);
  await waitForTotal(page, "In flight", "0");
  assert.equal((await world.chat("small")).status, 402);
  await page.waitForFunction(() => document.querySelector("#refusals").textContent.includes("402 budget_exceeded"));
  const [refusal] = await rows(page, "#refusals");
  assert.deepEqual([refusal[1], refusal[2], refusal[4]], ["small", "gpt-4o", "project"]);
  await waitForTotal(page, "Refused for budgets", "1");
});

inWorld("sets, resets and deletes budgets", async (world) => {
  world.expectStatus(400);
  await world.chat("team-a");
  const page = await world.open();
  assert.match(await page.textContent("#budgets"), /No budget yet/);

  await page.click("#budget-new");
  await page.fill("#b-project", "team-a");
  await page.fill("#b-limit", "12.345678901");
  await page.selectOption("#b-period", "month");
  await page.fill("#b-zone", "Europe/Paris");
  await page.selectOption("#b-enforcement", "strict");
  await page.fill("#b-request", "0.5");
  await page.fill("#b-alerts", "50, 80");
  await page.click("#budget-save");
  await page.waitForSelector('[data-budget="project:team-a"]');
  let { budget } = (await world.get("/v1/budget?project_id=team-a")).json;
  assert.match((await world.get("/v1/budget?project_id=team-a")).text, /"limitUsd":12\.345678901,/, "every digit arrives");
  assert.deepEqual([budget.period, budget.timezone, budget.enforcement, budget.perRequestUsd, budget.alertPercents],
    ["month", "Europe/Paris", "strict", 0.5, [50, 80]]);

  await page.click('[data-budget="project:team-a"] >> button:text-is("Edit")');
  assert.equal(await page.inputValue("#b-zone"), "Europe/Paris");
  await page.fill("#b-limit", "-3");
  await page.click("#budget-save");
  assert.match(await page.textContent("#budget-error"), /limitUsd/);
  await page.fill("#b-limit", "20");
  await page.fill("#b-zone", "Mars/Olympus");
  await page.click("#budget-save");
  await page.waitForFunction(() => document.querySelector("#budget-error").textContent.includes("Mars/Olympus"));
  await page.fill("#b-zone", "");
  await page.click("#budget-save");
  await page.waitForFunction(() => document.querySelector("#budgets").textContent.includes("of $20.00"));
  assert.equal((await world.get("/v1/budget?project_id=team-a")).json.budget.enforcement, "strict", "the rest was kept");

  await world.chat("team-a");
  await page.waitForFunction(() => !document.querySelector('[data-budget="project:team-a"]').textContent.includes("$0.00 of"));
  await page.click('[data-budget="project:team-a"] >> button:text-is("Reset")');
  await page.click("#confirm-dialog >> text=Cancel");
  assert.ok((await world.get("/v1/budget?project_id=team-a")).json.budget.spentUsd > 0, "cancelled");
  await page.click('[data-budget="project:team-a"] >> button:text-is("Reset")');
  await page.click("#confirm-yes");
  await page.waitForFunction(() => document.querySelector('[data-budget="project:team-a"]').textContent.includes("$0.00 of"));

  await page.click("#budget-new");
  await page.selectOption("#b-scope", "global");
  assert.equal(await page.isVisible("#b-project"), false);
  await page.fill("#b-limit", "100");
  await page.selectOption("#b-period", "days");
  await page.fill("#b-days", "7");
  await page.click("#budget-save");
  await page.waitForSelector('[data-budget="global:"]');
  await page.click('[data-budget="global:"] >> button:text-is("Delete")');
  await page.click("#confirm-yes");
  await page.waitForSelector('[data-budget="global:"]', { state: "detached" });
  ({ budget } = (await world.get("/v1/budget?scope=global")).json);
  assert.equal(budget, null);
});

inWorld("each choice does what it says", async (world) => {
  for (let i = 0; i < 45; i++) await world.chat(i % 3 ? "team-a" : "team-b", { model: i % 2 ? "gpt-4o" : "gpt-4o-mini", input: 100 + i });
  const page = await world.open();
  assert.equal((await rows(page, "#requests")).length, 20);
  await page.click("#older");
  await page.waitForFunction(() => document.querySelector("#page").textContent === "Page 2");
  await page.click("#older");
  await page.waitForFunction(() => document.querySelector("#page").textContent === "Page 3");
  assert.equal((await rows(page, "#requests")).length, 5);
  assert.equal(await page.isDisabled("#older"), true);
  await page.click("#newer");
  await page.click("#newer");
  await page.waitForFunction(() => document.querySelector("#page").textContent === "Page 1");

  await page.check('#by input[value="project"]');
  await page.waitForFunction(() => document.querySelector("#spend-legend").textContent.includes("team-a"));
  await page.check('#range input[value="day"]');
  await page.waitForFunction(() => document.querySelector("#spend-note").textContent.includes("24 hours, by project"));
  await page.check('#range input[value="year"]');
  await page.waitForFunction(() => document.querySelector("#spend-note").textContent.includes("12 months"));
  await page.check('#bucket input[value="day"]');
  await page.waitForFunction(() => /36\d days/.test(document.querySelector("#spend-note").textContent));

  await page.selectOption("#project", "team-b");
  await page.waitForFunction(() => document.querySelector("#spend-note").textContent.includes("of team-b"));
  await waitForTotal(page, "Requests", "15");
  assert.deepEqual([...new Set((await rows(page, "#requests")).map((r) => r[1]))], ["team-b"]);
  await page.fill("#filter-model", "gpt-4o");
  await page.click("#filters >> text=Filter");
  await page.waitForFunction(() => [...document.querySelectorAll("#requests tr")].every((r) => r.cells[2].textContent === "gpt-4o"));
  const here = page.url();
  assert.match(here, /project=team-b/);
  await page.goto("about:blank");
  await page.goto(here);
  await drawn(page);
  assert.equal(await page.inputValue("#project"), "team-b", "the address holds the choices");

  const download = page.waitForEvent("download");
  await page.click("#export");
  const csv = fs.readFileSync(await (await download).path(), "utf8");
  const lines = csv.trim().split("\r\n");
  assert.match(lines[0], /^id,projectId,/);
  assert.ok(lines.length > 1 && lines.slice(1).every((l) => l.includes('"team-b"') && l.includes('"gpt-4o"')));

  await page.click(".as-table summary");
  await page.waitForSelector("#spend-table tbody tr");
  await page.click("#theme");
  assert.equal(await page.getAttribute("html", "data-theme"), "dark");
  await page.reload();
  await drawn(page);
  assert.equal(await page.getAttribute("html", "data-theme"), "dark", "the theme is kept");
});

const HOSTILE = [
  "<img src=x onerror=alert(1)>", "\"><script>alert(2)</script>", "=1+1|cmd", "\u202eevil\u202c", "a".repeat(128), "&amp;<b>bold</b>",
];

inWorld("hostile names are text", async (world) => {
  for (const model of HOSTILE) assert.equal((await world.chat("team:a@b.c-d_e", { model })).status, 200);
  await world.post("/v1/budget", { projectId: "x".repeat(128), limitUsd: 0.000001 });
  assert.equal((await world.chat("x".repeat(128), { model: HOSTILE[0] })).status, 402);
  const page = await world.open();
  const shown = (await rows(page, "#requests")).map((r) => r[2]);
  assert.deepEqual([...shown].reverse(), HOSTILE);
  assert.equal((await rows(page, "#refusals"))[0][2], HOSTILE[0]);
  assert.equal(await page.$$eval("main img, main script, main b:not(td b):not(.sum b)", (l) => l.length), 0);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), true);
  const csv = (await world.get("/v1/usage/history?all=true", { Accept: "text/csv" })).text;
  assert.match(csv, /"'=1\+1\|cmd"/);
});

inWorld("from elsewhere, the admin token opens it for a session", async (world) => {
  world.expectStatus(401);
  world.expectStatus(403);
  const elsewhere = { "X-Forwarded-For": "203.0.113.9" };
  await world.chat("team-a");
  const page = await world.browser({ headers: elsewhere });
  await page.goto(`${world.url}/dashboard`);
  await page.waitForSelector("#login-token");
  assert.equal(await page.isVisible("#main"), false);
  assert.deepEqual(await violations(page), []);
  await page.fill("#login-token", "not-it");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("#login-error").textContent.includes("not the admin token"));
  await page.fill("#login-token", ADMIN);
  await page.keyboard.press("Enter");
  await drawn(page);
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path, cookie.value.length], [true, "Strict", "/", 64]);
  assert.ok(!cookie.value.includes(ADMIN));

  await page.click("#budget-new");
  await page.fill("#b-project", "team-a");
  await page.fill("#b-limit", "5");
  await page.click("#budget-save");
  await page.waitForSelector('[data-budget="project:team-a"]');

  const asSession = { ...elsewhere, Cookie: `${cookie.name}=${cookie.value}` };
  const body = { projectId: "team-a", limitUsd: 99 };
  assert.equal((await world.get("/v1/budgets", asSession)).status, 200);
  assert.equal((await world.post("/v1/budget", body, asSession)).status, 403, "not from the page");
  assert.equal((await world.post("/v1/budget", body, { ...asSession, Origin: "https://evil.example" })).status, 403);
  assert.equal((await world.post("/v1/budget", body, { ...asSession, "Sec-Fetch-Site": "cross-site" })).status, 403);
  assert.equal((await world.post("/v1/budget", body, { ...asSession, Origin: world.url })).status, 200);
  assert.equal((await world.post("/v1/chat/completions", { model: "gpt-4o", messages: [{ role: "user", content: "x" }] }, asSession)).status, 401,
    "a session lends no provider's key");
  assert.equal((await world.get("/v1/budgets", { ...elsewhere, Cookie: `${cookie.name}=${"0".repeat(64)}` })).status, 403);

  await page.click("#logout");
  await page.waitForSelector("#login-token");
  assert.equal((await world.get("/v1/budgets", asSession)).status, 403, "the session has ended");
});

inWorld("guessing the admin token is slow", async (world) => {
  for (let i = 0; i < 20; i++) assert.equal((await world.post("/dashboard/login", { token: `guess ${i}` })).status, 401);
  const blocked = await world.post("/dashboard/login", { token: ADMIN });
  assert.equal(blocked.status, 429);
  assert.ok(Number(blocked.headers.get("retry-after")) > 0);
});

for (const scheme of ["light", "dark"])
  inWorld(`axe-core finds nothing in the ${scheme}`, async (world) => {
    await world.post("/v1/budget", { projectId: "team-a", limitUsd: 0.001, periodDays: 30 });
    await world.post("/v1/budget", { projectId: "empty", limitUsd: 0 });
    for (let i = 0; i < 6; i++) await world.chat("team-a", { input: 100 * i + 10 });
    await world.message("team-b", { stream: true });
    const page = await world.open({ scheme });
    await page.click(".as-table summary");
    assert.deepEqual(await violations(page), []);
    await page.click("#budget-new");
    assert.deepEqual(await violations(page), []);
    await page.keyboard.press("Escape");
    await page.click('[data-budget="project:team-a"] >> button:text-is("Reset")');
    assert.deepEqual(await violations(page), []);
  });

inWorld("works by keyboard", async (world) => {
  await world.post("/v1/budget", { projectId: "team-a", limitUsd: 1 });
  await world.chat("team-a");
  const page = await world.open();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await page.focus("#spend svg");
  await page.keyboard.press("End");
  await page.waitForFunction(() => /gpt-4o \$/.test(document.querySelector("#announce").textContent));
  await page.focus('#range input[value="month"]');
  await page.keyboard.press("ArrowLeft");
  await page.waitForFunction(() => document.querySelector("#spend-note").textContent.includes("168 hours"));
  assert.equal(await page.evaluate(() => document.activeElement.value), "week", "the focus stays");
  await page.focus('[data-budget="project:team-a"] button');
  await world.chat("team-a");
  await page.waitForFunction(() => document.querySelectorAll("#requests tr").length === 2);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Edit", "live figures leave it too");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#budget-dialog[open]");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#budget-dialog[open]", { state: "detached" });
});

inWorld("fits a telephone", async (world) => {
  await world.post("/v1/budget", { projectId: "a-project-with-a-rather-long-name-for-a-telephone", limitUsd: 1, period: "month" });
  for (let i = 0; i < 3; i++) await world.chat("a-project-with-a-rather-long-name-for-a-telephone");
  for (const range of ["day", "month", "year"]) {
    const page = await world.open({ width: 375, height: 800, hash: `#range=${range}` });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 375);
    const small = await page.$$eval("main button, .bar button, .segments label", (l) => l.filter((b) => b.offsetParent).map((b) => b.getBoundingClientRect()).filter((b) => b.height < 24 || b.width < 24).length);
    assert.equal(small, 0, "everything can be hit with a finger");
  }
});

inWorld("the stream of live figures goes on after a restart of the page's connection", async (world) => {
  const stream = await fetch(`${world.url}/v1/usage/live`, { headers: { Accept: "text/event-stream" } });
  assert.match(stream.headers.get("content-type"), /^text\/event-stream/);
  const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const until = async (pattern) => {
    while (!pattern.test(text)) text += (await reader.read()).value;
  };
  await until(/^id: 0\ndata: \{"seq":0,/m);
  await world.chat("team-a");
  await until(/^id: 1\n/m);
  await reader.cancel();
  await world.chat("team-b");
  const again = (await world.get("/v1/usage/live?after=1")).json;
  assert.deepEqual(again.records.map((r) => r.projectId), ["team-b"]);
  assert.equal((await world.get("/v1/usage/live?after=x")).status, 400);
});

inWorld("the policy lets nothing else run", async (world) => {
  const answer = await world.get("/dashboard");
  const policy = answer.headers.get("content-security-policy");
  assert.match(policy, /^default-src 'none'; script-src 'sha256-[\w+/]{43}='; style-src 'sha256-[\w+/]{43}='; connect-src 'self'; /);
  assert.doesNotMatch(policy, /unsafe|\*/);
  assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
  assert.doesNotMatch(answer.text, /<[^>]+\s(style|on[a-z]+)=/, "no inline style or handler");
  assert.doesNotMatch(answer.text, /(src|href)="(https?:)?\/\//);
});
