"""The page of bench --html in a browser without a screen: it draws everything, complains of nothing, shows what is chosen.

Chromium is Debian's; it is installed where that is possible, and else the test is skipped. Screenshots are kept where
BURNISH_SCREENSHOTS names a folder.
"""

import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

PROGRAM = os.environ.get("BURNISH_PROGRAM", "build/burnish")
PNG = b"\x89PNG\r\n\x1a\n"


def browser():
    """The browser's path, or None and why there is none."""
    if found := shutil.which("chromium"):
        return found, ""
    install = ["apt-get", "install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"]
    if os.geteuid() != 0:
        install = ["sudo", "-n", *install]
    try:
        done = subprocess.run(install, capture_output=True, text=True, timeout=1200, check=False,
                              env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"chromium cannot be installed: {error}"
    if found := shutil.which("chromium"):
        return found, ""
    return None, "chromium cannot be installed: " + done.stderr.strip()[-300:]


CHROMIUM, WHY_NOT = browser()

# What a user does, at the end of the page; what came of it is left in an attribute.
ACTIONS = """<script>
const seen = {};
const rowsShown = () => [...document.querySelectorAll("#layers tbody tr")].map((row) => Number(row.dataset.id));
const press = (element, key) => element.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
const at = (canvas, type, x, y) => {
  const box = canvas.getBoundingClientRect();
  canvas.dispatchEvent(new PointerEvent(type, {clientX: box.left + x, clientY: box.top + y, bubbles: true}));
};
seen.byGain = rowsShown();
document.querySelectorAll("#layers tbody tr")[2].click();
seen.clicked = chosen;
press(document.querySelector("#layers tr.chosen"), "ArrowDown");
seen.down = chosen;
document.querySelector("#layers th button").click();
seen.byStep = rowsShown();
byId("filter").value = "layer two";
byId("filter").dispatchEvent(new Event("input"));
seen.filtered = rowsShown();
choose(0, null);
press(byId("timeline"), "ArrowRight");
seen.next = chosen;
const last = report.timeline.events.at(-1);
showTimeline(last.start_ms, last.start_ms + last.ms);
at(byId("timeline"), "pointerup", 400, 40);
seen.timeline = chosen;
const buffer = report.memory.buffers[0], place = memoryPlace();
at(byId("memory"), "click", place.x(buffer.first) + 1, place.y(buffer.offset + buffer.bytes / 2));
seen.memory = chosen;
document.querySelectorAll("#after g.node:not(.input)")[1].dispatchEvent(new MouseEvent("click", {bubbles: true}));
seen.graph = chosen;
byId("theme").click();
seen.theme = document.documentElement.dataset.theme;
document.documentElement.dataset.seen = JSON.stringify(seen);
</script>
"""


def deep_model(layers: int) -> str:
    """A network of so many layers that nothing fuses, with a branch that is joined again every tenth."""
    lines = ["graph @main(%x: f32[8,64]) {"]
    last, early = "x", "x"
    for i in range(layers):
        name = f"v{i}"
        if i % 10 == 9:
            lines.append(f'  %{name}: f32[8,64] = add(%{last}, %{early}) from "block.{i // 10}.join"')
            early = name
        else:
            lines.append(f'  %{name}: f32[8,64] = softmax(%{last}) from "block.{i // 10}.softmax.{i % 10}"')
        last = name
    text = "\n".join(lines) + f"\n  return %{last}\n}}\n"
    return text.replace("add", "add")


@unittest.skipIf(CHROMIUM is None, WHY_NOT)
class Page(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="burnish-page-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def bench(self, model, *more) -> dict:
        done = subprocess.run([PROGRAM, "bench", str(model), "--html", str(self.folder / "page.html"), "--json",
                               "--duration", "0.2", "--threads", "2", *more], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def chromium(self, words: str, *more) -> str:
        """What the browser prints; it must not complain of the page."""
        done = subprocess.run(
            [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
             "--virtual-time-budget=20000", f"--user-data-dir={self.folder / 'profile'}", *more,
             (self.folder / "page.html").as_uri() + words],
            capture_output=True, text=True, errors="replace", timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        self.assertEqual(complaints, [])
        return done.stdout

    def screenshot(self, words: str, name: str) -> bytes:
        file = self.folder / "shot.png"
        self.chromium(words, "--window-size=1500,2250", f"--screenshot={file}")
        picture = file.read_bytes()
        self.assertTrue(picture.startswith(PNG))
        self.assertGreater(len(picture), 20_000)  # an empty page has some 5,000
        if kept := os.environ.get("BURNISH_SCREENSHOTS"):
            pathlib.Path(kept, name).write_bytes(picture)
        return picture

    def check(self, report: dict, chosen: int) -> None:
        page = self.chromium(f"#layer={chosen}", "--dump-dom")
        self.assertIn('data-ready="yes"', page)
        rows = [layer for layer in report["profile"]["layers"] if layer["id"] is not None]
        self.assertEqual(len(re.findall(r"<tr data-id=", page)), len(rows))
        graph = report["graph"]
        boxes = 2 * len(graph["inputs"]) + len(graph["nodes"]) + len(graph["steps"])
        self.assertEqual(len(re.findall(r'<g class="node', page)), boxes)
        self.assertIn(html.escape(f"Before: {len(graph['nodes'])} nodes"), page)
        self.assertIn(f"After: {len(graph['steps'])} steps", page)
        self.assertRegex(page, rf'<tr data-id="{chosen}"[^>]* class="chosen">')
        step = graph["steps"][chosen]
        self.assertEqual(len(re.findall(r'<g class="node chosen', page)), 1 + len(step["nodes"]))
        details = page[page.index('<aside id="details"'):page.index("</aside>")]
        self.assertIn(html.escape(step["layer"], quote=False), details)
        self.assertIn("largest live set", page)  # the canvas is drawn by a script that is in the page
        self.assertNotIn("NaN", page[:page.index('<script type="application/json"')])

    def test_network(self) -> None:
        model = self.folder / "m.onnx"
        subprocess.run([PROGRAM, "zoo", "mobilenet_v1", "-o", model, "--quiet"], check=True)
        report = self.bench(model)
        self.check(report, 3)
        light, dark = self.screenshot("#light", "network_light.png"), self.screenshot("#dark", "network_dark.png")
        self.assertNotEqual(light, dark)

    def test_a_thousand_layers(self) -> None:
        model = self.folder / "m.txt"
        model.write_text(deep_model(1000), encoding="utf-8")
        report = self.bench(model)
        self.assertGreaterEqual(len(report["profile"]["layers"]), 900)
        self.check(report, 500)
        self.screenshot("#layer=500", "thousand.png")

    def test_actions(self) -> None:
        model = self.folder / "m.txt"
        model.write_text("graph @main(%x: f32[64,256]) {\n  %a: f32[64,256] = softmax(%x) from \"layer one\"\n"
                         "  %b: f32[64,256] = softmax(%a) from \"layer two\"\n  %c: f32[64,256] = softmax(%b) from "
                         "\"layer three\"\n  %d: f32[64,256] = softmax(%c) from \"layer four\"\n  return %d\n}\n",
                         encoding="utf-8")
        report = self.bench(model)
        file = self.folder / "page.html"
        page = file.read_text(encoding="utf-8")
        file.write_text(page.replace("</body>", ACTIONS + "</body>"), encoding="utf-8")
        found = re.search(r'data-seen="([^"]*)"', self.chromium("#light", "--dump-dom"))
        seen = json.loads(html.unescape(found[1]))
        gains = {layer["id"]: layer["gain_ms"] for layer in report["profile"]["layers"]}
        by_gain = sorted(gains, key=lambda i: (-gains[i], -i))
        self.assertEqual([gains[i] for i in seen["byGain"]], [gains[i] for i in by_gain])
        self.assertEqual((seen["clicked"], seen["down"]), (seen["byGain"][2], seen["byGain"][3]))
        self.assertEqual((seen["byStep"], seen["filtered"]), ([0, 1, 2, 3], [1]))
        self.assertEqual((seen["next"], seen["timeline"], seen["graph"]), (1, 3, 1))
        self.assertEqual(seen["memory"], report["memory"]["buffers"][0]["steps"][0])
        self.assertEqual(seen["theme"], "dark")

    def test_hostile_names(self) -> None:
        name = "</script><script>document.title = 'taken'</script><b onclick=x>&amp; %\u202e"
        model = self.folder / "m.txt"
        model.write_text("graph @main(%x: f32[8]) {\n  %y: f32[8] = softmax(%x) from " +
                         json.dumps(name, ensure_ascii=False) + "\n  return %y\n}\n", encoding="utf-8")
        report = self.bench(model)
        self.check(report, 0)
        page = self.chromium("", "--dump-dom")
        self.assertNotIn("<title>taken", page)
        self.assertNotIn("<b onclick", page)


if __name__ == "__main__":
    unittest.main()
