// Looking a key up.
async function find(isAgain) {
  const key = isAgain ? located?.key : $("key").value;
  if (!key) return;
  const found = $("found");
  try {
    const answer = await ask("/locate/" + encodeURIComponent(key));
    const place = await answer.json();
    if (!answer.ok) throw new Error(place.detail ?? "the gateway answered " + answer.status);
    located = { key, epoch: place.epoch };
    found.className = "found";
    const where = place.number == null ? place.owner : "node " + place.number;
    found.replaceChildren(
      el("b", {}, place.key), " lives at ", el("b", {}, where),
      place.address ? " (" + place.address + "). " : ". ", place.why);
    if (!nodes.has(place.owner)) return;
    chosen = place.owner;
    hovered = null;
    drawRing();
    drawRows();
  } catch (error) {
    located = null;
    found.className = "found wrong";
    found.textContent = "Not found: " + error.message;
  }
}
