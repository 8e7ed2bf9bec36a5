/* SPDX-License-Identifier: MIT */
/* Budgets: how full, until when, where they are heading; and setting, resetting, deleting them. */

const budgetScope = (b) => b.scope || "project";

function budgetName(b) {
  if (budgetScope(b) === "global") return "Everything";
  return budgetScope(b) === "token" ? `Token ${b.tokenId}` : b.projectId;
}

function budgetKind(b) {
  const every = b.period ? `every ${b.period}` : b.periodDays === 1 ? "every day" : b.periodDays ? `every ${b.periodDays} days` : "no end";
  return [every, b.timezone, b.enforcement].filter(Boolean).join(" · ");
}

/** Where a budget is heading at the rate of its running period: what it will have spent at the end, and when
 * it runs out. null where it is too early to say. */
function forecast(b, now) {
  const start = Date.parse(b.periodStart);
  const end = b.periodEnd ? Date.parse(b.periodEnd) : null;
  const elapsed = now - start;
  if (elapsed < 600000 || b.spentUsd <= 0 || (end && elapsed < 0.03 * (end - start))) return null;
  const rate = b.spentUsd / elapsed;
  const left = Math.max(0, b.limitUsd - b.spentUsd);
  return { total: end ? rate * (end - start) : null, runsOut: now + left / rate };
}

/** A few words and how serious they are. */
function outlook(b, now) {
  const end = b.periodEnd ? Date.parse(b.periodEnd) : null;
  const f = forecast(b, now);
  if (b.limitUsd > 0 && b.spentUsd >= b.limitUsd) return ["bad", "used up"];
  if (!f) return ["", "too early to project"];
  if (end && f.total > b.limitUsd) return ["warn", `runs out in ${stretch(f.runsOut - now)}`];
  if (end) return ["good", `heading for ${usd(f.total)}`];
  return ["", `lasts ${stretch(f.runsOut - now)} at this rate`];
}

function levelOf(b, now) {
  if (b.spentUsd >= b.limitUsd) return "over";
  return outlook(b, now)[0] === "warn" || b.spentUsd + b.reservedUsd >= 0.9 * b.limitUsd ? "warn" : "fine";
}

/** Spent and held as parts of the limit, and a mark where the period will probably end. */
function meter(b, now) {
  const f = forecast(b, now);
  const full = b.limitUsd || 1;
  const spent = Math.min(100, (100 * b.spentUsd) / full);
  const held = Math.min(100 - spent, (100 * b.reservedUsd) / full);
  const mark = f && f.total !== null ? Math.min(99.6, (100 * f.total) / full) : null;
  return svg("svg", {
    class: "meter-svg", viewBox: "0 0 100 18", preserveAspectRatio: "none", role: "img", focusable: "false",
    "aria-label": `${percent(b.spentUsd / full)} spent, ${percent(b.reservedUsd / full)} held${f && f.total !== null ? `, heading for ${percent(f.total / full)}` : ""}`,
  },
  svg("rect", { class: "m-ground", x: 0, y: 3, width: 100, height: 12 }),
  svg("rect", { class: "m-spent", x: 0, y: 3, width: spent.toFixed(2), height: 12 }),
  svg("rect", { class: "m-held", x: spent.toFixed(2), y: 3, width: held.toFixed(2), height: 12 }),
  mark === null ? null : svg("line", { class: "m-mark", x1: mark.toFixed(2), x2: mark.toFixed(2), y1: 0, y2: 18, "vector-effect": "non-scaling-stroke" }));
}

function budgetRow(b, now, actions) {
  const [level, words] = outlook(b, now);
  const name = budgetName(b);
  const button = (label, act) => el("button", {
    class: "button quiet small", type: "button", "aria-label": `${label} the budget of ${name}`, onclick: () => act(b),
  }, label);
  return el("li", { class: "budget", "data-level": levelOf(b, now), "data-budget": `${budgetScope(b)}:${b.projectId || b.tokenId || ""}` },
    el("div", { class: "budget-id" }, el("div", { class: "budget-name" }, name), el("div", { class: "budget-kind" }, budgetKind(b))),
    el("div", { class: "budget-bar" }, meter(b, now),
      el("div", { class: "budget-figures" },
        el("span", {}, el("strong", {}, usd(b.spentUsd)), ` of ${usd(b.limitUsd)}`),
        b.reservedUsd > 0 ? el("span", {}, `${usd(b.reservedUsd)} held`) : null,
        el("span", {}, `${usd(b.remainingUsd)} left`))),
    el("div", { class: "budget-state" }, el("span", { class: "pill", "data-level": level || null }, words),
      el("div", { class: "faint" }, b.periodEnd ? `resets in ${stretch(Date.parse(b.periodEnd) - now)}, ${dayAndClock.format(new Date(b.periodEnd))}` : "does not reset")),
    el("div", { class: "budget-actions" }, button("Edit", actions.edit), button("Reset", actions.reset), button("Delete", actions.remove)));
}

function drawBudgets(budgets, all, actions) {
  const now = Date.now();
  const list = byId("budgets");
  const active = document.activeElement;
  const focused = list.contains(active) ? [active.closest(".budget").dataset.budget, active.textContent] : null;
  const fullest = [...budgets].sort((a, b) => b.spentUsd / (b.limitUsd || 1) - a.spentUsd / (a.limitUsd || 1));
  const order = { global: 0, project: 1, token: 2 };
  fullest.sort((a, b) => (order[budgetScope(a)] === 0 ? 0 : 1) - (order[budgetScope(b)] === 0 ? 0 : 1));
  list.replaceChildren(...fullest.slice(0, 50).map((b) => budgetRow(b, now, actions)));
  if (!budgets.length) list.append(el("li", { class: "empty" }, "No budget yet: every project may spend without limit."));
  byId("budgets-note").textContent = all > 50 ? `the fullest 50 of ${whole.format(all)}` : "";
  if (!focused) return; /* what the keyboard was at stays where it was */
  for (const row of list.children)
    if (row.dataset.budget === focused[0])
      for (const button of row.querySelectorAll("button")) if (button.textContent === focused[1]) button.focus();
}

/* ---- the form ---- */

const field = (name) => byId("budget-form").elements[name];

/** Shows the fields that the choices ask for. */
function arrangeBudgetForm() {
  const scope = field("scope").value;
  const period = field("period").value;
  const shown = { days: period === "days", calendar: ["day", "week", "month"].includes(period) };
  for (const node of document.querySelectorAll("[data-scope]")) node.hidden = node.dataset.scope !== scope;
  for (const node of document.querySelectorAll("[data-period]")) node.hidden = !shown[node.dataset.period];
}

function openBudgetForm(b) {
  byId("budget-form").reset();
  byId("budget-error").textContent = "";
  byId("budget-dialog-title").textContent = b ? `Budget of ${budgetName(b)}` : "New budget";
  if (b) {
    field("scope").value = budgetScope(b);
    field("projectId").value = b.projectId || "";
    field("tokenId").value = b.tokenId || "";
    field("limitUsd").value = b.limitUsd;
    field("period").value = b.period || (b.periodDays ? "days" : "");
    field("periodDays").value = b.periodDays || "";
    field("timezone").value = b.timezone || "";
    field("enforcement").value = b.enforcement || "";
    field("perRequestUsd").value = b.perRequestUsd ?? "";
    field("alertPercents").value = (b.alertPercents || []).join(", ");
    field("alertUrl").value = b.alertUrl || "";
  }
  for (const name of ["scope", "projectId", "tokenId"]) field(name).disabled = Boolean(b);
  byId("budget-form").dataset.predict = b && b.predict ? b.predict : "";
  arrangeBudgetForm();
  byId("budget-dialog").showModal();
  field(b ? "limitUsd" : "scope").focus();
}

/** Amounts go as the digits that were typed: they never become a floating-point number here. */
function budgetBody() {
  const scope = field("scope").value;
  const members = [];
  const add = (key, json) => members.push(`${JSON.stringify(key)}:${json}`);
  const amount = (key) => {
    const digits = field(key).value.trim().replace(/^\$/, "");
    if (!/^\d{1,12}(\.\d{1,9})?$/.test(digits)) throw new Error(`${key}: an amount like 12.50 is expected.`);
    add(key, digits.replace(/^0+(?=\d)/, ""));
  };
  if (scope !== "project") add("scope", JSON.stringify(scope));
  if (scope === "project") add("projectId", JSON.stringify(field("projectId").value.trim()));
  if (scope === "token") add("tokenId", String(Number(field("tokenId").value)));
  amount("limitUsd");
  const period = field("period").value;
  if (period === "days") add("periodDays", String(Number(field("periodDays").value)));
  else if (period) add("period", JSON.stringify(period));
  if (period && period !== "days" && field("timezone").value.trim()) add("timezone", JSON.stringify(field("timezone").value.trim()));
  if (field("enforcement").value) add("enforcement", JSON.stringify(field("enforcement").value));
  if (byId("budget-form").dataset.predict) add("predict", JSON.stringify(byId("budget-form").dataset.predict));
  if (field("perRequestUsd").value.trim()) amount("perRequestUsd");
  const percents = field("alertPercents").value.split(/[\s,%]+/).filter(Boolean);
  if (percents.some((p) => !/^\d{1,4}$/.test(p))) throw new Error("alertPercents: whole numbers like 50, 80, 100 are expected.");
  if (percents.length) add("alertPercents", `[${percents.map(Number).join(",")}]`);
  if (field("alertUrl").value.trim()) add("alertUrl", JSON.stringify(field("alertUrl").value.trim()));
  return `{${members.join(",")}}`;
}

async function saveBudget(event, done) {
  event.preventDefault();
  byId("budget-error").textContent = "";
  try {
    const { budget } = await send("POST", "/v1/budget", budgetBody());
    byId("budget-dialog").close();
    announce(`The budget of ${budgetName(budget)} is ${usd(budget.limitUsd)}.`);
    done();
  } catch (error) {
    byId("budget-error").textContent = error.message;
  }
}

/** Asks before what cannot be taken back. */
function confirmThat(title, text, yes) {
  const dialog = byId("confirm-dialog");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

async function resetBudget(b, done) {
  const ok = await confirmThat(`Reset the budget of ${budgetName(b)}?`,
    "A new period starts now, with nothing spent. Requests in flight settle in the old one.", "Reset");
  if (ok) done(await send("POST", budgetPath(b, "/reset")));
}

async function deleteBudget(b, done) {
  const ok = await confirmThat(`Delete the budget of ${budgetName(b)}?`,
    "It may then spend without limit. What was used stays in the history.", "Delete");
  if (ok) done(await send("DELETE", budgetPath(b)));
}
