"""Every network of the zoo with the parameters of its origin (torchvision, timm, transformers) computes what that does."""

import pathlib
import tempfile

import zoo_support as zoo
from zoo_support import NETWORKS, ZooTest, burnish, main, run_burnish, session

import safetensors.torch
import timm
import torch
import torchvision
import transformers

# The other kinds of checkpoints that a network takes: name -> what, how it is made.
OTHERS = {
    "vit_b16": ("torchvision's names", torchvision.models.vit_b_16),
    "inception_v3": ("auxiliary classifier", lambda: torchvision.models.inception_v3(init_weights=False)),
    "bert_base": ("a head around it", lambda: transformers.BertForMaskedLM(transformers.BertConfig())),
    "gpt2": ("without the head", lambda: transformers.GPT2Model(transformers.GPT2Config())),
}


def efficientnet_pytorch_names(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The parameters of timm's tf_efficientnet_lite0 under the names that the checkpoint of the demo has."""
    fixed = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1", "classifier": "_fc"}
    first = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
    rest = {"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1",
            "conv_pwl": "_project_conv", "bn3": "_bn2"}
    order = [(s, i) for s, stage in enumerate(model.blocks) for i in range(len(stage))]
    result = {}
    for name, tensor in model.state_dict().items():
        parts = name.split(".")
        if parts[0] != "blocks":
            result[".".join([fixed[parts[0]], *parts[1:]])] = tensor
            continue
        block = order.index((int(parts[1]), int(parts[2])))
        part = (first if block == 0 else rest)[parts[3]]
        result[".".join(["_blocks", str(block), part, *parts[4:]])] = tensor
    return result


class Weights(ZooTest):
    def check(self, name: str, model: torch.nn.Module, state: dict[str, torch.Tensor], what: str, suffix: str,
              reference: torch.nn.Module | None = None) -> None:
        values = zoo.inputs(name, NETWORKS[name][1])
        expected = zoo.run_original(name, reference or model, values)
        with tempfile.TemporaryDirectory(prefix="burnish-zoo-") as folder:
            weights, onnx = pathlib.Path(folder) / f"weights{suffix}", pathlib.Path(folder) / f"{name}.onnx"
            if suffix == ".safetensors":
                safetensors.torch.save_file({key: t.clone().contiguous() for key, t in state.items()}, weights)
            else:
                torch.save(state, weights)
            burnish("zoo", name, "--weights", weights, "-o", onnx)
            weights.unlink()
            peer = session(onnx)
            outputs = [output.name for output in peer.get_outputs()]
            self.assert_agree(peer.run(outputs, values), expected, f"{name}, {what}, ONNX Runtime")
            self.assert_agree(run_burnish(onnx, values, outputs), expected, f"{name}, {what}")

    def test_networks(self) -> None:
        for name in zoo.chosen():
            with self.subTest(name):
                model = zoo.original(NETWORKS[name][0])
                self.check(name, model, model.state_dict(), "its origin", ".safetensors")

    def test_other_checkpoints(self) -> None:
        for name in zoo.chosen():
            if name not in OTHERS:
                continue
            what, make = OTHERS[name]
            with self.subTest(name, what=what):
                model = zoo.original(make)
                reference = model
                if name == "bert_base":
                    reference = transformers.BertModel(transformers.BertConfig()).eval()
                    reference.load_state_dict(model.bert.state_dict(), strict=False)
                    # The model around it has no pooler.
                    state = {**model.state_dict(), **{f"bert.pooler.{key}": t
                                                      for key, t in reference.pooler.state_dict().items()}}
                elif name == "gpt2":
                    reference = transformers.GPT2LMHeadModel(transformers.GPT2Config()).eval()
                    reference.transformer.load_state_dict(model.state_dict())
                    reference.tie_weights()
                    state = model.state_dict()
                else:
                    state = model.state_dict()
                self.check(name, model, state, what, ".pth", reference)

    def test_lite0_as_tensorflow_trained_it(self) -> None:
        if "effnet_lite0" in zoo.chosen():
            model = zoo.original(lambda: timm.create_model("tf_efficientnet_lite0"))
            self.check("effnet_lite0", model, efficientnet_pytorch_names(model), "as TensorFlow trained it", ".pth")


if __name__ == "__main__":
    main()
