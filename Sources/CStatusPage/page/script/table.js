// The table of nodes.
const columns = [
  { key: "number", title: "Node", cell: "c-node", value: (node) => node.number ?? 0 },
  { key: "state", title: "State", cell: "c-state", value: word },
  { key: "address", title: "Address", cell: "c-address opt", value: (node) => node.address ?? "" },
  { key: "part", title: "Share", cell: "num", label: "share", value: (node) => node.part ?? 0 },
  { key: "keys", title: "Keys", cell: "num", label: "keys", value: (node) => node.keys ?? -1 },
  { key: "bytes", title: "Size", cell: "num", label: "size", value: (node) => node.bytes ?? -1 },
  {
    key: "rate", title: "Requests/s", cell: "num", label: "req/s",
    value: (node) => node.requests_per_second,
  },
  { key: "spark", title: "5 min", cell: "num c-spark" },
  {
    key: "p99", title: "p99", cell: "num", label: "p99",
    value: (node) => node.latency_p99_us ?? -1,
  },
  {
    key: "core", title: "Core", cell: "num", label: "core",
    value: (node) => node.utilisation ?? -1,
  },
];
let sort = { by: "number", down: false };
function makeHeads() {
  for (const column of columns) {
    const head = el("th", { scope: "col", role: "columnheader", class: column.cell });
    if (column.value) {
      const button = el("button", { type: "button" }, column.title);
      on(button, "click", () => {
        // Of figures, the greatest are asked for first.
        const down = sort.by === column.key ? !sort.down : column.label != null;
        sort = { by: column.key, down };
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
  const id = el("small", { title: node.id }, node.id.split("-")[0]);
  row.cells.number.append(el("span", { class: "node" }, swatch, row.button, id));
  row.pill = el("span", { class: "pill" });
  row.cells.state.append(row.pill);
  row.share = meter(row.cells.part);
  row.core = meter(row.cells.core);
  row.cells.address.classList.add("address");
  row.spark = svg("path");
  row.cells.spark.append(svg("svg", {
    class: "spark", viewBox: "0 0 59 20", preserveAspectRatio: "none", "aria-hidden": "true",
  }, row.spark));
  on(row.line, "pointerenter", () => { hovered = node.id; drawRing(); });
  on(row.line, "pointerleave", () => { hovered = null; drawRing(); });
  rows.set(node.id, row);
  return row;
}
function meter(cell) {
  const bar = el("i", { "aria-hidden": "true" }), text = el("b");
  const box = el("span", { class: "meter" }, bar, text);
  cell.append(box);
  return { box, bar, text };
}
function fill(parts, part, text) {
  css(parts.bar, "--part", Math.min(1, part ?? 0).toFixed(3));
  say(parts.text, text);
}
// One row takes part in the order of tabs, and the arrows go on from there.
function walk(event) {
  const buttons = [...$("nodes").querySelectorAll(".node button")];
  const here = buttons.indexOf(event.currentTarget);
  const last = buttons.length - 1;
  const next = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: last }[event.key];
  if (next == null || !buttons[next]) return;
  event.preventDefault();
  for (const button of buttons) button.tabIndex = -1;
  buttons[next].tabIndex = 0;
  buttons[next].focus();
}
function sparkline(points) {
  const most = Math.max(...points, 1), first = SPARK - points.length;
  const step = (value, index) => first + index + " " + (19 - 18 * value / most).toFixed(1);
  return points.map((value, index) => (index ? "L" : "M") + step(value, index)).join("");
}
function drawRow(row, node, widest) {
  const isChosen = (hovered ?? chosen) === node.id;
  row.line.className = (isChosen ? "chosen " : "") + (isAbsent(node) ? "absent" : "");
  set(row.button, "aria-pressed", chosen === node.id);
  row.pill.className = "pill " + kind(node);
  say(row.pill, word(node));
  row.pill.title = node.problem ?? node.status ?? "";
  say(row.cells.address, node.address ?? "–");
  row.cells.address.title = node.address ?? "";
  const owns = node.share > 0;
  fill(row.share, owns ? (node.part ?? 0) / widest : 0, owns ? percent(node.part ?? 0) : "–");
  say(row.cells.keys, count(node.keys));
  say(row.cells.bytes, bytes(node.bytes));
  say(row.cells.rate, rate(node.requests_per_second));
  say(row.cells.p99, time(node.latency_p99_us));
  const core = node.utilisation;
  fill(row.core, core, core == null ? "–" : percent(core));
  row.core.box.className = "meter" + (core > 0.9 ? " full" : core > 0.7 ? " high" : "");
  const points = node.spark.length + ":" + node.sparkEnd;
  if (row.points === points) return;
  row.points = points;
  set(row.spark, "d", sparkline(node.spark));
}
let order = "";
function drawRows(isSorted) {
  const { value } = columns.find((column) => column.key === sort.by);
  const list = [...nodes.values()].sort((a, b) => {
    const x = value(a), y = value(b);
    return (x < y ? -1 : x > y ? 1 : 0) * (sort.down ? -1 : 1) || byNumber(a, b);
  });
  for (const [id, row] of rows) if (!nodes.has(id)) { row.line.remove(); rows.delete(id); }
  const widest = Math.max(...list.map((node) => node.part ?? 0), 0.0001);
  for (const node of list) drawRow(rows.get(node.id) ?? makeRow(node), node, widest);
  for (const { key, head } of columns) {
    if (key === sort.by) set(head, "aria-sort", sort.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
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
  drawSummary(list);
}
function drawSummary(list) {
  const size = list.reduce((sum, node) => sum + (node.share > 0 ? node.bytes ?? 0 : 0), 0);
  const versions = [...new Set(list.map((node) => node.version).filter(Boolean))].sort();
  const durability = told.cluster?.durability;
  say($("nodes-figures"), some(list.length, "node") + ", " + bytes(size) +
    (durability ? ", durability " + durability : "") +
    (versions.length > 1 ? ", of versions " + versions.join(" and ") : ""));
  drawInstances();
}
// Instances of a pool that hold no node of this cluster.
function drawInstances() {
  const pool = told.instances, box = $("instances"), list = box.lastElementChild;
  box.hidden = !pool;
  if (!pool) return;
  const holding = count(pool.holding) + (pool.holding === 1 ? " holds a node" : " hold nodes");
  say($("instances-figures"), "Of " + some(pool.total, "instance") + ", " + holding);
  const groups = [
    ["calm", "blank", pool.blank], ["bad", "silent", pool.silent],
    ["calm", "of another cluster", pool.foreign],
  ].filter(([, , group]) => group.count > 0);
  while (list.children.length > groups.length) list.lastChild.remove();
  groups.forEach(([tone, what, group], index) => {
    const item = list.children[index] ??
      list.appendChild(el("li", {}, el("span", { class: "pill" }), el("span")));
    const more = group.count - group.names.length;
    item.firstChild.className = "pill " + tone;
    say(item.firstChild, count(group.count) + " " + what);
    say(item.lastChild, group.names.join(", ") + (more > 0 ? " and " + some(more, "other") : ""));
  });
}
