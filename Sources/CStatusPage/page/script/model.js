// The state of the page is what the gateway told: first all, then what changes each second.
const WINDOW = 300, SPARK = 60;
const nodes = new Map();
// The numbers of nodes that were there, for decisions about them.
const gone = new Map();
// The parts that are told whole when they change.
const told = {
  cluster: null, change: null, restarts: null, module: null, instances: null, decisions: [],
};
let series = { rate: [], p99: [], keys: [] };
let chosen = null, hovered = null, located = null;

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
function takeParts(news) {
  for (const part of Object.keys(told)) if (part in news) told[part] = news[part];
}
function takeAll(news) {
  const there = new Set(news.nodes.map((node) => node.id));
  for (const id of nodes.keys()) if (!there.has(id)) nodes.delete(id);
  news.nodes.forEach(keep);
  takeParts(news);
  const past = news.history;
  series = { rate: past.requests_per_second, p99: past.latency_p99_us, keys: past.keys };
  for (const entry of past.nodes) {
    const node = nodes.get(entry.id);
    if (!node) continue;
    node.spark = entry.requests_per_second;
    node.sparkEnd = news.time_ms;
    node.sum = node.seconds = 0;
  }
}
function push(list, value, most) {
  list.push(value);
  if (list.length > most) list.splice(0, list.length - most);
}
function takeChange(news) {
  push(series.rate, news.requests_per_second, WINDOW);
  push(series.p99, news.latency_p99_us, WINDOW);
  push(series.keys, news.keys, WINDOW);
  for (const node of news.nodes ?? []) keep(node);
  for (const id of news.gone ?? []) nodes.delete(id);
  for (const node of nodes.values()) {
    node.sum += node.requests_per_second;
    node.seconds += 1;
    if (news.node_interval_ends) {
      push(node.spark, node.sum / node.seconds, SPARK);
      node.sparkEnd = news.time_ms;
      node.sum = node.seconds = 0;
    }
  }
  takeParts(news);
  if (located && located.epoch !== told.cluster.epoch) {
    located.epoch = told.cluster.epoch;
    find(true);
  }
}

// How nodes are called, and how they are, in a word.
const byNumber = (a, b) => (a.number ?? 1e18) - (b.number ?? 1e18) || (a.id < b.id ? -1 : 1);
const name = (node) => node.number == null ? node.id.slice(0, 9) : "node " + node.number;
const nameOf = (id) => nodes.has(id) ? name(nodes.get(id)) : names([id]);
// "nodes 1–6, 9": numbers in a row become a range.
function names(ids) {
  const numbers = ids.map((id) => nodes.get(id)?.number ?? gone.get(id) ?? id.slice(0, 5));
  const runs = [];
  for (const number of numbers.sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && last[1] + 1 === number) last[1] = number; else runs.push([number, number]);
  }
  const parts = runs.map(([from, to]) =>
    from === to ? from : from + (from + 1 === to ? ", " : "–") + to);
  const list = parts.length > 8 ? parts.slice(0, 7).join(", ") + " and others" : parts.join(", ");
  return (ids.length === 1 ? "node " : "nodes ") + list;
}
// The gateway tells of nodes by their ids; people know their numbers.
function plain(text) {
  for (const [id, number] of gone) text = text.replaceAll(id, "node " + number);
  return text;
}
// Neighbouring numbers get far hues: the golden angle.
function hue(node) {
  const letters = (sum, letter) => sum * 31 + letter.charCodeAt(0) | 0;
  return ((node.number ?? [...node.id].reduce(letters, 7)) * 137.508 + 205) % 360;
}
const kinds = {
  member: "", joining: "busy", leaving: "busy down", left: "calm", launching: "busy",
  unreachable: "bad", stopped: "bad",
};
const isRestarting = (node) => told.restarts?.under_way && told.restarts.current === node.id;
const absences = ["unreachable", "stopped", "launching"];
const isAbsent = (node) => node.fenced || absences.includes(node.state);
function word(node) {
  if (isRestarting(node)) return "restarting";
  if (node.fenced) return "fenced";
  if (node.problem) return "problem";
  if (node.state === "unreachable" && node.silent_seconds > 0) {
    return "silent " + ago(node.silent_seconds * 1000);
  }
  if (node.state !== "member") return node.state;
  if (node.status === "Initialized") return "blank";
  return node.handover ? "handing over" : node.purging ? "tidying up" : "serving";
}
function kind(node) {
  if (isRestarting(node)) return "busy";
  if (node.problem) return "bad";
  const isBusy = node.handover || node.purging || node.status === "Initialized";
  return node.state === "member" && isBusy ? "busy" : kinds[node.state] ?? "calm";
}
