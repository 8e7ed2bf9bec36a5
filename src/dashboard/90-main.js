/* SPDX-License-Identifier: MIT */
/* The page: what is chosen, what is loaded when, and signing in. The choices live in the address. */

const RELOAD_MS = 4000; /* between two loads of the series while requests come in */

const chosen = { range: "month", bucket: "", by: "model", project: "", model: "" };
const view = { data: null, models: [], modelOrder: [], sample: [], from: 0, live: null, budgets: [], project: "" };
let source = null;
let reloadTimer = null;
let loads = 0;

function readAddress() {
  const q = new URLSearchParams(location.hash.slice(1));
  for (const key of Object.keys(chosen)) chosen[key] = q.get(key) ?? chosen[key];
  if (!(chosen.range in RANGES)) chosen.range = "month";
  if (!RANGES[chosen.range].buckets.includes(chosen.bucket)) chosen.bucket = "";
  if (!["model", "project"].includes(chosen.by)) chosen.by = "model";
}

function writeAddress() {
  const q = new URLSearchParams();
  for (const [key, value] of Object.entries(chosen)) if (value) q.set(key, value);
  history.replaceState(null, "", `#${q}`);
}

const filterNow = () => ({ project: chosen.project, model: chosen.model });

/* ---- loading ---- */

const HOURS_MOST = 45 * 24; /* that the daemon answers at once */

/** What the chosen range needs, and as long a time before it; a later choice makes an earlier load's answer
 * void. */
async function load() {
  const mine = ++loads;
  const range = RANGES[chosen.range];
  const bucket = chosen.bucket || range.bucket;
  const to = Date.now();
  const since = rangeStart(range, bucket, to);
  const project = chosen.project;
  const compares = bucket !== "hour" || 2 * (to - since) < HOURS_MOST * HOUR_MS;
  const ask = { bucket, to: to + 1, from: compares ? Math.max(0, since - (to - since)) : since, project };
  const [data, byModel, sample] = await Promise.all([
    fetchSeries({ ...ask, by: chosen.by }),
    chosen.by === "model" || project ? null : fetchSeries({ ...ask, by: "model", from: since }),
    fetchHistory({ project, from: since, limit: 500 }),
  ]);
  if (mine !== loads) return;
  const models = byModel || data;
  const first = data.buckets.findIndex((b) => bucketStart(b, bucket) >= since);
  const firstOfModels = byModel ? 0 : first;
  Object.assign(view, {
    data, since, to, project, compares, from: first < 0 ? 0 : first, sample: sample.records,
    models: models.series.map((s) => ({ key: s.key, cost: sum(s.costUsd.slice(firstOfModels)), estimated: sum(s.estimatedCostUsd.slice(firstOfModels)) })),
    modelOrder: models.series.map((s) => s.key),
  });
  draw();
}

function draw() {
  if (!view.data) return;
  drawTotals(view);
  drawSpend(view);
  drawTokens(view);
  drawScatterOf(view);
  drawErrors(view);
  drawLatency(view);
  byId("model-names").replaceChildren(...view.modelOrder.filter(Boolean).map((m) => el("option", { value: m })));
}

/** While requests come in, the series are loaded again, but not for each of them. */
function loadSoon() {
  if (reloadTimer || document.hidden) return;
  reloadTimer = setTimeout(() => {
    reloadTimer = null;
    guarded(load());
  }, RELOAD_MS);
}

const PROJECTS_MOST = 200; /* in the list: the dearest of the last year */

async function loadProjects() {
  const from = new Date(Date.now() - 365 * 24 * HOUR_MS).toISOString();
  const found = await ask("/v1/usage" + query({ by: "project", all: "true", from }));
  const names = new Set(found.groups.slice(0, PROJECTS_MOST).map((g) => g.key));
  for (const b of view.budgets) if (b.projectId) names.add(b.projectId);
  if (chosen.project) names.add(chosen.project);
  const select = byId("project");
  select.replaceChildren(el("option", { value: "" }, "All projects"),
    ...[...names].sort().map((name) => el("option", { value: name }, name)));
  select.value = chosen.project;
}

/** Errors are shown; one of access opens the form for it. */
async function guarded(work) {
  try {
    await work;
    byId("notice").hidden = true;
    return true;
  } catch (error) {
    if (error instanceof Refused && (error.status === 401 || error.status === 403)) showLogin(error.message);
    else {
      byId("notice").textContent = error instanceof Refused ? error.message : "The daemon cannot be reached.";
      byId("notice").hidden = false;
    }
    return false;
  }
}

/* ---- live ---- */

function onLive(now) {
  view.live = now.live;
  view.budgets = now.budgets;
  byId("version").textContent = `tokencap ${now.version} ·`;
  byId("logout").hidden = !now.session;
  if (!document.querySelector("dialog[open]")) drawBudgets(now.budgets, now.budgetCount, budgetActions);
  addRequests(now.records, filterNow());
  addRefusals(now.refusals);
  drawRefusals(chosen.project, now.live);
  if (view.data) drawTotals(view);
  if (now.records.length) loadSoon();
}

function setConnection(state) {
  const words = { live: "Live", lost: "Connection lost, trying again", wait: "Connecting", closed: "Not connected" };
  const node = byId("connection");
  node.dataset.state = state === "closed" ? "lost" : state;
  node.querySelector(".connection-text").textContent = words[state];
}

function connect() {
  if (source) source.close();
  source = watch(onLive, (state) => {
    setConnection(state);
    /* A browser does not say why a stream was refused: ask again, for the daemon's words. */
    if (state === "closed") setTimeout(() => guarded(ask("/v1/usage/live")).then((ok) => ok && connect()), 2000);
  });
}

/* ---- choices ---- */

function choose(key, value) {
  chosen[key] = value;
  if (key === "range") chosen.bucket = "";
  writeAddress();
  arrange();
  guarded(load());
  if (key === "project" || key === "model") {
    resetRequests();
    guarded(loadRequests(filterNow(), 0));
    drawRefusals(chosen.project, view.live);
  }
}

function arrange() {
  const range = RANGES[chosen.range];
  segments("range", Object.entries(RANGES).map(([key, r]) => [key, r.label]), chosen.range, (v) => choose("range", v));
  segments("bucket", range.buckets.map((b) => [b, b]), chosen.bucket || range.bucket, (v) => choose("bucket", v));
  segments("by", [["model", "model"], ["project", "project"]], chosen.project ? "model" : chosen.by, (v) => choose("by", v));
  byId("by").disabled = Boolean(chosen.project);
  byId("project").value = chosen.project;
  byId("filter-model").value = chosen.model;
}

const budgetActions = {
  edit: (b) => openBudgetForm(b),
  reset: (b) => guarded(resetBudget(b, (said) => announce(said.message))),
  remove: (b) => guarded(deleteBudget(b, (said) => announce(said.message))),
};

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  try {
    if (theme) localStorage.setItem("tokencap-theme", theme);
  } catch {
    /* a browser that keeps nothing: the theme lasts as long as the page */
  }
}

function storedTheme() {
  try {
    return localStorage.getItem("tokencap-theme");
  } catch {
    return null;
  }
}

function toggleTheme() {
  const dark = document.documentElement.dataset.theme === "dark" ||
    (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  setTheme(dark ? "light" : "dark");
}

/* ---- signing in and out ---- */

function showLogin(why) {
  if (source) source.close();
  source = null;
  setConnection("closed");
  byId("main").hidden = true;
  byId("login").hidden = false;
  byId("login-why").textContent = why;
  byId("login-token").focus();
}

async function signIn(event) {
  event.preventDefault();
  byId("login-error").textContent = "";
  try {
    await send("POST", "/dashboard/login", { token: byId("login-token").value });
    byId("login-token").value = "";
    byId("login").hidden = true;
    start();
  } catch (error) {
    byId("login-error").textContent = error.message;
    byId("login-token").select();
  }
}

async function signOut() {
  await send("POST", "/dashboard/logout");
  location.reload();
}

/* ---- the beginning ---- */

async function start() {
  setConnection("wait");
  byId("main").hidden = false;
  const live = guarded(ask("/v1/usage/live").then(onLive));
  const loaded = guarded(Promise.all([load(), loadRequests(filterNow(), 0)]));
  if (!(await live) && byId("main").hidden) return;
  connect();
  await loaded;
  guarded(loadProjects());
}

function listen() {
  byId("theme").addEventListener("click", toggleTheme);
  byId("logout").addEventListener("click", () => guarded(signOut()));
  byId("project").addEventListener("change", (event) => choose("project", event.target.value));
  byId("filters").addEventListener("submit", (event) => {
    event.preventDefault();
    choose("model", byId("filter-model").value.trim());
  });
  byId("newer").addEventListener("click", () => guarded(loadRequests(filterNow(), requests.page - 1)));
  byId("older").addEventListener("click", () => guarded(loadRequests(filterNow(), requests.page + 1)));
  byId("export").addEventListener("click", () => exportCsv({ ...filterNow(), from: view.since }));
  byId("budget-new").addEventListener("click", () => openBudgetForm(null));
  byId("budget-cancel").addEventListener("click", () => byId("budget-dialog").close());
  byId("budget-form").addEventListener("submit", (event) => saveBudget(event, () => guarded(loadProjects())));
  byId("budget-form").addEventListener("change", arrangeBudgetForm);
  byId("login-form").addEventListener("submit", signIn);
  byId("spend-table").closest("details").addEventListener("toggle", () => view.data && drawSpendTable(view));
  window.addEventListener("hashchange", () => {
    readAddress();
    arrange();
    resetRequests();
    guarded(Promise.all([load(), loadRequests(filterNow(), 0)]));
  });
  window.addEventListener("scroll", hideTip, { passive: true });
  let width = innerWidth;
  window.addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    draw();
  });
}

setTheme(storedTheme());
readAddress();
arrange();
drawRequestHead();
listen();
start();
