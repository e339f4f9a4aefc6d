"""Every network of the zoo with made weights: a valid ONNX file that ONNX Runtime and Burnish compute alike, every step
of Burnish's by a kernel."""

import json
import os
import pathlib
import tempfile

from zoo_support import EMBEDDED, NETWORKS, ZooTest, burnish, inputs, main, run_burnish, session

import onnx


class Exported(ZooTest):
    def test_networks(self) -> None:
        listed = [row["name"] for row in json.loads(burnish("zoo", "--list", "--json"))["networks"]]
        self.assertEqual(sorted(listed), sorted([*NETWORKS, "nasnet_mobile"]))
        for name in os.environ.get("ZOO", "").split() or listed:
            with self.subTest(name), tempfile.TemporaryDirectory(prefix="burnish-zoo-") as folder:
                model = pathlib.Path(folder) / f"{name}.onnx"
                burnish("zoo", name, "-o", model)
                onnx.checker.check_model(str(model), full_check=True)
                plan = pathlib.Path(folder) / f"{name}.plan"
                burnish("build", model, "-o", plan, "--fallback", "error")
                peer = session(model)
                outputs = [output.name for output in peer.get_outputs()]
                size = NETWORKS[name][1] if name in NETWORKS else 224
                batches = (1, 3) if name in EMBEDDED or size < 240 and "vgg" not in name else (1,)
                for batch in batches:
                    values = inputs(name, size if batch == 1 or name not in EMBEDDED else 40, batch)
                    expected = peer.run(outputs, values)
                    self.assert_agree(run_burnish(plan, values, outputs), expected, f"{name}, batch {batch}")


if __name__ == "__main__":
    main()
