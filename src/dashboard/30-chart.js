/* SPDX-License-Identifier: MIT */
/* Charts as SVG, drawn for the width they have, in colours that the style sheet names. */

/** A round step so that there are about `wanted` ticks up to `most`. */
function niceStep(most, wanted) {
  const raw = most / wanted || 1;
  const size = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 2.5, 5, 10].find((m) => m * size >= raw * 0.999) * size;
}

const swatch = (i) => svg("svg", { width: 11, height: 11, "aria-hidden": "true" },
  svg("rect", { width: 11, height: 11, rx: 3, class: `f${i}` }));

/* ---- what the pointer is at ---- */

function showTip(x, y, children) {
  const tip = byId("tip");
  tip.replaceChildren(...children);
  tip.hidden = false;
  const left = Math.min(Math.max(8, x + 16), document.documentElement.clientWidth - tip.offsetWidth - 8);
  const over = y - tip.offsetHeight - 14;
  tip.style.left = `${left + window.scrollX}px`;
  tip.style.top = `${(over > 4 ? over : y + 18) + window.scrollY}px`;
}

function hideTip() {
  byId("tip").hidden = true;
}

function tipRows(head, rows) {
  return [el("div", { class: "tip-head" }, head), ...rows.map(([color, name, value]) =>
    el("div", { class: "tip-row" }, color === null ? null : swatch(color), el("span", { class: "name" }, name),
      el("span", { class: "sum" }, value)))];
}

/* ---- stacked bars ---- */

/**
 * Bars of stacked series over buckets. chart: {labels (for the axis), names (in full), series: [{name, color,
 * values}], format, tick, title}. Pointer and arrow keys show a bucket's figures.
 */
function drawBars(host, chart) {
  const width = Math.max(280, host.clientWidth);
  const height = width < 560 ? 220 : 280;
  const m = { top: 10, right: 4, bottom: 26, left: 56 };
  const n = chart.labels.length;
  const totals = chart.labels.map((_, b) => sum(chart.series.map((s) => s.values[b])));
  const most = Math.max(...totals, 0);
  const step = niceStep(most || 1, 4);
  const top = Math.max(step, Math.ceil(most / step - 1e-9) * step);
  const inner = width - m.left - m.right;
  const slot = inner / Math.max(1, n);
  const y = (v) => m.top + (height - m.top - m.bottom) * (1 - v / top);
  const root = svg("svg", {
    viewBox: `0 0 ${width} ${height}`, width, height, role: "img", tabindex: 0,
    "aria-label": `${chart.title}. ${chart.summary || ""} Arrow keys move from bar to bar.`,
  });

  for (let v = 0; v <= top * 1.0001; v += step) {
    root.append(svg("line", { class: v ? "grid-line" : "axis-line", x1: m.left, x2: width - m.right, y1: y(v), y2: y(v) }));
    root.append(svg("text", { class: "tick", x: m.left - 8, y: y(v) + 4, "text-anchor": "end" }, chart.tick(v, step)));
  }
  drawBarLabels(root, chart.labels, slot, m.left, height - 8);

  const floor = new Array(n).fill(0);
  const bar = Math.max(1, Math.min(slot - (slot > 6 ? Math.max(2, slot * 0.22) : 0.6), 46));
  for (const s of chart.series) {
    let d = "";
    s.values.forEach((v, b) => {
      if (v <= 0) return;
      const x = m.left + slot * b + (slot - bar) / 2;
      const y1 = y(floor[b] + v);
      const y0 = y(floor[b]);
      d += `M${x.toFixed(1)} ${y0.toFixed(1)}V${y1.toFixed(1)}h${bar.toFixed(1)}V${y0.toFixed(1)}z`;
      floor[b] += v;
    });
    if (d) root.append(svg("path", { class: `f${s.color}`, d }));
  }
  host.replaceChildren(root);
  pickBars(root, chart, { n, left: m.left, slot, top: m.top, bottom: height - m.bottom, totals, width });
}

/** As many labels as fit, the last bucket's among them. */
function drawBarLabels(root, labels, slot, left, y) {
  const every = Math.max(1, Math.ceil(72 / slot));
  labels.forEach((label, b) => {
    if ((labels.length - 1 - b) % every) return;
    const last = b === labels.length - 1 && slot < 40;
    root.append(svg("text", {
      class: "tick", x: left + slot * (last ? b + 1 : b + 0.5), y, "text-anchor": last ? "end" : "middle",
    }, label));
  });
}

function pickBars(root, chart, at) {
  const cursor = svg("rect", { class: "cursor", y: at.top, height: at.bottom - at.top, width: at.slot, rx: 3, visibility: "hidden" });
  let chosen = -1;
  root.prepend(cursor);

  const rows = (b) => chart.series.map((s) => [s.color, s.name, s.values[b]]).filter((r) => r[2] > 0).reverse();

  function show(b, x, y, aloud) {
    chosen = b;
    cursor.setAttribute("x", at.left + at.slot * b);
    cursor.setAttribute("visibility", "visible");
    const list = rows(b);
    showTip(x, y, tipRows(`${chart.names[b]} · ${chart.format(at.totals[b])}`,
      list.map(([c, name, v]) => [c, name, chart.format(v)])));
    if (aloud)
      announce(`${chart.names[b]}: ${chart.format(at.totals[b])}. ${list.slice(0, 5).map(([, name, v]) => `${name} ${chart.format(v)}`).join(", ")}`);
  }

  function hide() {
    chosen = -1;
    cursor.setAttribute("visibility", "hidden");
    hideTip();
  }

  root.addEventListener("pointermove", (event) => {
    const box = root.getBoundingClientRect();
    const b = Math.floor(((event.clientX - box.left) * (at.width / box.width) - at.left) / at.slot);
    if (b >= 0 && b < at.n) show(b, event.clientX, event.clientY, false);
    else hide();
  });
  root.addEventListener("pointerleave", hide);
  root.addEventListener("blur", hide);
  root.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: chosen < 0 ? at.n - 1 : chosen - 1, ArrowRight: chosen < 0 ? 0 : chosen + 1, Home: 0, End: at.n - 1 };
    if (event.key === "Escape") hide();
    if (!(event.key in moves) || !at.n) return;
    event.preventDefault();
    const b = Math.min(at.n - 1, Math.max(0, moves[event.key]));
    const box = root.getBoundingClientRect();
    show(b, box.left + ((at.left + at.slot * (b + 0.5)) * box.width) / at.width, box.top + 40, true);
  });
}

/** The names of the series, with their totals, dearest first. */
function drawLegend(list, series, format) {
  list.replaceChildren(...series.map((s) => el("li", {}, swatch(s.color), el("span", { class: "name" }, s.name),
    el("span", { class: "sum" }, format(sum(s.values))))));
}

/* ---- a small line without axes ---- */

function sparkline(values) {
  const most = Math.max(...values, 0);
  const n = values.length;
  if (n < 2 || most <= 0) return null;
  const points = values.map((v, i) => `${((i / (n - 1)) * 100).toFixed(2)} ${(28 - (v / most) * 25).toFixed(2)}`);
  return svg("svg", { class: "spark", viewBox: "0 0 100 30", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
    svg("path", { class: "spark-area", d: `M0 30L${points.join("L")}L100 30z` }),
    svg("path", { class: "spark-line", d: `M${points.join("L")}` }));
}

/* ---- predicted against actual, both on logarithmic axes ---- */

/** points: [{x, y, color, label}] */
function drawScatter(host, points, title) {
  const width = Math.max(280, host.clientWidth);
  const height = Math.min(360, Math.max(260, width * 0.62));
  const m = { top: 10, right: 10, bottom: 42, left: 62 };
  const values = points.flatMap((p) => [p.x, p.y]);
  const low = Math.floor(Math.log10(Math.min(...values)) - 0.05);
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values)) + 0.05));
  const x = (v) => m.left + ((Math.log10(v) - low) / (high - low)) * (width - m.left - m.right);
  const y = (v) => height - m.bottom - ((Math.log10(v) - low) / (high - low)) * (height - m.top - m.bottom);
  const every = Math.ceil(((high - low) * 66) / (width - m.left - m.right));
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": title });

  for (let e = low; e <= high; e++) {
    const v = 10 ** e;
    root.append(svg("line", { class: "grid-line", x1: x(v), x2: x(v), y1: m.top, y2: height - m.bottom }));
    root.append(svg("line", { class: "grid-line", x1: m.left, x2: width - m.right, y1: y(v), y2: y(v) }));
    if ((high - e) % every === 0)
      root.append(svg("text", { class: "tick", x: x(v), y: height - m.bottom + 17, "text-anchor": e === high ? "end" : "middle" }, usdTick(v, v)));
    root.append(svg("text", { class: "tick", x: m.left - 8, y: y(v) + (e === high ? 9 : 4), "text-anchor": "end" }, usdTick(v, v)));
  }
  root.append(svg("text", { class: "axis-title", x: (m.left + width - m.right) / 2, y: height - 6, "text-anchor": "middle" }, "predicted"));
  root.append(svg("text", { class: "axis-title", "text-anchor": "middle", transform: `translate(12 ${(m.top + height - m.bottom) / 2}) rotate(-90)` }, "actual"));
  root.append(svg("path", { class: "one-to-one", d: `M${x(10 ** low)} ${y(10 ** low)}L${x(10 ** high)} ${y(10 ** high)}` }));
  const dots = points.map((p) => {
    const dot = svg("circle", { class: `point f${p.color}`, cx: x(p.x).toFixed(1), cy: y(p.y).toFixed(1), r: 3.4 });
    root.append(dot);
    return { dot, px: x(p.x), py: y(p.y), p };
  });
  host.replaceChildren(root);
  pickPoints(root, dots, width);
}

function pickPoints(root, dots, width) {
  let chosen = null;
  const clear = () => {
    if (chosen) chosen.dot.classList.remove("chosen");
    chosen = null;
    hideTip();
  };

  root.addEventListener("pointermove", (event) => {
    const box = root.getBoundingClientRect();
    const px = ((event.clientX - box.left) * width) / box.width;
    const py = ((event.clientY - box.top) * width) / box.width;
    let nearest = null;
    let best = 24 * 24;
    for (const d of dots) {
      const r = (d.px - px) ** 2 + (d.py - py) ** 2;
      if (r < best) {
        best = r;
        nearest = d;
      }
    }
    if (nearest === chosen && nearest) return;
    clear();
    if (!nearest) return;
    chosen = nearest;
    chosen.dot.classList.add("chosen");
    showTip(event.clientX, event.clientY, tipRows(nearest.p.label, [
      [null, "predicted", usd(nearest.p.x)], [null, "actual", usd(nearest.p.y)], [null, "of the prediction", percent(nearest.p.y / nearest.p.x)],
    ]));
  });
  root.addEventListener("pointerleave", clear);
}
