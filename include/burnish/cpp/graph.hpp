// Networks written down: a graph, its values, and one function that adds any node. Shorthands for common operators are
// in operators.hpp.
//
// Errors stick: the first thing that goes wrong is kept, whatever follows has no effect, and status(), text(), save_onnx
// and build report it. So a network is written without a check on every line.
#ifndef BURNISH_CPP_GRAPH_HPP_
#define BURNISH_CPP_GRAPH_HPP_

#include <burnish/cpp/tensor.hpp>

BURNISH_NAMESPACE_BEGIN

// A size: a number, or an expression of symbols ("N", "2*N + 1").
class Dim {
 public:
  template <class T>
    requires std::is_integral_v<T>
  Dim(T value) : text_(std::to_string(value)) {}     // NOLINT: numbers are sizes
  Dim(std::string text) : text_(std::move(text)) {}  // NOLINT
  Dim(const char* text) : text_(text) {}             // NOLINT
  const std::string& text() const { return text_; }
  std::optional<int64_t> number() const {
    const std::size_t sign = text_.starts_with('-') ? 1 : 0;
    if (text_.size() == sign || text_.size() > 18 || text_.find_first_not_of("0123456789", sign) != std::string::npos)
      return std::nullopt;
    return std::stoll(text_);
  }
  friend Dim operator+(const Dim& a, const Dim& b) {
    return of(a, " + ", b, [](int64_t x, int64_t y) { return x + y; });
  }
  friend Dim operator-(const Dim& a, const Dim& b) {
    return of(a, " - ", b, [](int64_t x, int64_t y) { return x - y; });
  }
  friend Dim operator*(const Dim& a, const Dim& b) {
    const auto x = a.number(), y = b.number();
    int64_t product;
    if (x && y && !__builtin_mul_overflow(*x, *y, &product)) return product;
    return "(" + a.text_ + ")*(" + b.text_ + ")";
  }
  // Rounded down.
  friend Dim operator/(const Dim& a, const Dim& b) {
    const auto x = a.number(), y = b.number();
    if (x && y && *x >= 0 && *y > 0) return *x / *y;
    return "floordiv(" + a.text_ + ", " + b.text_ + ")";
  }

 private:
  template <class F>
  static Dim of(const Dim& a, const char* sign, const Dim& b, F f) {
    const auto x = a.number(), y = b.number();
    if (x && y) return f(*x, *y);
    return "(" + a.text_ + ")" + sign + "(" + b.text_ + ")";
  }
  std::string text_;
};
using Dims = std::vector<Dim>;
using Ints = std::vector<int64_t>;

// What an attribute may be. Lists may be written in braces: {"strides", {2, 2}}.
class Attribute {
 public:
  template <class T>
    requires std::is_integral_v<T>
  Attribute(T value) : data_(static_cast<int64_t>(value)) {}        // NOLINT: all of these are meant to convert
  Attribute(double value) : data_(value) {}                         // NOLINT
  Attribute(const char* value) : data_(std::string(value)) {}       // NOLINT
  Attribute(std::string value) : data_(std::move(value)) {}         // NOLINT
  Attribute(std::string_view value) : data_(std::string(value)) {}  // NOLINT
  template <class T>
    requires std::is_integral_v<T>
  Attribute(std::initializer_list<T> values) : data_(std::vector<int64_t>(values.begin(), values.end())) {}
  Attribute(std::initializer_list<double> values) : data_(std::vector<double>(values)) {}
  Attribute(std::vector<int64_t> values) : data_(std::move(values)) {}      // NOLINT
  Attribute(std::vector<double> values) : data_(std::move(values)) {}       // NOLINT
  Attribute(std::vector<std::string> values) : data_(std::move(values)) {}  // NOLINT
  Attribute(DType value) : data_(value) {}                                  // NOLINT
  Attribute(Dims value) : data_(std::move(value)) {}                        // NOLINT
  Attribute(Tensor value) : data_(std::move(value)) {}                      // NOLINT
  // A type such as "f32[N,64]", which as a plain string would be a string.
  static Attribute type(std::string text) { return Attribute(TypeText{std::move(text)}); }

 private:
  friend class Graph;
  struct TypeText {
    std::string text;
  };
  explicit Attribute(TypeText value) : data_(std::move(value)) {}
  std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>, std::vector<std::string>, DType,
               Dims, Tensor, TypeText>
      data_;
};
struct NamedAttribute {
  std::string name;
  Attribute value;
};
using Attributes = std::vector<NamedAttribute>;

// What an input is for. Parameters may change between runs but rarely do; an output may replace a state.
enum class Role { data = BURNISH_ROLE_DATA, parameter = BURNISH_ROLE_PARAMETER, state = BURNISH_ROLE_STATE };

struct ValueInfo {
  std::string name;
  std::string type;  // "f32[N,3,224,224]"
  Role role = Role::data;
};

namespace detail {

struct GraphState {
  burnish_graph* handle = nullptr;
  std::optional<Error> error;
  std::vector<std::string> scopes;

  GraphState() = default;
  GraphState(const GraphState&) = delete;
  GraphState& operator=(const GraphState&) = delete;
  ~GraphState() {
    if (handle != nullptr) table()->graph_free(handle);
  }
  void fail(Error e) {
    if (!error) error = std::move(e);
  }
  template <class Function, class... Arguments>
  bool call(Function burnish_table::* function, Arguments... arguments) {
    if (error) return false;
    Result<void> done = detail::call(function, handle, arguments...);
    if (!done) fail(std::move(done).error());
    return done.has_value();
  }
  std::string scoped(std::string_view name) const {
    std::string text;
    for (const std::string& scope : scopes) text += scope + ".";
    return text.append(name);
  }
};

// The sizes in "f32[N,64]"; none for a scalar and for an unknown rank.
inline Dims dims_of(std::string_view type) {
  const std::size_t open = type.find('[');
  Dims result;
  if (open == type.npos || !type.ends_with(']') || type.substr(open) == "[*]") return result;
  int depth = 0;
  std::string part;
  for (const char c : type.substr(open + 1, type.size() - open - 2)) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0) {
      result.emplace_back(std::move(part));
      part.clear();
    } else {
      part += c;
    }
  }
  if (!part.empty()) result.emplace_back(std::move(part));
  return result;
}
inline std::optional<DType> dtype_of_type(std::string_view type) { return parse_dtype(type.substr(0, type.find('['))); }

inline ValueInfo value_info(const burnish_value_info& info) {
  return {info.name, info.type, static_cast<Role>(info.role)};
}

}  // namespace detail

// A value of a graph. The empty one stands for an absent operand.
class Value {
 public:
  Value() = default;
  explicit operator bool() const { return id_ != 0; }
  std::string name() const { return info().name; }
  std::string type() const { return info().type; }
  std::optional<DType> dtype() const { return detail::dtype_of_type(type()); }
  // Sizes; empty for a scalar, for an unknown rank, and after an error.
  Dims dims() const { return detail::dims_of(type()); }
  int64_t rank() const { return static_cast<int64_t>(dims().size()); }
  // Negative axes count from the end.
  Dim dim(int64_t axis) const {
    const Dims all = dims();
    const int64_t rank = static_cast<int64_t>(all.size());
    if (axis < 0) axis += rank;
    if (axis >= 0 && axis < rank) return all[static_cast<std::size_t>(axis)];
    if (graph_ != nullptr && id_ != 0)
      graph_->fail({ErrorCode::usage, "there is no axis " + std::to_string(axis) + " in " + type(), name(), {}});
    return 0;
  }

 private:
  friend class Graph;
  friend class Decomposition;
  Value(std::shared_ptr<detail::GraphState> graph, burnish_value id) : graph_(std::move(graph)), id_(id) {}
  ValueInfo info() const {
    burnish_value_info info{};
    info.size = sizeof(info);
    if (id_ == 0 || graph_ == nullptr || !graph_->call(&burnish_table::graph_value_info, id_, &info)) return {};
    return detail::value_info(info);
  }
  std::shared_ptr<detail::GraphState> graph_;
  burnish_value id_ = 0;
};

class Graph {
 public:
  explicit Graph(const std::string& name = "main") : state_(std::make_shared<detail::GraphState>()) {
    Result<void> made = detail::call(&burnish_table::graph_create, name.c_str(), &state_->handle);
    if (!made) state_->fail(std::move(made).error());
  }
  // Takes a handle of the C interface.
  static Graph adopt(burnish_graph* handle) { return Graph(handle); }
  // Gives the handle to the caller, with a name for what is left: nothing. Null after an error.
  burnish_graph* release() {
    if (state_->error) return nullptr;
    state_->fail({ErrorCode::usage, "the graph was released", {}, {}});
    return std::exchange(state_->handle, nullptr);
  }
  burnish_graph* handle() const { return state_->handle; }

  // The first thing that went wrong.
  Result<void> status() const {
    if (state_->error) return Unexpected(*state_->error);
    return {};
  }

  // Declares the range of a symbol before types name it; undeclared ones may have any size.
  void symbol(const std::string& name, int64_t low, int64_t high) {
    state_->call(&burnish_table::graph_symbol, name.c_str(), low, high);
  }
  Value input(const std::string& name, const std::string& type, Role role = Role::data) {
    burnish_value id = 0;
    state_->call(&burnish_table::graph_input, name.c_str(), type.c_str(), static_cast<burnish_role>(role), &id);
    return value(id);
  }
  // Shares the tensor's bytes, which must not change any more.
  Value constant(const Tensor& tensor, const std::string& name = {}) {
    burnish_value id = 0;
    if (!tensor) state_->fail({ErrorCode::usage, "a constant needs a tensor", name, {}});
    if (state_->error) return {};
    const std::string full = name.empty() ? name : state_->scoped(name);
    DLManagedTensorVersioned* managed = tensor.share();
    if (!state_->call(&burnish_table::graph_constant_owned, full.c_str(), managed, &id)) managed->deleter(managed);
    return value(id);
  }
  Value constant(const Result<Tensor>& tensor, const std::string& name = {}) {
    if (tensor) return constant(*tensor, name);
    state_->fail(tensor.error());
    return {};
  }
  // A number as a scalar of any dtype.
  Value scalar(double number, DType dtype = DType::f32, const std::string& name = {}) {
    switch (dtype) {
      case DType::f32: return constant(Tensor::scalar(static_cast<float>(number)), name);
      case DType::f64: return constant(Tensor::scalar(number), name);
      case DType::i64: return constant(Tensor::scalar(static_cast<int64_t>(number)), name);
      case DType::i32: return constant(Tensor::scalar(static_cast<int32_t>(number)), name);
      default: return op("cast", {constant(Tensor::scalar(number))}, {{"dtype", dtype}}, name);
    }
  }

  // Adds a node with one result. Operators, operands, attributes: docs/operators.md. Empty values are absent operands.
  Value op(const std::string& op, const std::vector<Value>& operands, const Attributes& attributes = {},
           const std::string& name = {}) {
    return ops(op, operands, attributes, 1, name)[0];
  }
  // Adds a node with any number of results; as many values, all empty after an error.
  std::vector<Value> ops(const std::string& op, const std::vector<Value>& operands, const Attributes& attributes,
                         std::size_t results, const std::string& name = {});

  void output(const std::string& name, const Value& value, const std::string& updates = {}) {
    if (!check(value, "output '" + name + "'")) return;
    state_->call(&burnish_table::graph_output, name.c_str(), value.id_, updates.empty() ? nullptr : updates.c_str());
  }

  // While the result lives, names of constants and nodes begin with "NAME.". Scopes nest.
  class Scope {
   public:
    Scope(Scope&& other) noexcept : state_(std::move(other.state_)) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() {
      if (state_ != nullptr) state_->scopes.pop_back();
    }

   private:
    friend class Graph;
    explicit Scope(std::shared_ptr<detail::GraphState> state) : state_(std::move(state)) {}
    std::shared_ptr<detail::GraphState> state_;
  };
  [[nodiscard]] Scope scope(std::string name) {
    state_->scopes.push_back(std::move(name));
    return Scope(state_);
  }
  // A name as constants and nodes added now would get it.
  std::string scoped(std::string_view name) const { return state_->scoped(name); }

  // Empty after an error, or when there is none of this name.
  Value find(const std::string& name) {
    burnish_value id = 0;
    if (state_->error || !detail::call(&burnish_table::graph_find, state_->handle, name.c_str(), &id)) return {};
    return value(id);
  }
  std::vector<Value> inputs() { return side(BURNISH_INPUT); }
  std::vector<Value> outputs() { return side(BURNISH_OUTPUT); }
  Result<std::string> text() const {
    if (state_->error) return Unexpected(*state_->error);
    burnish_text* text = nullptr;
    Result<void> done = detail::call(&burnish_table::graph_text, state_->handle, &text);
    if (!done) return Unexpected(std::move(done).error());
    return detail::take_text(text);
  }
  Result<Graph> clone() const {
    if (state_->error) return Unexpected(*state_->error);
    burnish_graph* copy = nullptr;
    Result<void> done = detail::call(&burnish_table::graph_clone, state_->handle, &copy);
    if (!done) return Unexpected(std::move(done).error());
    return adopt(copy);
  }

  // The graph that a value belongs to, for functions that take values alone.
  static Graph of(const Value& value) {
    Graph result(static_cast<burnish_graph*>(nullptr));
    if (value.graph_ != nullptr) result.state_ = value.graph_;
    else result.state_->fail({ErrorCode::usage, "an operator was given an empty value", {}, {}});
    return result;
  }
  // For shorthands that check more than the operators do.
  void fail(Error error) { state_->fail(std::move(error)); }

 private:
  friend class Decomposition;
  explicit Graph(burnish_graph* handle) : state_(std::make_shared<detail::GraphState>()) { state_->handle = handle; }
  Value value(burnish_value id) const { return id == 0 ? Value() : Value(state_, id); }
  bool check(const Value& value, const std::string& where) {
    if (state_->error) return false;
    if (value.id_ == 0) state_->fail({ErrorCode::usage, "an empty value", where, {}});
    else if (value.graph_ != state_) state_->fail({ErrorCode::usage, "a value of another graph", where, {}});
    return !state_->error;
  }
  std::vector<Value> side(burnish_side side) {
    std::size_t count = 0;
    std::vector<Value> result;
    if (!state_->call(&burnish_table::graph_count, side, &count)) return result;
    for (std::size_t i = 0; i < count; ++i) {
      burnish_value id = 0;
      state_->call(&burnish_table::graph_value, side, i, &id);
      result.push_back(value(id));
    }
    return result;
  }
  std::shared_ptr<detail::GraphState> state_;
};

inline std::vector<Value> Graph::ops(const std::string& op, const std::vector<Value>& operands,
                                     const Attributes& attributes, std::size_t results, const std::string& name) {
  std::vector<Value> made(results == 0 ? 1 : results);
  std::vector<burnish_value> ids;
  for (const Value& operand : operands) {
    if (operand && !check(operand, op)) return made;
    ids.push_back(operand.id_);
  }
  if (state_->error) return made;

  // What the C structures point to.
  std::vector<burnish_attribute> list;
  std::vector<std::string> dtypes(attributes.size());
  std::vector<std::vector<const char*>> strings(attributes.size());
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    burnish_attribute a{};
    a.name = attributes[i].name.c_str();
    const auto texts = [&](const auto& values, auto text) {
      for (const auto& value : values) strings[i].push_back(text(value));
      a.count = strings[i].size();
      a.value.strings = strings[i].data();
    };
    const auto set = [&]<class T>(const T& value) {
      if constexpr (std::is_same_v<T, int64_t>) a.kind = BURNISH_INTEGER, a.value.integer = value;
      if constexpr (std::is_same_v<T, double>) a.kind = BURNISH_REAL, a.value.real = value;
      if constexpr (std::is_same_v<T, std::string>) a.kind = BURNISH_STRING, a.value.string = value.c_str();
      if constexpr (std::is_same_v<T, std::vector<int64_t>>)
        a.kind = BURNISH_INTEGERS, a.count = value.size(), a.value.integers = value.data();
      if constexpr (std::is_same_v<T, std::vector<double>>)
        a.kind = BURNISH_REALS, a.count = value.size(), a.value.reals = value.data();
      if constexpr (std::is_same_v<T, std::vector<std::string>>)
        a.kind = BURNISH_STRINGS, texts(value, [](const std::string& s) { return s.c_str(); });
      if constexpr (std::is_same_v<T, DType>)
        a.kind = BURNISH_DTYPE, dtypes[i] = burnish::name(value), a.value.string = dtypes[i].c_str();
      if constexpr (std::is_same_v<T, Dims>)
        a.kind = BURNISH_DIMS, texts(value, [](const Dim& d) { return d.text().c_str(); });
      if constexpr (std::is_same_v<T, Tensor>) a.kind = BURNISH_TENSOR, a.value.tensor = value.dl();
      if constexpr (std::is_same_v<T, Attribute::TypeText>) a.kind = BURNISH_TYPE, a.value.string = value.text.c_str();
    };
    std::visit(set, attributes[i].value.data_);
    list.push_back(a);
  }

  const std::string full = state_->scoped(name.empty() ? op : name);
  burnish_node node{};
  node.size = sizeof(node);
  node.op = op.c_str();
  node.name = full.c_str();
  node.operands = ids.data();
  node.operand_count = ids.size();
  node.attributes = list.data();
  node.attribute_count = list.size();
  std::vector<burnish_value> out(results);
  if (!state_->call(&burnish_table::graph_add, &node, out.data(), out.size())) return made;
  for (std::size_t i = 0; i < results; ++i) made[i] = value(out[i]);
  return made;
}

BURNISH_NAMESPACE_END
#endif  // BURNISH_CPP_GRAPH_HPP_
