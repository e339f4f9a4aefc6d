#include <algorithm>

#include "runtime/program.h"

namespace burnish {
namespace {

constexpr int kMaxDepth = 64;

class Verifier {
 public:
  Verifier(const Program& root) {
    if (root.graph != nullptr) walk(*root.graph, [&](Node& node) { nodes_.push_back(&node); });
    code_bytes_ = root.mapped_code.empty() ? root.code.size() : root.mapped_code.size();
  }

  Status check(const Program& p, int depth) {
    if (depth > kMaxDepth) return fail("bodies nest too deeply");
    if (p.slots.size() > INT32_MAX || p.steps.size() > INT32_MAX) return fail("it is too large");
    for (std::size_t i = 0; i < p.buffers.size(); ++i) TRY(check_buffer(p, p.buffers[i]));
    for (const Slot& slot : p.slots) TRY(check_slot(p, slot));
    for (const KernelCode& kernel : p.kernels)
      if (kernel.offset >= code_bytes_) return fail("kernel '" + kernel.name + "' lies behind the code");
    for (const auto* list : {&p.inputs, &p.outputs})
      for (int slot : *list)
        if (!is_slot(p, slot)) return fail("an input or output has no slot");
    for (std::size_t i = 0; i < p.inputs.size(); ++i) TRY(check_arrival(p, p.inputs[i], static_cast<int>(i)));
    for (std::size_t i = 0; i < p.captures.size(); ++i) {
      if (!is_slot(p, p.captures[i].first)) return fail("a captured value has no slot");
      TRY(check_arrival(p, p.captures[i].first, static_cast<int>(p.inputs.size() + i)));
    }
    if (depth == 0) {
      if (!p.captures.empty()) return fail("the outermost program captures values");
      if (p.input_names.size() != p.inputs.size() || p.output_names.size() != p.outputs.size())
        return fail("inputs and names do not agree");
      if (!p.input_roles.empty() && p.input_roles.size() != p.inputs.size())
        return fail("inputs and roles do not agree");
    }
    for (std::size_t i = 0; i < p.checks.size(); ++i)
      if (p.checks[i].step < (i == 0 ? 0 : p.checks[i - 1].step)) return fail("checks of sizes are out of order");
    for (std::size_t i = 0; i < p.steps.size(); ++i) TRY(check_step(p, p.steps[i], static_cast<int>(i)));
    for (int slot : p.outputs) TRY(check_life(p, slot, static_cast<int>(p.steps.size()) - 1));
    TRY(check_order(p));
    for (const auto& body : p.bodies) {
      if (body == nullptr) return fail("a body is missing");
      for (const auto& [inner, outer] : body->captures)
        if (!is_slot(p, outer)) return fail("a body reads a slot that is not there");
      TRY(check(*body, depth + 1));
    }
    return {};
  }

 private:
  static std::unexpected<Error> fail(std::string what) { return internal_error("bad program: " + std::move(what)); }
  static bool is_slot(const Program& p, int slot) { return slot >= 0 && slot < static_cast<int>(p.slots.size()); }

  static Status check_buffer(const Program& p, const Buffer& b) {
    std::size_t limit = 0;
    switch (b.kind) {
      case Buffer::Kind::arena:
        if (b.first_step < 0 || b.last_step < b.first_step) return fail("a buffer dies before it is born");
        return {};
      case Buffer::Kind::input: limit = p.inputs.size() + p.captures.size(); break;
      case Buffer::Kind::output: limit = p.outputs.size(); break;
      case Buffer::Kind::constant: limit = p.constants.size(); break;
    }
    if (b.index < 0 || static_cast<std::size_t>(b.index) >= limit) return fail("a buffer is nobody's");
    return {};
  }

  static Status check_slot(const Program& p, const Slot& slot) {
    if (slot.storage.buffer >= static_cast<int>(p.buffers.size()))
      return fail("slot '" + slot.name + "' has no buffer");
    if (slot.heap()) return {};
    if (!slot.type.is_ranked_tensor()) return fail("slot '" + slot.name + "' has no fixed rank but a buffer");
    const Buffer& buffer = p.buffers[static_cast<std::size_t>(slot.storage.buffer)];
    if (slot.type.dtype == DType::string && buffer.kind != Buffer::Kind::constant)
      return fail("slot '" + slot.name + "' holds strings in a buffer");
    if (slot.storage.strides.size() != slot.type.dims.size())
      return fail("slot '" + slot.name + "' has strides of another rank");
    return verify(slot.storage.format, slot.type.rank());
  }

  static Status check_arrival(const Program& p, int slot, int index) {
    const Slot& s = p.slots[static_cast<std::size_t>(slot)];
    if (s.heap()) return {};
    const Buffer& b = p.buffers[static_cast<std::size_t>(s.storage.buffer)];
    if (b.kind != Buffer::Kind::input || b.index != index)
      return fail("input '" + s.name + "' is in a buffer of another kind");
    return {};
  }

  static Status check_life(const Program& p, int slot, int step) {
    const Slot& s = p.slots[static_cast<std::size_t>(slot)];
    if (s.heap()) return {};
    const Buffer& b = p.buffers[static_cast<std::size_t>(s.storage.buffer)];
    if (b.kind == Buffer::Kind::arena && (step < b.first_step || step > b.last_step))
      return fail("'" + s.name + "' is used in step " + std::to_string(step) + ", when its buffer is not live");
    return {};
  }

  // Heap slots hold nothing until they are written; buffers are merely of no use.
  static Status check_order(const Program& p) {
    std::vector<bool> written(p.slots.size());
    for (std::size_t s = 0; s < p.slots.size(); ++s) written[s] = !p.slots[s].heap();
    for (int slot : p.inputs) written[static_cast<std::size_t>(slot)] = true;
    for (const auto& [inner, outer] : p.captures) written[static_cast<std::size_t>(inner)] = true;
    const auto is_written = [&](int slot) -> Status {
      if (slot < 0 || written[static_cast<std::size_t>(slot)]) return {};
      return fail("'" + p.slots[static_cast<std::size_t>(slot)].name + "' is read before it is written");
    };
    for (const Step& step : p.steps) {
      for (int slot : step.inputs) TRY(is_written(slot));
      for (int body : step.bodies)
        for (const auto& [inner, outer] : p.bodies[static_cast<std::size_t>(body)]->captures) TRY(is_written(outer));
      for (int slot : step.outputs)
        if (slot >= 0) written[static_cast<std::size_t>(slot)] = true;
    }
    for (int slot : p.outputs) TRY(is_written(slot));
    return {};
  }

  Status check_step(const Program& p, const Step& step, int index) {
    const auto bad = [&](std::string_view what) {
      return fail("step " + std::to_string(index) + " '" + step.name + "' " + std::string(what));
    };
    for (const auto* list : {&step.inputs, &step.outputs}) {
      for (int slot : *list) {
        if (slot == -1) continue;
        if (!is_slot(p, slot)) return bad("names a slot that is not there");
        TRY(check_life(p, slot, index));
      }
    }
    for (int slot : step.outputs) {
      if (slot == -1 || p.slots[static_cast<std::size_t>(slot)].heap()) continue;
      const auto kind =
          p.buffers[static_cast<std::size_t>(p.slots[static_cast<std::size_t>(slot)].storage.buffer)].kind;
      if (kind == Buffer::Kind::input || kind == Buffer::Kind::constant) return bad("writes an input or a constant");
    }
    for (int body : step.bodies) {
      if (body < 0 || static_cast<std::size_t>(body) >= p.bodies.size() ||
          p.bodies[static_cast<std::size_t>(body)] == nullptr)
        return bad("has a body that is not there");
      for (const auto& [inner, outer] : p.bodies[static_cast<std::size_t>(body)]->captures) {
        if (!is_slot(p, outer)) return bad("has a body that reads what is not there");
        TRY(check_life(p, outer, index));
      }
    }
    const auto body_has = [&](int number, std::size_t inputs, std::size_t outputs) {
      const Program& body = *p.bodies[static_cast<std::size_t>(step.bodies[static_cast<std::size_t>(number)])];
      return body.inputs.size() == inputs && body.outputs.size() == outputs;
    };
    switch (step.kind) {
      case Step::Kind::kernel:
        if (step.code < 0 || static_cast<std::size_t>(step.code) >= p.kernels.size()) return bad("has no kernel");
        for (const auto* list : {&step.inputs, &step.outputs})
          for (int slot : *list)
            if (slot < 0 || p.slots[static_cast<std::size_t>(slot)].type.dtype == DType::string ||
                !p.slots[static_cast<std::size_t>(slot)].type.is_ranked_tensor())
              return bad("gives its kernel an operand that kernels cannot take");
        break;
      case Step::Kind::reference: {
        if (step.node < 0 || static_cast<std::size_t>(step.node) >= nodes_.size()) return bad("has no node");
        const Node& node = *nodes_[static_cast<std::size_t>(step.node)];
        if (step.inputs.size() != node.operand_count() || step.outputs.size() != node.result_count())
          return bad("does not agree with its node");
        if (node.region_count() > 0) return bad("has a node with bodies");
        for (std::size_t i = 0; i < step.inputs.size(); ++i) {
          const Value* operand = node.operand(i);
          if ((step.inputs[i] < 0) != (operand == nullptr)) return bad("and its node have other operands");
          if (operand != nullptr && p.slots[static_cast<std::size_t>(step.inputs[i])].type != operand->type())
            return bad("gives its node an operand of another type");
        }
        for (std::size_t i = 0; i < step.outputs.size(); ++i) {
          if (step.outputs[i] < 0) continue;
          if (node.result(i) == nullptr) return bad("wants a result that its node omits");
          if (p.slots[static_cast<std::size_t>(step.outputs[i])].type != node.result(i)->type())
            return bad("takes a result of another type from its node");
        }
        break;
      }
      case Step::Kind::branch:
        if (step.inputs.size() != 1 || step.inputs[0] < 0 || step.bodies.size() != 2 ||
            !body_has(0, 0, step.outputs.size()) || !body_has(1, 0, step.outputs.size()))
          return bad("does not agree with its bodies");
        break;
      case Step::Kind::loop:
        if (step.inputs.size() < 2 || step.bodies.size() != 1 || step.outputs.size() + 2 < step.inputs.size() ||
            !body_has(0, step.inputs.size(), step.outputs.size() + 1))
          return bad("does not agree with its body");
        break;
      case Step::Kind::scan:
        if (step.scan.inputs < 1 || step.scan.inputs > static_cast<int64_t>(step.inputs.size()) ||
            step.bodies.size() != 1 || !body_has(0, step.inputs.size(), step.outputs.size()) ||
            step.outputs.size() + static_cast<std::size_t>(step.scan.inputs) < step.inputs.size())
          return bad("does not agree with its body");
        break;
    }
    return {};
  }

  std::vector<const Node*> nodes_;
  std::size_t code_bytes_ = 0;
};

}  // namespace

Status verify(const Program& program) { return Verifier(program).check(program, 0); }

}  // namespace burnish
