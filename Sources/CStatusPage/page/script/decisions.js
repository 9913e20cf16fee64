// What was decided about the nodes.
const outcomes = {
  done: ["", "done"], under_way: ["busy", "under way"], failed: ["bad", "failed"],
  refused: ["bad", "refused"], cancelled: ["calm", "cancelled"], dry_run: ["calm", "dry run"],
};
const verbs = { grow: "grow by ", shrink: "shrink by ", restart: "restart " };
function makeDecision() {
  return el("li", {}, el("time"), el("span", {}, el("span", { class: "pill" })),
    el("span", { class: "what" }), el("span", { class: "why" }));
}
function drawDecision(item, entry) {
  const [when, pill, what, why] = item.children;
  const [tone, text] = outcomes[entry.outcome] ?? ["calm", entry.outcome];
  const begun = new Date(entry.time_ms), took = entry.ended_ms - entry.time_ms;
  say(when, clock(begun));
  when.title = begun.toLocaleString("en-GB") + (took > 0 ? ", took " + ago(took) : "");
  pill.firstChild.className = "pill " + tone;
  say(pill.firstChild, text);
  say(what, (verbs[entry.action] ?? entry.action + " ") + entry.count +
    (entry.nodes.length ? ": " + names(entry.nodes) : ""));
  say(why, plain(entry.reason + (entry.detail ? "; " + entry.detail : "")));
}
function drawDecisions() {
  const { cluster, decisions } = told;
  // Beside a long table there is room for them, and nobody has to scroll to see them.
  const isMany = nodes.size > 16;
  document.body.classList.toggle("many", isMany);
  const place = document.querySelector(isMany ? ".side" : ".wide");
  if (!place.contains($("decided"))) place.append($("decided"));
  const now = cluster.scaler ? "now: " + cluster.scaler : "";
  say($("scaler"), (cluster.dry_run ? "dry run; " : "") + now);
  $("no-decisions").hidden = decisions.length > 0;
  say($("no-decisions"), cluster.leads ? "Nothing since the gateway started."
    : cluster.leader ? "The gateway that leads decides, and its page tells of it."
    : "Nothing is decided while no gateway leads.");
  const list = $("decisions"), recent = [...decisions].sort((a, b) => b.number - a.number);
  list.hidden = recent.length === 0;
  while (list.children.length > recent.length) list.lastChild.remove();
  recent.forEach((entry, index) => {
    drawDecision(list.children[index] ?? list.appendChild(makeDecision()), entry);
  });
}
