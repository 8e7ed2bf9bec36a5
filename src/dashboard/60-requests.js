/* SPDX-License-Identifier: MIT */
/* The newest requests, page by page, and what was refused. */

const PAGE_ROWS = 20;
const REFUSALS_SHOWN = 20;

const REQUEST_COLUMNS = [
  ["Time", "", (r) => el("td", { title: r.requestId }, when(r.createdAt))],
  ["Project", "", (r) => el("td", { class: "text", title: r.projectId }, r.projectId)],
  ["Model", "", (r) => el("td", { class: "text", title: r.model }, r.model)],
  ["Input", "number", (r) => el("td", { class: "number", title: r.cachedInputTokens ? `${whole.format(r.cachedInputTokens)} from cache` : null }, whole.format(r.inputTokens))],
  ["Output", "number", (r) => el("td", { class: "number" }, whole.format(r.outputTokens))],
  ["Predicted", "number", (r) => el("td", { class: "number faint" }, usd(r.estimatedCostUsd))],
  ["Actual", "number", (r) => el("td", { class: "number" }, el("b", {}, usd(r.costUsd)))],
  ["Time taken", "number", (r) => el("td", { class: "number" }, duration(r.durationMs))],
  ["First byte", "number", (r) => el("td", { class: "number faint" }, duration(r.ttftMs))],
  ["State", "", (r) => el("td", {}, el("span", { class: "pill", "data-level": { settled: "good", estimated: "warn", interrupted: "bad" }[r.status] }, r.status))],
];

const requests = { records: [], cursors: [null], page: 0, next: null };

function drawRequestHead() {
  byId("requests-head").replaceChildren(...REQUEST_COLUMNS.map(([title, kind]) => el("th", { scope: "col", class: kind || null }, title)));
}

function drawRequests(fresh = new Set()) {
  const body = byId("requests");
  body.replaceChildren(...requests.records.map((r) => el("tr", { class: fresh.has(r.id) ? "fresh" : null, "data-id": r.id },
    ...REQUEST_COLUMNS.map(([, , cell]) => cell(r)))));
  if (!requests.records.length)
    body.append(el("tr", {}, el("td", { class: "empty", colspan: REQUEST_COLUMNS.length }, "No request matches.")));
  byId("page").textContent = `Page ${requests.page + 1}`;
  byId("newer").disabled = requests.page === 0;
  byId("older").disabled = !requests.next;
}

/** Loads a page; those before it are remembered by their cursors. */
async function loadRequests(filter, page) {
  const found = await fetchHistory({ ...filter, limit: PAGE_ROWS, before: requests.cursors[page] });
  requests.records = found.records;
  requests.next = found.nextCursor;
  requests.page = page;
  requests.cursors[page + 1] = found.nextCursor;
  drawRequests();
}

function resetRequests() {
  requests.cursors = [null];
  requests.page = 0;
}

/** Live ones go on top of the first page. */
function addRequests(records, filter) {
  const matching = records.filter((r) => (!filter.project || r.projectId === filter.project) && (!filter.model || r.model === filter.model));
  const known = new Set(requests.records.map((r) => r.id));
  const fresh = matching.filter((r) => !known.has(r.id));
  if (requests.page !== 0 || !fresh.length) return;
  const all = [...fresh, ...requests.records].sort((a, b) => b.id - a.id);
  requests.records = all.slice(0, PAGE_ROWS);
  if (all.length > PAGE_ROWS) requests.next = requests.cursors[1] = String(requests.records[PAGE_ROWS - 1].id);
  drawRequests(new Set(fresh.map((r) => r.id)));
}

/* ---- refusals: those that the daemon remembers ---- */

const refusals = [];

function addRefusals(more) {
  refusals.push(...more);
  refusals.splice(0, Math.max(0, refusals.length - 200));
}

function drawRefusals(project, live) {
  const shown = refusals.filter((r) => !project || r.projectId === project).slice(-REFUSALS_SHOWN).reverse();
  byId("refusals-note").textContent = live
    ? `${whole.format(live.refusals)} since ${when(live.startedAt)}, ${whole.format(live.budgetRefusals)} of them for budgets; the newest ${shown.length} shown`
    : "";
  byId("refusals").replaceChildren(...shown.map((r) => el("tr", {},
    el("td", { title: r.requestId }, when(r.createdAt)), el("td", { class: "text", title: r.projectId }, r.projectId),
    el("td", { class: "text", title: r.model }, r.model || "–"),
    el("td", {}, el("span", { class: "pill", "data-level": r.scope ? "bad" : "warn" }, `${r.status} ${r.code}`)),
    el("td", {}, r.scope || "–"), el("td", { class: "number" }, r.holdUsd ? usd(r.holdUsd) : "–"))));
  if (!shown.length) byId("refusals").append(el("tr", {}, el("td", { class: "empty", colspan: 6 }, "Nothing was refused.")));
}

/* ---- export ---- */

async function exportCsv(filter) {
  const note = byId("requests-note");
  const button = byId("export");
  button.disabled = true;
  try {
    const blob = await fetchCsv(filter, 200000, (rows) => { note.textContent = `Exporting: ${whole.format(rows)} rows so far`; });
    const link = el("a", { href: URL.createObjectURL(blob), download: `tokencap-usage-${new Date().toISOString().slice(0, 10)}.csv` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    note.textContent = "Exported.";
  } catch (error) {
    note.textContent = error.message;
  }
  button.disabled = false;
}
