// One run: a lane of layers, and one for each thread where its part is known.

const kLayerLane = 40, kThreadLane = 14, kAxis = 20, kLeft = 76, kMostLanes = 32;

const timeline = {from: 0, to: 1, lanes: 0, drag: null};

function timelineEvents() { return report.timeline.events; }

function startTimeline() {
  const canvas = byId("timeline"), events = timelineEvents();
  let threads = 0;
  for (const event of events) for (const [worker] of event.workers) threads = Math.max(threads, worker + 1);
  timeline.lanes = Math.min(threads, kMostLanes);
  const used = [...new Set(kinds.filter((kind, id) => rows.has(id)))];
  for (const kind of Object.keys(kKinds)) {
    if (!used.includes(kind)) continue;
    const mark = make("span", {class: "swatch"});
    mark.style.background = `var(--${kind})`;
    byId("legend").append(make("span", {}, mark, kKinds[kind]));
  }
  const tool = (text, title, act) => {
    const button = make("button", {type: "button", title}, text);
    button.addEventListener("click", act);
    byId("timeline-tools").append(button);
  };
  tool("−", "Less magnified", () => zoomTimeline(2));
  tool("+", "Magnified, around the chosen layer", () => zoomTimeline(0.5));
  tool("All", "The whole run", () => showTimeline(0, report.timeline.run_ms));
  const left = report.timeline.steps - events.length;
  byId("timeline-note").textContent =
    "The solid part of a box is what the layer takes at best, the pale part is above that. Threads: from each one's first" +
    " piece of work on a layer to its last, pale where it waited in between. Drag to move, Ctrl and the wheel or + and - to" +
    " magnify, arrow keys to go from layer to layer." + (left > 0 ? ` ${left} later steps are left out.` : "");
  arrowKeys(canvas);
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "+" || event.key === "=") zoomTimeline(0.5);
    else if (event.key === "-") zoomTimeline(2);
    else if (event.key === "0") showTimeline(0, report.timeline.run_ms);
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomTimeline(event.deltaY > 0 ? 1.25 : 0.8, timeAt(event.offsetX));
  }, {passive: false});
  canvas.addEventListener("pointerdown", (event) => {
    timeline.drag = {x: event.offsetX, from: timeline.from, to: timeline.to, moved: false};
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const drag = timeline.drag;
    if (drag !== null && event.buttons) {
      const by = (drag.x - event.offsetX) * (drag.to - drag.from) / (canvas.clientWidth - kLeft);
      if (Math.abs(drag.x - event.offsetX) > 3) drag.moved = true;
      if (drag.moved) showTimeline(drag.from + by, drag.to + by);
      return;
    }
    const hit = eventAt(event.offsetX, event.offsetY);
    showTip(event, hit === null ? null : describe(hit.id));
  });
  canvas.addEventListener("pointerup", (event) => {
    const drag = timeline.drag;
    timeline.drag = null;
    if (drag !== null && drag.moved) return;
    const hit = eventAt(event.offsetX, event.offsetY);
    if (hit !== null) choose(hit.id, "timeline");
  });
  canvas.addEventListener("pointerleave", (event) => showTip(event, null));
  views.push((id, from) => {
    const event = events.find((e) => e.id === id);
    const range = timeline.to - timeline.from;
    if (event && from !== "timeline" && (event.start_ms < timeline.from || event.start_ms + event.ms > timeline.to))
      showTimeline(event.start_ms - range / 2, event.start_ms + range / 2);
    else drawTimeline();
  });
  showTimeline(0, report.timeline.run_ms);
}

function timeAt(x) {
  const width = byId("timeline").clientWidth - kLeft;
  return timeline.from + (x - kLeft) / width * (timeline.to - timeline.from);
}

function showTimeline(from, to) {
  const whole = report.timeline.run_ms, range = Math.min(to - from, whole);
  timeline.from = Math.max(0, Math.min(from, whole - range));
  timeline.to = timeline.from + range;
  drawTimeline();
}

function zoomTimeline(factor, around) {
  const range = timeline.to - timeline.from;
  if (around === undefined) {
    const event = timelineEvents().find((e) => e.id === chosen);
    const middle = event ? event.start_ms + event.ms / 2 : -1;
    around = middle >= timeline.from && middle <= timeline.to ? middle : timeline.from + range / 2;
  }
  const next = Math.max(range * factor, report.timeline.run_ms / 20000);
  const part = (around - timeline.from) / range;
  showTimeline(around - part * next, around + (1 - part) * next);
}

function eventAt(x, y) {
  if (y < kAxis || x < kLeft) return null;
  const at = timeAt(x), slack = (timeline.to - timeline.from) / byId("timeline").clientWidth;
  let best = null;
  for (const event of timelineEvents())
    if (at >= event.start_ms - slack && at <= event.start_ms + event.ms + slack && (best === null || event.ms < best.ms))
      best = event;
  return best;
}

function drawTimeline() {
  const canvas = byId("timeline"), height = kAxis + kLayerLane + 8 + timeline.lanes * (kThreadLane + 2) + 6;
  const context = prepareCanvas(canvas, height), width = canvas.clientWidth - kLeft;
  const {from, to} = timeline, scale = width / (to - from);
  const quiet = colour("quiet"), line = colour("line"), chosenColour = colour("chosen"), surface = colour("surface");
  const colours = Object.fromEntries(Object.keys(kKinds).map((kind) => [kind, colour(kind)]));
  context.strokeStyle = line;
  context.fillStyle = quiet;
  const step = niceStep(to - from, Math.max(2, width / 110));
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
    const x = Math.round(kLeft + (t - from) * scale) + 0.5;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, height);
    context.stroke();
    context.fillText(step >= 1 ? `${Math.round(t)} ms` : `${+(t * 1000).toPrecision(6)} µs`, x + 4, 10);
  }
  const lane = (i) => kAxis + kLayerLane + 8 + i * (kThreadLane + 2);
  context.save();
  context.beginPath();
  context.rect(kLeft, 0, width, height);
  context.clip();
  for (const event of timelineEvents()) {
    if (event.start_ms > to || event.start_ms + event.ms < from) continue;
    const x = kLeft + (event.start_ms - from) * scale, w = Math.max(event.ms * scale, 0.75);
    const own = colours[kinds[event.id]], row = rows.get(event.id);
    context.fillStyle = own;
    context.globalAlpha = 0.38;
    context.fillRect(x, kAxis, w, kLayerLane);
    context.globalAlpha = 1;
    const part = row && row.bound_ms !== null ? Math.min(1, row.bound_ms / row.calls / event.ms) : 0;
    context.fillRect(x, kAxis, Math.max(w * part, Math.min(0.75, w)), kLayerLane);
    for (const [worker, first, last, busy] of event.workers) {
      if (worker >= timeline.lanes) continue;
      const a = kLeft + (first - from) * scale, b = Math.max((last - first) * scale, 0.75);
      context.globalAlpha = 0.35;
      context.fillRect(a, lane(worker), b, kThreadLane);
      context.globalAlpha = 1;
      context.fillRect(a, lane(worker), b * Math.min(1, busy / Math.max(last - first, 1e-9)), kThreadLane);
    }
    if (w > 60) {
      const text = fitText(context, label(steps[event.id]), w - 8);
      const room = context.measureText(text).width;
      if (text !== "") {
        context.globalAlpha = 0.82;
        context.fillStyle = surface;
        context.fillRect(x + 2, kAxis + kLayerLane / 2 - 8, room + 4, 16);
        context.globalAlpha = 1;
        context.fillStyle = colour("text");
        context.fillText(text, x + 4, kAxis + kLayerLane / 2);
      }
    }
  }
  for (const event of timelineEvents()) {  // over all others
    if (event.id !== chosen) continue;
    const x = kLeft + (event.start_ms - from) * scale, w = Math.max(event.ms * scale, 2);
    context.strokeStyle = chosenColour;
    context.lineWidth = 2.5;
    context.strokeRect(x, kAxis - 1, w, height - kAxis - 3);
    context.lineWidth = 1;
  }
  context.restore();
  context.fillStyle = quiet;
  context.fillText("layers", 8, kAxis + kLayerLane / 2);
  for (let i = 0; i < timeline.lanes; ++i) context.fillText(`thread ${i + 1}`, 8, lane(i) + kThreadLane / 2);
}
