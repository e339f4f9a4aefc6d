#include "zoo/save.h"

#include "zoo/zoo.h"

namespace burnish::zoo {
namespace {

Saved failed(const Error& error) {
  return {static_cast<burnish_status>(error.code), error.what, error.where, error.remedy, 0};
}

// Shares the view's bytes. Its dtype is one that the network will check.
Tensor shared(const DLTensor& view) {
  struct Holder {
    DLManagedTensorVersioned managed{};
    std::vector<int64_t> shape;
  };
  auto* holder = new Holder;
  holder->shape.assign(view.shape, view.shape + view.ndim);
  holder->managed.version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION};
  holder->managed.dl_tensor = view;
  holder->managed.dl_tensor.shape = holder->shape.data();
  holder->managed.manager_ctx = holder;
  holder->managed.deleter = [](DLManagedTensorVersioned* m) { delete static_cast<Holder*>(m->manager_ctx); };
  return Tensor::adopt(&holder->managed);
}

}  // namespace

std::vector<std::pair<std::string_view, std::string_view>> list() {
  std::vector<std::pair<std::string_view, std::string_view>> result;
  for (const Entry& entry : entries()) result.emplace_back(entry.name, entry.description);
  return result;
}

Saved save_onnx(std::string_view name, uint64_t seed, const CheckpointView* weights, const std::string& path) {
  const Entry* entry = find(name);
  if (entry == nullptr)
    return failed({ErrorCode::usage,
                   "there is no network '" + std::string(name) + "' in the zoo",
                   {},
                   "`burnish zoo --list` names them"});
  Parameters parameters;
  if (weights != nullptr) {
    parameters.names = weights->names;
    parameters.read = [&](const std::string& key) -> Result<Tensor> { return shared(*weights->find(key)); };
  }
  const auto network = build(*entry, {.seed = seed, .parameters = weights != nullptr ? &parameters : nullptr});
  if (!network) return failed(network.error());
  if (const auto saved = burnish::save_onnx(network->graph, path); !saved) return failed(saved.error());
  Saved result;
  for (const Network::Parameter& parameter : network->parameters) {
    int64_t elements = parameter.trained ? 1 : 0;
    for (const int64_t size : parameter.shape) elements *= size;
    result.parameters += elements;
  }
  return result;
}

}  // namespace burnish::zoo
