// Puts the page together, and the colours that are wanted: #dark and #light choose them, #layer=NUMBER a layer.

function setTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").textContent = "Theme: " + theme;
  redraw();
}
function redraw() {
  drawTimeline();
  drawMemory();
}

function start() {
  const words = location.hash.slice(1).split("&");
  const theme = words.find((word) => word === "dark" || word === "light");
  if (theme) document.documentElement.dataset.theme = theme;
  showSummary();
  views.push(showDetails);
  const first = startTable();
  startTimeline();
  startMemory();
  startGraphs();
  setTheme(theme ?? "system");
  byId("theme").addEventListener("click", () => {
    const order = ["system", "light", "dark"];
    const now = document.documentElement.dataset.theme ?? "system";
    setTheme(order[(order.indexOf(now) + 1) % order.length]);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new ResizeObserver(redraw).observe(byId("timeline").parentElement);
  // Paper is white.
  let screen = null;
  addEventListener("beforeprint", () => {
    screen = document.documentElement.dataset.theme ?? "system";
    setTheme("light");
  });
  addEventListener("afterprint", () => setTheme(screen ?? "system"));
  const wanted = words.map((word) => /^layer=(\d+)$/.exec(word)).find((match) => match);
  const id = wanted ? Number(wanted[1]) : first;
  if (id !== null && id !== undefined) choose(id, null);
  document.documentElement.dataset.ready = "yes";
}
