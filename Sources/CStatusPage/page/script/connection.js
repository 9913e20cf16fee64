// The connection. Events are read by fetch, since EventSource sends no authorization.
let lostAt = null, refusal = null, lastEvent = 0, isDirty = false;
const token = () => sessionStorage.getItem("token");
function ask(path, options = {}) {
  const headers = token() ? { authorization: "Bearer " + token() } : {};
  return fetch(path, { cache: "no-store", ...options, headers });
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
  $("notice").hidden = $("lead").hidden = true;
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
  const usual = told.cluster ? "what you see is what was told last" : "the gateway does not answer";
  say($("reason"), refusal ?? usual);
  $("notice").hidden = true;
  $("lead").hidden = true;
  const since = clock(lostAt) + " (" + ago(Date.now() - lostAt) + ")";
  showLink("lost", "Not connected since " + since + ". Trying again…");
  document.title = "Not connected · ScaledStorage";
}
function draw() {
  if (document.hidden) { isDirty = true; return; }
  isDirty = false;
  $("main").hidden = false;
  drawHeadline();
  for (const key of Object.keys(graphs)) drawGraph(key);
  drawRing();
  drawRows();
  drawHandover();
  drawRestarts();
  drawModule();
  drawDecisions();
}
function take(block) {
  let event = "", data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) event = line.slice(7);
    if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (!data) return;
  const news = JSON.parse(data);
  lastEvent = Date.now();
  const { classList } = document.body;
  if (lostAt != null || classList.contains("stale")) say($("live"), "Connected again");
  lostAt = null;
  classList.remove("stale");
  showLink("live", "live");
  if (event === "status") takeAll(news); else if (told.cluster) takeChange(news);
  draw();
}
// What the answer to a refused request says; null when the page has to ask for a token.
async function reasonOf(answer) {
  const problem = await answer.json().catch(() => ({}));
  if (answer.status !== 401 && answer.status !== 403) {
    return problem.detail ?? "the gateway answered " + answer.status;
  }
  const isTried = token() || answer.status === 403;
  signIn(isTried ? "That did not do: " + (problem.detail ?? "the token is not known.") : null);
  return null;
}
async function read(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    blocks.forEach(take);
  }
}
async function watch() {
  const stop = new AbortController();
  // A connection that was cut without a word brings no error: silence tells.
  const guard = setInterval(() => { if (Date.now() - lastEvent > 6000) stop.abort(); }, 1000);
  let why = null;
  lastEvent = Date.now();
  try {
    const answer = await ask("/status/events", { signal: stop.signal });
    if (answer.ok) {
      $("sign-in").hidden = true;
      await read(answer.body);
    } else {
      why = await reasonOf(answer);
      if (why == null) return;
    }
  } catch {
    // What follows is the same for every way to lose the connection.
  } finally {
    clearInterval(guard);
  }
  refusal = why;
  if (lostAt == null) {
    lostAt = Date.now();
    say($("live"), "Not connected");
  }
  showLost();
  setTimeout(watch, Math.min(1000 + (Date.now() - lostAt) / 10, 10000));
}

makeGraphs();
makeHeads();
setInterval(showLost, 1000);
on(document, "visibilitychange", () => {
  if (!document.hidden && isDirty && told.cluster) draw();
});
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
