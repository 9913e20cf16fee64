// The ring: arcs by the share of the keys that each node owns.
const round = (turn, radius, places) => [
  (radius * Math.sin(2 * Math.PI * turn)).toFixed(places),
  (-radius * Math.cos(2 * Math.PI * turn)).toFixed(places),
];
function arc(from, to, inner, outer) {
  const full = to - from > 0.9999;
  const end = full ? from + 0.9999 : to;
  const at = (turn, radius) => round(turn, radius, 2).join(" ");
  const large = end - from > 0.5 ? 1 : 0;
  const bow = (radius, way) => "A" + [radius, radius, 0, large, way].join(" ") + " ";
  return "M" + at(from, outer) + bow(outer, 1) + at(end, outer) + (full ? "ZM" : "L") +
    at(end, inner) + bow(inner, 0) + at(from, inner) + "Z";
}
function owners() {
  const list = [...nodes.values()].filter((node) => node.share > 0).sort(byNumber);
  const total = list.reduce((sum, node) => sum + (node.keys ?? 0), 0);
  for (const node of list) node.part = total > 0 ? (node.keys ?? 0) / total : node.share;
  return { list, total };
}
const movements = ["joining", "leaving", "launching"];
const arcs = new Map();
function makeArc(node) {
  const shape = {
    group: svg("g"), title: svg("title"), label: svg("text", { dy: "3.5" }),
    body: svg("path", { class: "seg" }), mark: svg("path", { class: "seg-mark" }),
    edge: svg("path", { class: "seg-edge" }),
  };
  css(shape.body, "--h", hue(node));
  shape.body.append(shape.title);
  on(shape.body, "pointerenter", () => { hovered = node.id; drawRing(); drawRows(); });
  on(shape.body, "pointerleave", () => { hovered = null; drawRing(); drawRows(); });
  on(shape.body, "click", () => choose(node.id));
  shape.group.append(shape.body, shape.mark, shape.edge);
  $("segments").append(shape.group);
  $("labels").append(shape.label);
  arcs.set(node.id, shape);
  return shape;
}
function drawArc(node, turn, gap, isFocus) {
  const shape = arcs.get(node.id) ?? makeArc(node);
  const from = turn + gap / 2, to = Math.max(turn + node.part - gap / 2, from + 0.0005);
  const path = arc(from, to, isFocus ? 80 : 84, isFocus ? 124 : 118);
  set(shape.body, "d", path);
  shape.body.classList.toggle("chosen", isFocus);
  const isDown = kind(node) === "bad";
  const isMoving = isRestarting(node) || movements.includes(node.state);
  set(shape.mark, "d", isDown || isMoving ? path : "");
  set(shape.edge, "d", isDown || isMoving ? path : "");
  shape.edge.classList.toggle("moving", !isDown);
  say(shape.title, name(node) + ", " + percent(node.part) + ", " + word(node));
  const radius = isFocus ? 138 : 133;
  const text = (isDown ? "✕" : "") + (node.number ?? node.id.slice(0, 5));
  const isWide = node.part * 2 * Math.PI * radius > 6 * text.length + 3;
  say(shape.label, isWide || isFocus ? text : "");
  const [x, y] = round(turn + node.part / 2, radius, 1);
  set(shape.label, "x", x);
  set(shape.label, "y", y);
  shape.label.classList.toggle("label-chosen", isFocus);
}
// A label that is shown for its node hides those that it would cover.
function uncover(focus) {
  const own = arcs.get(focus).label, at = (label, axis) => Number(label.getAttribute(axis));
  for (const [id, { label }] of arcs) {
    const far = Math.hypot(at(own, "x") - at(label, "x"), at(own, "y") - at(label, "y"));
    if (id !== focus && far < 18) say(label, "");
  }
}
function drawRing() {
  const { list, total } = owners();
  const present = new Set(list.map((node) => node.id));
  for (const [id, shape] of arcs) {
    if (present.has(id)) continue;
    shape.group.remove();
    shape.label.remove();
    arcs.delete(id);
  }
  const focus = hovered ?? chosen;
  const gap = list.length > 1 ? Math.min(0.004, 0.12 / list.length) : 0;
  let turn = 0;
  for (const node of list) {
    drawArc(node, turn, gap, focus === node.id);
    turn += node.part;
  }
  if (focus && arcs.has(focus)) uncover(focus);
  $("ring").classList.toggle("choosing", focus != null && present.has(focus));
  const node = focus && nodes.get(focus);
  say($("hub-1"), node ? percent(node.part ?? 0) : count(total));
  say($("hub-2"), node ? name(node) : total === 1 ? "key" : "keys");
  say($("hub-3"), node ? some(node.keys, "key") : "on " + some(list.length, "node"));
  const shares = list.map((node) => name(node) + " " + percent(node.part)).slice(0, 64).join(", ");
  say($("ring-text"), "Shares of the keys: " + shares + ". The table of nodes tells the same.");
  drawDetails();
}
function drawDetails() {
  const node = nodes.get(chosen);
  $("details").hidden = !node;
  if (!node) return;
  const facts = [
    [name(node), node.id], ["address", node.address ?? "none now"],
    ["state", word(node) + (node.problem ? ": " + node.problem : "")],
    ["p50, p99", time(node.latency_p50_us) + ", " + time(node.latency_p99_us)],
    ["process", node.process ?? "–"],
    ["version", (node.version ?? "–") + ", epoch " + (node.epoch ?? "–")],
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
