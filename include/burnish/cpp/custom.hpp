// Operators of your own: what they are called, what their results are, and how they are computed. register_operator
// makes one known to models, graphs and engines that are loaded, written and built afterwards.
//
//   CustomOperator op;
//   op.name = "com.example.Scale";  // in ONNX files: domain com.example, op_type Scale
//   op.operands = {{"x", "float"}};
//   op.results = {{"y"}};
//   op.attributes = {{"by", AttributeKind::real, "1.0"}};
//   op.infer = [](Inference& n) { n.result(0, n.type(0)); };
//   op.decompose = [](Decomposition& n) { n.result(0, n.operand(0) * n.real("by")); };
//   register_operator(op).value();
//
// Errors stick, as those of graphs do: after the first one, whatever follows has no effect, and the node's user is told
// of it. Exceptions become errors. The functions are called from any thread, several at a time, and
// use no graph but the one they are given: two threads that each hold one and want the other's would wait for ever.
#ifndef BURNISH_CPP_CUSTOM_HPP_
#define BURNISH_CPP_CUSTOM_HPP_

#include <exception>
#include <functional>

#include <burnish/cpp/graph.hpp>

BURNISH_NAMESPACE_BEGIN

enum class AttributeKind {
  integer = BURNISH_INTEGER,
  real = BURNISH_REAL,
  string = BURNISH_STRING,
  integers = BURNISH_INTEGERS,
  reals = BURNISH_REALS,
  strings = BURNISH_STRINGS,
  dtype = BURNISH_DTYPE,
  dims = BURNISH_DIMS,
  tensor = BURNISH_TENSOR,
  type = BURNISH_TYPE,
};
enum class Arity { required = BURNISH_REQUIRED, optional = BURNISH_OPTIONAL, variadic = BURNISH_VARIADIC };
enum class Requirement {
  equal = BURNISH_EQUAL,            // value == bound
  at_most = BURNISH_AT_MOST,        // value <= bound
  broadcasts = BURNISH_BROADCASTS,  // value == bound, or either is 1
  extends = BURNISH_EXTENDS,        // value == bound, or value is 1
};

struct OperandSpec {
  std::string name;
  std::string types = "any";  // "f32|f64", "float", "int", "numeric", "bool", "complex", "any", "same" (as operand 0)
  Arity arity = Arity::required;
};
struct ResultSpec {
  std::string name;
  std::string doc = {};
  Arity arity = Arity::required;
};
struct AttributeSpec {
  std::string name;
  AttributeKind kind = AttributeKind::integer;
  // As in the text form: "1", "0.5", "\"NOTSET\"", "[1, 1]", "f32". "required": it must be given; "optional": it may be
  // absent.
  std::string default_text = "required";
  std::string doc = {};
};
// What it is called in ONNX files, in versions `since` to `until` (0: without end) of the domain's operator set.
struct Binding {
  std::string domain, op_type;
  int64_t since = 1, until = 0;
};

// What the functions of an operator see of the node.
class NodeView {
 public:
  NodeView(const NodeView&) = delete;
  NodeView& operator=(const NodeView&) = delete;

  std::size_t operand_count() const { return count(BURNISH_INPUT); }
  std::size_t result_count() const { return count(BURNISH_OUTPUT); }
  bool has(std::size_t operand) const { return !type(operand).empty(); }  // given, where it may be absent
  std::string type(std::size_t operand) const {                           // "f32[N,64]"; empty when absent
    const char* text = nullptr;
    return call(&burnish_table::call_type, BURNISH_INPUT, operand, &text) && text != nullptr ? text : "";
  }
  std::optional<DType> dtype(std::size_t operand) const { return detail::dtype_of_type(type(operand)); }
  Dims dims(std::size_t operand) const { return detail::dims_of(type(operand)); }
  bool is_ranked(std::size_t operand) const {
    const std::string text = type(operand);
    return text.ends_with(']') && !text.ends_with("[*]");
  }
  int64_t rank(std::size_t operand) const { return static_cast<int64_t>(dims(operand).size()); }
  // Negative axes count from the end.
  Dim dim(std::size_t operand, int64_t axis) const {
    const Dims all = dims(operand);
    if (axis < 0) axis += static_cast<int64_t>(all.size());
    if (axis >= 0 && axis < static_cast<int64_t>(all.size())) return all[static_cast<std::size_t>(axis)];
    fail("operand " + std::to_string(operand) + " has no axis " + std::to_string(axis));
    return 0;
  }
  // Some node has it, where it may be left out.
  bool wanted(std::size_t result) const { return !result_type(result).empty(); }
  // "f32[N,64]" of a result: what infer said.
  std::string result_type(std::size_t result) const {
    const char* text = nullptr;
    return call(&burnish_table::call_type, BURNISH_OUTPUT, result, &text) && text != nullptr ? text : "";
  }

  // Attributes, with their defaults; asking for another kind than the declared one is an error.
  bool has_attribute(const std::string& name) const { return attribute(name).name != nullptr; }
  int64_t integer(const std::string& name) const { return of_kind(name, BURNISH_INTEGER).value.integer; }
  double real(const std::string& name) const {
    const burnish_attribute a = of_kind(name, BURNISH_REAL);
    return a.name == nullptr ? 0 : a.value.real;
  }
  std::string string(const std::string& name) const { return text(of_kind(name, BURNISH_STRING)); }
  Ints integers(const std::string& name) const {
    const burnish_attribute a = of_kind(name, BURNISH_INTEGERS);
    return {a.value.integers, a.value.integers + a.count};
  }
  std::vector<double> reals(const std::string& name) const {
    const burnish_attribute a = of_kind(name, BURNISH_REALS);
    return {a.value.reals, a.value.reals + a.count};
  }
  std::vector<std::string> strings(const std::string& name) const {
    const burnish_attribute a = of_kind(name, BURNISH_STRINGS);
    return {a.value.strings, a.value.strings + a.count};
  }
  DType dtype_attribute(const std::string& name) const {
    return parse_dtype(text(of_kind(name, BURNISH_DTYPE))).value_or(DType::f32);
  }
  // Numbers in a reference, else maybe sizes with symbols.
  Dims sizes(const std::string& name) const {
    const burnish_attribute a = of_kind(name, BURNISH_DIMS);
    return {a.value.strings, a.value.strings + a.count};
  }
  Tensor tensor(const std::string& name) const {
    const burnish_attribute a = of_kind(name, BURNISH_TENSOR);
    return a.name == nullptr ? Tensor() : Tensor::borrow(*a.value.tensor, true);
  }
  std::string type_attribute(const std::string& name) const { return text(of_kind(name, BURNISH_TYPE)); }

  // Why the node cannot be had. Refused is a matter of this node; in a decompose, of what is not known yet: it is asked
  // again in the run.
  void fail(std::string what, std::string remedy = {}, ErrorCode code = ErrorCode::refused) const {
    if (error_) return;
    error_ = Error{code, std::move(what), {}, std::move(remedy)};
  }
  bool failed() const { return error_.has_value(); }

 protected:
  explicit NodeView(burnish_call* handle) : handle_(handle) {}
  ~NodeView() = default;

  template <class Function, class... Arguments>
  bool call(Function burnish_table::* function, Arguments... arguments) const {
    if (error_) return false;
    Result<void> done = detail::call(function, handle_, arguments...);
    if (done) return true;
    error_ = std::move(done).error();
    told_ = true;
    return false;
  }
  const Error& failure() const { return *error_; }
  Tensor data(std::size_t operand) const {
    const DLTensor* tensor = nullptr;
    call(&burnish_table::call_tensor, operand, &tensor);
    return tensor == nullptr ? Tensor() : Tensor::borrow(*tensor, true);
  }

 private:
  friend struct CustomFunctions;
  std::size_t count(burnish_side side) const {
    std::size_t count = 0;
    call(&burnish_table::call_count, side, &count);
    return count;
  }
  burnish_attribute attribute(const std::string& name) const {
    burnish_attribute attribute{};
    call(&burnish_table::call_attribute, name.c_str(), &attribute);
    return attribute;
  }
  burnish_attribute of_kind(const std::string& name, burnish_attribute_kind kind) const {
    const burnish_attribute found = attribute(name);
    if (found.name != nullptr && found.kind == kind) return found;
    if (found.name != nullptr) fail("attribute '" + name + "' is of another kind", {}, ErrorCode::usage);
    return {};
  }
  static std::string text(const burnish_attribute& a) { return a.name == nullptr ? "" : a.value.string; }

  burnish_call* handle_;
  mutable std::optional<Error> error_;
  mutable bool told_ = false;  // the library knows the error, and more of it
};

// What the results are: called with what is known of the operands, maybe again with more.
class Inference : public NodeView {
 public:
  void result(std::size_t i, const std::string& type) { call(&burnish_table::call_set_type, i, type.c_str()); }
  void result(std::size_t i, DType dtype, const Dims& dims) {
    std::string type = std::string(burnish::name(dtype)) + "[";
    for (std::size_t d = 0; d < dims.size(); ++d) type += (d > 0 ? "," : "") + dims[d].text();
    result(i, type + "]");
  }
  // Elements of a small operand of integers or bools, where they are known: sizes, axes.
  std::optional<Dims> contents(std::size_t operand) const {
    const char* const* sizes = nullptr;
    std::size_t count = 0;
    if (!call(&burnish_table::call_contents, operand, &sizes, &count) || sizes == nullptr) return std::nullopt;
    return Dims(sizes, sizes + count);
  }
  void result_contents(std::size_t i, const Dims& sizes) {
    std::vector<const char*> texts;
    for (const Dim& size : sizes) texts.push_back(size.text().c_str());
    call(&burnish_table::call_set_contents, i, texts.data(), texts.size());
  }
  // An operand that is a constant; else none.
  Tensor constant(std::size_t operand) const { return data(operand); }
  // A size that only a run can tell.
  Dim fresh(int64_t low = 0, int64_t high = int64_t{1} << 40) {
    const char* size = nullptr;
    return call(&burnish_table::call_fresh, low, high, &size) ? Dim(size) : Dim(0);
  }
  // An error when it surely does not hold; else every run checks it. `what` says whose sizes: "rows of a and of b".
  void require(Requirement requirement, const Dim& value, const Dim& bound, const std::string& what) {
    call(&burnish_table::call_require, static_cast<burnish_requirement>(requirement), value.text().c_str(),
         bound.text().c_str(), what.c_str());
  }

 private:
  friend struct CustomFunctions;
  using NodeView::NodeView;
};

// One node, computed on data.
class Evaluation : public NodeView {
 public:
  // Dense, and not to be written; none when absent. Ends with the function.
  Tensor operand(std::size_t i) const { return data(i); }
  // Zeroed memory of the dtype that infer said; none when nobody wants the result. What is wrong with it is thrown, since
  // whatever follows would write into it.
  Tensor result(std::size_t i, std::span<const int64_t> shape) {
    DLTensor* tensor = nullptr;
    if (!call(&burnish_table::call_allocate, i, shape.data(), shape.size(), &tensor)) throw Exception(failure());
    return tensor == nullptr ? Tensor() : Tensor::borrow(*tensor, false);
  }
  Tensor result(std::size_t i, std::initializer_list<int64_t> shape) {
    return result(i, std::span<const int64_t>(shape.begin(), shape.size()));
  }

 private:
  friend struct CustomFunctions;
  using NodeView::NodeView;
};

// The node out of other operators: Graph::op, Graph::constant, Graph::scalar and the shorthands of operators.hpp.
class Decomposition : public NodeView {
 public:
  Graph& graph() { return graph_; }
  Value operand(std::size_t i) const { return i < operands_.size() ? operands_[i] : Value(); }
  // An operand that is a constant; else none.
  Tensor constant(std::size_t operand) const { return data(operand); }
  void result(std::size_t i, const Value& value) {
    if (i < results_.size() && value && graph_.check(value, "result " + std::to_string(i))) results_[i] = value.id_;
  }

 private:
  friend struct CustomFunctions;
  Decomposition(burnish_call* call, burnish_graph* graph, const burnish_value* operands)
      : NodeView(call), graph_(graph), results_(result_count(), 0) {
    for (std::size_t i = 0, count = operand_count(); i < count; ++i) operands_.push_back(graph_.value(operands[i]));
  }
  // Values that outlive the function are of a graph that is over.
  ~Decomposition() {
    graph_.state_->handle = nullptr;
    graph_.state_->fail({ErrorCode::usage, "the decomposition is over", {}, {}});
  }
  Graph graph_;
  std::vector<Value> operands_;
  std::vector<burnish_value> results_;
};

struct CustomOperator {
  std::string name;  // with its owner before the last '.': "com.example.Scale"
  std::string doc = {};
  std::vector<OperandSpec> operands = {};
  std::vector<ResultSpec> results = {};
  std::vector<AttributeSpec> attributes = {};
  std::vector<Binding> bindings = {};  // none: the name's own, "com.example" and "Scale"
  bool effectful = false;              // never removed, merged or reordered
  bool random = false;                 // the results are not a function of the operands
  std::function<void(Inference&)> infer = {};
  // One of the two, or both: a build decomposes, references call `reference`.
  std::function<void(Evaluation&)> reference = {};
  std::function<void(Decomposition&)> decompose = {};
};

// The functions that the library calls. No exception leaves.
struct CustomFunctions {
  static burnish_status infer(void* user, burnish_call* call) noexcept {
    return guarded([&] {
      Inference node(call);
      return run(node, [&] { static_cast<CustomOperator*>(user)->infer(node); });
    });
  }
  static burnish_status reference(void* user, burnish_call* call) noexcept {
    return guarded([&] {
      Evaluation node(call);
      return run(node, [&] { static_cast<CustomOperator*>(user)->reference(node); });
    });
  }
  static burnish_status decompose(void* user, burnish_call* call, burnish_graph* graph, const burnish_value* operands,
                                  burnish_value* results) noexcept {
    return guarded([&] {
      Decomposition node(call, graph, operands);
      return run(node, [&] {
        static_cast<CustomOperator*>(user)->decompose(node);
        if (const Result<void> status = node.graph_.status(); !status) {
          const Error& e = status.error();
          node.fail(e.where.empty() ? e.what : e.where + ": " + e.what, e.remedy, e.code);
        }
        for (std::size_t i = 0; i < node.results_.size(); ++i) results[i] = node.results_[i];
      });
    });
  }

 private:
  template <class F>
  static burnish_status guarded(F&& f) noexcept {
    try {
      return f();
    } catch (...) {
      return BURNISH_MEMORY;  // all that is left
    }
  }
  template <class F>
  static burnish_status run(const NodeView& node, F&& f) {
    try {
      f();
    } catch (const std::bad_alloc&) {
      return BURNISH_MEMORY;
    } catch (const Exception& e) {
      node.fail(e.error().what, e.error().remedy, e.error().code);
    } catch (const std::exception& e) {
      node.fail(std::string("it throws: ") + e.what(), {}, ErrorCode::usage);
    } catch (...) {
      node.fail("it throws something that is no std::exception", {}, ErrorCode::usage);
    }
    if (!node.error_) return BURNISH_OK;
    const auto status = static_cast<burnish_status>(node.error_->code);
    if (node.told_) return status;
    return detail::table()->call_fail(node.handle_, status, node.error_->what.c_str(), node.error_->remedy.c_str());
  }
};

// For the life of the process; the code of the functions must stay loaded as long. With the C interface's error, as
// burnish_register_operators wants it.
inline burnish_status register_operator(CustomOperator definition, burnish_error** error) {
  if (error != nullptr) *error = nullptr;
  if (detail::table() == nullptr) return BURNISH_USAGE;
  auto kept = std::make_unique<CustomOperator>(std::move(definition));
  const auto text = [](const std::string& s) { return s.c_str(); };
  std::vector<burnish_operand_spec> operands;
  for (const OperandSpec& s : kept->operands)
    operands.push_back({text(s.name), text(s.types), static_cast<burnish_arity>(s.arity)});
  std::vector<burnish_result_spec> results;
  for (const ResultSpec& s : kept->results)
    results.push_back({text(s.name), text(s.doc), static_cast<burnish_arity>(s.arity)});
  std::vector<burnish_attribute_spec> attributes;
  for (const AttributeSpec& s : kept->attributes)
    attributes.push_back(
        {text(s.name), static_cast<burnish_attribute_kind>(s.kind), text(s.default_text), text(s.doc)});
  std::vector<burnish_binding> bindings;
  for (const Binding& b : kept->bindings) bindings.push_back({text(b.domain), text(b.op_type), b.since, b.until});
  burnish_operator o{};
  o.size = sizeof(o);
  o.name = text(kept->name);
  o.doc = text(kept->doc);
  o.operands = operands.data();
  o.operand_count = operands.size();
  o.results = results.data();
  o.result_count = results.size();
  o.attributes = attributes.data();
  o.attribute_count = attributes.size();
  o.bindings = bindings.data();
  o.binding_count = bindings.size();
  o.effectful = kept->effectful ? 1 : 0;
  o.random = kept->random ? 1 : 0;
  o.user = kept.get();
  if (kept->infer) o.infer = &CustomFunctions::infer;
  if (kept->reference) o.reference = &CustomFunctions::reference;
  if (kept->decompose) o.decompose = &CustomFunctions::decompose;
  const burnish_status status = detail::table()->operator_register(&o, error);
  if (status == BURNISH_OK) (void)kept.release();  // the library calls it until the process ends
  return status;
}
inline Result<void> register_operator(CustomOperator definition) {
  if (detail::table() == nullptr) return Unexpected(detail::library_too_old());
  burnish_error* error = nullptr;
  const burnish_status status = register_operator(std::move(definition), &error);
  if (status != BURNISH_OK) return Unexpected(detail::take_error(status, error));
  return {};
}

BURNISH_NAMESPACE_END
#endif  // BURNISH_CPP_CUSTOM_HPP_
