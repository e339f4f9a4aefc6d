#include "api/runtime/call.h"

#include <algorithm>

#include "api/runtime/tensors.h"
#include "base/checked.h"
#include "ir/lexer.h"
#include "ops/support/attributes.h"

namespace burnish::api {
namespace {

Type substitute(Type type, const std::map<std::string, Dim, std::less<>>& replacements) {
  for (Dim& d : type.dims) d = d.substitute(replacements);
  if (type.element != nullptr) type.element = std::make_shared<const Type>(substitute(*type.element, replacements));
  return type;
}

// Their data has a form in DLPack.
bool is_given(const Type& type) { return type.is_tensor() && dl_type(type.dtype).has_value(); }

void collect(const Type& type, std::map<std::string, Range, std::less<>>& ranges) {
  for (const Dim& d : type.dims) d.collect_ranges(ranges);
  if (type.element != nullptr) collect(*type.element, ranges);
}

}  // namespace

CallObject::CallObject(InferContext& infer) : view_(&infer), infer_(&infer), typed_(infer.result_count(), false) {}
CallObject::CallObject(ReferenceContext& reference) : view_(&reference), reference_(&reference) {}
CallObject::CallObject(const DecomposeContext& decompose) : view_(&decompose) {}

CallObject::~CallObject() {
  for (DLManagedTensorVersioned* tensor : tensors_) tensor->deleter(tensor);
}

std::size_t CallObject::count(burnish_side side) const {
  return side == BURNISH_INPUT ? node().operand_count() : node().result_count();
}

// A node may have fewer results than its operator: the rest are wanted by nobody.
Status CallObject::check_result(std::size_t index) const {
  const auto declared = node().definition()->results;
  if (index < declared.size() || index < node().result_count() || declared.back().variadic) return {};
  return usage_error("there is no result " + std::to_string(index) + " among " + std::to_string(declared.size()),
                     node().op());
}

Status CallObject::in_infer(const char* function) const {
  if (infer_ != nullptr) return {};
  return usage_error(std::string(function) + " is for infer alone", node().op());
}

const char* CallObject::keep(std::string text) { return texts_.emplace_back(std::move(text)).c_str(); }

const std::vector<const char*>* CallObject::keep_list(std::span<const Dim> dims) {
  std::vector<const char*>& list = lists_.emplace_back();
  for (const Dim& d : dims) list.push_back(keep(d.text()));
  list.push_back(nullptr);  // never an empty list, whose data would be NULL
  return &list;
}

Result<const DLTensor*> CallObject::keep_tensor(const Tensor& tensor) {
  tensors_.reserve(tensors_.size() + 1);
  tensors_.push_back(TRY(lend(tensor)));
  return &tensors_.back()->dl_tensor;
}

Result<const char*> CallObject::type(burnish_side side, std::size_t index) {
  const Value* value = nullptr;
  if (side == BURNISH_INPUT) {
    value = node().operand(index);  // past the end: absent
  } else {
    TRY(check_result(index));
    value = node().result(index);
  }
  return value == nullptr ? nullptr : keep(value->type().text());
}

Status CallObject::attribute(const char* name, burnish_attribute& attribute) {
  const AttributeSpec* spec = ops::find_attribute(*node().definition(), name);
  if (spec == nullptr)
    return usage_error("the operator declares no attribute '" + std::string(name) + "'", node().op());
  attribute = {};
  const Attribute* value = node().attribute(name);
  if (value == nullptr) value = ops::default_value(*spec);
  if (value == nullptr) return {};
  if (kind(*value) != spec->kind)
    return view_->error("attribute '" + std::string(name) + "' is not of kind " +
                        std::string(burnish::name(spec->kind)));
  attribute.name = keep(name);
  attribute.kind = static_cast<burnish_attribute_kind>(spec->kind);
  switch (spec->kind) {
    case AttributeKind::integer: attribute.value.integer = std::get<int64_t>(*value); break;
    case AttributeKind::real: attribute.value.real = std::get<double>(*value); break;
    case AttributeKind::string: attribute.value.string = std::get<std::string>(*value).c_str(); break;
    case AttributeKind::ints: {
      const Ints& list = std::get<Ints>(*value);
      attribute.count = list.size();
      attribute.value.integers = list.data();
      break;
    }
    case AttributeKind::reals: {
      const Floats& list = std::get<Floats>(*value);
      attribute.count = list.size();
      attribute.value.reals = list.data();
      break;
    }
    case AttributeKind::strings: {
      std::vector<const char*>& list = lists_.emplace_back();
      for (const std::string& text : std::get<Strings>(*value)) list.push_back(text.c_str());
      attribute.count = list.size();
      attribute.value.strings = list.data();
      break;
    }
    case AttributeKind::dtype:
      attribute.value.string = keep(std::string(burnish::name(std::get<DType>(*value))));
      break;
    case AttributeKind::dims: {
      Dims dims = std::get<Dims>(*value);
      if (reference_ != nullptr) dims = to_dims(TRY(evaluate(std::span<const Dim>(dims), reference_->symbols())));
      attribute.count = dims.size();
      attribute.value.strings = keep_list(dims)->data();
      break;
    }
    case AttributeKind::tensor: attribute.value.tensor = TRY(keep_tensor(std::get<Tensor>(*value))); break;
    case AttributeKind::type: attribute.value.string = keep(std::get<Type>(*value).text()); break;
  }
  return {};
}

Result<const DLTensor*> CallObject::tensor(std::size_t operand) {
  if (reference_ != nullptr) {
    if (!reference_->has(operand)) return nullptr;
    const RuntimeValue& value = reference_->value(operand);
    if (!value.is_tensor() || !dl_type(value.tensor().dtype()))
      return view_->error("operand " + std::to_string(operand) + " has no form in DLPack",
                          "give the operator a decompose");
    return keep_tensor(value.tensor());
  }
  const Value* value = node().operand(operand);
  if (value == nullptr || value->producer() == nullptr || value->producer()->op() != "constant") return nullptr;
  const Attribute* data = value->producer()->attribute("value");
  const auto* constant = data == nullptr ? nullptr : std::get_if<Tensor>(data);
  if (constant == nullptr || !dl_type(constant->dtype())) return nullptr;
  return keep_tensor(*constant);
}

// -- infer

const std::map<std::string, Range, std::less<>>& CallObject::symbols() {
  if (!symbols_) {
    symbols_.emplace();
    for (const Value* operand : node().operands()) {
      if (operand == nullptr) continue;
      collect(operand->type(), *symbols_);
      if (operand->contents())
        for (const Dim& d : *operand->contents()) d.collect_ranges(*symbols_);
    }
    for (const auto& [name, attribute] : node().attributes()) {
      if (const auto* dims = std::get_if<Dims>(&attribute))
        for (const Dim& d : *dims) d.collect_ranges(*symbols_);
      if (const auto* type = std::get_if<Type>(&attribute)) collect(*type, *symbols_);
    }
    symbols_->insert(node().graph()->symbol_ranges().begin(), node().graph()->symbol_ranges().end());
  }
  return *symbols_;
}

Status CallObject::known(const Dim& dim) {
  for (const std::string& symbol : dim.symbols())
    if (!symbols().contains(symbol))
      return view_->error("infer speaks of a size '" + symbol + "' that no operand has",
                          "make a name for it (call_fresh, Inference::fresh)");
  return {};
}

Result<Dim> CallObject::read_size(const char* text) {
  if (text == nullptr) return usage_error("a size is NULL", node().op());
  auto dim = parse_dim(text, symbols());
  if (!dim) return view_->error("'" + std::string(text) + "' is no size: " + dim.error().what);
  TRY(known(*dim));
  return dim->substitute(fresh_);
}

Status CallObject::set_type(std::size_t result, const std::string& text) {
  TRY(in_infer("call_set_type"));
  TRY(check_result(result));
  Lexer lexer(text);
  auto type = burnish::read_type(lexer, symbols());
  if (type && !lexer.at_end()) type = lexer.error("there is more than a type");
  if (!type)
    return view_->error("infer gives '" + text + "', which is no type: " + type.error().what,
                        "write for example f32[N,64]");
  std::map<std::string, Range, std::less<>> used;
  collect(*type, used);
  for (const auto& [symbol, range] : used) TRY(known(Dim::symbol(symbol, range)));
  infer_->result(result, substitute(*std::move(type), fresh_));
  if (result < typed_.size()) typed_[result] = true;
  return {};
}

Result<const std::vector<const char*>*> CallObject::contents(std::size_t operand) {
  TRY(in_infer("call_contents"));
  const auto& contents = infer_->contents(operand);
  return contents ? keep_list(*contents) : nullptr;
}

Status CallObject::set_contents(std::size_t result, std::span<const char* const> sizes) {
  TRY(in_infer("call_set_contents"));
  TRY(check_result(result));
  Dims dims;
  for (const char* size : sizes) dims.push_back(TRY(read_size(size)));
  infer_->result_contents(result, std::move(dims));
  return {};
}

Result<const char*> CallObject::fresh(int64_t low, int64_t high) {
  TRY(in_infer("call_fresh"));
  if (low < 0 || low > high || high > Range::kMax)
    return usage_error("the range " + std::to_string(low) + " to " + std::to_string(high) + " has no sizes",
                       node().op(), "give 0 <= low <= high");
  std::string name;
  for (std::size_t i = fresh_.size(); name.empty() || symbols().contains(name); ++i) name = "fresh" + std::to_string(i);
  fresh_.emplace(name, infer_->fresh("s", {low, high}));
  symbols_->emplace(name, Range{low, high});
  return keep(std::move(name));
}

Status CallObject::require(burnish_requirement requirement, const char* value, const char* bound, const char* what) {
  TRY(in_infer("call_require"));
  if (requirement < BURNISH_EQUAL || requirement > BURNISH_EXTENDS)
    return usage_error("there is no requirement " + std::to_string(static_cast<int>(requirement)), node().op());
  const auto kind = static_cast<Requirement::Kind>(requirement);
  const Dim a = TRY(read_size(value)), b = TRY(read_size(bound));
  bool never = (kind == Requirement::Kind::at_most ? less_equal(a, b) : equal(a, b)) == Truth::no;
  if (kind == Requirement::Kind::broadcasts) never = never && equal(b, 1) == Truth::no;
  if (kind == Requirement::Kind::broadcasts || kind == Requirement::Kind::extends)
    never = never && equal(a, 1) == Truth::no;
  const std::string sizes = what == nullptr ? "sizes" : what;
  if (never) return view_->error(sizes + " do not fit: " + a.text() + " and " + b.text());
  infer_->require(kind, a, b, sizes);
  return {};
}

Status CallObject::finish_infer() const {
  for (std::size_t i = 0; i < typed_.size(); ++i)
    if (node().result(i) != nullptr && !typed_[i])
      return view_->error("its infer says nothing of result " + std::to_string(i), "set a type for every result");
  if (node().definition()->decompose != nullptr) return {};
  for (const Value* operand : node().operands())
    if (operand != nullptr && !is_given(operand->type()))
      return view_->error("its reference cannot be given " + operand->type().text() + ", which has no form in DLPack",
                          "give the operator a decompose");
  return {};
}

// -- reference

Result<DLTensor*> CallObject::allocate(std::size_t result, std::span<const int64_t> shape) {
  if (reference_ == nullptr) return usage_error("call_allocate is for references alone", node().op());
  TRY(check_result(result));
  if (!reference_->wanted(result)) return nullptr;
  for (const Allocated& other : allocated_)
    if (other.result == result)
      return usage_error("result " + std::to_string(result) + " is allocated twice", node().op());
  const Type& type = node().result(result)->type();
  const auto dtype = dl_type(type.dtype);
  if (!is_given(type))
    return view_->error("a reference cannot give " + type.text() + ", which has no form in DLPack",
                        "give the operator a decompose");
  const auto contradiction = [&] {
    return view_->error("its reference gives " + Type::tensor(type.dtype, to_dims(shape)).text() + " as result " +
                            std::to_string(result) + ", but its infer says " + type.text(),
                        "let both say the same");
  };
  if (std::ranges::any_of(shape, [](int64_t d) { return d < 0; })) return contradiction();
  if (type.ranked && type.dims.size() != shape.size()) return contradiction();
  for (std::size_t d = 0; d < type.dims.size(); ++d) {
    // What the run does not know yet, it learns from this result.
    const auto size = evaluate(type.dims[d], reference_->symbols());
    if (size && *size != shape[d]) return contradiction();
  }
  Allocated& made = allocated_.emplace_back();
  made.result = result;
  made.dtype = type.dtype;
  made.shape.assign(shape.begin(), shape.end());
  Tensor* tensor = &made.packed;
  if (dtype->bits < 8) {
    const int64_t elements = checked_product(shape).value_or(Range::kMax);
    made.packed = TRY(Tensor::allocate(DType::u8, {elements / (8 / dtype->bits) + 1}));
  } else {
    tensor = TRY(reference_->out(result, type.dtype, made.shape));
  }
  made.tensor.data = tensor->mutable_data();
  made.tensor.device = {kDLCPU, 0};
  made.tensor.ndim = static_cast<int32_t>(made.shape.size());
  made.tensor.dtype = *dtype;
  made.tensor.shape = made.shape.data();
  return &made.tensor;
}

Status CallObject::finish_reference() {
  for (std::size_t i = 0; i < node().result_count(); ++i) {
    if (!reference_->wanted(i)) continue;
    const auto made = std::ranges::find(allocated_, i, &Allocated::result);
    if (made == allocated_.end())
      return view_->error("its reference makes no result " + std::to_string(i), "allocate every result and write it");
    if (made->packed.rank() != 1 || made->tensor.dtype.bits >= 8) continue;
    TensorView view;
    view.dtype = made->dtype;
    view.dims = made->shape;
    view.data = made->packed.mutable_data();
    view.packed = true;
    reference_->set(i, TRY(copy(view)));
  }
  return {};
}

}  // namespace burnish::api
