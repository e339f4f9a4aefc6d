"""What the zoo's slow tests share: the networks at their origin, inputs, and the program."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import environment

environment.enter("peers", environment.PEERS, ["torch", "torchvision", "timm", "transformers", "onnxruntime", "onnxscript"])

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
import timm  # noqa: E402
import torch  # noqa: E402
import torchvision  # noqa: E402
import transformers  # noqa: E402

PROGRAM = os.environ.get("BURNISH_PROGRAM", str(environment.ROOT / "build" / "burnish"))
TOLERANCE = 1e-4  # of the largest element
EMBEDDED = {"bert_base": 512, "gpt2": 1024}


class Logits(torch.nn.Module):
    """The logits of a transformer alone, so that an export has one output."""

    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=input_ids, use_cache=False).logits


# Name -> (the network at its origin, size of its input). nasnet_mobile has a test of its own.
NETWORKS = {
    "mobilenet_v1": (lambda: timm.create_model("mobilenetv1_100"), 224),
    "mobilenet_v2": (torchvision.models.mobilenet_v2, 224),
    "resnet50": (torchvision.models.resnet50, 224),
    "resnet50_v2": (lambda: timm.create_model("resnetv2_50"), 224),
    "resnet152_v2": (lambda: timm.create_model("resnetv2_152"), 224),
    "vgg16": (torchvision.models.vgg16, 224),
    "vgg19": (torchvision.models.vgg19, 224),
    "inception_v3": (lambda: torchvision.models.inception_v3(aux_logits=False, init_weights=False), 299),
    "inception_v4": (lambda: timm.create_model("inception_v4"), 299),
    "effnet_lite0": (lambda: timm.create_model("efficientnet_lite0"), 224),
    "effnet_lite1": (lambda: timm.create_model("efficientnet_lite1"), 240),
    "nasnet_large": (lambda: timm.create_model("nasnetalarge"), 331),
    "vit_b16": (lambda: timm.create_model("vit_base_patch16_224"), 224),
    "bert_base": (lambda: transformers.BertModel(transformers.BertConfig()), 128),
    "gpt2": (lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config()), 128),
}


def chosen() -> list[str]:
    """Networks named in ZOO (separated by spaces), or all."""
    return os.environ.get("ZOO", "").split() or list(NETWORKS)


def original(make) -> torch.nn.Module:
    """The network with seeded parameters, none of which is left at the 0 or 1 that it began with."""
    torch.manual_seed(0)
    model = make().eval()
    random = torch.Generator().manual_seed(1)
    for name, tensor in model.state_dict().items():
        if name.endswith("running_var"):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=random))
        elif name.endswith(("running_mean", "bias")):
            tensor.add_(0.1 * torch.randn(tensor.shape, generator=random))
        elif name.endswith("weight") and tensor.dim() == 1:
            tensor.mul_(0.8 + 0.4 * torch.rand(tensor.shape, generator=random))
        elif tensor.is_floating_point() and not tensor.any():
            tensor.copy_(0.02 * torch.randn(tensor.shape, generator=random))
    return model


def inputs(name: str, size: int, batch: int = 1) -> dict[str, np.ndarray]:
    random = np.random.default_rng(2)
    if name not in EMBEDDED:
        return {"x": random.standard_normal((batch, 3, size, size), dtype=np.float32)}
    ids = random.integers(0, 30000, (batch, size))
    if name == "gpt2":
        return {"input_ids": ids}
    mask = np.ones((batch, size), np.int64)
    mask[:, size - size // 4:] = 0
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": (np.arange(size) > size // 2) * np.ones_like(ids)}


def run_original(name: str, model: torch.nn.Module, values: dict[str, np.ndarray]) -> list[np.ndarray]:
    with torch.no_grad():
        tensors = {key: torch.from_numpy(value) for key, value in values.items()}
        if name == "gpt2":
            return [model(**tensors, use_cache=False).logits.numpy()]
        if name == "bert_base":
            result = model(**tensors)
            return [result.last_hidden_state.numpy(), result.pooler_output.numpy()]
        return [model(tensors["x"]).numpy()]


def burnish(*arguments: object) -> str:
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"burnish {' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def run_burnish(model: pathlib.Path, values: dict[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
    with tempfile.TemporaryDirectory(prefix="burnish-zoo-") as folder:
        arguments = []
        for key, value in values.items():
            np.save(f"{folder}/{key}.npy", value)
            arguments += ["--input", f"{key}={folder}/{key}.npy"]
        burnish("run", model, *arguments, "--threads", 2, "--output-dir", f"{folder}/out")
        return [np.load(f"{folder}/out/{name}.npy") for name in outputs]


def session(model: pathlib.Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


class ZooTest(unittest.TestCase):
    longMessage = True

    def assert_agree(self, actual: list[np.ndarray], expected: list[np.ndarray], what: str) -> None:
        self.assertEqual(len(actual), len(expected), what)
        for i, (a, e) in enumerate(zip(actual, expected)):
            self.assertEqual(a.shape, e.shape, f"{what}, output {i}")
            largest = float(np.abs(e).max())
            self.assertGreater(largest, 0, f"{what}, output {i}")
            self.assertGreater(float(np.std(e)), 1e-3 * largest, f"{what}, output {i} is constant")
            difference = float(np.abs(a - e).max()) / largest
            print(f"{what}: output {i} differs by {difference:.2e} of {largest:.4g}", flush=True)
            self.assertLessEqual(difference, TOLERANCE, f"{what}, output {i}")  # NaN fails too


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)
    unittest.main(verbosity=2)
