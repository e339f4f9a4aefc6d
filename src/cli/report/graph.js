// Both graphs: nodes as they came to the fuser, and the steps that they became.

// Which step does a node's work; views and joined concats have none.
function stepsOfNodes() {
  const owner = new Array(nodes.length).fill(-1);
  steps.forEach((step, id) => step.nodes.forEach((n) => { owner[n] = id; }));
  return owner;
}

// box: {title, second, kind, id, from, input}
function drawGraph(pane, tools, boxes) {
  const layout = layOut(boxes);
  const margin = 10, width = layout.width + 2 * margin, height = layout.height + margin;
  const svg = makeSvg("svg", {viewBox: `${-margin} 0 ${width} ${height}`, width, height});
  const edges = [], groups = [];
  for (const edge of layout.edges) {
    const path = makeSvg("path", {class: "edge", d: edgePath(edge.points)});
    edges.push({path, from: edge.from, to: edge.to});
    svg.append(path);
  }
  boxes.forEach((box, i) => {
    const x = layout.nodes[i].x - kNodeWidth / 2, y = layout.nodes[i].rank * kRankHeight + 4;
    const stroke = box.kind === null ? "var(--quiet)" : `var(--${box.kind})`;
    const frame = {x, y, width: kNodeWidth, height: kNodeHeight, rx: 5};
    const outline = makeSvg("rect", {...frame, class: "edge-box"});
    outline.style.stroke = stroke;
    const tint = makeSvg("rect", {...frame, class: "tint"});
    tint.style.fill = stroke;
    const group = makeSvg(
      "g", {class: box.input ? "node input" : "node"}, makeSvg("title", {}, box.hint), outline, tint,
      makeSvg("text", {x: x + 7, y: y + 14}, box.title),
      makeSvg("text", {x: x + 7, y: y + 27, class: "second"}, box.second));
    if (box.id >= 0) group.addEventListener("click", () => choose(box.id, pane.id));
    svg.append(group);
    groups.push(group);
  });
  pane.append(svg);
  if (height > 3000) pane.closest("section").classList.add("tall");  // more than paper has room for

  let scale = Math.min(1, Math.max(0.8, (pane.clientWidth - 4) / width));
  const zoom = (factor) => {
    const middle = (pane.scrollTop + pane.clientHeight / 2) / pane.scrollHeight;
    scale = Math.min(2, Math.max(0.1, scale * factor));
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
    pane.scrollTop = middle * pane.scrollHeight - pane.clientHeight / 2;
  };
  for (const [text, title, factor] of [["−", "Smaller", 0.8], ["+", "Larger", 1.25]]) {
    const button = make("button", {type: "button", title}, text);
    button.addEventListener("click", () => zoom(factor));
    tools.append(button);
  }
  const fit = make("button", {type: "button", title: "As wide as its place"}, "Fit");
  fit.addEventListener("click", () => zoom((pane.clientWidth - 20) / width / scale));
  tools.append(fit);
  zoom(1);
  pane.scrollTop = 0;
  pane.scrollLeft = Math.max(0, (width * scale - pane.clientWidth) / 2);
  arrowKeys(pane);
  views.push((id, from) => {
    const own = new Set();
    boxes.forEach((box, i) => {
      groups[i].classList.toggle("chosen", box.id === id);
      if (box.id === id) own.add(i);
    });
    for (const edge of edges) edge.path.classList.toggle("chosen", own.has(edge.from) || own.has(edge.to));
    const first = Math.min(...own);
    if (from === pane.id || own.size === 0) return;
    const place = layout.nodes[first];
    pane.scrollTop = (place.rank * kRankHeight + kNodeHeight) * scale - pane.clientHeight / 2;
    pane.scrollLeft = (place.x + margin) * scale - pane.clientWidth / 2;
  });
}

function inputBoxes() {
  return report.graph.inputs.map((input) => ({
    title: shorten(input.name, 28), second: input.type.slice(0, 30), hint: `${input.name}: ${input.type}`, kind: null,
    id: -1, from: [], input: true}));
}

function startGraphs() {
  const owner = stepsOfNodes(), inputs = inputBoxes();
  const shift = (numbers) => numbers.map((f) => (f < 0 ? -1 - f : f + inputs.length))
    .filter((f) => f < inputs.length + Math.max(nodes.length, steps.length));
  // What begins a body hangs below its loop or branch.
  const parents = (from, inside) => (from.length === 0 && inside !== undefined && inside !== null ? [inside] : from);
  const before = inputs.concat(nodes.map((node, i) => ({
    title: node.op, second: shorten(brief(node.layer.split(" + ")[0] || node.value), 26), hint:
      `${node.op}: ${node.type}\n${node.layer}` + (owner[i] < 0 ? "\nneeds no step of its own" : ""),
    kind: owner[i] < 0 ? null : kinds[owner[i]], id: owner[i],
    from: shift(parents(node.from, node.inside))})));
  const after = inputs.concat(steps.map((step, id) => ({
    title: shorten(label(step), 26),
    second: (rows.has(id) ? timeText(rows.get(id).median_ms) + "  " : "") + howText(step),
    hint: describe(id) + (step.nodes.length > 1 ? `\n${step.nodes.length} nodes: ` +
      step.nodes.map((n) => nodes[n].op).join(", ") : ""),
    kind: kinds[id], id, from: shift(parents(step.from, step.inside))})));
  for (const box of after) box.second = box.second.length > 28 ? box.second.slice(0, 27) + "…" : box.second;
  byId("before-title").textContent = `Before: ${nodes.length} nodes`;
  byId("after-title").textContent = `After: ${steps.length} steps`;
  const free = owner.filter((id) => id < 0).length;
  byId("graph-note").textContent =
    "As it was after simplifying, without constants, and as it runs. A node has the colour of the kernel that does its work;" +
    (free > 0 ? ` ${free} need none: they only read memory in another way.` : " every node has one.");
  drawGraph(byId("before"), byId("before-tools"), before);
  drawGraph(byId("after"), byId("after-tools"), after);
}
