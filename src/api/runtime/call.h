#pragma once
// What the functions of a user's operator see of the node that they are called for, as the C interface keeps it.

#include <burnish/burnish.h>

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/runtime/handles.h"
#include "ops/operator.h"

namespace burnish::api {

class CallObject {
 public:
  static constexpr HandleKind kKind = HandleKind::call;
  static constexpr const char* kName = "call";
  explicit CallObject(InferContext& infer);
  explicit CallObject(ReferenceContext& reference);
  explicit CallObject(const DecomposeContext& decompose);
  CallObject(const CallObject&) = delete;
  CallObject& operator=(const CallObject&) = delete;
  ~CallObject();

  std::mutex mutex;  // held by every function below
  bool over() const { return view_ == nullptr; }
  void end() { view_ = nullptr; }
  const Node& node() const { return view_->node(); }

  // Why the function fails: its own account, or what first went wrong in a call of it.
  void fail(Error error) { failure_ = std::move(error); }
  void note(const Error& error) {
    if (!failure_) failure_ = error;
  }
  const std::optional<Error>& failure() const { return failure_; }

  // The functions of the table, whose contracts are in burnish/burnish.h.
  std::size_t count(burnish_side side) const;
  Result<const char*> type(burnish_side side, std::size_t index);
  Status attribute(const char* name, burnish_attribute& attribute);
  Result<const DLTensor*> tensor(std::size_t operand);
  Status set_type(std::size_t result, const std::string& text);
  Result<const std::vector<const char*>*> contents(std::size_t operand);
  Status set_contents(std::size_t result, std::span<const char* const> sizes);
  Result<const char*> fresh(int64_t low, int64_t high);
  Status require(burnish_requirement requirement, const char* value, const char* bound, const char* what);
  Result<DLTensor*> allocate(std::size_t result, std::span<const int64_t> shape);

  // What infer and reference must have done, once they say that all is well.
  Status finish_infer() const;
  Status finish_reference();

 private:
  struct Allocated {
    std::size_t result;
    DType dtype;
    Tensor packed;  // for elements of less than a byte, which DLPack packs
    std::vector<int64_t> shape;
    DLTensor tensor{};
  };

  Status in_infer(const char* function) const;
  Status check_result(std::size_t index) const;
  const char* keep(std::string text);
  const std::vector<const char*>* keep_list(std::span<const Dim> dims);
  Result<const DLTensor*> keep_tensor(const Tensor& tensor);
  Result<Dim> read_size(const char* text);
  // The ranges of all symbols that operands, attributes and the graph know, and of fresh ones.
  const std::map<std::string, Range, std::less<>>& symbols();
  Status known(const Dim& dim);

  const NodeView* view_;
  InferContext* infer_ = nullptr;
  ReferenceContext* reference_ = nullptr;
  std::optional<Error> failure_;
  std::deque<std::string> texts_;
  std::deque<std::vector<const char*>> lists_;
  std::vector<DLManagedTensorVersioned*> tensors_;
  std::deque<Allocated> allocated_;
  std::vector<bool> typed_;
  std::optional<std::map<std::string, Range, std::less<>>> symbols_;
  std::map<std::string, Dim, std::less<>> fresh_;
};

burnish_status call_count(burnish_call* call, burnish_side side, size_t* count, burnish_error** error);
burnish_status call_type(burnish_call* call, burnish_side side, size_t index, const char** type, burnish_error** error);
burnish_status call_attribute(burnish_call* call, const char* name, burnish_attribute* attribute,
                              burnish_error** error);
burnish_status call_fail(burnish_call* call, burnish_status status, const char* what, const char* remedy);
burnish_status call_tensor(burnish_call* call, size_t operand, const DLTensor** tensor, burnish_error** error);
burnish_status call_set_type(burnish_call* call, size_t result, const char* type, burnish_error** error);
burnish_status call_contents(burnish_call* call, size_t operand, const char* const** sizes, size_t* count,
                             burnish_error** error);
burnish_status call_set_contents(burnish_call* call, size_t result, const char* const* sizes, size_t count,
                                 burnish_error** error);
burnish_status call_fresh(burnish_call* call, int64_t low, int64_t high, const char** size, burnish_error** error);
burnish_status call_require(burnish_call* call, burnish_requirement requirement, const char* value, const char* bound,
                            const char* what, burnish_error** error);
burnish_status call_allocate(burnish_call* call, size_t result, const int64_t* shape, size_t rank, DLTensor** tensor,
                             burnish_error** error);

}  // namespace burnish::api
