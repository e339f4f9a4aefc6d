#pragma once
// Small programs with kernels, made by hand: the runtime is tested without a compiler.

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "ops/operator.h"
#include "runtime/executor.h"

namespace burnish::testing {

// Two kernels of x86-64 code, compiled from
//   scale: y[i] = x[i] * 2 + integers[0]           (x, y)
//   add:   scratch[0] = x[i]; y[i] = scratch[0] + w[i]   (x, w, y)
inline constexpr uint8_t kScaleCode[] = {
    0x48, 0x8b, 0x07, 0x48, 0x8b, 0x08, 0x48, 0x8b, 0x40, 0x08, 0x48, 0x8b, 0x7f, 0x08, 0x66, 0x0f, 0xef, 0xc9, 0xf3,
    0x48, 0x0f, 0x2a, 0x0f, 0x48, 0x39, 0xd6, 0x7d, 0x1b, 0xf3, 0x0f, 0x10, 0x04, 0xb1, 0xf3, 0x0f, 0x58, 0xc0, 0xf3,
    0x0f, 0x58, 0xc1, 0xf3, 0x0f, 0x11, 0x04, 0xb0, 0x48, 0x83, 0xc6, 0x01, 0x48, 0x39, 0xf2, 0x75, 0xe5, 0xc3};
inline constexpr uint8_t kAddCode[] = {0x48, 0x8b, 0x07, 0x4c, 0x8b, 0x08, 0x4c, 0x8b, 0x40, 0x08, 0x48, 0x8b,
                                       0x48, 0x10, 0x48, 0x8b, 0x47, 0x10, 0x48, 0x39, 0xd6, 0x7d, 0x22, 0xf3,
                                       0x41, 0x0f, 0x10, 0x04, 0xb1, 0xf3, 0x0f, 0x11, 0x00, 0xf3, 0x0f, 0x10,
                                       0x00, 0xf3, 0x41, 0x0f, 0x58, 0x04, 0xb0, 0xf3, 0x0f, 0x11, 0x04, 0xb1,
                                       0x48, 0x83, 0xc6, 0x01, 0x48, 0x39, 0xf2, 0x75, 0xde, 0xc3};
inline constexpr std::size_t kAddOffset = 64;

inline std::vector<std::byte> kernel_code() {
  std::vector<std::byte> code(kAddOffset + sizeof kAddCode);
  std::memcpy(code.data(), kScaleCode, sizeof kScaleCode);
  std::memcpy(code.data() + kAddOffset, kAddCode, sizeof kAddCode);
  return code;
}

class ProgramBuilder {
 public:
  ProgramBuilder() : program(std::make_unique<Program>()) {
    program->graph = std::make_shared<Graph>();
    program->code = kernel_code();
    program->cpu = "x86-64-v2";
  }

  int slot(std::string name, Type type, int buffer) {
    Slot& s = program->slots.emplace_back();
    s.name = std::move(name);
    s.type = std::move(type);
    if (buffer >= 0) s.storage = dense_storage(Format::plain(s.type.dtype, s.type.rank()), s.type.dims, buffer);
    return static_cast<int>(program->slots.size()) - 1;
  }
  int buffer(Buffer::Kind kind, int index, Dim bytes, int first = 0, int last = 0) {
    Buffer& b = program->buffers.emplace_back();
    b.kind = kind;
    b.index = index;
    b.bytes = std::move(bytes);
    b.first_step = first;
    b.last_step = last;
    return static_cast<int>(program->buffers.size()) - 1;
  }
  int input(std::string name, Type type) {
    const auto index = static_cast<int>(program->inputs.size());
    const Dim bytes = type.element_count() * Dim(static_cast<int64_t>(byte_size(type.dtype)));
    program->input_names.push_back(name);
    program->inputs.push_back(slot(std::move(name), std::move(type), buffer(Buffer::Kind::input, index, bytes)));
    return program->inputs.back();
  }
  int output(std::string name, Type type) {
    const auto index = static_cast<int>(program->outputs.size());
    const Dim bytes = type.element_count() * Dim(static_cast<int64_t>(byte_size(type.dtype)));
    program->output_names.push_back(name);
    program->outputs.push_back(slot(std::move(name), std::move(type), buffer(Buffer::Kind::output, index, bytes)));
    return program->outputs.back();
  }
  int arena(std::string name, Type type, int first, int last) {
    const Dim bytes = type.element_count() * Dim(static_cast<int64_t>(byte_size(type.dtype)));
    return slot(std::move(name), std::move(type), buffer(Buffer::Kind::arena, -1, bytes, first, last));
  }
  int constant(std::string name, Tensor tensor) {
    program->constants.push_back(tensor);
    const int b = buffer(Buffer::Kind::constant, static_cast<int>(program->constants.size()) - 1,
                         static_cast<int64_t>(tensor.byte_size()));
    return slot(std::move(name), tensor.type(), b);
  }
  void scale(int x, int y, Dim count, Dim add, int64_t grain = 4) {
    KernelCode& k = program->kernels.emplace_back();
    k.name = "scale";
    k.integers = {std::move(add)};
    k.tasks = std::move(count);
    k.grain = grain;
    kernel({x}, {y});
  }
  void add(int x, int w, int y, Dim count, int64_t grain = 4) {
    KernelCode& k = program->kernels.emplace_back();
    k.name = "add";
    k.offset = kAddOffset;
    k.tasks = std::move(count);
    k.grain = grain;
    k.scratch_bytes = 64;
    kernel({x, w}, {y});
  }
  void reference(int node, std::vector<int> inputs, std::vector<int> outputs) {
    Step& step = program->steps.emplace_back();
    step.kind = Step::Kind::reference;
    step.name = "reference";
    step.node = node;
    step.inputs = std::move(inputs);
    step.outputs = std::move(outputs);
  }

  std::unique_ptr<Program> program;

 private:
  void kernel(std::vector<int> inputs, std::vector<int> outputs) {
    Step& step = program->steps.emplace_back();
    step.kind = Step::Kind::kernel;
    step.name = program->kernels.back().name;
    step.code = static_cast<int>(program->kernels.size()) - 1;
    step.inputs = std::move(inputs);
    step.outputs = std::move(outputs);
  }
};

// x: f32[N] -> scale (+N) three times -> y. With x = i: y = 8 i + 7 N.
inline std::unique_ptr<Program> scale_program() {
  ProgramBuilder b;
  const Dim n = Dim::symbol("N", {1, 1000});
  const Type type = Type::tensor(DType::f32, {n});
  const int x = b.input("x", type), t = b.arena("t", type, 0, 1), u = b.arena("u", type, 1, 2), y = b.output("y", type);
  b.scale(x, t, n, n);
  b.scale(t, u, n, n);
  b.scale(u, y, n, n);
  return std::move(b.program);
}

// y = w + neg(w + x), by kernel, reference, kernel; w is 0, 1, ... 7.
inline std::unique_ptr<Program> mixed_program() {
  ProgramBuilder b;
  b.program->graph = std::shared_ptr<const Graph>(
      parse_graph("graph @main(%t: f32[8]) {\n  %u: f32[8] = neg(%t)\n  return %u\n}\n").value());
  ops::bind_operators(const_cast<Graph&>(*b.program->graph));
  const Type type = Type::tensor(DType::f32, {8});
  const std::vector<float> weights = {0, 1, 2, 3, 4, 5, 6, 7};
  const int x = b.input("x", type), w = b.constant("w", Tensor::f32s({8}, weights)), t = b.arena("t", type, 0, 1),
            u = b.arena("u", type, 1, 2), y = b.output("y", type);
  b.add(x, w, t, 8);
  b.reference(0, {t}, {u});
  b.add(u, w, y, 8);
  return std::move(b.program);
}

inline Tensor iota(int64_t n) {
  std::vector<float> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(static_cast<float>(i));
  return Tensor::f32s({n}, values);
}

}  // namespace burnish::testing
