"use strict";
// Elements. Text of others gets into the document as text only.
const SVG = "http://www.w3.org/2000/svg";
const $ = (id) => document.getElementById(id);
const on = (node, event, act) => node.addEventListener(event, act);
const set = (node, key, value) => node.setAttribute(key, value);
const css = (node, key, value) => node.style.setProperty(key, value);
function furnish(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) set(node, key, value);
  node.append(...children);
  return node;
}
function el(name, attributes = {}, ...children) {
  return furnish(document.createElement(name), attributes, children);
}
function svg(name, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, name), attributes, children);
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
  if (ms >= 1000) return (ms / 1000).toFixed(1) + " s";
  return (ms < 10 ? ms.toFixed(1) : Math.round(ms)) + " ms";
}
const percent = (part) => (part * 100).toFixed(part > 0 && part < 0.9995 ? 1 : 0) + "%";
const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");
function ago(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return seconds + " s";
  if (seconds < 5400) return Math.round(seconds / 60) + " min";
  if (seconds < 129600) return Math.round(seconds / 3600) + " h";
  return Math.round(seconds / 86400) + " days";
}
const some = (n, what) => count(n) + " " + what + (n === 1 ? "" : "s");
