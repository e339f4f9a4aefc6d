#!/usr/bin/env python3
"""Writes hostile files, and some good ones, into a folder: make.py FOLDER. BURNISH_PROGRAM makes a plan to damage."""

import json
import sys

import attributes
import bombs
import checkpoints
import corpus
import external
import inference
import others
import structure
import tensors


def main():
    made = corpus.Corpus(sys.argv[1])
    for maker in (external, structure, tensors, inference, attributes, bombs, checkpoints, others):
        maker.make(made)
    (made.folder / "cases.json").write_text(json.dumps(made.cases))


main()
