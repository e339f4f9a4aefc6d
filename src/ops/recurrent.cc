// rnn, gru and lstm: a matrix product for the whole sequence, then a scan over its steps.

#include "ops/support/recurrent.h"

#include <algorithm>
#include <cmath>

#include "ops/support/compose.h"

namespace burnish::ops {
namespace {

enum Operand { kX, kW, kR, kB, kLengths, kHidden, kCell, kPeephole };

struct Kind {
  int64_t gates;
  std::size_t functions;  // activations per direction
  bool cell;
  std::string_view defaults[3];
};
constexpr Kind kRnn = {1, 1, false, {"Tanh"}};
constexpr Kind kGru = {3, 2, false, {"Sigmoid", "Tanh"}};
constexpr Kind kLstm = {4, 3, true, {"Sigmoid", "Tanh", "Tanh"}};

struct Shape {
  Dim steps, batch, inputs, hidden;
  int64_t directions;
  bool batch_first;
};

Result<Shape> shape_of(const NodeView& n, const Kind& kind) {
  const Dims x = TRY(dims_of(n, kX)), w = TRY(dims_of(n, kW)), r = TRY(dims_of(n, kR));
  if (x.size() != 3 || w.size() != 3 || r.size() != 3) return n.error("x, w and r must have three axes");
  const std::string& direction = n.string("direction");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    return n.error("direction must be \"forward\", \"reverse\" or \"bidirectional\"");
  const bool batch_first = n.integer("batch_first") != 0;
  Shape s{
      x[batch_first ? 1 : 0], x[batch_first ? 0 : 1], x[2], r[2], direction == "bidirectional" ? 2 : 1, batch_first};
  const auto fits = [&](std::size_t i, Dims expected) {
    if (!n.has(i)) return true;
    const Type& type = n.type(i);
    if (!type.is_ranked_tensor() || type.dims.size() != expected.size()) return false;
    for (std::size_t d = 0; d < expected.size(); ++d)
      if (equal(type.dims[d], expected[d]) == Truth::no) return false;
    return true;
  };
  const Dim wide = s.hidden * kind.gates, d = s.directions;
  const Dims state = batch_first ? Dims{s.batch, d, s.hidden} : Dims{d, s.batch, s.hidden};
  if (!fits(kW, {d, wide, s.inputs}) || !fits(kR, {d, wide, s.hidden}) || !fits(kB, {d, wide * 2}) ||
      !fits(kLengths, {s.batch}) || !fits(kHidden, state))
    return n.error("the operands do not fit each other");
  if (kind.cell && (!fits(kCell, state) || !fits(kPeephole, {d, s.hidden * 3})))
    return n.error("the operands do not fit each other");
  if (kind.cell && n.integer("rounded") != 0 && n.type(kX).dtype != DType::f32)
    return n.error("only f32 is rounded to 8 bits");
  const Strings& activations = n.strings("activations");
  if (!activations.empty() && activations.size() != kind.functions * static_cast<std::size_t>(s.directions))
    return n.error(std::to_string(kind.functions) + " activations are needed per direction");
  for (const std::string& name : activations)
    if (!is_recurrent_activation(name)) return n.error("the activation '" + name + "' is unknown");
  return s;
}

Status infer(InferContext& n, const Kind& kind) {
  const DType dtype = n.type(kX).dtype;
  for (std::size_t i = 0; i < 3; ++i) {
    if (n.type(i).is_ranked_tensor()) continue;
    for (std::size_t k = 0; k < n.result_count(); ++k) n.result(k, Type::unranked(dtype));
    return {};
  }
  const Shape s = TRY(shape_of(n, kind));
  const Dim d = s.directions;
  n.result(0, Type::tensor(dtype,
                           s.batch_first ? Dims{s.batch, s.steps, d, s.hidden} : Dims{s.steps, d, s.batch, s.hidden}));
  for (std::size_t k = 1; k < n.result_count(); ++k)
    n.result(k, Type::tensor(dtype, s.batch_first ? Dims{s.batch, d, s.hidden} : Dims{d, s.batch, s.hidden}));
  return {};
}

// One direction's part of an operand, without the axis of directions.
Value* part(Compose& c, Value* x, int64_t direction, int64_t axis = 0) {
  if (x == nullptr) return nullptr;
  Dims dims = x->type().dims;
  dims.erase(dims.begin() + axis);
  return c.reshape(c.slice(x, axis, direction, 1), std::move(dims));
}

// As dynamic quantisation leaves x: 8 bits, on a scale from its least element to its largest, of which one may be 0.
Value* rounded(Compose& c, Value* x) {
  if (x == nullptr) return nullptr;
  const auto extreme = [&](std::string_view kind) {
    return c.op(kind, {c.reduce(kind, x, range_of(0, x->type().rank()), false), c.number(x, 0)});
  };
  Value *low = extreme("min"), *high = extreme("max");
  Value* scale = c.div(c.sub(high, low), 255.0);
  // Where all is 0, so is the scale, and any other does.
  scale = c.select(c.binary(Scalar::eq, scale, c.number(x, 0)), c.number(x, 1), scale);
  Value* zero = c.min(c.max(c.unary(Scalar::round_even, c.div(c.unary(Scalar::neg, low), scale)), 0.0), 255.0);
  zero = c.cast(zero, DType::u8);
  const AttributeMap common = {{"axis", int64_t{0}}};
  AttributeMap to = common, back = common;
  to.emplace("dtype", DType::u8);
  back.emplace("dtype", x->type().dtype);
  return c.op("dequantize", {c.op("quantize", {x, scale, zero}, std::move(to)), scale, zero}, std::move(back));
}

class Direction {
 public:
  Direction(DecomposeContext& n, Compose& c, const Kind& kind, const Shape& s, int64_t number)
      : n_(n),
        c_(c),
        kind_(kind),
        s_(s),
        number_(number),
        dtype_(n.type(kX).dtype),
        rounded_(kind.cell && n.integer("rounded") != 0),
        activations_(n, number, kind.functions, kind.defaults) {}

  // All outputs [T, B, H], the last state, the last cell.
  Result<Values> run(Value* x) {
    bool reversed = number_ == 1 || n_.string("direction") == "reverse";
    const auto operand = [&](std::size_t i) { return n_.has(i) ? n_.in(i) : nullptr; };
    Value* weights = c_.transpose(part(c_, operand(kW), number_), {1, 0});
    recurrent_ = c_.transpose(part(c_, operand(kR), number_), {1, 0});
    Value* bias = part(c_, operand(kB), number_);
    const Dim wide = s_.hidden * kind_.gates;
    bias_ = bias == nullptr ? nullptr : c_.slice(bias, 0, wide, wide);
    Value* lengths = operand(kLengths);
    // What is rounded together are steps of the same number, so sequences of several lengths must start together.
    const bool turned = rounded_ && reversed && lengths != nullptr;
    if (turned) {
      x = c_.op("reverse_sequence", {x, lengths});
      reversed = false;
    }
    Value* projected = c_.op("matmul", {rounded_ ? rounded(c_, reached(x, lengths)) : x, weights});
    if (bias != nullptr) projected = c_.add(projected, c_.slice(bias, 0, 0, wide));
    if (kind_.cell) peephole_ = part(c_, operand(kPeephole), number_);
    linear_ = kind_.gates == 3 && n_.integer("linear_before_reset") != 0;
    // Only the candidate of a linear GRU needs its recurrent bias apart.
    if (bias_ != nullptr && !linear_) {
      projected = c_.add(projected, bias_);
      bias_ = nullptr;
    }
    const auto state = [&](std::size_t i) {
      Value* given = part(c_, operand(i), number_, s_.batch_first ? 1 : 0);
      return given != nullptr ? given : c_.broadcast(c_.number(dtype_, 0), {s_.batch, s_.hidden});
    };
    Values operands = {state(kHidden)};
    if (kind_.cell) operands.push_back(state(kCell));
    const std::size_t states = operands.size();
    operands.push_back(projected);
    if (lengths != nullptr) {
      lengths = c_.reshape(c_.cast(lengths, DType::i64), {s_.batch, 1});
      operands.push_back(c_.iota({s_.steps}, 0));
    }
    const auto scanned = static_cast<int64_t>(operands.size() - states);
    TRY(n_.builder.finish());
    Node* scan = n_.builder.begin("scan", operands,
                                  {{"num_scan_inputs", scanned},
                                   {"scan_input_directions", Ints(static_cast<std::size_t>(scanned), reversed)},
                                   {"scan_output_directions", Ints{reversed}}},
                                  {}, states + 1);
    TRY(n_.builder.finish());
    Graph& body = scan->add_region("body");
    for (std::size_t i = 0; i < operands.size(); ++i) {
      Type type = operands[i]->type();
      if (i >= states) type.dims.erase(type.dims.begin());
      body.add_input("", std::move(type));
    }
    Builder builder(body, nullptr, n_.node().source());
    Compose inside(builder);
    Value *cell = kind_.cell ? body.input(1) : nullptr, *before = body.input(0);
    if (rounded_ && lengths != nullptr)
      before =
          inside.select(inside.binary(Scalar::le, body.input(states + 1), lengths), before, inside.number(dtype_, 0));
    if (rounded_) before = rounded(inside, before);
    Values next = step(inside, before, cell, body.input(states));
    Value* output = next[0];
    if (lengths != nullptr) {
      // Beyond its length a sequence keeps its state and gives zeros.
      Value* alive = inside.binary(Scalar::lt, body.input(states + 1), lengths);
      for (std::size_t i = 0; i < states; ++i) next[i] = inside.select(alive, next[i], body.input(i));
      output = inside.select(alive, output, inside.number(dtype_, 0));
    }
    TRY(builder.finish());
    for (std::size_t i = 0; i < states; ++i) body.add_output(next[i], "state" + std::to_string(i));
    body.add_output(output, "output");
    n_.builder.complete(scan);
    TRY(n_.builder.finish());
    Value* all = scan->result(states);
    if (turned) all = c_.op("reverse_sequence", {all, operand(kLengths)});
    return Values{all, scan->result(0), kind_.cell ? scan->result(1) : nullptr};
  }

 private:
  // x [T, B, I] with zeros, which change no scale, in the steps that no sequence has.
  Value* reached(Value* x, Value* lengths) {
    if (lengths == nullptr) return x;
    Value* most = c_.reduce("max", c_.cast(lengths, DType::i64), {0}, false);
    return c_.select(c_.binary(Scalar::lt, c_.iota({s_.steps, 1, 1}, 0), most), x, c_.number(x, 0));
  }
  Value* gate(Compose& c, Value* x, int64_t which) { return c.slice(x, 1, s_.hidden * which, s_.hidden); }
  // Of a gate's input. The cell on its way to h is none: it is not clipped.
  Value* apply(Compose& c, std::size_t function, Value* x) {
    return activations_.apply(c, function, activations_.clipped(c, x));
  }
  Value* weighted(Compose& c, int64_t which, Value* cell) {
    return c.mul(cell, c.slice(peephole_, 0, s_.hidden * which, s_.hidden));
  }

  Values step(Compose& c, Value* h, Value* cell, Value* x) {
    if (kind_.gates == 1) return {apply(c, 0, c.add(x, c.op("matmul", {h, recurrent_})))};
    if (kind_.gates == 3) return {gru(c, h, x)};
    Value* gates = c.add(x, c.op("matmul", {h, recurrent_}));
    Value *in = gate(c, gates, 0), *out = gate(c, gates, 1), *forget = gate(c, gates, 2);
    if (peephole_ != nullptr) {
      in = c.add(in, weighted(c, 0, cell));
      forget = c.add(forget, weighted(c, 2, cell));
    }
    in = apply(c, 0, in);
    forget = n_.integer("input_forget") != 0 ? c.sub(c.number(dtype_, 1), in) : apply(c, 0, forget);
    Value* next = c.add(c.mul(forget, cell), c.mul(in, apply(c, 1, gate(c, gates, 3))));
    if (peephole_ != nullptr) out = c.add(out, weighted(c, 1, next));
    return {c.mul(apply(c, 0, out), activations_.apply(c, 2, next)), next};
  }

  Value* gru(Compose& c, Value* h, Value* x) {
    const Dim two = s_.hidden * 2;
    const auto columns = [&](Value* matrix, Dim first, Dim count) { return c.slice(matrix, 1, first, count); };
    Value* gates = c.add(columns(x, 0, two), c.op("matmul", {h, columns(recurrent_, 0, two)}));
    if (bias_ != nullptr) gates = c.add(gates, c.slice(bias_, 0, 0, two));
    Value *update = apply(c, 0, gate(c, gates, 0)), *reset = apply(c, 0, gate(c, gates, 1));
    Value* last = columns(recurrent_, two, s_.hidden);
    Value* candidate;
    if (linear_) {
      candidate = c.op("matmul", {h, last});
      if (bias_ != nullptr) candidate = c.add(candidate, c.slice(bias_, 0, two, s_.hidden));
      candidate = c.mul(reset, candidate);
    } else {
      candidate = c.op("matmul", {c.mul(reset, h), last});
    }
    candidate = apply(c, 1, c.add(gate(c, x, 2), candidate));
    return c.add(c.mul(c.sub(c.number(dtype_, 1), update), candidate), c.mul(update, h));
  }

  DecomposeContext& n_;
  Compose& c_;
  const Kind& kind_;
  const Shape& s_;
  int64_t number_;
  DType dtype_;
  bool rounded_;  // x and h, where they meet weights
  RecurrentActivations activations_;
  Value *recurrent_ = nullptr, *bias_ = nullptr, *peephole_ = nullptr;
  bool linear_ = false;
};

Result<Values> decompose(DecomposeContext& n, const Kind& kind) {
  Compose c(n.builder);
  const Shape s = TRY(shape_of(n, kind));
  Value* x = s.batch_first ? c.transpose(n.in(kX), {1, 0, 2}) : n.in(kX);
  Values parts[3];
  for (int64_t d = 0; d < s.directions; ++d) {
    const Values one = TRY(Direction(n, c, kind, s, d).run(x));
    parts[0].push_back(c.reshape(one[0], {s.steps, 1, s.batch, s.hidden}));
    for (std::size_t k = 1; k < (kind.cell ? 3 : 2); ++k) parts[k].push_back(c.reshape(one[k], {1, s.batch, s.hidden}));
  }
  Values results(n.node().result_count());
  for (std::size_t k = 0; k < results.size(); ++k) {
    if (n.node().result(k) == nullptr) continue;
    results[k] = c.concat(parts[k], k == 0 ? 1 : 0);
    if (s.batch_first) results[k] = c.transpose(results[k], k == 0 ? Ints{2, 0, 1, 3} : Ints{1, 0, 2});
  }
  TRY(n.builder.finish());
  return results;
}

constexpr auto kOptional = OperandSpec::Arity::optional;
constexpr OperandSpec kOperands[] = {{"x", "float"},
                                     {"w", "same"},
                                     {"r", "same"},
                                     {"b", "same", kOptional},
                                     {"lengths", "int", kOptional},
                                     {"hidden", "same", kOptional},
                                     {"cell", "same", kOptional},
                                     {"peephole", "same", kOptional}};
constexpr ResultDoc kResults[] = {{"y", "[T, directions, B, H]: every step's hidden state", true},
                                  {"last", "[directions, B, H]: the last hidden state", true},
                                  {"last_cell", "the last cell", true}};
#define RECURRENT_ATTRIBUTES                                                                                           \
  {"direction", AttributeKind::string, "\"forward\"", "forward, reverse or bidirectional"},                            \
      {"activations", AttributeKind::strings, "[]", "ONNX's names, per direction; [] = Sigmoid for gates, then Tanh"}, \
      {"activation_alpha", AttributeKind::reals, "[]", "for the activations that take one, in order"},                 \
      {"activation_beta", AttributeKind::reals, "[]", "for the activations that take one, in order"},                  \
      {"clip", AttributeKind::real, "optional", "what gates see is kept within -clip and clip"},                       \
      {"batch_first", AttributeKind::integer, "0", "1: the batch is the first axis of x, y and states"}
constexpr AttributeSpec kRnnAttributes[] = {RECURRENT_ATTRIBUTES};
constexpr AttributeSpec kGruAttributes[] = {
    RECURRENT_ATTRIBUTES,
    {"linear_before_reset", AttributeKind::integer, "0", "1: the reset gate comes after the matrix product"}};
constexpr AttributeSpec kLstmAttributes[] = {
    RECURRENT_ATTRIBUTES,
    {"input_forget", AttributeKind::integer, "0", "1: the forget gate is 1 - the input gate"},
    {"rounded", AttributeKind::integer, "0",
     "1: before they meet w and r, x as a whole and h of each step are rounded to 8 bits, as by ONNX "
     "DynamicQuantizeLinear"}};

constexpr Sample kRnnSamples[] = {
    {"x: f32[4,2,3], w: f32[1,5,3], r: f32[1,5,5], b: f32[1,10]; y, h = rnn(x, w, r, b)"},
    {"x: f32[4,2,3], w: f32[2,5,3], r: f32[2,5,5], b: f32[2,10], n: i32[2] = [2, 4], h0: f32[2,2,5]; y, h = rnn(x, w, "
     "r, "
     "b, n, h0) {direction = \"bidirectional\", activations = [\"Tanh\", \"Affine\"], activation_alpha = [0.5], "
     "activation_beta = [0.1]}"},
    {"x: f32[4,2,3], w: f32[1,5,3], r: f32[1,5,5], b: f32[1,10]; y, h = rnn(x, w, r, b) {clip = 0.5}"},
};
constexpr Sample kGruSamples[] = {
    {"x: f32[4,2,3], w: f32[1,15,3], r: f32[1,15,5], b: f32[1,30]; y, h = gru(x, w, r, b) {direction = \"reverse\"}"},
    {"x: f32[4,2,3], w: f32[2,15,3], r: f32[2,15,5], b: f32[2,30], n: i32[2] = [3, 4]; y, h = gru(x, w, r, b, n) "
     "{direction = \"bidirectional\", linear_before_reset = 1}"},
    {"x: f32[4,2,3], w: f32[1,15,3], r: f32[1,15,5], b: f32[1,30]; y, h = gru(x, w, r, b) {clip = 0.5}"},
};
constexpr Sample kLstmSamples[] = {
    {"x: f32[4,2,3], w: f32[1,20,3], r: f32[1,20,5], b: f32[1,40]; y, h, c = lstm(x, w, r, b)"},
    {"x: f32[4,2,3], w: f32[2,20,3], r: f32[2,20,5], b: f32[2,40], n: i32[2] = [4, 2], h0: f32[2,2,5], c0: f32[2,2,5], "
     "p: f32[2,15]; y, h, c = lstm(x, w, r, b, n, h0, c0, p) {direction = \"bidirectional\", clip = 2.0}"},
    {"x: f32[4,2,3], w: f32[1,20,3], r: f32[1,20,5], b: f32[1,40], h0: f32[1,2,5], c0: f32[1,2,5]; y, h, c = lstm(x, "
     "w, "
     "r, b, _, h0, c0) {clip = 0.3}"},
    {"x: f32[4,1,3], w: f32[1,20,3], r: f32[1,20,5], b: f32[1,40], h0: f32[1,1,5]; y, h, c = lstm(x, w, r, b, _, h0) "
     "{rounded = 1}"},
};

template <const Kind& kind>
Status infer_kind(InferContext& n) {
  return infer(n, kind);
}
template <const Kind& kind>
Result<Values> decompose_kind(DecomposeContext& n) {
  return decompose(n, kind);
}
constexpr Operator make(std::string_view name, std::string_view doc, std::size_t operands, std::size_t results,
                        std::span<const AttributeSpec> attributes, Status (*infer)(InferContext&),
                        Result<Values> (*decompose)(DecomposeContext&), std::span<const Sample> samples) {
  return {.name = name,
          .doc = doc,
          .operands = std::span(kOperands).first(operands),
          .results = std::span(kResults).first(results),
          .attributes = attributes,
          .infer = infer,
          .reference = nullptr,
          .decompose = decompose,
          .lower = nullptr,
          .gradient = nullptr,
          .samples = samples,
          .tolerance = {1e-4, 1e-5}};
}
constexpr Operator kOperators[] = {
    make("rnn", "h = f(x W' + h R' + b), step by step. Source: ONNX RNN 22.", 6, 2, kRnnAttributes, infer_kind<kRnn>,
         decompose_kind<kRnn>, kRnnSamples),
    make("gru", "Gated recurrent unit, gates in the order update, reset, candidate. Source: ONNX GRU 22.", 6, 2,
         kGruAttributes, infer_kind<kGru>, decompose_kind<kGru>, kGruSamples),
    make("lstm", "Long short-term memory, gates in the order input, output, forget, cell. Source: ONNX LSTM 22.", 8, 3,
         kLstmAttributes, infer_kind<kLstm>, decompose_kind<kLstm>, kLstmSamples),
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(recurrent, kOperators)
