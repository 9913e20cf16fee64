// How the cluster is, and who leads it.
const words = {
  healthy: "Healthy", changing: "Changing", degraded: "Degraded", starting: "Starting",
};
function drawHeadline() {
  const cluster = told.cluster;
  const state = cluster.state in words ? cluster.state : "starting";
  document.querySelector(".headline").className = "headline " + state;
  set($("mark"), "href", "#i-" + state);
  if ($("state").textContent !== words[state]) {
    say($("live"), words[state] + ": " + cluster.reason);
  }
  say($("state"), words[state]);
  say($("reason"), plain(cluster.reason));
  say($("notice"), plain(cluster.notice ?? ""));
  $("notice").hidden = !cluster.notice;
  say($("version"), cluster.version + " · epoch " + cluster.epoch);
  $("version").title = "ring digest " + cluster.digest;
  document.title = (state === "healthy" ? "" : words[state] + " · ") + "ScaledStorage";
  drawLead(cluster);
}
// Of one gateway alone nobody asks whether it leads.
function drawLead(cluster) {
  const lead = $("lead"), leader = cluster.leads ? null : cluster.leader;
  lead.hidden = !cluster.shared;
  lead.className = "lead" + (cluster.leads || leader ? "" : " none");
  const text = cluster.leads ? "this gateway leads" : leader ? "led by " : "no gateway leads";
  if (lead.dataset.told === text + leader) return;
  lead.dataset.told = text + leader;
  lead.replaceChildren(text);
  if (leader) lead.append(el("a", { href: location.protocol + "//" + leader + "/" }, leader));
}
