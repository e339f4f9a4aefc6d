#!/usr/bin/env python3
"""The networks of the benchmark as PyTorch modules with seeded weights, and their ONNX files.

`networks.py NAME BATCH FILE` exports one; it runs in the environment of the peer `inductor`, which takes the same
modules with the same weights (`module`, `example_shape`). The zoo has the same networks in C++; these are what users
of torchvision and timm would export.
"""

import math
import pathlib
import sys


def bert_encoder():
    """The encoder of BERT base, from embeddings on: 12 layers of 768 in 12 heads, f32[batch,128,768] to the same."""
    import torch
    from torch import nn

    class Layer(nn.Module):
        def __init__(self, width=768, heads=12, inner=3072):
            super().__init__()
            self.heads, self.scale = heads, 1 / math.sqrt(width / heads)
            self.query_key_value, self.attended = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.rise, self.fall = nn.Linear(width, inner), nn.Linear(inner, width)
            self.norm_attention, self.norm_output = nn.LayerNorm(width), nn.LayerNorm(width)

        def forward(self, x):
            batch, tokens, width = x.shape
            parts = self.query_key_value(x).reshape(batch, tokens, 3, self.heads, width // self.heads)
            query, key, value = parts.permute(2, 0, 3, 1, 4)
            weights = torch.softmax(query @ key.transpose(-1, -2) * self.scale, dim=-1)
            mixed = (weights @ value).transpose(1, 2).reshape(batch, tokens, width)
            x = self.norm_attention(x + self.attended(mixed))
            return self.norm_output(x + self.fall(nn.functional.gelu(self.rise(x))))

    return nn.Sequential(*[Layer() for _ in range(12)])


def torchvision(name, **options):
    def make():
        import torchvision.models
        return getattr(torchvision.models, name)(**options)
    return make


def timm(name):
    def make():
        import timm as library
        return library.create_model(name)
    return make


def nasnet_mobile():
    """NASNet-A (4 @ 1056) of the cells of timm, which has the large one alone."""
    from timm.models.nasnet import NASNetALarge

    class Mobile(NASNetALarge):
        def __init__(self):
            super().__init__(stem_size=32, num_features=1056)
            for spare in (4, 5, 10, 11, 16, 17):  # four cells of a kind, not six
                delattr(self, f"cell_{spare}")

        def forward_features(self, x):
            x = self.conv0(x)
            before = self.cell_stem_0(x)
            x = self.cell_stem_1(x, before)
            for stage in range(3):
                if stage > 0:
                    x = getattr(self, f"reduction_cell_{stage - 1}")(x, before)
                for cell in range(6 * stage, 6 * stage + 4):
                    x, before = getattr(self, f"cell_{cell}")(x, before), x
            return self.act(x)

    return Mobile()


# Name -> module, what one image or sequence is.
NETWORKS = {
    "resnet50": (torchvision("resnet50"), (3, 224, 224)),
    "resnet50_v2": (timm("resnetv2_50"), (3, 224, 224)),
    "resnet152_v2": (timm("resnetv2_152"), (3, 224, 224)),
    "vgg16": (torchvision("vgg16"), (3, 224, 224)),
    "vgg19": (torchvision("vgg19"), (3, 224, 224)),
    "inception_v3": (torchvision("inception_v3", aux_logits=False, init_weights=False), (3, 299, 299)),
    "inception_v4": (timm("inception_v4"), (3, 299, 299)),
    "mobilenet_v1": (timm("mobilenetv1_100"), (3, 224, 224)),
    "mobilenet_v2": (torchvision("mobilenet_v2"), (3, 224, 224)),
    "nasnet_large": (timm("nasnetalarge"), (3, 331, 331)),
    "effnet_lite0": (timm("efficientnet_lite0"), (3, 224, 224)),
    "vit_b16": (torchvision("vit_b_16"), (3, 224, 224)),
    "bert_base": (bert_encoder, (128, 768)),
    "nasnet_mobile": (nasnet_mobile, (3, 224, 224)),
}


def module(name):
    """With the same weights each time."""
    import torch
    torch.manual_seed(0)
    return NETWORKS[name][0]().eval()


def example_shape(name, batch):
    return (batch, *NETWORKS[name][1])


def export(name, batch, path):
    import torch
    example = torch.zeros(example_shape(name, batch))
    program = torch.onnx.export(module(name), (example,), dynamo=True, input_names=["x"], output_names=["y"],
                                verbose=False)
    program.save(path, external_data=False)  # one file, for those that know no external data


if __name__ == "__main__":
    network, batch, file = sys.argv[1:]
    part = pathlib.Path(file).with_suffix(".part")
    export(network, int(batch), str(part))
    part.rename(file)
