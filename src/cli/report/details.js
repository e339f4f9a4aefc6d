// What is known of the chosen layer, and of the run as a whole.

// Decisions speak of layers by name: the step's own, or that of a node in it.
function decisionsOf(id) {
  const step = steps[id];
  const names = new Set([step.layer, ...step.nodes.map((n) => nodes[n].layer)]);
  return report.decisions.filter((d) => d.node && names.has(d.node));
}

function pairs(list) {
  const element = make("dl");
  for (const [name, value] of list) if (value !== null) element.append(make("dt", {}, name), make("dd", {}, value));
  return element;
}

function tacticTable(row) {
  const measured = row.estimate_measured;
  const table = make("table", {}, make("tr", {}, make("th", {class: "text"}, "Way"),
                                       make("th", {}, measured ? "Time" : "Estimate")));
  const add = (name, ms, isMeasured, won) => table.append(make(
    "tr", {}, make("td", {class: "text"}, ...(won ? [make("strong", {}, name)] : [name])),
    make("td", {}, timeText(ms) + (measured && !isMeasured ? " (estimated)" : ""))));
  add(row.tactic + " (taken)", row.estimate_ms, measured, true);
  for (const loser of row.losers) add(loser.tactic, loser.ms, loser.measured, false);
  return table;
}

function valueList(title, values) {
  if (values.length === 0) return [];
  const list = make("ul");
  for (const value of values) list.append(make("li", {class: "code"}, `${value.name}: ${value.type}`));
  return [make("h3", {}, title), list];
}

function nodeList(step) {
  const list = make("ul");
  for (const n of step.nodes) {
    const node = nodes[n];
    list.append(make("li", {}, make("code", {}, node.op), node.layer ? " " + node.layer : ""));
  }
  return list;
}

function showDetails(id) {
  const step = steps[id], row = rows.get(id), pane = byId("details");
  const mark = swatch(id);
  pane.replaceChildren(make("h2", {}, mark, make("span", {}, step.layer || "(without a name)")));
  const bound = row && row.bound_ms !== null
    ? `${timeText(row.bound_ms)}, ${percentText(row.fraction)} of the time; by ` +
      (row.bound_by === "macs" ? "arithmetic" : "the bytes moved") : null;
  pane.append(pairs([
    ["How", step.how + (step.copy ? " (a copy that was put in)" : "")],
    ["Step", `${step.step}` + (step.program > 0 ? ` of body ${step.program}` : "")],
    ["Time", row ? `${timeText(row.median_ms)} median, ${timeText(row.mean_ms)} mean, ${percentText(row.share)} of all` +
      (row.calls > 1 ? `, ${row.calls} calls` : "") : "did not run, or has its time in the layers inside"],
    ["At best", bound],
    ["To gain", row && row.gain_ms !== null ? timeText(row.gain_ms) : null],
    ["MACs", row && row.macs ? `${row.macs.toLocaleString("en")} of the direct form` +
      (row.multiplications !== row.macs ? `, ${row.multiplications.toLocaleString("en")} done` : "") : null],
    ["Bytes", row && row.bytes !== null ? `${row.bytes.toLocaleString("en")} (${bytesText(row.bytes)})` : null],
    ["Intensity", row && row.macs && row.bytes ? digits(row.macs / row.bytes) + " MACs a byte" : null],
    ["Rate", row && row.macs && row.median_ms > 0
      ? `${countText(row.macs / row.median_ms * 1e3)}MAC/s, direct form` : null],
  ]));
  if (step.nodes.length > 0)
    pane.append(make("h3", {}, step.nodes.length === 1 ? "Its node" : `${step.nodes.length} nodes in one`), nodeList(step));
  if (row && row.tactic && row.estimate_ms !== null) {
    pane.append(make("h3", {}, "Ways to run it"), tacticTable(row));
    if (row.why) pane.append(make("p", {class: "quiet"}, row.why));
  }
  pane.append(...valueList("Reads", step.in), ...valueList("Writes", step.out));
  const decisions = decisionsOf(id);
  if (decisions.length === 0) return;
  const list = make("ul");
  for (const d of decisions) {
    const item = make("li", {}, make("code", {}, d.id), " " + d.what);
    if (d.why) item.append(make("div", {class: "quiet"}, "because " + d.why));
    if (d.remedy) item.append(make("div", {}, d.remedy));
    list.append(item);
  }
  pane.append(make("h3", {}, "Decisions"), list);
}

function number(title, value, more) {
  return make("div", {}, make("dt", {}, title), make("dd", {}, value, make("small", {}, more)));
}

function showSummary() {
  const p = report.profile, latency = report.latency_ms, machine = report.machine;
  const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
  document.title = report.model + ": where the time goes";
  byId("title").textContent = report.model;
  const sizes = Object.entries(report.symbols).map(([name, size]) => `${name} = ${size}`);
  byId("setting").textContent = [`batch ${report.batch}`, ...sizes, report.isa, plural(report.threads, "thread"),
                                 `${report.runs} runs`].join(" · ");
  const macs = p.macs > 0 ? countText(p.macs) : "none";
  byId("numbers").append(
    number("Latency, median", timeText(latency.median), `${timeText(latency.min)} to ${timeText(latency.p99)} (p99)`),
    number("Sum of the layers", timeText(p.total_ms), `${p.layers.length} layers, ${p.runs} profiled runs`),
    number("At the machine's peaks", timeText(p.bound_ms), `${percentText(p.bound_ms / p.total_ms)} of the sum`),
    number("Multiply-adds", macs,
           p.multiplications < p.macs ? `${countText(p.multiplications)} are done` : "of the direct form"),
    number("Bytes moved", bytesText(p.bytes), "by the layers, at least"),
    number("Memory", bytesText(report.memory.context_bytes), `and ${bytesText(report.weight_bytes)} of weights`));
  const gains = p.layers.map((row) => row.gain_ms ?? 0).sort((a, b) => b - a);
  const sum = gains.reduce((a, b) => a + b, 0), few = Math.min(5, gains.length);
  const head = gains.slice(0, few).reduce((a, b) => a + b, 0);
  byId("verdict").textContent = sum > 0
    ? `${timeText(sum)} lie above what the peaks allow; ${few === 1 ? "the first layer" : `the first ${few} layers`} of` +
      ` the table hold${few === 1 ? "s" : ""} ${percentText(head / sum)} of it.` : "No bound is known of any layer.";
  const slow = kinds.filter((kind) => kind === "slow").length;
  if (slow > 0) byId("verdict").textContent += ` ${plural(slow, "layer")} run as plain loops or references, which are slow.`;
  byId("machine").textContent = machine.macs_per_second > 0
    ? `Peaks, measured in ${digits(machine.measured_ms)} ms beside the run on ${machine.processor || "this processor"}, ` +
      `${plural(machine.threads, "thread")}: ${countText(machine.macs_per_second)} multiply-adds a second in registers of ` +
      `${machine.vector_bits} bits; reads ` +
      machine.reading.map((r) => `${(r.bytes_per_second / 1e9).toFixed(0)} GB/s of ${bytesText(r.bytes)}`).join(", ") + "."
    : "The peaks of this processor were not measured.";
  if (latency.p90 > 1.3 * latency.min)
    byId("machine").textContent += " The runs differ much, as they do when something else uses the processor.";
}
