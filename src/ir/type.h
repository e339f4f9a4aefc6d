#pragma once
// The logical type of a value: dtype and dims, or a container of such. Layout is not part of it (see ir/storage.h).

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ir/dim.h"
#include "ir/dtype.h"

namespace burnish {

struct Type {
  enum class Kind : uint8_t { tensor, sequence, optional, map, token };

  Kind kind = Kind::tensor;
  DType dtype = DType::f32;  // element of a tensor; key of a map
  bool ranked = true;        // false: rank unknown, dims empty
  Dims dims;
  std::shared_ptr<const Type> element;  // of sequence, optional, map (its value)

  static Type tensor(DType dtype, Dims dims);
  static Type unranked(DType dtype);
  static Type sequence(Type element);
  static Type optional(Type element);
  static Type map(DType key, Type value);
  static Type token();

  bool is_tensor() const { return kind == Kind::tensor; }
  bool is_ranked_tensor() const { return is_tensor() && ranked; }
  int64_t rank() const { return static_cast<int64_t>(dims.size()); }
  bool is_static() const;  // a ranked tensor whose dims are all numbers
  Dim element_count() const { return product(dims); }

  // "f32[N,3,224,224]", "f32[*]" (unranked), "f32[]" (scalar), "sequence<f32[*]>", "optional<...>", "map<i64,...>", "token"
  std::string text() const;
  bool operator==(const Type& other) const;
};

}  // namespace burnish
