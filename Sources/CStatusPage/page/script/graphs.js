// Graphs of the last five minutes.
const graphs = {
  rate: { format: (n) => rate(n), top: 10 },
  p99: { format: time, top: 1000 },
  keys: { format: count, top: 10, floats: true },
};
function makeGraphs() {
  for (const figure of document.querySelectorAll(".graph")) {
    const key = figure.dataset.graph, graph = graphs[key];
    graph.value = figure.querySelector("strong");
    graph.most = el("span", { class: "most" });
    graph.least = el("span", { class: "least" });
    graph.view = svg("svg", {
      viewBox: "0 0 299 72", preserveAspectRatio: "none", "aria-hidden": "true",
    });
    for (const y of [1, 36, 71]) {
      graph.view.append(svg("path", { class: "grid", d: "M0 " + y + "H299" }));
    }
    graph.area = svg("path", { class: "area" });
    graph.curve = svg("path", { class: "curve" });
    graph.cursor = svg("path", { class: "cursor" });
    graph.view.append(graph.area, graph.curve, graph.cursor);
    graph.start = el("span");
    graph.end = el("span", {}, "now");
    figure.append(
      el("div", { class: "plot" }, graph.view, graph.most, graph.least),
      el("div", { class: "axis" }, graph.start, graph.end));
    on(graph.view, "pointermove", (event) => {
      const box = graph.view.getBoundingClientRect();
      graph.at = Math.round((event.clientX - box.left) / box.width * (WINDOW - 1));
      drawGraph(key);
    });
    on(graph.view, "pointerleave", () => { graph.at = null; drawGraph(key); });
  }
}
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 2, 3, 5, 10].map((step) => step * power);
  return steps.find((step) => step >= value * 1.05) ?? 20 * power;
}
// The values at the graph's bottom and top.
function range(graph, known) {
  const most = known.length ? Math.max(...known) : 0, least = known.length ? Math.min(...known) : 0;
  // Keys hardly ever fall to none: what matters is how they move.
  if (graph.floats && known.length && least > 0.5 * most) {
    const spread = Math.max(most - least, most * 0.02, 1);
    return [Math.max(0, least - 0.5 * spread), most + 0.5 * spread];
  }
  return [0, nice(Math.max(most, graph.top))];
}
function drawGraph(key) {
  const graph = graphs[key], points = series[key];
  const [least, top] = range(graph, points.filter((value) => value != null));
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
  say(graph.most, graph.format(Math.round(top)));
  say(graph.least, least > 0 ? graph.format(Math.round(least)) : "");
  const index = graph.at == null ? points.length - 1 : graph.at - first;
  set(graph.cursor, "d", graph.at == null ? "" : "M" + graph.at + " 0V72");
  say(graph.value, index >= 0 && index < points.length ? graph.format(points[index]) : "–");
  say(graph.start, ago(WINDOW * 1000) + " ago");
  say(graph.end, graph.at == null ? "now" : ago((WINDOW - 1 - graph.at) * 1000) + " ago");
}
