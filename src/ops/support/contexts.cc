#include <algorithm>

#include "ops/operator.h"
#include "ops/support/attributes.h"
#include "ops/support/axes.h"

namespace burnish {
namespace {

std::string place_of(const Node& node) {
  std::string place = node.op();
  if (!node.source().empty()) return "node '" + node.source() + "' (" + place + ")";
  for (std::size_t i = 0; i < node.result_count(); ++i)
    if (node.result(i) != nullptr) return place + " '%" + node.result(i)->name() + "'";
  return place;
}

}  // namespace

std::unexpected<Error> NodeView::error(std::string what, std::string remedy) const {
  std::string types;
  for (std::size_t i = 0; i < node_.operand_count(); ++i) {
    if (i > 0) types += ", ";
    if (i == 8) {
      types += "...";
      break;
    }
    types += node_.operand(i) == nullptr ? "none" : node_.operand(i)->type().text();
  }
  return refused(std::move(what) + " [operands: " + (types.empty() ? "none" : types) + "]", place_of(node_),
                 std::move(remedy));
}

bool NodeView::has_attribute(std::string_view name) const {
  if (node_.attribute(name) != nullptr) return true;
  const AttributeSpec* spec = node_.definition() == nullptr ? nullptr : ops::find_attribute(*node_.definition(), name);
  return spec != nullptr && ops::default_value(*spec) != nullptr;
}

const Attribute& NodeView::attribute(std::string_view name, AttributeKind wanted) const {
  const Attribute* value = node_.attribute(name);
  if (value == nullptr && node_.definition() != nullptr)
    if (const AttributeSpec* spec = ops::find_attribute(*node_.definition(), name)) value = ops::default_value(*spec);
  CHECK(value != nullptr, node_.op() + " reads its attribute '" + std::string(name) + "', which is not there");
  CHECK(kind(*value) == wanted, node_.op() + " reads its attribute '" + std::string(name) + "' as another kind");
  return *value;
}

int64_t NodeView::integer(std::string_view name) const {
  return std::get<int64_t>(attribute(name, AttributeKind::integer));
}
double NodeView::real(std::string_view name) const { return std::get<double>(attribute(name, AttributeKind::real)); }
const std::string& NodeView::string(std::string_view name) const {
  return std::get<std::string>(attribute(name, AttributeKind::string));
}
const Ints& NodeView::ints(std::string_view name) const { return std::get<Ints>(attribute(name, AttributeKind::ints)); }
const Floats& NodeView::reals(std::string_view name) const {
  return std::get<Floats>(attribute(name, AttributeKind::reals));
}
const Strings& NodeView::strings(std::string_view name) const {
  return std::get<Strings>(attribute(name, AttributeKind::strings));
}
DType NodeView::dtype(std::string_view name) const { return std::get<DType>(attribute(name, AttributeKind::dtype)); }
const Dims& NodeView::dims(std::string_view name) const { return std::get<Dims>(attribute(name, AttributeKind::dims)); }
const Tensor& NodeView::tensor(std::string_view name) const {
  return std::get<Tensor>(attribute(name, AttributeKind::tensor));
}

// -- inference

InferContext::InferContext(Node& node, std::vector<Requirement>* requirements)
    : NodeView(node),
      mutable_node_(node),
      requirements_(requirements),
      types_(node.result_count()),
      contents_(node.result_count()) {}

bool holds(Requirement::Kind kind, int64_t value, int64_t bound) {
  switch (kind) {
    case Requirement::Kind::equal: return value == bound;
    case Requirement::Kind::at_most: return value <= bound;
    case Requirement::Kind::broadcasts: return value == bound || value == 1 || bound == 1;
    case Requirement::Kind::extends: return value == bound || value == 1;
  }
  return false;
}

void InferContext::require(Requirement::Kind kind, const Dim& value, const Dim& bound, std::string_view what) const {
  if (requirements_ == nullptr) return;
  const Truth surely = kind == Requirement::Kind::at_most ? less_equal(value, bound) : equal(value, bound);
  if (surely == Truth::yes) return;
  if (kind == Requirement::Kind::extends && value.constant() == 1) return;
  if (kind == Requirement::Kind::broadcasts && (value.constant() == 1 || bound.constant() == 1)) return;
  requirements_->push_back({kind, value, bound, std::string(what)});
}

void InferContext::require_declared() const {
  for (std::size_t i = 0; i < types_.size(); ++i) {
    const Value* value = node().result(i);
    if (value == nullptr || !types_[i] || !types_[i]->is_ranked_tensor() || !value->type().is_ranked_tensor()) continue;
    const Dims &inferred = types_[i]->dims, &declared = value->type().dims;
    for (std::size_t d = 0; d < inferred.size() && d < declared.size(); ++d) {
      // Sizes that only a run can tell are the declared ones.
      const bool fresh = std::ranges::any_of(inferred[d].symbols(), [](const auto& s) { return s.starts_with('?'); });
      if (!fresh) require(Requirement::Kind::equal, inferred[d], declared[d], "the result's size and its declaration");
    }
  }
}

const std::optional<Dims>& InferContext::contents(std::size_t i) const {
  static const std::optional<Dims> none;
  const Value* value = node().operand(i);
  return value == nullptr ? none : value->contents();
}

const Tensor* InferContext::constant(std::size_t i) const {
  const Value* value = node().operand(i);
  if (value == nullptr || value->producer() == nullptr || value->producer()->op() != "constant") return nullptr;
  const Attribute* data = value->producer()->attribute("value");
  return data == nullptr ? nullptr : std::get_if<Tensor>(data);
}

Dim InferContext::fresh(std::string_view hint, Range range) {
  // No name in a graph starts with '?'.
  const std::string name = "?" + std::to_string(fresh_.size());
  fresh_.push_back({std::string(hint), range});
  return Dim::symbol(name, range);
}

void InferContext::result(std::size_t i, Type type) {
  if (i < types_.size()) types_[i] = std::move(type);
}

void InferContext::result_contents(std::size_t i, Dims contents) {
  if (i < contents_.size() && contents.size() <= 64) contents_[i] = std::move(contents);
}

Result<int64_t> checked_axis(const NodeView& c, int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return c.error("axis " + std::to_string(axis) + " is out of range for rank " + std::to_string(rank));
  return axis < 0 ? axis + rank : axis;
}

Result<int64_t> InferContext::axis(int64_t axis, int64_t rank) const { return checked_axis(*this, axis, rank); }

namespace {

// x is a symbol, and where it is 1, y is 1 as well: whatever fits then has x's size (y = min(x, 1024), say).
bool decides(const Dim& x, const Dim& y) {
  const auto symbol = x.symbol_name();
  return symbol && y.substitute({{std::string(*symbol), Dim(1)}}) == Dim(1);
}

}  // namespace

Result<Dims> InferContext::broadcast(const Dims& a, const Dims& b) const {
  const std::size_t rank = std::max(a.size(), b.size());
  Dims result(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    const Dim x = i + a.size() >= rank ? a[i + a.size() - rank] : Dim(1);
    const Dim y = i + b.size() >= rank ? b[i + b.size() - rank] : Dim(1);
    const bool x_is_one = x.constant() == 1, y_is_one = y.constant() == 1;
    require(Requirement::Kind::broadcasts, x, y, "the operands' sizes");
    if (x == y || y_is_one) result[i] = x;
    else if (x_is_one) result[i] = y;
    else if (equal(x, y) == Truth::no && equal(x, 1) == Truth::no && equal(y, 1) == Truth::no)
      return error("dims [" + text(std::span(a)) + "] and [" + text(std::span(b)) + "] do not broadcast");
    // A number above 1 decides: the other must equal it or be 1 when the graph runs.
    else if (x.is_constant()) result[i] = x;
    else if (y.is_constant()) result[i] = y;
    else if (equal(x, 1) == Truth::no) result[i] = x;
    else if (equal(y, 1) == Truth::no) result[i] = y;
    else if (decides(x, y)) result[i] = x;
    else if (decides(y, x)) result[i] = y;
    else if (x.range().low >= 1 && y.range().low >= 1) result[i] = max(x, y);
    else {
      // Either may be 1 or 0: if x is, the result is y, else it is x (and the run checks that y fits).
      const Dim x_is_large = min(max(x - 1, 1 - x), 1);
      result[i] = x * x_is_large + y * (1 - x_is_large);
    }
  }
  return result;
}

// -- references

Result<Tensor*> ReferenceContext::out(std::size_t i, std::vector<int64_t> dims) {
  CHECK(node().result(i) != nullptr, node().op() + " allocates a result that nobody wants");
  return out(i, node().result(i)->type().dtype, std::move(dims));
}

Result<Tensor*> ReferenceContext::out(std::size_t i, DType dtype, std::vector<int64_t> dims) {
  CHECK(i < outputs_.size(), node().op() + " has fewer results than it writes");
  auto tensor = Tensor::allocate(dtype, std::move(dims));
  if (!tensor) return std::unexpected(std::move(tensor).error().within(place_of(node())));
  outputs_[i] = RuntimeValue(std::move(*tensor));
  return &outputs_[i].tensor();
}

Result<std::vector<int64_t>> ReferenceContext::sizes(std::string_view attribute) const {
  auto numbers = evaluate(dims(attribute), symbols_);
  if (!numbers) return std::unexpected(std::move(numbers).error().within(place_of(node())));
  return numbers;
}

}  // namespace burnish
