"""What the worker needs of an engine."""


class EngineError(Exception):
    """Of the engine or the model, in words for the report."""


class Running:
    facts = {}  # for the report: at least "version"

    @staticmethod
    def prepare(model):
        """Converts model["onnx"] to what __init__ loads, in the current folder, which is model["folder"]."""

    def __init__(self, setup, feeds):
        """Loads setup["file"], or what was prepared in setup["folder"], for setup["threads"] and arrays by name."""

    def run(self):
        """One inference, complete when it returns."""

    def outputs(self):
        """Of the last run, as arrays in the model's order."""
