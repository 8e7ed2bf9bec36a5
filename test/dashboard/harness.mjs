/* SPDX-License-Identifier: MIT */
/* The simulator, the daemon and a headless Chromium, each test its own. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import { chromium } from "playwright-core";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const BUILD = path.resolve(ROOT, process.env.TOKENCAP_BUILD || "build");
export const ADMIN = "the-admin-token-of-this-test";

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** A program that says on one of its streams when it is ready, and where. */
class Program {
  constructor(file, args, stream, env = {}) {
    this.process = spawn(path.join(BUILD, "bin", file), args, { env: { PATH: process.env.PATH, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    this.lines = readline.createInterface({ input: this.process[stream] });
    this.name = file;
  }

  async ready() {
    const log = [];
    for await (const line of this.lines) {
      log.push(line);
      const found = /ready on (http:\S+)/.exec(line);
      if (found) {
        this.url = found[1];
        this.lines.resume();
        return this;
      }
    }
    throw new Error(`${this.name} ended:\n${log.join("\n")}`);
  }

  async stop() {
    if (this.process.exitCode !== null) throw new Error(`${this.name} ended by itself: ${this.process.exitCode}`);
    const ended = once(this.process, "exit");
    this.process.kill("SIGTERM");
    const [code] = await ended;
    if (code !== 0) throw new Error(`${this.name} ended with ${code}`);
  }
}

const collect = (stream) => new Promise((resolve) => {
  let text = "";
  stream.setEncoding("utf8").on("data", (part) => { text += part; }).on("end", () => resolve(text));
});

/** Runs a program to its end; its output. */
export async function run(file, args) {
  const child = spawn(path.join(BUILD, file), args, { stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = [collect(child.stdout), collect(child.stderr)];
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${await err}`);
  return out;
}

/** Everything one test needs: world.get/post/chat, world.open() for a page. `database`: one to start from. */
export async function makeWorld({ database = null, env = {} } = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tokencap-dashboard-"));
  const file = database || path.join(folder, "tokencap.db");
  const sim = await new Program("tokencap-sim", ["--port", "0"], "stdout").ready();
  const daemon = await new Program("tokencapd", ["--port", "0", "--host", "127.0.0.1"], "stderr", {
    DB_PATH: file, OPENAI_UPSTREAM_URL: `${sim.url}/v1`, ANTHROPIC_UPSTREAM_URL: sim.url,
    OPENAI_API_KEY: "sk-openai", ANTHROPIC_API_KEY: "sk-anthropic", TOKENCAP_ADMIN_TOKEN: ADMIN, ...env,
  }).ready();
  return new World(folder, sim, daemon);
}

class World {
  constructor(folder, sim, daemon) {
    Object.assign(this, { folder, sim, daemon, url: daemon.url, faults: [], expected: [], contexts: [] });
  }

  async ask(method, target, body, headers = {}) {
    const answer = await fetch(this.url + target, { method, body: body === undefined ? undefined : JSON.stringify(body), headers });
    const text = await answer.text();
    let json = null;
    try {
      json = JSON.parse(text);
    } catch {
      json = null;
    }
    return { status: answer.status, headers: answer.headers, text, json };
  }

  get(target, headers) {
    return this.ask("GET", target, undefined, headers);
  }

  post(target, body, headers) {
    return this.ask("POST", target, body, headers);
  }

  /** One request of a project, with the usage that the upstream is to report. */
  chat(project, { model = "gpt-4o", input = 120, output = 40, sim = "", ...body } = {}) {
    return this.post("/v1/chat/completions", { model, max_tokens: 100, messages: [{ role: "user", content: "Hello" }], ...body },
      { "X-Tokencap-Project-Id": project, "X-Sim": `input=${input};output=${output}${sim}` });
  }

  message(project, { model = "claude-haiku-4-5", input = 120, output = 40, sim = "", ...body } = {}) {
    return this.post("/v1/messages", { model, max_tokens: 100, messages: [{ role: "user", content: "Hello" }], ...body },
      { "X-Tokencap-Project-Id": project, "X-Sim": `input=${input};output=${output}${sim}` });
  }

  /** The browser notes an answer of that status on its console; here it is as it should be. */
  expectStatus(status) {
    this.expected.push(new RegExp(`status of ${status}`));
  }

  /** A new browser with nothing in it, and a page of it. What goes wrong there is noted in faults. */
  async browser({ width = 1360, height = 900, scheme = "light", headers = {}, motion = "reduce" } = {}) {
    const data = fs.mkdtempSync(path.join(os.tmpdir(), "tokencap-chromium-"));
    const context = await chromium.launchPersistentContext(data, {
      executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true, args: FLAGS, viewport: { width, height },
      colorScheme: scheme, reducedMotion: motion, extraHTTPHeaders: headers, acceptDownloads: true,
    });
    this.contexts.push([context, data]);
    context.on("request", (request) => {
      const url = new URL(request.url());
      if (!["data:", "blob:"].includes(url.protocol) && url.origin !== this.url) this.faults.push(`a request left the origin: ${url}`);
    });
    const page = await context.newPage();
    page.on("console", (m) => ["error", "warning"].includes(m.type()) && this.faults.push(`console: ${m.text()}`));
    page.on("pageerror", (e) => this.faults.push(`page: ${e.stack}`));
    page.on("dialog", (d) => {
      this.faults.push(`a dialog: ${d.message()}`);
      return d.dismiss();
    });
    return page;
  }

  /** The dashboard, drawn and live. */
  async open({ hash = "", ...options } = {}) {
    const page = await this.browser(options);
    await page.goto(`${this.url}/dashboard${hash}`);
    await drawn(page);
    return page;
  }

  async close() {
    for (const [context, data] of this.contexts) {
      await context.close();
      fs.rmSync(data, { recursive: true, force: true });
    }
    await this.daemon.stop();
    await this.sim.stop();
    fs.rmSync(this.folder, { recursive: true, force: true });
    const faults = this.faults.filter((f) => !this.expected.some((e) => e.test(f)));
    if (faults.length) throw new Error(faults.join("\n"));
  }
}

/** A test with a world of its own; errors of the page fail it too. */
export function inWorld(name, work, options) {
  test(name, async () => {
    const world = await makeWorld(options);
    try {
      await work(world);
    } finally {
      await world.close();
    }
  });
}

/** The texts of a table's rows. */
export const rows = (page, selector) => page.$$eval(`${selector} tr`, (list) => list.map((r) => [...r.cells].map((c) => c.textContent)));

export async function drawn(page) {
  await page.waitForSelector("#spend svg");
  await page.waitForFunction(() => document.querySelector("#connection").dataset.state === "live" && document.querySelector("#budgets").children.length);
}

/** What axe-core finds: nothing is expected. */
export async function violations(page) {
  const found = await page.evaluate(`${axe.source}; axe.run(document, { resultTypes: ["violations"] })`);
  return found.violations.map((v) => `${v.impact}: ${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(" ") + " " + (n.any[0]?.message || "")).slice(0, 3).join(" | ")}`);
}

/** The figure of a card on top of the page. */
export const total = (page, name) => page.evaluate((n) => {
  const card = [...document.querySelectorAll(".total")].find((c) => c.querySelector("dt").textContent === n);
  return card.querySelector("dd").firstChild.textContent;
}, name);

export const waitForTotal = (page, name, value) => page.waitForFunction(([n, v]) => [...document.querySelectorAll(".total")]
  .some((c) => c.querySelector("dt").textContent === n && c.querySelector("dd").firstChild.textContent === v), [name, value]);
