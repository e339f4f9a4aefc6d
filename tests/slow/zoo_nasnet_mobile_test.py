"""nasnet_mobile with the parameters of Keras' NASNetMobile computes what that does."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import environment

environment.enter("keras", ["tensorflow-cpu==2.21.0", "safetensors==0.8.0"], ["tensorflow", "safetensors"])
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import keras  # noqa: E402
import numpy as np  # noqa: E402
import safetensors.numpy  # noqa: E402

PROGRAM = os.environ.get("BURNISH_PROGRAM", str(environment.ROOT / "build" / "burnish"))
TOLERANCE = 1e-4  # of the largest element

# Keras' names of a separable convolution's place -> timm's.
PLACES = {
    "normal": {"left1": "0_left", "right1": "0_right", "left2": "1_left", "right2": "1_right", "left5": "4_left"},
    "reduction": {"left1": "0_left", "right1": "0_right", "right2": "1_right", "right3": "2_right", "left4": "4_left"},
}


def cell(block: str) -> str:
    """Keras counts reductions among the cells: 0..3, reduce_4, 5..8, reduce_8, 9..12."""
    if block.startswith("stem"):
        return f"cell_stem_{int(block[-1]) - 1}"
    if block.startswith("reduce"):
        return "reduction_cell_0" if block == "reduce_4" else "reduction_cell_1"
    index = int(block)
    return f"cell_{index - (index > 4)}"


def translate(layer: str) -> str:
    """The prefix that a layer's parameters have here."""
    fixed = {"stem_conv1": "conv0.conv", "stem_bn1": "conv0.bn", "predictions": "last_linear"}
    if layer in fixed:
        return fixed[layer]
    for kind, places in PLACES.items():
        for i in (1, 2):
            for keras_name, name in ((f"separable_conv_{i}_bn_{kind}_", f"bn_sep_{i}"),
                                     (f"separable_conv_{i}_{kind}_", f"separable_{i}")):
                if layer.startswith(keras_name):
                    place, block = layer[len(keras_name):].split("_", 1)
                    return f"{cell(block)}.comb_iter_{places[place]}.{name}"
        for keras_name, name in ((f"{kind}_conv_1_", "conv_1x1.conv"), (f"{kind}_bn_1_", "conv_1x1.bn")):
            if layer.startswith(keras_name):
                return f"{cell(layer[len(keras_name):])}.{name}"
    for keras_name, name in (("adjust_conv_projection_", "conv_prev_1x1.conv"), ("adjust_conv_1_", "path_1.conv"),
                             ("adjust_conv_2_", "path_2.conv"), ("adjust_bn_", "")):
        if layer.startswith(keras_name):
            return f"{cell(layer[len(keras_name):])}.{name}"
    raise AssertionError(f"an unknown layer: {layer}")


def parameters(model: keras.Model) -> dict[str, np.ndarray]:
    """Channels first, under timm's names."""
    result = {}
    projected = {translate(layer.name).split(".")[0] for layer in model.layers if "adjust_conv_projection" in layer.name}
    for layer in model.layers:
        values = layer.get_weights()
        if not values:
            continue
        prefix = translate(layer.name)
        if layer.name.startswith("adjust_bn_"):
            prefix += "conv_prev_1x1.bn" if prefix.rstrip(".") in projected else "final_path_bn"
        if isinstance(layer, keras.layers.BatchNormalization):
            for name, value in zip(("weight", "bias", "running_mean", "running_var"), values, strict=True):
                result[f"{prefix}.{name}"] = value
        elif isinstance(layer, keras.layers.SeparableConv2D):
            depthwise, pointwise = values
            result[f"{prefix}.depthwise_conv2d.weight"] = depthwise.transpose(2, 3, 0, 1)
            result[f"{prefix}.pointwise_conv2d.weight"] = pointwise.transpose(3, 2, 0, 1)
        elif isinstance(layer, keras.layers.Conv2D):
            result[f"{prefix}.weight"] = values[0].transpose(3, 2, 0, 1)
        else:
            result[f"{prefix}.weight"], result[f"{prefix}.bias"] = values[0].T, values[1]
    return {name: np.ascontiguousarray(value) for name, value in result.items()}


def randomised(model: keras.Model) -> keras.Model:
    """Normalisations that do something, and a bias that is not 0."""
    random = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.get_weights()[0].shape
            layer.set_weights([random.uniform(low, high, shape).astype(np.float32)
                               for low, high in ((0.8, 1.2), (-0.2, 0.2), (-0.2, 0.2), (0.3, 0.7))])
        elif isinstance(layer, keras.layers.Dense):
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, random.uniform(-0.1, 0.1, bias.shape).astype(np.float32)])
    return model


class NasnetMobile(unittest.TestCase):
    def test_agrees_with_keras(self) -> None:
        keras.utils.set_random_seed(0)
        model = randomised(keras.applications.NASNetMobile(weights=None, classifier_activation=None))
        x = np.random.default_rng(2).standard_normal((2, 3, 224, 224), dtype=np.float32)
        expected = model(x.transpose(0, 2, 3, 1), training=False).numpy()
        with tempfile.TemporaryDirectory(prefix="burnish-zoo-") as name:
            folder = pathlib.Path(name)
            safetensors.numpy.save_file(parameters(model), folder / "weights.safetensors")
            np.save(folder / "x.npy", x)
            onnx = folder / "nasnet_mobile.onnx"
            for command in (["zoo", "nasnet_mobile", "--weights", folder / "weights.safetensors", "-o", onnx],
                            ["run", onnx, "--input", f"x={folder / 'x.npy'}", "--output-dir", folder / "out"]):
                done = subprocess.run([PROGRAM, *map(str, command)], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)
            actual = np.load(folder / "out" / "logits.npy")
        self.assertEqual(actual.shape, expected.shape)
        largest = float(np.abs(expected).max())
        difference = float(np.abs(actual - expected).max()) / largest
        print(f"nasnet_mobile: logits differ by {difference:.2e} of {largest:.4g}", flush=True)
        self.assertGreater(float(np.std(expected)), 1e-3 * largest)
        self.assertLessEqual(difference, TOLERANCE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
