"use strict";
// The state of the page is what the gateway told: all of it at first, then what changes each second.
const SVG = "http://www.w3.org/2000/svg";
const WINDOW = 300, SPARK = 60;
const $ = (id) => document.getElementById(id);
const on = (node, event, act) => node.addEventListener(event, act);
const set = (node, key, value) => node.setAttribute(key, value);
const css = (node, key, value) => node.style.setProperty(key, value);
const nodes = new Map();
// The numbers of nodes that were there, for decisions about them.
const gone = new Map();
let cluster = null, change = null, decisions = [], series = { rate: [], p99: [], keys: [] };
let chosen = null, hovered = null, sort = { by: "number", down: false };
let located = null, lostAt = null, refusal = null, lastEvent = 0, isDirty = false;

// Elements. Text of others gets into the document as text only.
function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) set(node, key, value);
  node.append(...children);
  return node;
}
function svg(name, attributes = {}) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) set(node, key, value);
  return node;
}
function say(node, text) { if (node.textContent !== text) node.textContent = text; }

// Figures for people.
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const count = (n) => n == null ? "–" : n < 100000 ? whole.format(n) : short.format(n);
const rate = (n) => n == null ? "–" : n > 0 && n < 10 ? n.toFixed(1) : count(n);
function bytes(n) {
  if (n == null) return "–";
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (n >= 1000 && unit < 5) { n /= 1000; unit += 1; }
  return (unit && n < 100 ? n.toPrecision(n < 10 ? 2 : 3) : Math.round(n)) + " " + units[unit];
}
function time(us) {
  if (us == null) return "–";
  if (us < 1000) return us + " µs";
  const ms = us / 1000;
  return ms < 1000 ? (ms < 10 ? ms.toFixed(1) : Math.round(ms)) + " ms" : (ms / 1000).toFixed(1) + " s";
}
const percent = (part) => (part * 100).toFixed(part > 0 && part < 0.9995 ? 1 : 0) + "%";
const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");
function ago(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return seconds + " s";
  if (seconds < 5400) return Math.round(seconds / 60) + " min";
  return seconds < 129600 ? Math.round(seconds / 3600) + " h" : Math.round(seconds / 86400) + " days";
}
const name = (node) => node.number == null ? node.id.slice(0, 9) : "node " + node.number;
const nameOf = (id) => nodes.has(id) ? name(nodes.get(id)) : id.slice(0, 9);
// "nodes 1–6, 9": numbers in a row become a range.
function names(ids) {
  const runs = [];
  for (const number of ids.map((id) => nodes.get(id)?.number ?? gone.get(id) ?? id.slice(0, 5)).sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && last[1] + 1 === number) last[1] = number; else runs.push([number, number]);
  }
  const parts = runs.map(([from, to]) => from === to ? from : from + (from + 1 === to ? ", " : "–") + to);
  const list = parts.length > 8 ? parts.slice(0, 7).join(", ") + " and others" : parts.join(", ");
  return (ids.length === 1 ? "node " : "nodes ") + list;
}
// Neighbouring numbers get far hues: the golden angle.
const hue = (node) => ((node.number ?? [...node.id].reduce((sum, c) => sum * 31 + c.charCodeAt(0) | 0, 7)) * 137.508 + 205) % 360;

const kinds = {
  member: "", joining: "busy", leaving: "busy down", left: "calm", launching: "busy", unreachable: "bad", stopped: "bad",
};
const isAbsent = (node) => ["unreachable", "stopped", "launching"].includes(node.state);
function word(node) {
  if (node.problem) return "problem";
  if (node.state === "unreachable" && node.silent_seconds > 0) return "silent " + ago(node.silent_seconds * 1000);
  if (node.state === "member") return node.handover ? "handing over" : node.purging ? "tidying up" : "serving";
  return node.state;
}
const kind = (node) => node.problem ? "bad" : node.state === "member" && (node.handover || node.purging) ? "busy" : kinds[node.state] ?? "calm";

// The headline.
const words = { healthy: "Healthy", changing: "Changing", degraded: "Degraded", starting: "Starting" };
function drawHeadline() {
  const state = cluster.state in words ? cluster.state : "starting";
  document.querySelector(".headline").className = "headline " + state;
  set($("mark"), "href", "#i-" + state);
  if ($("state").textContent !== words[state]) $("live").textContent = words[state] + ": " + cluster.reason;
  say($("state"), words[state]);
  say($("reason"), cluster.reason);
  say($("notice"), cluster.notice ?? "");
  $("notice").hidden = !cluster.notice;
  say($("version"), cluster.version + " · epoch " + cluster.epoch);
  $("version").title = "ring digest " + cluster.digest;
  document.title = (state === "healthy" ? "" : words[state] + " · ") + "ScaledStorage";
}

// Graphs.
const graphs = {
  rate: { format: (n) => rate(n), top: 10 },
  p99: { format: time, top: 1000 },
  keys: { format: count, top: 10, floats: true },
};
function makeGraphs() {
  for (const figure of document.querySelectorAll(".graph")) {
    const graph = graphs[figure.dataset.graph];
    graph.value = figure.querySelector("strong");
    graph.most = el("span", { class: "most" });
    graph.view = svg("svg", { viewBox: "0 0 299 72", preserveAspectRatio: "none", "aria-hidden": "true" });
    for (const y of [1, 36, 71]) graph.view.append(svg("path", { class: "grid", d: "M0 " + y + "H299" }));
    graph.area = svg("path", { class: "area" });
    graph.curve = svg("path", { class: "curve" });
    graph.cursor = svg("path", { class: "cursor" });
    graph.view.append(graph.area, graph.curve, graph.cursor);
    graph.start = el("span", {}, "");
    graph.end = el("span", {}, "now");
    figure.append(el("div", { class: "plot" }, graph.view, graph.most), el("div", { class: "axis" }, graph.start, graph.end));
    on(graph.view, "pointermove", (event) => {
      const box = graph.view.getBoundingClientRect();
      graph.at = Math.round((event.clientX - box.left) / box.width * (WINDOW - 1));
      drawGraph(figure.dataset.graph);
    });
    on(graph.view, "pointerleave", () => { graph.at = null; drawGraph(figure.dataset.graph); });
  }
}
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 5, 10].map((step) => step * power).find((step) => step >= value * 1.05) ?? 20 * power;
}
function drawGraph(key) {
  const graph = graphs[key], points = series[key];
  const known = points.filter((value) => value != null);
  const most = known.length ? Math.max(...known) : 0;
  let least = 0, top = nice(Math.max(most, graph.top));
  // Keys hardly ever fall to none: what matters is how they move.
  if (graph.floats && known.length && Math.min(...known) > 0.5 * most) {
    const spread = Math.max(most - Math.min(...known), most * 0.02, 1);
    least = Math.max(0, Math.min(...known) - 0.5 * spread);
    top = most + 0.5 * spread;
  }
  const first = WINDOW - points.length;
  const y = (value) => (71 - 70 * (value - least) / (top - least)).toFixed(1);
  let curve = "", area = "", start = null;
  points.forEach((value, index) => {
    const x = first + index;
    if (value == null) {
      if (start != null) area += "V71H" + start + "Z";
      start = null;
      return;
    }
    const step = x + " " + y(value);
    curve += (start == null ? "M" : "L") + step + (start == null ? "h.01" : "");
    area += (start == null ? "M" + x + " 71L" : "L") + step;
    start ??= x;
  });
  if (start != null) area += "V71H" + start + "Z";
  set(graph.curve, "d", curve);
  set(graph.area, "d", area);
  say(graph.most, graph.floats ? "" : graph.format(Math.round(top)));
  const index = graph.at == null ? points.length - 1 : graph.at - first;
  set(graph.cursor, "d", graph.at == null ? "" : "M" + graph.at + " 0V72");
  say(graph.value, index >= 0 && index < points.length ? graph.format(points[index]) : "–");
  say(graph.start, ago(WINDOW * 1000) + " ago");
  say(graph.end, graph.at == null ? "now" : ago((WINDOW - 1 - graph.at) * 1000) + " ago");
}

// The ring: arcs by the share of the keys that each node owns.
function arc(from, to, inner, outer) {
  const full = to - from > 0.9999;
  const end = full ? from + 0.9999 : to;
  const at = (turn, radius) => (radius * Math.sin(2 * Math.PI * turn)).toFixed(2) + " " + (-radius * Math.cos(2 * Math.PI * turn)).toFixed(2);
  const large = end - from > 0.5 ? 1 : 0;
  return "M" + at(from, outer) + "A" + outer + " " + outer + " 0 " + large + " 1 " + at(end, outer) +
    (full ? "ZM" : "L") + at(end, inner) + "A" + inner + " " + inner + " 0 " + large + " 0 " + at(from, inner) + "Z";
}
const byNumber = (a, b) => (a.number ?? 1e18) - (b.number ?? 1e18) || (a.id < b.id ? -1 : 1);
function owners() {
  const list = [...nodes.values()].filter((node) => node.share > 0).sort(byNumber);
  const total = list.reduce((sum, node) => sum + (node.keys ?? 0), 0);
  for (const node of list) node.part = total > 0 ? (node.keys ?? 0) / total : node.share;
  return { list, total };
}
const arcs = new Map();
function drawRing() {
  const { list, total } = owners();
  const present = new Set(list.map((node) => node.id));
  for (const [id, shape] of arcs) if (!present.has(id)) { shape.group.remove(); shape.label.remove(); arcs.delete(id); }
  const focus = hovered ?? chosen;
  let turn = 0;
  const gap = list.length > 1 ? Math.min(0.004, 0.12 / list.length) : 0;
  for (const node of list) {
    let shape = arcs.get(node.id);
    if (!shape) {
      shape = { group: svg("g"), body: svg("path", { class: "seg" }), mark: svg("path", { class: "seg-mark" }), edge: svg("path", { class: "seg-edge" }), label: svg("text", { dy: "3.5" }), title: svg("title") };
      css(shape.body, "--h", hue(node));
      shape.body.append(shape.title);
      on(shape.body, "pointerenter", () => { hovered = node.id; drawRing(); drawRows(); });
      on(shape.body, "pointerleave", () => { hovered = null; drawRing(); drawRows(); });
      on(shape.body, "click", () => choose(node.id));
      shape.group.append(shape.body, shape.mark, shape.edge);
      $("segments").append(shape.group);
      $("labels").append(shape.label);
      arcs.set(node.id, shape);
    }
    const from = turn + gap / 2, to = Math.max(turn + node.part - gap / 2, from + 0.0005);
    const isFocus = focus === node.id;
    const path = arc(from, to, isFocus ? 80 : 84, isFocus ? 124 : 118);
    set(shape.body, "d", path);
    shape.body.classList.toggle("chosen", isFocus);
    const isDown = isAbsent(node) || node.problem, isMoving = node.state === "leaving" || node.state === "joining";
    set(shape.mark, "d", isDown || isMoving ? path : "");
    set(shape.edge, "d", isDown || isMoving ? path : "");
    shape.edge.classList.toggle("moving", !isDown);
    say(shape.title, name(node) + ", " + percent(node.part) + ", " + word(node));
    const middle = turn + node.part / 2, radius = isFocus ? 138 : 133;
    const text = (isDown ? "✕" : "") + (node.number ?? node.id.slice(0, 5));
    const isWide = node.part * 2 * Math.PI * radius > 6 * text.length + 3;
    say(shape.label, isWide || isFocus ? text : "");
    set(shape.label, "x", (radius * Math.sin(2 * Math.PI * middle)).toFixed(1));
    set(shape.label, "y", (-radius * Math.cos(2 * Math.PI * middle)).toFixed(1));
    shape.label.classList.toggle("label-chosen", isFocus);
    turn += node.part;
  }
  // A label that is shown for its node hides those that it would cover.
  if (focus && arcs.has(focus)) {
    const own = arcs.get(focus).label;
    for (const [id, shape] of arcs) {
      const far = Math.hypot(own.getAttribute("x") - shape.label.getAttribute("x"), own.getAttribute("y") - shape.label.getAttribute("y"));
      if (id !== focus && far < 18) say(shape.label, "");
    }
  }
  $("ring").classList.toggle("choosing", focus != null && present.has(focus));
  const node = focus && nodes.get(focus);
  say($("hub-1"), node ? percent(node.part ?? 0) : count(total));
  say($("hub-2"), node ? name(node) : total === 1 ? "key" : "keys");
  say($("hub-3"), node ? count(node.keys) + " keys" : list.length === 1 ? "on 1 node" : "on " + list.length + " nodes");
  const shares = list.map((node) => name(node) + " " + percent(node.part)).slice(0, 64).join(", ");
  say($("ring-text"), "Shares of the keys: " + shares + ". The table of nodes tells the same.");
  drawDetails();
}
function drawDetails() {
  const node = nodes.get(chosen);
  $("details").hidden = !node;
  if (!node) return;
  const facts = [
    [name(node), node.id], ["address", node.address ?? "none now"], ["state", word(node) + (node.problem ? ": " + node.problem : "")],
    ["p50, p99", time(node.latency_p50_us) + ", " + time(node.latency_p99_us)],
    ["process", (node.process ?? "–") + ", version " + (node.version ?? "–") + ", epoch " + (node.epoch ?? "–")],
  ];
  const list = $("details");
  facts.forEach(([term, text], index) => {
    if (!list.children[2 * index]) list.append(el("dt"), el("dd"));
    say(list.children[2 * index], term);
    say(list.children[2 * index + 1], String(text));
  });
}
function choose(id) {
  chosen = chosen === id ? null : id;
  drawRing();
  drawRows();
}

// The table.
const columns = [
  { key: "number", title: "Node", cell: "c-node", value: (node) => node.number ?? 0 },
  { key: "state", title: "State", cell: "c-state", value: word },
  { key: "address", title: "Address", cell: "c-address opt", value: (node) => node.address ?? "" },
  { key: "part", title: "Share", cell: "num", label: "share", value: (node) => node.part ?? 0 },
  { key: "keys", title: "Keys", cell: "num", label: "keys", value: (node) => node.keys ?? -1 },
  { key: "bytes", title: "Size", cell: "num", label: "size", value: (node) => node.bytes ?? -1 },
  { key: "rate", title: "Requests/s", cell: "num", label: "req/s", value: (node) => node.requests_per_second },
  { key: "spark", title: "5 min", cell: "num c-spark" },
  { key: "p99", title: "p99", cell: "num", label: "p99", value: (node) => node.latency_p99_us ?? -1 },
  { key: "core", title: "Core", cell: "num", label: "core", value: (node) => node.utilisation ?? -1 },
];
function makeHeads() {
  for (const column of columns) {
    const head = el("th", { scope: "col", role: "columnheader", class: column.cell });
    if (column.value) {
      const button = el("button", { type: "button" }, column.title);
      on(button, "click", () => {
        sort = { by: column.key, down: sort.by === column.key ? !sort.down : ["part", "keys", "bytes", "rate", "p99", "core"].includes(column.key) };
        drawRows(true);
      });
      head.append(button);
    } else head.append(column.title);
    column.head = head;
    $("heads").append(head);
  }
}
const rows = new Map();
function makeRow(node) {
  const row = { line: el("tr", { role: "row" }), cells: {} };
  for (const column of columns) {
    const cell = el("td", { role: "cell", class: column.cell });
    if (column.label) cell.dataset.name = column.label;
    row.cells[column.key] = cell;
    row.line.append(cell);
  }
  const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
  css(swatch, "--h", hue(node));
  row.button = el("button", { type: "button", "aria-pressed": "false" }, name(node));
  on(row.button, "click", () => choose(node.id));
  on(row.button, "keydown", walk);
  row.cells.number.append(el("span", { class: "node" }, swatch, row.button, el("small", { title: node.id }, node.id.split("-")[0])));
  row.pill = el("span", { class: "pill" });
  row.cells.state.append(row.pill);
  row.share = meter(row.cells.part);
  row.core = meter(row.cells.core);
  row.cells.address.classList.add("address");
  const view = svg("svg", { class: "spark", viewBox: "0 0 59 20", preserveAspectRatio: "none", "aria-hidden": "true" });
  row.spark = svg("path");
  view.append(row.spark);
  row.cells.spark.append(view);
  on(row.line, "pointerenter", () => { hovered = node.id; drawRing(); });
  on(row.line, "pointerleave", () => { hovered = null; drawRing(); });
  rows.set(node.id, row);
  return row;
}
function meter(cell) {
  const parts = { box: el("span", { class: "meter" }), bar: el("i", { "aria-hidden": "true" }), text: el("b") };
  parts.box.append(parts.bar, parts.text);
  cell.append(parts.box);
  return parts;
}
function fill(parts, part, text) {
  css(parts.bar, "--part", Math.min(1, part ?? 0).toFixed(3));
  say(parts.text, text);
}
// One row takes part in the order of tabs, and the arrows go on from there.
function walk(event) {
  const buttons = [...$("nodes").querySelectorAll(".node button")];
  const here = buttons.indexOf(event.currentTarget);
  const next = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (next == null || !buttons[next]) return;
  event.preventDefault();
  for (const button of buttons) button.tabIndex = -1;
  buttons[next].tabIndex = 0;
  buttons[next].focus();
}
function sparkline(points) {
  const most = Math.max(...points, 1);
  return points.map((value, index) => (index ? "L" : "M") + (SPARK - points.length + index) + " " + (19 - 18 * value / most).toFixed(1)).join("");
}
let order = "";
function drawRows(isSorted) {
  const column = columns.find((column) => column.key === sort.by);
  const list = [...nodes.values()].sort((a, b) => {
    const x = column.value(a), y = column.value(b);
    return (x < y ? -1 : x > y ? 1 : 0) * (sort.down ? -1 : 1) || byNumber(a, b);
  });
  for (const [id, row] of rows) if (!nodes.has(id)) { row.line.remove(); rows.delete(id); }
  const widest = Math.max(...list.map((node) => node.part ?? 0), 0.0001);
  for (const node of list) {
    const row = rows.get(node.id) ?? makeRow(node);
    const isChosen = (hovered ?? chosen) === node.id;
    row.line.className = (isChosen ? "chosen " : "") + (isAbsent(node) ? "absent" : "");
    set(row.button, "aria-pressed", chosen === node.id);
    row.pill.className = "pill " + kind(node);
    say(row.pill, word(node));
    row.pill.title = node.problem ?? node.status ?? "";
    say(row.cells.address, node.address ?? "–");
    const owns = node.share > 0;
    fill(row.share, owns ? (node.part ?? 0) / widest : 0, owns ? percent(node.part ?? 0) : "–");
    say(row.cells.keys, count(node.keys));
    say(row.cells.bytes, bytes(node.bytes));
    say(row.cells.rate, rate(node.requests_per_second));
    say(row.cells.p99, time(node.latency_p99_us));
    fill(row.core, node.utilisation, node.utilisation == null ? "–" : percent(node.utilisation));
    row.core.box.className = "meter" + (node.utilisation > 0.9 ? " full" : node.utilisation > 0.7 ? " high" : "");
    if (row.points !== node.spark.length + ":" + node.sparkEnd) {
      row.points = node.spark.length + ":" + node.sparkEnd;
      set(row.spark, "d", sparkline(node.spark));
    }
  }
  for (const each of columns) {
    if (each.key === sort.by) set(each.head, "aria-sort", sort.down ? "descending" : "ascending");
    else each.head.removeAttribute("aria-sort");
  }
  const wanted = list.map((node) => node.id).join();
  if (wanted !== order) {
    order = wanted;
    const focus = document.activeElement;
    $("nodes").append(...list.map((node) => rows.get(node.id).line));
    if (focus !== document.activeElement) focus.focus({ preventScroll: true });
  }
  const buttons = [...$("nodes").querySelectorAll(".node button")];
  if (isSorted || buttons.filter((button) => button.tabIndex === 0).length !== 1) {
    buttons.forEach((button, index) => { button.tabIndex = index ? -1 : 0; });
  }
  const size = list.reduce((sum, node) => sum + (node.share > 0 ? node.bytes ?? 0 : 0), 0);
  say($("nodes-figures"), list.length + (list.length === 1 ? " node, " : " nodes, ") + bytes(size) +
    (cluster?.durability ? ", durability " + cluster.durability : ""));
}

// The change under way.
const stepNames = ["launching", "initialising", "preparing", "copying", "fencing", "deciding", "flipping", "settling"];
function drawChange() {
  $("change").hidden = !change;
  if (!change) return;
  const isJoin = change.leaving.length === 0;
  const who = isJoin ? change.joining : change.leaving;
  const title = isJoin ? names(change.from) + " → " + names(who) + ", joining" : names(who) + ", leaving → " + names(change.to);
  say($("change-title"), "Handover: " + title);
  const here = stepNames.indexOf(change.step), copying = stepNames.indexOf("copying");
  const part = here < copying ? 0 : here > copying ? 1 : change.keys ? Math.min(1, change.scanned_keys / change.keys) : 0;
  say($("change-figures"), percent(part) + ", " + count(change.sent_keys) + " keys, " + bytes(change.sent_bytes) + " of about " + bytes(change.expected_bytes) + " copied" +
    (change.bytes_per_second ? ", " + bytes(change.bytes_per_second) + "/s" : "") + "; epoch " + change.epoch + " next");
  css($("change-bar").firstChild, "transform", "scaleX(" + part.toFixed(4) + ")");
  set($("change-bar"), "aria-valuenow", Math.round(part * 100));
  if (!$("steps").children.length) $("steps").append(...stepNames.map((step) => el("li", {}, step)));
  [...$("steps").children].forEach((item, index) => {
    item.className = index < here ? "done" : index === here ? "now" : "";
    if (index === here) set(item, "aria-current", "step"); else item.removeAttribute("aria-current");
  });
  const sources = change.from.map((id) => nodes.get(id)).filter((node) => node?.handover).sort(byNumber);
  const list = $("sources");
  while (list.children.length > sources.length) list.lastChild.remove();
  sources.forEach((node, index) => {
    if (!list.children[index]) list.append(el("li", {}, el("div", {}, el("span", {}, el("b"), el("span")), el("span")), el("div", { class: "bar" }, el("i"))));
    const [line, bar] = list.children[index].children, handover = node.handover;
    say(line.firstChild.firstChild, name(node));
    say(line.firstChild.lastChild, " " + handover.phase + (handover.backlog ? ", " + count(handover.backlog) + " to repeat" : ""));
    say(line.lastChild, count(handover.sent_keys) + " keys, " + bytes(handover.sent_bytes));
    const done = handover.keys ? Math.min(1, handover.scanned_keys / handover.keys) : here > copying ? 1 : 0;
    css(bar.firstChild, "transform", "scaleX(" + done.toFixed(4) + ")");
  });
}

// Decisions.
const outcomes = { done: ["", "done"], under_way: ["busy", "under way"], failed: ["bad", "failed"], refused: ["bad", "refused"], cancelled: ["calm", "cancelled"], dry_run: ["calm", "dry run"] };
function drawDecisions() {
  // Beside a long table there is room for them, and nobody has to scroll to see them.
  const isMany = nodes.size > 16;
  document.body.classList.toggle("many", isMany);
  const place = document.querySelector(isMany ? ".side" : ".wide");
  if (!place.contains($("decided"))) place.append($("decided"));
  say($("scaler"), (cluster.dry_run ? "dry run; " : "") + (cluster.scaler ? "now: " + cluster.scaler : ""));
  $("no-decisions").hidden = decisions.length > 0;
  const list = $("decisions"), recent = [...decisions].sort((a, b) => b.number - a.number);
  while (list.children.length > recent.length) list.lastChild.remove();
  recent.forEach((entry, index) => {
    if (!list.children[index]) list.append(el("li", {}, el("time"), el("span", {}, el("span", { class: "pill" })), el("span", { class: "what" }), el("span", { class: "why" })));
    const [when, pill, what, why] = list.children[index].children;
    const [tone, text] = outcomes[entry.outcome] ?? ["calm", entry.outcome];
    say(when, clock(entry.time_ms));
    when.title = new Date(entry.time_ms).toLocaleString("en-GB") + (entry.ended_ms > entry.time_ms ? ", took " + ago(entry.ended_ms - entry.time_ms) : "");
    pill.firstChild.className = "pill " + tone;
    say(pill.firstChild, text);
    const verb = entry.action === "grow" ? "grow by " : "shrink by ";
    say(what, verb + entry.count + (entry.nodes.length ? ": " + names(entry.nodes) : ""));
    say(why, entry.reason + (entry.detail ? "; " + entry.detail : ""));
  });
}

// Looking a key up.
async function find(isAgain) {
  const key = isAgain ? located?.key : $("key").value;
  if (!key) return;
  const found = $("found");
  try {
    const answer = await ask("/locate/" + encodeURIComponent(key));
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.detail ?? "the gateway answered " + answer.status);
    located = { key, epoch: told.epoch };
    found.className = "found";
    const where = told.number == null ? told.owner : "node " + told.number;
    found.replaceChildren(el("b", {}, told.key), " lives at ", el("b", {}, where), told.address ? " (" + told.address + "). " : ". ", told.why);
    if (nodes.has(told.owner)) { chosen = told.owner; hovered = null; drawRing(); drawRows(); }
  } catch (error) {
    located = null;
    found.className = "found wrong";
    found.textContent = "Not found: " + error.message;
  }
}

// What the gateway tells.
function keep(node) {
  const before = nodes.get(node.id);
  node.spark = before?.spark ?? [];
  node.sparkEnd = before?.sparkEnd ?? 0;
  node.part = before?.part;
  node.sum = before?.sum ?? 0;
  node.seconds = before?.seconds ?? 0;
  nodes.set(node.id, node);
  gone.set(node.id, node.number ?? node.id.slice(0, 5));
}
function takeAll(told) {
  for (const id of [...nodes.keys()]) if (!told.nodes.some((node) => node.id === id)) nodes.delete(id);
  told.nodes.forEach(keep);
  ({ cluster, change, decisions } = told);
  const past = told.history;
  series = { rate: past.requests_per_second, p99: past.latency_p99_us, keys: past.keys };
  for (const entry of past.nodes) {
    const node = nodes.get(entry.id);
    if (node) { node.spark = entry.requests_per_second; node.sparkEnd = told.time_ms; node.sum = node.seconds = 0; }
  }
}
function push(list, value, most) { list.push(value); if (list.length > most) list.splice(0, list.length - most); }
function takeChange(told) {
  push(series.rate, told.requests_per_second, WINDOW);
  push(series.p99, told.latency_p99_us, WINDOW);
  push(series.keys, told.keys, WINDOW);
  for (const node of told.nodes ?? []) keep(node);
  for (const id of told.gone ?? []) nodes.delete(id);
  for (const node of nodes.values()) {
    node.sum += node.requests_per_second;
    node.seconds += 1;
    if (told.node_interval_ends) {
      push(node.spark, node.sum / node.seconds, SPARK);
      node.sparkEnd = told.time_ms;
      node.sum = node.seconds = 0;
    }
  }
  if (told.cluster) cluster = told.cluster;
  if ("change" in told) change = told.change;
  if (told.decisions) decisions = told.decisions;
  if (located && located.epoch !== cluster.epoch) { located.epoch = cluster.epoch; find(true); }
}
function draw() {
  if (document.hidden) { isDirty = true; return; }
  isDirty = false;
  $("main").hidden = false;
  drawHeadline();
  for (const key of Object.keys(graphs)) drawGraph(key);
  drawRing();
  drawRows();
  drawChange();
  drawDecisions();
}

// The connection. Events are read by fetch, since EventSource sends no authorization.
const token = () => sessionStorage.getItem("token");
function ask(path, options = {}) {
  const headers = token() ? { authorization: "Bearer " + token() } : {};
  return fetch(path, { cache: "no-store", ...options, headers: { ...headers, ...options.headers } });
}
function signIn(why) {
  // The gateway answers: what was lost before is found, and would be told again each second.
  lostAt = null;
  document.body.classList.remove("stale");
  $("sign-in").hidden = false;
  $("main").hidden = true;
  if (why) say($("sign-in-why"), why);
  say($("state"), "Signed out");
  say($("reason"), "the gateway tells its state to those it knows");
  showLink("", "not signed in");
  if (!$("sign-in").contains(document.activeElement)) $("token").focus();
}
function showLink(tone, text) {
  $("link").className = "link " + tone;
  say($("link-text"), text);
}
function showLost() {
  if (lostAt == null) return;
  document.body.classList.add("stale");
  document.querySelector(".headline").className = "headline";
  set($("mark"), "href", "#i-starting");
  say($("state"), "Not connected");
  say($("reason"), refusal ?? (cluster ? "what you see is what was told last" : "the gateway does not answer"));
  $("notice").hidden = true;
  showLink("lost", "Not connected since " + clock(lostAt) + " (" + ago(Date.now() - lostAt) + "). Trying again…");
  document.title = "Not connected · ScaledStorage";
}
function take(block) {
  let event = "", data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) event = line.slice(7);
    if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (!data) return;
  const told = JSON.parse(data);
  lastEvent = Date.now();
  if (lostAt != null || document.body.classList.contains("stale")) $("live").textContent = "Connected again";
  lostAt = null;
  document.body.classList.remove("stale");
  showLink("live", "live");
  if (event === "status") takeAll(told); else if (cluster) takeChange(told);
  draw();
}
async function watch() {
  const stop = new AbortController();
  let why = null;
  // A connection that was cut without a word brings no error: silence tells.
  const guard = setInterval(() => { if (Date.now() - lastEvent > 6000) stop.abort(); }, 1000);
  lastEvent = Date.now();
  try {
    const answer = await ask("/status/events", { signal: stop.signal });
    if (answer.status === 401 || answer.status === 403) {
      const told = await answer.json().catch(() => ({}));
      return signIn(token() || answer.status === 403 ? "That did not do: " + (told.detail ?? "the token is not known.") : null);
    }
    if (!answer.ok) {
      why = "the gateway answered " + answer.status;
      why = (await answer.json()).detail ?? why;
      throw new Error(why);
    }
    $("sign-in").hidden = true;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
      const blocks = text.split("\n\n");
      text = blocks.pop();
      blocks.forEach(take);
    }
  } catch { /* what follows is the same for every way to lose the connection */ } finally { clearInterval(guard); }
  refusal = why;
  if (lostAt == null) {
    lostAt = Date.now();
    $("live").textContent = "Not connected";
  }
  showLost();
  setTimeout(watch, Math.min(1000 + (Date.now() - lostAt) / 10, 10000));
}

makeGraphs();
makeHeads();
setInterval(showLost, 1000);
on(document, "visibilitychange", () => { if (!document.hidden && isDirty && cluster) draw(); });
on(document, "keydown", (event) => {
  if (event.key === "Escape" && chosen) choose(chosen);
});
on($("find"), "submit", (event) => { event.preventDefault(); find(false); });
on($("sign-in"), "submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", $("token").value.trim());
  $("token").value = "";
  showLink("", "connecting");
  watch();
});
watch();
