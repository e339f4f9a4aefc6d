#!/usr/bin/env python3
"""docs/layers.md: where the time of networks goes, layer by layer, and what limits it.

`layers.py NETWORK...` builds the torch exports that `./dev bench --prepare` made (max-autotune), runs them with
`burnish bench --profile`, and writes the page. Layers that are alike in all but their names share a line.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from engines import ROOT  # noqa: E402
from report import markdown_table  # noqa: E402

DOCS = ROOT / "docs" / "layers.md"
SHOWN = 0.005  # of the time: lines below are left out


def profile_of(network, threads, seconds):
    model = ROOT / "build" / "bench" / "models" / f"{network}-b1" / "network.onnx"
    if not model.exists():
        sys.exit(f"{model} is missing: run ./dev bench --prepare --vs ort {network}")
    burnish = str(ROOT / "build" / "burnish")
    with tempfile.TemporaryDirectory() as folder:
        plan = f"{folder}/{network}.plan"
        subprocess.run([burnish, "build", str(model), "-o", plan, "--mode", "max-autotune", "--quiet"], check=True)
        run = subprocess.run([burnish, "bench", plan, "--threads", str(threads), "--duration", str(seconds), "--profile",
                              "--json"], check=True, capture_output=True, text=True)
    return json.loads(run.stdout)


def alike(layers):
    """Groups of layers with the same kernel and the same work, in the order of the network."""
    groups = {}
    for layer in layers:
        groups.setdefault((layer["how"], layer["macs"], layer["bytes"]), []).append(layer)
    return list(groups.values())


def layer_table(profile):
    total = sum(layer["median_ms"] * layer["calls"] for layer in profile["layers"])
    lines, rest = [], 0.0
    for group in alike(profile["layers"]):
        first = group[0]
        spent = sum(layer["median_ms"] * layer["calls"] for layer in group)
        if spent < SHOWN * total:
            rest += spent
            continue
        bound = sum(layer["bound_ms"] * layer["calls"] for layer in group)
        lines.append([str(len(group)), f"`{first['layer']}`", first["how"].removeprefix("kernel "),
                      f"{first['macs'] / 1e6:.1f}", f"{first['bytes'] / 2**20:.1f}",
                      f"{1e3 * spent / len(group):.0f}", f"{100 * spent / total:.1f} %", f"{bound / spent:.2f}",
                      {"macs": "multiplies", "bytes": "memory"}.get(first["bound_by"], "-")])
    if rest > 0:
        lines.append(["", "others", "", "", "", "", f"{100 * rest / total:.1f} %", "", ""])
    return markdown_table(["layers", "the first", "how", "10^6 multiply-adds", "MiB moved", "median us each",
                           "of the time", "of the bound", "bound by"], lines)


def shares(profile):
    """The share of each kind of kernel, and what it reaches of its bound."""
    kinds = {}
    for layer in profile["layers"]:
        words = layer["how"].split()
        kind = words[2] if "strassen" in words else words[1]
        spent, bound = kinds.get(kind, (0.0, 0.0))
        kinds[kind] = spent + layer["median_ms"] * layer["calls"], bound + layer["bound_ms"] * layer["calls"]
    total = sum(spent for spent, _ in kinds.values())
    ordered = sorted(kinds.items(), key=lambda item: -item[1][0])
    return ", ".join(f"{kind} {100 * spent / total:.0f} % of the time at {bound / spent:.2f} of its bound"
                     for kind, (spent, bound) in ordered if spent >= 0.02 * total)


def page(runs):
    machine = next(iter(runs.values()))["machine"]
    text = ["# Layers", "", f"""\
Where the time goes, written by `bench/layers.py`; nobody edits numbers here. Burnish max-autotune, batch 1,
{machine['threads']} threads, f32, {machine['processor']}: {machine['macs_per_second'] / 1e9:.0f} thousand million \
multiply-adds a second in registers of {machine['vector_bits']} bits.
*Bound* is the least time in which the layer's remaining multiplications could be done and its values and weights be
read and written, by peaks measured there and then; times are medians within the running network. A line stands for
all layers with the same kernel and work.""", ""]
    for network, run in runs.items():
        profile = run["profile"]
        text += [f"## {network}", "", f"{profile['total_ms']:.2f} ms in all (mean), {profile['bound_ms']:.2f} ms by the "
                 f"bounds: {shares(profile)}.", "", *layer_table(profile)]
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    DOCS.write_text(page({n: profile_of(n, options.threads, options.seconds) for n in options.network}))


if __name__ == "__main__":
    main()
