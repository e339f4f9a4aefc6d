#include "runtime/prepared.h"

#include <algorithm>
#include <set>

namespace burnish {
namespace {

using Names = std::set<std::string>;

void collect(const Dim& dim, Names& names) {
  if (dim.is_constant()) return;
  for (std::string& name : dim.symbols()) names.insert(std::move(name));
}
void collect(std::span<const Dim> dims, Names& names) {
  for (const Dim& d : dims) collect(d, names);
}
void collect(const Type& type, Names& names) {
  collect(type.dims, names);
  if (type.element != nullptr) collect(*type.element, names);
}

bool all_numbers(std::span<const Dim> dims) {
  return std::all_of(dims.begin(), dims.end(), [](const Dim& d) { return d.is_constant(); });
}

bool binds(const Slot& slot) {
  return (slot.contents && !all_numbers(*slot.contents)) || (slot.heap() && !all_numbers(slot.type.dims));
}

}  // namespace

Prepared::Prepared(const Program& of, const std::byte* code) : program(&of), code(code) {
  arrivals = of.inputs;
  for (const auto& [inner, outer] : of.captures) arrivals.push_back(inner);
  for (const auto& body : of.bodies) bodies.push_back(std::make_unique<Prepared>(*body, code));

  std::vector<const Node*> all_nodes;
  if (of.graph != nullptr) walk(*of.graph, [&](Node& node) { all_nodes.push_back(&node); });
  Names names;
  viewed.assign(of.slots.size(), false);
  for (int slot : of.outputs) viewed[static_cast<std::size_t>(slot)] = true;
  std::vector<int> last_use(of.slots.size(), -1);
  for (std::size_t i = 0; i < of.steps.size(); ++i) {
    const Step& step = of.steps[i];
    const bool kernel = step.kind == Step::Kind::kernel;
    kernels = kernels || kernel;
    nodes.push_back(step.kind == Step::Kind::reference ? all_nodes[static_cast<std::size_t>(step.node)] : nullptr);
    if (nodes.back() != nullptr) {
      for (const auto& [name, attribute] : nodes.back()->attributes()) {
        if (const auto* dims = std::get_if<Dims>(&attribute)) collect(*dims, names);
        if (const auto* type = std::get_if<Type>(&attribute)) collect(*type, names);
      }
    }
    const auto use = [&](int slot) {
      if (slot < 0) return;
      last_use[static_cast<std::size_t>(slot)] = static_cast<int>(i);
      if (!kernel) viewed[static_cast<std::size_t>(slot)] = true;
    };
    std::vector<int>& check = checked.emplace_back();
    for (int slot : step.inputs) use(slot);
    for (int slot : step.outputs) {
      if (slot < 0) continue;
      last_use[static_cast<std::size_t>(slot)] =
          std::max(last_use[static_cast<std::size_t>(slot)], static_cast<int>(i));
      const Slot& s = of.slots[static_cast<std::size_t>(slot)];
      late = late || binds(s);
      if (kernel ? s.contents.has_value() : s.heap() || s.contents) check.push_back(slot);
    }
    for (int body : step.bodies) {
      const auto b = static_cast<std::size_t>(body);
      for (const auto& [inner, outer] : of.bodies[b]->captures) use(outer);
      names.insert(bodies[b]->symbols.begin(), bodies[b]->symbols.end());
      kernels = kernels || bodies[b]->kernels;
    }
  }
  release.resize(of.steps.size());
  for (std::size_t s = 0; s < of.slots.size(); ++s) {
    const Slot& slot = of.slots[s];
    collect(slot.type, names);
    collect(slot.storage.strides, names);
    collect(slot.storage.offset, names);
    if (slot.contents) collect(*slot.contents, names);
    const bool kept = std::find(of.outputs.begin(), of.outputs.end(), static_cast<int>(s)) != of.outputs.end();
    if (slot.heap() && !kept && last_use[s] >= 0)
      release[static_cast<std::size_t>(last_use[s])].push_back(static_cast<int>(s));
  }
  for (int slot : arrivals) late = late || of.slots[static_cast<std::size_t>(slot)].contents.has_value();
  for (const Buffer& buffer : of.buffers) collect(buffer.bytes, names);
  for (const KernelCode& kernel : of.kernels) {
    collect(kernel.integers, names);
    for (const Dim* d : {&kernel.tasks, &kernel.grain, &kernel.scratch_bytes}) collect(*d, names);
  }
  for (const SizeCheck& check : of.checks)
    for (const Dim* d : {&check.requirement.value, &check.requirement.bound}) collect(*d, names);
  symbols.assign(names.begin(), names.end());
}

}  // namespace burnish
