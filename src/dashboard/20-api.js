/* SPDX-License-Identifier: MIT */
/* The daemon's endpoints. */

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** JSON of an answer; a Refused with the daemon's own words for any other status. */
async function ask(path, options = {}) {
  const answer = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  const text = await answer.text();
  let body = null;
  try {
    body = JSON.parse(text);
  } catch {
    body = null;
  }
  if (answer.ok && body !== null) return body;
  const said = body && (body.error ? body.error.message : body.message);
  throw new Refused(answer.status, said || `The daemon answered ${answer.status}.`);
}

function send(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = typeof body === "string" ? body : JSON.stringify(body);
  }
  return ask(path, options);
}

/** "?a=b&c=d" of what is set. */
function query(parameters) {
  const q = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters))
    if (value !== null && value !== undefined && value !== "") q.set(key, value);
  return `?${q}`;
}

/** Of one project, or of all. */
const whose = (project) => (project ? { project_id: project } : { all: "true" });

function fetchSeries({ bucket, by, from, to, project }) {
  const grouping = project ? "model" : by;
  return ask("/v1/usage/series" + query({
    bucket, by: grouping, from: new Date(from).toISOString(), to: new Date(to).toISOString(), top: 9, ...whose(project),
  }));
}

function fetchHistory({ project, model, from, limit, before }) {
  return ask("/v1/usage/history" + query({
    limit, before, model, from: from ? new Date(from).toISOString() : null, ...whose(project),
  }));
}

/** CSV of everything that matches, page by page, up to a bound. */
async function fetchCsv({ project, model, from }, most, progress) {
  const parts = [];
  let before = null;
  for (let rows = 0; rows < most; rows += 1000) {
    const answer = await fetch("/v1/usage/history" + query({
      limit: 1000, before, model, from: from ? new Date(from).toISOString() : null, ...whose(project),
    }), { headers: { Accept: "text/csv" }, credentials: "same-origin", cache: "no-store" });
    if (!answer.ok) throw new Refused(answer.status, `The daemon answered ${answer.status}.`);
    const text = await answer.text();
    parts.push(parts.length ? text.slice(text.indexOf("\n") + 1) : text);
    before = answer.headers.get("X-Tokencap-Next-Cursor");
    progress(rows + 1000);
    if (!before) break;
  }
  return new Blob(parts, { type: "text/csv;charset=utf-8" });
}

/** Where a budget is reached: its project, or its scope in the query. */
function budgetPath(budget, tail = "") {
  const scope = budget.scope || "project";
  return `/v1/budget${tail}` + query({
    project_id: scope === "project" ? budget.projectId : null,
    scope: scope === "project" ? null : scope,
    tokenId: budget.tokenId,
  });
}

/** Live figures, as long as the page is open: events(object), and state("live" or "lost"). The browser
 * connects again by itself; a refusal ends it. */
function watch(events, state) {
  const source = new EventSource("/v1/usage/live");
  source.onopen = () => state("live");
  source.onmessage = (event) => {
    state("live");
    events(JSON.parse(event.data));
  };
  source.onerror = () => state(source.readyState === EventSource.CLOSED ? "closed" : "lost");
  return source;
}
