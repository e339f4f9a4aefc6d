// The table of layers.

// key: what it sorts by; fill: what it shows.
function meter(part, kind) {
  const inner = make("i", {});
  inner.style.width = Math.max(0, Math.min(1, part)) * 100 + "%";
  return make("span", {class: "meter " + kind, "aria-hidden": "true"}, inner);
}
function swatch(id) {
  const mark = make("span", {class: "swatch"});
  mark.style.background = `var(--${kinds[id]})`;
  return mark;
}
function macsText(row) {
  if (row.macs === null) return "?";
  if (row.macs === 0) return "–";
  return row.multiplications === row.macs ? countText(row.macs)
                                          : `${countText(row.macs)} → ${countText(row.multiplications)}`;
}

function columns(mostGain) {
  return [
    {title: "Step", key: (r) => r.id, fill: (r) => [String(r.id)], first: 1},
    {title: "Layer", text: "name", key: (r) => r.layer, fill: (r) => [swatch(r.id), shorten(label(steps[r.id]), 31)],
     hint: "The first of its names and how many more were fused with it", full: (r) => r.layer, first: 1},
    {title: "How", text: "how", key: (r) => r.how, fill: (r) => [howText(r) + (r.calls > 1 ? ` ×${r.calls}` : "")],
     first: 1},
    {title: "Time", key: (r) => r.median_ms, fill: (r) => [timeText(r.median_ms)],
     hint: "Median of the runs"},
    {title: "%", hint: "Share of the time of all", key: (r) => r.share, fill: (r) => [(r.share * 100).toFixed(1)]},
    {title: "At best", key: (r) => r.bound_ms ?? -1, fill: (r) => [timeText(r.bound_ms)],
     hint: "The least time by the machine's peaks"},
    {title: "Gain", key: (r) => r.gain_ms ?? -1, hint: "Time above the least one",
     fill: (r) => [timeText(r.gain_ms), meter((r.gain_ms ?? 0) / mostGain, "gain")]},
    {title: "Of peak", key: (r) => r.fraction ?? -1, hint: "The least time, over the time",
     fill: (r) => [percentText(r.fraction), meter(r.fraction ?? 0, "")]},
    {title: "by", text: "", key: (r) => r.bound_by ?? "", first: 1, hint: "What the least time is bound by",
     fill: (r) => [r.bound_by === "macs" ? "MACs" : r.bound_by ?? "?"]},
    {title: "MACs", key: (r) => r.macs ?? -1, fill: (r) => [macsText(r)],
     hint: "Multiply-adds of the direct form → what the kernel does of them"},
    {title: "Bytes", key: (r) => r.bytes ?? -1, fill: (r) => [bytesText(r.bytes)], hint: "Read and written at least"},
  ];
}

function startTable() {
  const list = report.profile.layers.filter((row) => row.id !== null);
  const mostGain = Math.max(1e-9, ...list.map((row) => row.gain_ms ?? 0));
  const all = columns(mostGain);
  const body = byId("layers").tBodies[0], head = make("tr");
  let sorted = all.findIndex((c) => c.title === "Gain"), direction = -1;
  const elements = new Map();
  for (const row of list) {
    const line = make("tr", {"data-id": row.id, tabindex: -1});
    for (const column of all) {
      const kind = column.text === undefined ? "" : "text " + column.text;
      const cell = make("td", {class: kind}, ...column.fill(row));
      if (column.text) cell.title = column.full ? column.full(row) : cell.textContent;
      line.append(cell);
    }
    elements.set(row.id, line);
  }
  const titles = all.map((column, i) => {
    const button = make("button", {type: "button"}, column.title);
    if (column.hint) button.title = column.hint;
    const cell = make("th", {scope: "col", class: column.text === undefined ? "" : "text"}, button);
    button.addEventListener("click", () => {
      direction = sorted === i ? -direction : column.first ?? -1;
      sorted = i;
      fill();
    });
    head.append(cell);
    return cell;
  });
  byId("layers").tHead.append(head);

  function fill() {
    const wanted = byId("filter").value.trim().toLowerCase();
    const key = all[sorted].key;
    const compare = (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a.id - b.id);
    const shown = list.filter((row) => !wanted || (row.layer + " " + row.how).toLowerCase().includes(wanted))
      .sort((a, b) => direction * compare(a, b));
    body.replaceChildren(...shown.map((row) => elements.get(row.id)));
    titles.forEach((cell, i) => {
      if (i === sorted) cell.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      else cell.removeAttribute("aria-sort");
    });
    if (shown.length > 0 && !shown.some((row) => row.id === chosen)) elements.get(shown[0].id).tabIndex = 0;
    byId("table-note").textContent =
      (shown.length === list.length ? `${list.length} layers.` : `${shown.length} of ${list.length} layers.`) +
      " Gain is the time above the bound: multiplications at the peak of the threads used, or bytes at the rate at which" +
      " a working set of that size can be read, whichever takes longer. Choose a layer by click or arrow keys.";
  }
  body.addEventListener("click", (event) => {
    const line = event.target.closest("tr");
    if (line) choose(Number(line.dataset.id), "table");
  });
  body.addEventListener("keydown", (event) => {
    const line = event.target.closest("tr");
    const target = {ArrowDown: line.nextElementSibling, ArrowUp: line.previousElementSibling,
                    Home: body.firstElementChild, End: body.lastElementChild, Enter: line}[event.key];
    if (!target) return;
    event.preventDefault();
    target.focus();
    choose(Number(target.dataset.id), "table");
  });
  byId("filter").addEventListener("input", fill);
  views.push((id, from) => {
    for (const line of body.querySelectorAll("tr.chosen, tr[tabindex='0']")) {
      line.classList.remove("chosen");
      line.tabIndex = -1;
    }
    const line = elements.get(id);
    if (!line) return;
    line.classList.add("chosen");
    line.tabIndex = 0;
    const pane = byId("table-pane");
    if (from !== "table" && line.isConnected)
      pane.scrollTop = line.offsetTop - pane.clientHeight / 2;
  });
  fill();
  return list.length > 0 ? body.rows[0] && Number(body.rows[0].dataset.id) : null;
}
