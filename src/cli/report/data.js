// The report, ways to write numbers, and which layer is chosen.

const report = JSON.parse(document.getElementById("data").textContent);
const steps = report.graph.steps;
const nodes = report.graph.nodes;
// The profile's row of a step; loops and what did not run have none.
const rows = new Map(report.profile.layers.filter((row) => row.id !== null).map((row) => [row.id, row]));

const byId = (id) => document.getElementById(id);

// An element with text, never markup: names come from models.
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function makeSvg(tag, attributes, ...children) {
  const element = document.createElementNS(byId("svg").namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function digits(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
function timeText(ms) {
  if (ms === null || ms === undefined) return "?";
  if (ms >= 1000) return digits(ms / 1000) + " s";
  return ms >= 1 ? digits(ms) + " ms" : digits(ms * 1000) + " µs";
}
function countText(count) {
  if (count === null || count === undefined) return "?";
  for (const [size, unit] of [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"]])
    if (count >= size) return digits(count / size) + unit;
  return String(count);
}
function bytesText(bytes) {
  if (bytes === null || bytes === undefined) return "?";
  for (const [power, unit] of [[30, " GiB"], [20, " MiB"], [10, " KiB"]])
    if (bytes >= 2 ** power) return digits(bytes / 2 ** power) + unit;
  return bytes + " B";
}
function percentText(part) {
  if (part === null || part === undefined) return "?";
  return (part * 100).toFixed(part < 0.0995 ? 1 : 0) + " %";
}

// "kernel convolution direct 14x2" is of the kind "convolution".
const kKinds = {
  convolution: "convolution", winograd: "Winograd", depthwise: "depthwise", matmul: "matmul", attention: "attention",
  pool: "pool", loops: "loops", copy: "copy", slow: "slow: plain loops or reference", control: "control flow"};
function kindOf(step) {
  if (step.how.startsWith("reference") || step.how.startsWith("kernel plain loops")) return "slow";
  if (!step.how.startsWith("kernel ")) return "control";
  if (step.copy) return "copy";
  const word = step.how.split(" ")[1];
  if (word.startsWith("pool")) return "pool";
  if (word.startsWith("matmul")) return "matmul";
  return word in kKinds ? word : "loops";
}
const kinds = steps.map(kindOf);
function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim(); }

const howText = (step) => step.how.replace(/^kernel /, "");
// A fused layer has the names of all that is in it; the first one tells it from others.
function label(step) {
  const names = step.layer.split(" + "), first = names[0] || howText(step);
  return brief(first) + (names.length > 1 ? ` +${names.length - 1}` : "");
}
// "encoder.layer." where most names begin so: it says nothing in a small place.
const commonStart = (() => {
  const names = steps.map((step) => step.layer).filter((name) => name !== "");
  let best = "";
  for (;;) {
    const counts = new Map();
    for (const name of names) {
      if (!name.startsWith(best)) continue;
      const match = /[./]/.exec(name.slice(best.length + 1));
      if (match === null) continue;
      const start = name.slice(0, best.length + 1 + match.index + 1);
      counts.set(start, (counts.get(start) ?? 0) + 1);
    }
    const [start, count] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? ["", 0];
    if (count < 0.6 * names.length || count < 8) return best;
    best = start;
  }
})();
function brief(name) {
  return commonStart !== "" && name.startsWith(commonStart) ? "…" + name.slice(commonStart.length) : name;
}

// Names of layers begin alike and end alike: what is left out is in the middle.
function shorten(text, length) {
  if (text.length <= length) return text;
  const head = Math.floor((length - 1) * 0.4);
  return text.slice(0, head) + "…" + text.slice(text.length - (length - 1 - head));
}

// What a tool tip says of a step.
function describe(id) {
  const step = steps[id], row = rows.get(id);
  if (!row) return step.layer + "\n" + step.how;
  return `${step.layer}\n${step.how}\n${timeText(row.median_ms)}, at best ${timeText(row.bound_ms)}`;
}

// One layer is chosen at a time, and every view shows it.
let chosen = null;
const views = [];
function choose(id, from) {
  if (id === chosen || id < 0 || id >= steps.length) return;
  chosen = id;
  for (const view of views) view(id, from);
}
// The next layer in the order of execution, for the arrow keys of drawings.
function chooseNext(direction) {
  const start = chosen === null ? (direction > 0 ? -1 : steps.length) : chosen;
  for (let id = start + direction; id >= 0 && id < steps.length; id += direction)
    if (rows.has(id)) return choose(id, null);
}
function arrowKeys(element) {
  element.addEventListener("keydown", (event) => {
    const forward = event.key === "ArrowRight" || event.key === "ArrowDown";
    if (!forward && event.key !== "ArrowLeft" && event.key !== "ArrowUp") return;
    event.preventDefault();
    chooseNext(forward ? 1 : -1);
  });
}

function showTip(event, text) {
  const tip = byId("tip");
  tip.hidden = text === null;
  if (text === null) return;
  tip.textContent = text;
  const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
  const below = event.clientY + 16;
  tip.style.left = Math.max(4, left) + "px";
  tip.style.top = (below + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 10 : below) + "px";
}

// A canvas as wide as its place, sharp on any screen; returns its context in CSS pixels.
function prepareCanvas(canvas, height) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth;
  canvas.style.height = height + "px";
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  return context;
}
// As much of a text as there is room for.
function fitText(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let low = 0, high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(shorten(text, middle)).width <= room) low = middle;
    else high = middle - 1;
  }
  return low > 5 ? shorten(text, low) : "";
}
// 1, 2 or 5 times a power of ten: a step for so many marks over a range.
function niceStep(range, marks) {
  const power = 10 ** Math.floor(Math.log10(range / marks));
  for (const factor of [1, 2, 5, 10]) if (range / (power * factor) <= marks) return power * factor;
  return power * 10;
}
