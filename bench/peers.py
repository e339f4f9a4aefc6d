"""The other engines, each as its own documentation says that it runs fastest with so many threads in f32.

A class runs in the environment of its engine (bench/requirements) and imports it within: nothing here knows two.
"""

import os
import pathlib
import subprocess

import numpy as np

from running import EngineError, Running


class OnnxRuntime(Running):
    """Inputs and outputs are bound. Its threads spin while they wait, as by default."""

    def __init__(self, setup, feeds):
        import onnxruntime as ort
        ort.set_default_logger_severity(3)  # errors only: it warns of graphics cards that are not there
        options = ort.SessionOptions()
        options.intra_op_num_threads = setup["threads"]
        options.inter_op_num_threads = 1
        for symbol, size in setup["sizes"].items():
            options.add_free_dimension_override_by_name(symbol, size)
        self._session = ort.InferenceSession(setup["file"], options, providers=["CPUExecutionProvider"])
        self._binding = self._session.io_binding()
        self._feeds = {name: ort.OrtValue.ortvalue_from_numpy(array) for name, array in feeds.items()}
        for name, value in self._feeds.items():
            self._binding.bind_ortvalue_input(name, value)
        self._outputs = [ort.OrtValue.ortvalue_from_numpy(np.array(a)) for a in self._session.run(None, feeds)]
        for output, value in zip(self._session.get_outputs(), self._outputs):
            self._binding.bind_ortvalue_output(output.name, value)
        self.facts = {"version": ort.__version__}

    def run(self):
        self._session.run_with_iobinding(self._binding)

    def outputs(self):
        return [value.numpy() for value in self._outputs]


class OpenVino(Running):
    def __init__(self, setup, feeds):
        import openvino as ov
        core = ov.Core()
        model = core.read_model(setup["file"])
        shapes = {name: list(array.shape) for name, array in feeds.items()}
        model.reshape({port: shapes[name] for port in model.inputs for name in port.names & shapes.keys()})
        compiled = core.compile_model(model, "CPU", {
            "INFERENCE_NUM_THREADS": setup["threads"], "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32"})
        if os.environ.get("ONEDNN_MAX_CPU_ISA") == "AVX2":
            self._refuse_wider(compiled)
        self._request = compiled.create_infer_request()
        for name, array in feeds.items():
            self._request.set_tensor(name, ov.Tensor(array, shared_memory=True))
        self._feeds, self._count = feeds, len(compiled.outputs)
        self.facts = {"version": ov.__version__.partition("-")[0]}

    @staticmethod
    def _refuse_wider(compiled):
        """oneDNN obeys ONEDNN_MAX_CPU_ISA, MLAS does not: it multiplies with whatever the processor has."""
        info = [op.get_rt_info() for op in compiled.get_runtime_model().get_ops()]
        kinds = [i["primitiveType"].astype(str) for i in info
                 if i["layerType"].astype(str) in ("Convolution", "FullyConnected", "MatMul")]
        wider = [kind for kind in kinds if "mlas" in kind or "avx512" in kind]
        if len(wider) * 10 > len(kinds):
            raise EngineError(f"{len(wider)} of its {len(kinds)} products are {wider[0]}, which nothing holds to AVX2")

    def run(self):
        self._request.infer()

    def outputs(self):
        return [self._request.get_output_tensor(i).data for i in range(self._count)]


class Inductor(Running):
    """The module that the ONNX file was exported from, with the same weights."""

    @staticmethod
    def prepare(model):
        """Fills the cache of compiled code, so that a later start is quick."""
        import networks
        shape = networks.example_shape(model["module"], model["batch"])
        Inductor(model, {"x": np.zeros(shape, np.float32)}).run()

    def __init__(self, setup, feeds):
        import torch
        import torch._inductor.config as config
        import networks
        config.freezing = True
        torch.set_num_threads(setup["threads"])
        module = networks.module(setup["module"])
        (self._input,) = (torch.from_numpy(array) for array in feeds.values())
        if self._input.dim() == 4:
            module = module.to(memory_format=torch.channels_last)
            self._input = self._input.contiguous(memory_format=torch.channels_last)
        self._torch, self._run = torch, torch.compile(module)
        self.run()
        self.facts = {"version": torch.__version__.partition("+")[0]}

    def run(self):
        with self._torch.no_grad():
            self._output = self._run(self._input)

    def outputs(self):
        return [self._output.numpy()]


class Mnn(Running):
    @staticmethod
    def prepare(model):
        import _tools  # what mnnconvert calls, without its habit of installing a package to report what it converted
        _tools.mnnconvert(["mnnconvert", "-f", "ONNX", "--modelFile", model["onnx"], "--MNNModel", "network.mnn",
                           "--bizCode", "bench"])
        if not os.path.isfile("network.mnn"):
            raise EngineError("its converter does not take the file")

    def __init__(self, setup, feeds):
        import MNN
        import MNN.expr as expr
        import MNN.nn as nn
        manager = nn.create_runtime_manager(({"backend": "CPU", "precision": "high", "memory": "high", "power": "high",
                                              "numThread": setup["threads"]},))
        self._module = nn.load_module_from_file(f"{setup['folder']}/network.mnn", list(feeds), setup["outputs"],
                                                runtime_manager=manager)
        kinds = {"float32": expr.float, "int32": expr.int}
        for array in feeds.values():
            if str(array.dtype) not in kinds:
                raise EngineError(f"takes no inputs of {array.dtype}")
        self._feeds = [expr.const(a, list(a.shape), expr.NCHW, kinds[str(a.dtype)]) for a in feeds.values()]
        self.run()
        self.facts = {"version": MNN.version()}

    def run(self):
        made = self._module.forward(self._feeds)
        self._outputs = [value.read() for value in (made if isinstance(made, (list, tuple)) else [made])]

    def outputs(self):
        return [np.array(array) for array in self._outputs]


class Ncnn(Running):
    @staticmethod
    def prepare(model):
        if model["batch"] != 1:
            raise EngineError("its tensors have no axis for a batch")
        if model["dtypes"] != ["float32"]:
            raise EngineError("pnnx is asked for networks with one input in f32 alone")
        import ncnn
        shape = ",".join(map(str, model["shapes"][0]))
        program = pathlib.Path(ncnn.__file__).parent.parent / "pnnx" / "pnnx"
        link = pathlib.Path("pnnx.onnx")
        link.unlink(missing_ok=True)
        link.symlink_to(model["onnx"])
        done = subprocess.run([program, link, f"inputshape=[{shape}]", "fp16=0", "ncnnparam=network.ncnn.param",
                               "ncnnbin=network.ncnn.bin"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for spare in pathlib.Path().glob("pnnx*"):
            spare.unlink()
        if done.returncode != 0 or not os.path.isfile("network.ncnn.param"):
            raise EngineError(f"pnnx ends with {done.returncode}")
        with open("network.ncnn.param") as file:
            kinds = {line.split()[0] for line in file.read().splitlines()[2:]}
        if unknown := sorted(k for k in kinds if "." in k or "::" in k):
            raise EngineError(f"has no layer for {', '.join(unknown)}")
        Ncnn({"folder": ".", "threads": 1}, {"x": np.zeros(model["shapes"][0], np.float32)})  # or it cannot run it

    def __init__(self, setup, feeds):
        import ncnn
        self._net = ncnn.Net()
        options = self._net.opt
        options.num_threads = setup["threads"]
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        options.use_bf16_storage = False
        files = [f"{setup['folder']}/network.ncnn.{part}" for part in ("param", "bin")]
        if self._net.load_param(files[0]) != 0 or self._net.load_model(files[1]) != 0:
            raise EngineError("cannot load what pnnx made of the model")
        (feed,) = feeds.values()
        self._feed = ncnn.Mat(feed[0])
        self._from, self._to = self._net.input_names()[0], list(self._net.output_names())
        self.run()
        self.facts = {"version": ncnn.__version__}

    def run(self):
        extractor = self._net.create_extractor()
        extractor.input(self._from, self._feed)
        self._outputs = []
        for name in self._to:
            status, made = extractor.extract(name)
            if status != 0:
                raise EngineError(f"cannot run the model: layer before '{name}' fails")
            self._outputs.append(made)

    def outputs(self):
        return [np.array(made)[None] for made in self._outputs]


class TensorFlow(Running):
    @staticmethod
    def prepare(model):
        # The converter downloads this picture unless it is there; it looks at it to compare accuracies alone.
        np.save("calibration_image_sample_data_20x128x128x3_float32.npy", np.zeros((20, 128, 128, 3), np.float32))
        import onnx2tf
        try:
            onnx2tf.convert(input_onnx_file_path=model["onnx"], output_folder_path="tensorflow", non_verbose=True,
                            output_signaturedefs=True)
        finally:
            for spare in [*pathlib.Path().glob("calibration_*.npy"), *pathlib.Path("tensorflow").glob("*.tflite")]:
                spare.unlink()
        if not os.path.isfile("tensorflow/saved_model.pb"):
            raise EngineError("onnx2tf makes no SavedModel of it")

    def __init__(self, setup, feeds):
        import tensorflow as tf
        tf.config.threading.set_intra_op_parallelism_threads(setup["threads"])
        tf.config.threading.set_inter_op_parallelism_threads(1)
        loaded = tf.saved_model.load(f"{setup['folder']}/tensorflow")
        self._loaded, self._function = loaded, loaded.signatures["serving_default"]
        specs = self._function.structured_input_signature[1]
        if len(specs) != 1 or len(feeds) != 1:
            raise EngineError("is asked for networks with one input alone")
        (key, spec), (feed,) = next(iter(specs.items())), feeds.values()
        if feed.ndim == 4 and list(spec.shape)[1:] != list(feed.shape)[1:]:
            feed = feed.transpose(0, 2, 3, 1)  # as its convolutions want it
        self._feed = {key: tf.constant(feed)}
        self.run()
        self.facts = {"version": tf.__version__}

    def run(self):
        self._outputs = [value.numpy() for value in self._function(**self._feed).values()]

    def outputs(self):
        return self._outputs
