#pragma once
// The body of one kernel function: a form's loops under a plan.

#include <span>
#include <string>
#include <vector>

#include "codegen/cuda/access.h"
#include "codegen/cuda/plan.h"

namespace burnish {

class CudaLoops {
 public:
  CudaLoops(const LoopForm& form, const CudaPlan& plan, std::span<const Dim> offsets, CudaText& text)
      : form_(form), plan_(plan), offsets_(offsets), text_(text), access_(form, text) {}

  void run();
  // The grid that the function wants.
  Dim blocks() const;
  // Bytes of shared memory called `place` that it wants.
  int place_bytes() const;

 private:
  using Names = CudaAccess::Names;
  // Where a group's values stand while its text is written.
  struct Pass {
    const CudaPlan::Group* group = nullptr;
    int axis = -1;  // with `vector` elements along it at a time
    int vector = 1;
    std::vector<bool> needed = {};  // expressions
    std::vector<bool> varies = {};  // along the axis
    std::vector<bool> ready = {};   // kept by an earlier group
    std::vector<bool> keeps = {};   // to be kept by this one
    Names names = {};
    std::string round = "0";
  };

  void items();
  // Indices of axes from a number in their positions; the last one counts vectors.
  void decompose(std::span<const int> axes, const std::string& number, int vector, CudaPlace& at);
  void group(std::size_t number);
  void positions(Pass& pass, CudaPlace at);
  void body(Pass& pass, CudaPlace at);
  void load_vectors(Pass& pass, const CudaPlace& at);
  void element(Pass& pass, const CudaPlace& at, const std::string& lane);
  void store_vectors(const Pass& pass, const CudaPlace& at);
  void combine(const CudaPlan::Group& group);
  bool is_vector(const Pass& pass, const Access& access) const;
  bool stores_vector(const Pass& pass, int statement) const;
  std::string kept(int expression, const Pass& pass, const std::string& lane) const;
  std::string temporary(int statement, const std::string& lane) const;
  bool temporaries_are_arrays() const { return plan_.axis >= 0 && (plan_.vector > 1 || plan_.team > 1); }
  // Of a plan with parts: the results of one, and what all of them come to.
  void store_parts(const CudaPlan::Group& group);
  void load_parts(const CudaPlan::Group& group);
  std::string part_place(std::size_t reduction, const std::string& item, const std::string& part, DType dtype);
  std::string rank() const;  // of a thread in its team
  void tiles();
  void load_tiles(const std::string& lane);
  void store_tiles();
  void sync();

  const LoopForm& form_;
  const CudaPlan& plan_;
  std::span<const Dim> offsets_;
  CudaText& text_;
  CudaAccess access_;
  CudaPlace at_;            // of the item
  std::string item_ = "0";  // its number
};

}  // namespace burnish
