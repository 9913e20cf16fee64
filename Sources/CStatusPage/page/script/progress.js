// What is under way: a card each, with a bar, its steps, and what has to be said of it.
function makeCard(key) {
  const heading = el("h2", { id: key + "-title" });
  const card = { heading, bar: el("i") };
  card.steps = el("ol", { class: "steps" });
  // Of many there is room for some, and the others are scrolled to.
  card.sources = el("ul", { class: "sources", tabindex: "0", "aria-labelledby": heading.id });
  card.figures = el("p");
  card.trouble = el("p", { class: "trouble" });
  card.track = el("div", {
    class: "bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100",
    "aria-labelledby": heading.id,
  }, card.bar);
  card.box = el("section", { id: key, class: "card change", "aria-labelledby": heading.id },
    el("div", { class: "title" }, heading, card.figures),
    card.track, card.steps, card.trouble, card.sources);
  $("progress").append(card.box);
  return card;
}
const cards = {};
function card(key, isShown) {
  if (!isShown) {
    if (cards[key]) cards[key].box.hidden = true;
    return null;
  }
  cards[key] ??= makeCard(key);
  cards[key].box.hidden = false;
  return cards[key];
}
// A part that is not known leaves the bar away.
function drawBar(card, part) {
  card.track.hidden = part == null;
  if (part == null) return;
  css(card.bar, "transform", "scaleX(" + part.toFixed(4) + ")");
  set(card.track, "aria-valuenow", Math.round(part * 100));
}
// Each step is a class and a text.
function drawSteps(card, steps) {
  const list = card.steps;
  while (list.children.length > steps.length) list.lastChild.remove();
  steps.forEach(([state, text], index) => {
    const item = list.children[index] ?? list.appendChild(el("li"));
    item.className = state;
    say(item, text);
    if (state === "now") set(item, "aria-current", "step");
    else item.removeAttribute("aria-current");
  });
}
function drawTrouble(card, text) {
  card.trouble.hidden = !text;
  say(card.trouble, text ?? "");
}

const stepNames = [
  "launching", "initialising", "preparing", "copying",
  "fencing", "deciding", "flipping", "settling",
];
function drawHandover() {
  const change = told.change, view = card("change", change != null);
  if (!view) return;
  const isJoin = change.leaving.length === 0;
  say(view.heading, "Handover: " + (isJoin
    ? names(change.from) + " → " + names(change.joining) + ", joining"
    : names(change.leaving) + ", leaving → " + names(change.to)));
  const here = stepNames.indexOf(change.step), copying = stepNames.indexOf("copying");
  drawTrouble(view, null);
  if (here < 0) {
    say(view.figures, change.step + "; epoch " + change.epoch + " next");
    drawBar(view, null);
    drawSteps(view, []);
  } else {
    const copied = change.keys ? Math.min(1, change.scanned_keys / change.keys) : 0;
    const part = here < copying ? 0 : here > copying ? 1 : copied;
    const speed = change.bytes_per_second ? ", " + bytes(change.bytes_per_second) + "/s" : "";
    say(view.figures, percent(part) + ", " + some(change.sent_keys, "key") + ", " +
      bytes(change.sent_bytes) + " of about " + bytes(change.expected_bytes) + " copied" + speed +
      "; epoch " + change.epoch + " next");
    drawBar(view, part);
    drawSteps(view, stepNames.map((step, index) =>
      [index < here ? "done" : index === here ? "now" : "", step]));
  }
  drawSources(view.sources, change, here > copying);
}
function drawSources(list, change, isCopied) {
  const sources = change.from.map((id) => nodes.get(id)).filter((node) => node?.handover);
  while (list.children.length > sources.length) list.lastChild.remove();
  sources.sort(byNumber).forEach((node, index) => {
    const item = list.children[index] ?? list.appendChild(el("li", {},
      el("div", {}, el("span", {}, el("b"), el("span")), el("span")),
      el("div", { class: "bar" }, el("i"))));
    const [line, bar] = item.children, handover = node.handover;
    say(line.firstChild.firstChild, name(node));
    const backlog = handover.backlog ? ", " + count(handover.backlog) + " to repeat" : "";
    say(line.firstChild.lastChild, " " + handover.phase + backlog);
    say(line.lastChild, some(handover.sent_keys, "key") + ", " + bytes(handover.sent_bytes));
    const known = handover.keys ? Math.min(1, handover.scanned_keys / handover.keys) : 0;
    css(bar.firstChild, "transform", "scaleX(" + (isCopied ? 1 : known).toFixed(4) + ")");
  });
}

// Steps by who had it, whose turn it is, and who waits.
const turns = (parts) => parts.filter(([, , ids]) => ids.length)
  .map(([state, what, ids]) => [state, names(ids) + " " + what]);
function drawRestarts() {
  const restarts = told.restarts, view = card("restarts", restarts?.under_way === true);
  if (!view) return;
  const { nodes: all, done, current } = restarts, next = all[done];
  const figures = count(done) + " of " + some(all.length, "node") + " done";
  say(view.heading, "Rolling restart: " + figures);
  say(view.figures, current ? nameOf(current) + " is starting again"
    : next ? nameOf(next) + " is next, once every node is in its place" : "");
  drawBar(view, done / Math.max(1, all.length));
  const rest = all.slice(done);
  drawSteps(view, turns([
    ["done", "started again", all.slice(0, done)],
    ["now", current ? "restarting" : "next", rest.slice(0, 1)],
    ["", "to come", rest.slice(1)],
  ]));
  drawTrouble(view, null);
}

function drawModule() {
  const module = told.module, view = card("module", module?.rolling === true);
  if (!view) return;
  const owners = [...nodes.values()].filter((node) => node.share > 0).sort(byNumber);
  const members = owners.map((node) => node.id);
  const lacking = new Set(module.without), halt = module.halt;
  const having = members.filter((id) => !lacking.has(id));
  const rest = members.filter((id) => lacking.has(id) && id !== halt?.node);
  const figures = count(having.length) + " of " + some(members.length, "node") + " have it";
  const before = module.previous;
  say(view.heading, "Module " + module.sha256.slice(0, 12) + ": " + figures);
  say(view.figures, before ? "before it " + before.slice(0, 12) : "the first module");
  drawBar(view, having.length / Math.max(1, members.length));
  drawSteps(view, turns([
    ["done", having.length === 1 ? "has it" : "have it", having],
    ["bad", "refuses it", halt ? [halt.node] : []],
    ["", "to come", rest],
  ]));
  const times = halt?.attempts === 1 ? "once" : count(halt?.attempts) + " times";
  drawTrouble(view, halt && "It comes no further: " + nameOf(halt.node) + " has refused it " +
    times + ": " + plain(halt.reason));
}
