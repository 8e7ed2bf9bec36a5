/* SPDX-License-Identifier: MIT */
/* Elements and figures. Text only ever enters the page as text nodes and attributes, never as markup. */

const byId = (id) => document.getElementById(id);

/** An element: el("td", {class: "number"}, "12"). A property that starts with "on" is a listener. */
function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Likewise, of SVG. */
function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return node;
}

/** Says something to those who cannot see the change. */
function announce(text) {
  byId("announce").textContent = text;
}

/* ---- figures ---- */

const sum = (list) => list.reduce((a, b) => a + b, 0);

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const cents = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** US dollars: whole ones when there are many, as many digits as they need when there are few. */
function usd(v) {
  const a = Math.abs(v);
  const sign = v < 0 ? "−$" : "$";
  if (a >= 10000) return sign + whole.format(a);
  if (a >= 1 || a === 0) return sign + cents.format(a);
  if (a >= 0.01) return sign + a.toFixed(3);
  if (a < 0.0000005) return sign + a.toFixed(9).replace(/0+$/, "");
  return sign + a.toFixed(6);
}

/** For axes: short, and the same for every tick of one axis. */
function usdTick(v, step) {
  if (v === 0) return "$0";
  if (v >= 1000000) return `$${Number((v / 1000000).toFixed(2))}M`;
  if (v >= 1000) return `$${Number((v / 1000).toFixed(2))}k`;
  return `$${v.toFixed(step >= 1 ? 0 : Math.min(9, Math.ceil(-Math.log10(step))))}`;
}

/** Counts: 1,234 · 56.7k · 8.9M. */
function count(v) {
  const a = Math.abs(v);
  if (a < 10000) return whole.format(v);
  for (const [size, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (a >= size) return `${(v / size).toFixed(v / size >= 100 ? 0 : 1)}${letter}`;
  return whole.format(v);
}

function percent(ratio, digits = 0) {
  return Number.isFinite(ratio) ? `${(100 * ratio).toFixed(digits)} %` : "–";
}

/** Milliseconds for people. */
function duration(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;
  return `${Math.floor(ms / 60000)}m ${Math.round((ms % 60000) / 1000)}s`;
}

/** A stretch of time in its two largest units at most. */
function stretch(ms) {
  const minutes = Math.max(0, Math.round(ms / 60000));
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  if (hours < 48) return `${hours} h`;
  const days = Math.round(hours / 24);
  return days < 90 ? `${days} days` : `${Math.round(days / 30.4)} months`;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayAndClock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const dayLocal = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const dayUtc = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const dayLongUtc = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
const monthUtc = new Intl.DateTimeFormat("en-GB", { month: "short", timeZone: "UTC" });
const monthLongUtc = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });

/** The time of day today, else the day too. */
function when(iso) {
  const t = new Date(iso);
  return t.toDateString() === new Date().toDateString() ? clock.format(t) : dayAndClock.format(t);
}

/** The p-quantile of a sorted list, between neighbours. */
function quantile(sorted, p) {
  if (!sorted.length) return NaN;
  const at = (sorted.length - 1) * p;
  const low = Math.floor(at);
  return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (at - low);
}

/* ---- choices in a row ---- */

/** Fills a fieldset with radio buttons; [[value, label], …]. Those that are there already stay, with the
 * keyboard's focus. */
function segments(id, choices, chosen, changed) {
  const set = byId(id);
  const there = [...set.querySelectorAll("input")];
  if (there.map((i) => i.value).join() === choices.map(([value]) => value).join()) {
    for (const input of there) input.checked = input.value === chosen;
    return;
  }
  set.replaceChildren(set.querySelector("legend"), ...choices.map(([value, label]) =>
    el("label", {},
      el("input", { type: "radio", name: id, value, checked: value === chosen, onchange: () => changed(value) }),
      el("span", {}, label))));
}
