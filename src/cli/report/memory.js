// The arena: every buffer a box from its first step to its last, at its offset.

const kMemoryHeight = 320, kLiveHeight = 56, kMemoryLeft = 76;

function memoryPlace() {
  const canvas = byId("memory"), memory = report.memory;
  const top = kLiveHeight + 30, bottom = kMemoryHeight - 22;
  const column = (canvas.clientWidth - kMemoryLeft - 8) / Math.max(1, memory.steps);
  return {
    top, bottom, column,
    x: (step) => kMemoryLeft + step * column,
    y: (offset) => bottom - offset / Math.max(1, memory.bytes) * (bottom - top),
  };
}

// Bytes that are live at each step.
function liveBytes() {
  const live = new Array(Math.max(1, report.memory.steps)).fill(0);
  for (const b of report.memory.buffers) for (let s = b.first; s <= b.last && s < live.length; ++s) live[s] += b.bytes;
  return live;
}

function bufferAt(x, y) {
  const place = memoryPlace();
  return report.memory.buffers.find((b) => x >= place.x(b.first) && x <= place.x(b.last + 1) &&
                                           y <= place.y(b.offset) && y >= place.y(b.offset + b.bytes)) ?? null;
}

function startMemory() {
  const canvas = byId("memory"), memory = report.memory;
  if (memory.buffers.length === 0) {
    byId("memory-note").textContent = "Nothing lies in the arena between the layers.";
    canvas.hidden = true;
    return;
  }
  const peak = steps[memory.peak.step];
  byId("memory-note").textContent =
    `Each box is a buffer: to the right the steps in which it is live, upwards where it lies in the ${bytesText(memory.bytes)}` +
    ` of the arena. The most that is live at once is ${bytesText(memory.peak.bytes)}, at step ${memory.peak.step}` +
    (peak ? ` (${peak.layer})` : "") + "." +
    (memory.context_bytes > memory.bytes
      ? ` Bodies of loops and branches have ${bytesText(memory.context_bytes - memory.bytes)} of their own.` : "");
  arrowKeys(canvas);
  canvas.addEventListener("pointermove", (event) => {
    const buffer = bufferAt(event.offsetX, event.offsetY);
    showTip(event, buffer === null ? null
      : `${buffer.values.join(", ")}\n${bytesText(buffer.bytes)} at ${bytesText(buffer.offset)}, ` +
        `steps ${buffer.first} to ${buffer.last}`);
  });
  canvas.addEventListener("pointerleave", (event) => showTip(event, null));
  canvas.addEventListener("click", (event) => {
    const buffer = bufferAt(event.offsetX, event.offsetY);
    if (buffer !== null) return choose(buffer.steps[0] ?? buffer.first, "memory");
    const step = Math.floor((event.offsetX - kMemoryLeft) / memoryPlace().column);
    if (step >= 0 && step < memory.steps) choose(step, "memory");
  });
  views.push(drawMemory);
  drawMemory();
}

function drawMemory() {
  const canvas = byId("memory"), memory = report.memory;
  if (memory.buffers.length === 0) return;
  const context = prepareCanvas(canvas, kMemoryHeight), width = canvas.clientWidth;
  const place = memoryPlace(), quiet = colour("quiet"), line = colour("line"), mark = colour("chosen");
  const colours = Object.fromEntries(Object.keys(kKinds).map((kind) => [kind, colour(kind)]));
  const peak = memory.peak.step;

  // What is live, above.
  const live = liveBytes(), base = kLiveHeight + 12, high = kLiveHeight - 10;
  context.fillStyle = colour("track");
  context.beginPath();
  context.moveTo(place.x(0), base);
  live.forEach((bytes, s) => {
    const y = base - bytes / Math.max(1, memory.peak.bytes) * high;
    context.lineTo(place.x(s), y);
    context.lineTo(place.x(s + 1), y);
  });
  context.lineTo(place.x(live.length), base);
  context.fill();
  context.fillStyle = quiet;
  context.fillText("live", 8, base - high / 2);
  context.fillText("arena", 8, place.top + 8);
  context.fillText(bytesText(memory.bytes), 8, place.top + 22);
  context.fillText("0", 8, place.bottom - 6);
  context.fillText("step", 8, kMemoryHeight - 10);
  const every = Math.max(1, niceStep(memory.steps, width / 70));
  for (let s = 0; s < memory.steps; s += every) context.fillText(String(s), place.x(s), kMemoryHeight - 10);

  context.strokeStyle = line;
  context.strokeRect(kMemoryLeft + 0.5, place.top + 0.5, place.column * memory.steps - 1, place.bottom - place.top);
  for (const buffer of memory.buffers) {
    const x = place.x(buffer.first), y = place.y(buffer.offset + buffer.bytes);
    const w = place.x(buffer.last + 1) - x, h = Math.max(1, place.y(buffer.offset) - y);
    const atPeak = buffer.first <= peak && peak <= buffer.last;
    context.fillStyle = colours[kinds[buffer.steps[0] ?? buffer.first]] ?? quiet;
    context.globalAlpha = atPeak ? 0.85 : 0.4;
    context.fillRect(x, y, w, h);
    context.globalAlpha = 1;
    context.strokeStyle = colour("surface");
    if (w > 2 && h > 2) context.strokeRect(x + 0.5, y + 0.5, w - 1, h - 1);
    if (w > 60 && h > 13) {
      const text = fitText(context, brief(buffer.values[0] ?? ""), w - 8);
      if (text !== "") {
        context.fillStyle = colour("text");
        context.fillText(text, x + 4, y + Math.min(h / 2, 12));
      }
    }
  }
  // The largest live set.
  const px = place.x(peak + 0.5);
  context.strokeStyle = context.fillStyle = colour("text");
  context.setLineDash([4, 3]);
  context.beginPath();
  context.moveTo(px, 12);
  context.lineTo(px, place.bottom);
  context.stroke();
  context.setLineDash([]);
  const label = `largest live set: ${bytesText(memory.peak.bytes)}`, room = context.measureText(label).width;
  context.fillText(label, px + room + 10 > width ? px - room - 6 : px + 6, 8);
  // The chosen step and its buffers.
  if (chosen === null || steps[chosen].program !== 0) return;
  context.strokeStyle = mark;
  context.lineWidth = 2;
  const cx = place.x(steps[chosen].step);
  context.strokeRect(cx, place.top - 2, Math.max(2, place.column), place.bottom - place.top + 4);
  for (const buffer of memory.buffers) {
    if (!buffer.steps.includes(chosen)) continue;
    const x = place.x(buffer.first), y = place.y(buffer.offset + buffer.bytes);
    context.strokeRect(x, y, place.x(buffer.last + 1) - x, Math.max(2, place.y(buffer.offset) - y));
  }
  context.lineWidth = 1;
}
