#!/usr/bin/env python3
"""What ./dev bench writes of its rows: tables, TSV, JSON, a chart, docs/benchmarks.md, the README's table.

`report.py --docs RESULTS.json...` writes docs/benchmarks.md and its chart of measured rows, and then the README's
numbers of docs/benchmarks.md; `report.py --readme` does the latter alone.
"""

import argparse
import json
import math
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from engines import BURNISH, ENGINES, PEERS, ROOT  # noqa: E402

BUSY = 0.1  # processors that others may use
DOCS = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- speed: bench/report.py writes this from docs/benchmarks.md -->", "<!-- end of speed -->"


# -- what follows from a row

def ours_of(row):
    return [name for name in BURNISH if name in row["times_ms"]]


def peers_of(row):
    return [name for name in PEERS if name in row["times_ms"]]


def best_peer(row):
    return min(peers_of(row), key=lambda name: row["times_ms"][name]["min"], default=None)


def ratio(row, name="burnish"):
    """The best peer's time over ours, both minima of one run; of several runs the lowest counts. None: no peer."""
    peers = peers_of(row)
    return min(min(run[p] for p in peers) / run[name] for run in row["repeats_ms"]) if peers else None


def of_peak(row, name):
    """The share of the multiply-add peak, in multiplications of the direct form: Winograd's may pass 1."""
    if row["macs"] is None:
        return None
    return row["macs"] / (row["times_ms"][name]["min"] * 1e-3) / row["peak"]["macs_per_second"]


def geometric_mean(values):
    values = [v for v in values if v is not None]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def digits(value, pattern="{:.2f}"):
    return "-" if value is None else pattern.format(value)


def milliseconds(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def engines_in(rows):
    return [name for name in ENGINES if any(name in r["times_ms"] or name in r["not_applicable"] for r in rows)]


def setting_of(row):
    return row["batch"], row["threads"], row["cpu"], row["source"]


def by_setting(rows):
    """Rows that belong in one table."""
    groups = {}
    for row in rows:
        groups.setdefault(setting_of(row), []).append(row)
    return groups


def title_of(setting):
    batch, threads, cpu, source = setting
    return (f"a batch of {batch}, {threads} thread{'s' * (threads > 1)}" + (f", held to {cpu}" if cpu != "host" else "")
            + {"zoo": ", networks of the zoo", "torch": "", "file": ", files"}[source])


# -- the screen

def against(value, limit):
    """A value and its limit; red beyond it."""
    text = f"{value:.0f} / {limit:.0f}"
    return f"[red]{text}[/]" if value > limit else text


def mib(count):
    return f"{count / 2**20:.1f}"


def tables(rows):
    from rich import box
    from rich.table import Table

    def table(title, columns):
        made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, caption_justify="left")
        for column in columns:
            made.add_column(column, vertical="bottom",
                            justify="left" if column in ("network", "engine", "reason") else "right")
        return made

    for setting, group in by_setting(rows).items():
        made = table(f"Least milliseconds, {title_of(setting)}", [
            "network", *(ENGINES[e].title for e in engines_in(group)), "best peer /\nBurnish", "of peak:\nBurnish",
            "\nbest peer"])
        for row in group:
            best = best_peer(row)
            made.add_row(
                row["network"] + (" *" if row["others_processors"] > BUSY else ""),
                *(milliseconds(row["times_ms"][e]["min"]) if e in row["times_ms"] else "n/a"
                  for e in engines_in(group)),
                digits(ratio(row)), digits(of_peak(row, "burnish")), digits(of_peak(row, best) if best else None))
        made.caption = f"geometric mean of best peer / Burnish: {digits(geometric_mean(map(ratio, group)), '{:.3f}')}"
        yield made

        made = table("All that was timed", ["network", "engine", "min\nms", "median\nms", "p90-p10\nms", "runs",
                                            "its time /\nBurnish's", "largest\ndifference"])
        for row in group:
            least = row["times_ms"]["burnish"]["min"]
            for engine, times in row["times_ms"].items():
                made.add_row(row["network"], ENGINES[engine].title,
                             *(f"{times[k]:.2f}" for k in ("min", "median", "spread")), str(times["runs"]),
                             f"{times['min'] / least:.2f}", digits(row["differences"].get(engine), "{:.1e}"))
        yield made

        missing = [(row["network"], e, why) for row in group for e, why in row["not_applicable"].items()]
        if missing:
            made = table("Not applicable", ["network", "engine", "reason"])
            for network, engine, why in missing:
                made.add_row(network, ENGINES[engine].title, why)
            yield made

        made = table("Burnish, beside its limits", [
            "network", "build\ns", "plan\nMiB", "weights\nMiB", "derived\nMiB", "arena\nMiB", "peak / limit\nMiB",
            "first answer / limit\nms", "same\nbits"])
        for row in group:
            built = row["builds"]["burnish"]
            made.add_row(row["network"], f"{built['build_seconds']:.1f}",
                         *(mib(built[what]) for what in ("file_bytes", "weight_bytes", "derived_bytes")),
                         mib(row["arena_bytes"]), against(row["peak_bytes"] / 2**20, row["peak_limit_bytes"] / 2**20),
                         against(row["first_answer_ms"], row["first_answer_limit_ms"]),
                         "yes" if row["same_bits"] else "[red]no[/]")
        yield made


# -- files

COLUMNS = ("network source batch threads cpu engine version min_ms median_ms p90_p10_ms runs times_burnish of_peak "
           "largest_difference not_applicable").split()


def tsv(rows):
    lines = ["\t".join(COLUMNS)]
    for row in rows:
        head = [row["network"], row["source"], row["batch"], row["threads"], row["cpu"]]
        for engine in engines_in([row]):
            times = row["times_ms"].get(engine)
            if times is None:
                tail = [*[""] * 8, row["not_applicable"][engine].replace("\t", " ").replace("\n", " ")]
            else:
                tail = [row["versions"][engine], *(f"{times[k]:.4f}" for k in ("min", "median", "spread")),
                        times["runs"], f"{times['min'] / row['times_ms']['burnish']['min']:.4f}",
                        digits(of_peak(row, engine), "{:.4f}"), digits(row["differences"].get(engine), "{:.2e}"), ""]
            lines.append("\t".join(map(str, [*head, engine, *tail])))
    return "\n".join(lines) + "\n"


def chart(rows, files):
    """How fast every engine is, Burnish being 1; a panel for each setting."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    pyplot.rcParams["svg.hashsalt"] = "burnish"  # the same rows, the same file
    groups = by_setting(rows)
    figure, panels = pyplot.subplots(len(groups), 1, squeeze=False, layout="constrained",
                                     figsize=(max(6, 1.2 * max(map(len, groups.values()))), 4 * len(groups)))
    for panel, (setting, group) in zip(panels[:, 0], groups.items()):
        shown = engines_in(group)
        width = 0.8 / len(shown)
        for i, engine in enumerate(shown):
            at = [n + (i - (len(shown) - 1) / 2) * width for n, row in enumerate(group) if engine in row["times_ms"]]
            speed = [row["times_ms"]["burnish"]["min"] / row["times_ms"][engine]["min"] for row in group
                     if engine in row["times_ms"]]
            panel.bar(at, speed, width, label=ENGINES[engine].title, color=f"C{list(ENGINES).index(engine)}")
        panel.axhline(1, color="black", linewidth=0.8)
        panel.set_xticks(range(len(group)), [row["network"] for row in group], rotation=30, ha="right")
        panel.set_ylabel("speed, Burnish = 1")
        panel.set_title(title_of(setting).capitalize() + ": higher is faster; no bar: not applicable", fontsize=10)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    for file in files:
        figure.savefig(file, dpi=120, metadata={"Date": None} if file.suffix == ".svg" else None)
    pyplot.close(figure)


def write(report, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "bench.tsv").write_text(tsv(report["rows"]))


# -- docs/benchmarks.md

def markdown_table(columns, lines):
    return ["| " + " | ".join(columns) + " |", "|" + "|".join(["---"] * len(columns)) + "|",
            *("| " + " | ".join(line) + " |" for line in lines), ""]


def speed_table(group):
    """The table that the README takes over: the best peer is bold."""
    engines, lines = engines_in(group), []
    ours = [e for e in engines if e in BURNISH]

    def of(row, name):
        return ratio(row, name) if name in row["times_ms"] else None

    for row in group:
        best = best_peer(row)
        cells = [milliseconds(row["times_ms"][e]["min"]) if e in row["times_ms"] else "n/a" for e in engines]
        cells = [f"**{cell}**" if e == best else cell for e, cell in zip(engines, cells)]
        lines.append([row["network"], *cells, *(digits(of(row, e)) for e in ours), digits(of_peak(row, "burnish")),
                      digits(of_peak(row, best) if best else None)])
    means = [digits(geometric_mean([of(row, e) for row in group])) for e in ours]
    lines.append(["geometric mean", *[""] * len(engines), *means, "", ""])
    return markdown_table(["network", *(ENGINES[e].title for e in engines),
                           *(f"best peer / {ENGINES[e].title}" for e in ours), "Burnish, of peak",
                           "best peer, of peak"], lines)


def spread_table(group):
    lines = [[row["network"], ENGINES[e].title, *(f"{t[k]:.2f}" for k in ("min", "median", "spread")), str(t["runs"]),
              digits(of_peak(row, e)), digits(row["differences"].get(e), "{:.1e}")]
             for row in group for e, t in row["times_ms"].items()]
    return markdown_table(["network", "engine", "min ms", "median ms", "p90 - p10 ms", "runs", "of peak",
                           "largest difference from Burnish"], lines)


def own_table(group):
    """Burnish alone, a line for each of its modes: what limits it, and what it takes besides time."""
    lines = []
    for row in group:
        for name in ours_of(row):
            built, bound, least = row["builds"][name], row["bounds"][name], row["times_ms"][name]["min"]
            first = name == ours_of(row)[0]
            lines.append([row["network"], ENGINES[name].title, f"{bound['multiplications'] / 1e9:.2f}",
                          milliseconds(bound["bound_ms"]), digits(bound["bound_ms"] / least),
                          f"{built['build_seconds']:.1f}", mib(built["weight_bytes"]), mib(built["derived_bytes"]),
                          *((mib(row["arena_bytes"]), mib(row["peak_bytes"]), f"{row['first_answer_ms']:.0f}")
                            if first else ("", "", ""))])
    return markdown_table(["network", "mode", "10^9 multiplications", "bound ms", "of the bound", "build s",
                           "weights MiB", "derived MiB", "arena MiB", "peak memory MiB",
                           "from start to first answer ms"], lines)


def docs(reports):
    """docs/benchmarks.md of one or more runs on one machine."""
    rows = [row for report in reports for row in report["rows"]]
    here, settings = reports[0]["machine"], reports[0]["settings"]
    peaks = {(r["peak"]["threads"], r["peak"]["bits"]): r["peak"]["macs_per_second"] for r in rows}
    versions = {e: v for row in rows for e, v in row["versions"].items()}
    dates = sorted(row["date"][:10] for row in rows)
    text = ["# Benchmarks", "", f"""\
Burnish beside other engines, measured by `./dev bench` and written by `bench/report.py --docs`; nobody edits numbers
here. Each engine has a process of its own. They run by turns on the same model with the same inputs and as many
threads, {settings['rounds']} rounds of at least {settings['seconds']} seconds, and all but one stand still meanwhile.
The whole is done {settings['repeats']} time{'s' * (settings['repeats'] > 1)}. Times are milliseconds of one inference \
in f32. *Best peer / Burnish* is
the least time of the fastest peer over that of Burnish: above 1, Burnish is faster. Of several runs, the lowest counts.
*Of peak* is the share of the multiply-adds that this machine can do in registers, measured beside each row, counting
those of the direct convolution: Winograd's need fewer, and so pass 1. *Bound* is the least time in which the processor
could do the multiplications that are left and read and write each layer's values and weights, layer by layer, by peaks
measured there and then; *of the bound* is its share of the time. A peer that cannot run a model is *n/a*, with its
reason below the table.""", "", "| | |", "|---|---|", f"| processor | {here['processor']}, {here['processors']} \
processors |", f"| system | {here['system']} |", *(f"| peak, {t} thread{'s' * (t > 1)}, {bits} bits | \
{value / 1e9:.0f} thousand million multiply-adds a second |" for (t, bits), value in sorted(peaks.items())),
            f"| date | {dates[0]}" + (f" to {dates[-1]}" if dates[-1] != dates[0] else "") + " |",
            f"| Burnish | {versions['burnish']}, {here.get('commit', 'commit unknown')}, code for {rows[0]['isa']} |",
            *(f"| {ENGINES[e].title} | {v}: {ENGINES[e].flags} |" for e, v in versions.items() if e in PEERS), "",
            "![The speed of each engine](benchmarks.svg)", ""]
    for setting, group in by_setting(rows).items():
        text += [f"## {title_of(setting).capitalize()}", "", *speed_table(group)]
        missing = [f"- {ENGINES[e].title} on {row['network']}: {why}"
                   for row in group for e, why in row["not_applicable"].items()]
        text += ["Not applicable:", "", *missing, ""] if missing else []
        text += ["Everything that was timed:", "", *spread_table(group), "Burnish alone:", "", *own_table(group)]
    text += ["## Again", "", f"    ./dev bench --vs all --rounds {settings['rounds']} --seconds {settings['seconds']} "
             f"--repeats {settings['repeats']} --results build/bench/results", "    "
             "build/python-bench/bin/python bench/report.py --docs build/bench/results/bench.json", ""]
    return "\n".join(text)


# -- the README

def readme_block(text):
    """The README's part, of the text of docs/benchmarks.md: the first table and what it was measured on."""
    facts = dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", text, re.M))
    peers = [f"{ENGINES[e].title} {facts[ENGINES[e].title].partition(':')[0]}" for e in ENGINES
             if e not in BURNISH and ENGINES[e].title in facts]
    heading = re.search(r"^## (.+)$", text, re.M)
    table = re.search(r"(?:^\|.*\n)+", text[heading.end():], re.M).group(0)
    say = heading.group(1)[:1].lower() + heading.group(1)[1:]
    return "\n".join([BEGIN, f"Least milliseconds of one inference in f32 on {facts['processor']}, {facts['date']}, "
                      f"{say}; beside {', '.join(peers)}. The fastest peer is bold:", "", table.rstrip(), "",
                      "[docs/benchmarks.md](docs/benchmarks.md) has medians, spreads, flags, and reasons, "
                      "[docs/layers.md](docs/layers.md) where the time of five of them goes.", END])


def with_block(readme, block):
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + block + after


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", nargs="+", type=pathlib.Path, metavar="RESULTS.json")
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    if not options.docs and not options.readme:
        parser.error("--docs or --readme")
    if options.docs:
        reports = [json.loads(file.read_text()) for file in options.docs]
        DOCS.write_text(docs(reports))
        chart([row for report in reports for row in report["rows"]], [DOCS.with_suffix(".svg")])
    readme = ROOT / "README.md"
    readme.write_text(with_block(readme.read_text(), readme_block(DOCS.read_text())))


if __name__ == "__main__":
    main()
