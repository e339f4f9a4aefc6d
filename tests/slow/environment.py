"""The Python environment of the slow tests: build/python-slow-NAME, made on first use."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PEERS = ["torch==2.15.0", "torchvision==0.29.2", "timm==1.0.31", "transformers==5.23.0", "safetensors==0.8.0",
         "onnx==1.22.0", "onnxscript==0.7.2", "onnxruntime==1.32.0", "numpy>=2.0,<3"]


def enter(name: str, packages: list[str], modules: list[str]) -> None:
    """Runs the calling script again inside the environment, unless this interpreter has the modules already."""
    import importlib.util
    if all(importlib.util.find_spec(module) for module in modules):
        return
    folder = ROOT / "build" / f"python-slow-{name}"
    python = folder / "bin" / "python"
    wanted = "\n".join(packages) + "\n"
    stamp = folder / "requirements.txt"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"making {folder}", flush=True)
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    elif pathlib.Path(sys.prefix).resolve() == folder.resolve():
        sys.exit(f"{folder} lacks one of {', '.join(modules)}: remove it and run again")
    os.execv(python, [str(python), *sys.argv])
