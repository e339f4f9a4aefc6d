"""The networks of the zoo as torch.onnx.export writes them: they import, build and agree with PyTorch."""

import pathlib
import tempfile

import zoo_support as zoo
from zoo_support import NETWORKS, ZooTest, main, run_burnish, session

import torch
import torchvision


class Export(ZooTest):
    def test_networks(self) -> None:
        originals = [(name, NETWORKS[name][0]) for name in zoo.chosen()]
        if "vit_b16" in zoo.chosen():
            originals.append(("vit_b16", torchvision.models.vit_b_16))
        for name, make in originals:
            with self.subTest(name), tempfile.TemporaryDirectory(prefix="burnish-zoo-") as folder:
                model = zoo.original(make)
                values = zoo.inputs(name, NETWORKS[name][1])
                expected = zoo.run_original(name, model, values)
                module = zoo.Logits(model) if name == "gpt2" else model
                path = pathlib.Path(folder) / f"{name}.onnx"
                tensors = {key: torch.from_numpy(value) for key, value in values.items()}
                arguments, named = ((), tensors) if name in zoo.EMBEDDED else ((tensors["x"],), {})
                torch.onnx.export(module, arguments, path, kwargs=named, dynamo=True, external_data=True, verbose=False)
                peer = session(path)
                outputs = [output.name for output in peer.get_outputs()]
                values = dict(zip((value.name for value in peer.get_inputs()), values.values()))
                self.assert_agree(run_burnish(path, values, outputs), expected, f"{name}, exported")


if __name__ == "__main__":
    main()
