#include <algorithm>
#include <random>

#include "tests/support/nest_case.h"

namespace burnish {
namespace {

class Maker {
 public:
  Maker(unsigned seed, bool large) : large_(large), random_(seed) {}

  NestCase make() {
    Nest& nest = test_.kernel.nest;
    const int rank = number(1, large_ ? 3 : 4);
    int64_t elements = 1;
    for (int d = 0; d < rank; ++d) {
      static constexpr int kSizes[] = {1, 2, 3, 4, 7, 8, 15, 16, 17, 33, 40};
      int64_t size = kSizes[number(0, rank > 2 ? 7 : 10)];
      if (large_) {
        static constexpr int kLarge[] = {2, 8, 31, 64, 100, 256, 515, 1024, 2200, 9000};
        size = kLarge[number(0, 9)];
        while (elements * size > 60000) size = kLarge[number(0, 4)] / (elements > 20000 ? 16 : 1) + 1;
        elements *= size;
      }
      Dim extent = size;
      if (chance(0.2)) {
        const std::string name = "N" + std::to_string(d);
        extent = Dim::symbol(name, {0, large_ ? Range::kMax : 1000});
        test_.symbols[name] = size;
      }
      sizes_.push_back(size);
      nest.add_axis("i" + std::to_string(d), extent);
    }
    std::vector<int> axes(static_cast<std::size_t>(rank));
    for (int d = 0; d < rank; ++d) axes[static_cast<std::size_t>(d)] = d;
    std::shuffle(axes.begin(), axes.end(), random_);
    const bool reduces = chance(0.6);
    const int outer = reduces ? number(0, rank - 1) : rank;
    nest.outer.assign(axes.begin(), axes.begin() + outer);
    const std::vector<int> inner(axes.begin() + outer, axes.end());

    static constexpr DType kWork[] = {DType::f32, DType::f32, DType::f32, DType::f64,
                                      DType::i32, DType::i64, DType::u8};
    work_ = kWork[number(0, 6)];
    for (int i = number(1, 3); i > 0; --i) values_.push_back(input());
    // Outputs are declared once all inputs are.
    struct Output {
      int expression;
      std::vector<int> axes, inner;
    };
    std::vector<Output> outputs;
    if (!reduces) {
      for (int i = number(1, 2); i > 0; --i) outputs.push_back({expression(), nest.outer, {}});
    } else {
      int first = nest.reduce(reduction(), inner, expression());
      values_.push_back(first);
      if (chance(0.5)) values_.push_back(nest.reduce(reduction(), inner, expression()));
      if (chance(0.7)) outputs.push_back({expression(), axes, inner});
      if (outputs.empty() || chance(0.5)) outputs.push_back({first, nest.outer, {}});
    }
    for (Output& o : outputs) {
      std::shuffle(o.axes.begin(), o.axes.end(), random_);
      const DType dtype = chance(0.7) ? work_ : stored();
      const int value = nest.cast(o.expression, dtype);
      Dims dims;
      std::vector<Index> index;
      for (int a : o.axes) {
        dims.push_back(nest.axes[static_cast<std::size_t>(a)].extent);
        index.push_back(at(a));
      }
      nest.store(nest.add_operand("y", Type::tensor(dtype, dims), true), index, value, o.inner);
    }
    for (const auto& o : nest.operands) test_.storages.push_back(storage(o.type));
    test_.tolerance = 1e-4;
    test_.low = is_float(work_) ? -2 : 0;
    test_.high = is_float(work_) ? 2 : 9;
    return std::move(test_);
  }

 private:
  int number(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  bool chance(double p) { return std::uniform_real_distribution<double>(0, 1)(random_) < p; }

  // Something that survives a cast to the working dtype and back.
  DType stored() {
    static constexpr DType kReal[] = {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i8, DType::u8};
    static constexpr DType kWhole[] = {DType::i32, DType::i64, DType::u8, DType::i8, DType::i16, DType::u32};
    return is_float(work_) ? kReal[number(0, 3)] : kWhole[number(0, 5)];
  }

  // A load at an affine place of a random choice of axes, as the working dtype.
  int input() {
    Nest& nest = test_.kernel.nest;
    std::vector<int> axes;
    for (int a = 0; a < static_cast<int>(nest.axes.size()); ++a)
      if (chance(0.75)) axes.push_back(a);
    std::shuffle(axes.begin(), axes.end(), random_);
    const bool guarded = chance(0.25);
    Dims dims;
    std::vector<Index> index;
    for (int a : axes) {
      const Dim& extent = nest.axes[static_cast<std::size_t>(a)].extent;
      Index i = at(a);
      Dim dim = extent;
      if (chance(0.15)) i.terms[0].coefficient = 2, dim = extent * Dim(2);
      else if (chance(0.1)) i.terms[0].coefficient = -1, i.offset = extent - 1;
      if (guarded) i.offset += Dim(number(-2, 2));
      dims.push_back(dim);
      index.push_back(i);
    }
    if (chance(0.15)) {
      dims.insert(dims.begin(), Dim(3));
      index.insert(index.begin(), Index{{}, Dim(number(0, 2)), -1});
    }
    const int load = nest.load(nest.add_operand("x", Type::tensor(stored(), dims)), index);
    nest.expressions[static_cast<std::size_t>(load)].guarded = guarded;
    nest.expressions[static_cast<std::size_t>(load)].fallback = 1;
    return nest.cast(load, work_);
  }

  Reduction reduction() {
    static constexpr Reduction kKinds[] = {Reduction::sum, Reduction::min, Reduction::max};
    return kKinds[number(0, 2)];
  }

  int expression() {
    Nest& nest = test_.kernel.nest;
    auto pick = [&] { return values_[static_cast<std::size_t>(number(0, static_cast<int>(values_.size()) - 1))]; };
    int value = pick();
    for (int i = number(0, 4); i > 0; --i) {
      static constexpr Scalar kBinary[] = {Scalar::add, Scalar::sub, Scalar::min, Scalar::max};
      value = nest.apply(kBinary[number(0, 3)], {value, pick()});
      if (is_float(work_) && chance(0.15)) value = nest.apply(Scalar::tanh, {value});
      if (chance(0.1)) {
        const int above = nest.apply(Scalar::gt, {value, nest.constant(1, work_)});
        value = nest.apply(Scalar::select, {above, value, pick()});
      }
    }
    return value;
  }

  Storage storage(const Type& type) {
    Format f = Format::plain(type.dtype, type.rank());
    const auto rank = static_cast<std::size_t>(type.rank());
    if (chance(0.5)) std::shuffle(f.order.begin(), f.order.end(), random_);
    if (rank > 0 && chance(0.25)) {
      f.blocks.assign(rank, 1);
      f.blocks[random_() % rank] = chance(0.5) ? 8 : 4;
    }
    if (rank > 0 && chance(0.25)) {
      f.border.assign(rank, 0);
      const std::size_t d = random_() % rank;
      if (f.blocks.empty() || f.blocks[d] == 1) f.border[d] = number(1, 2);
    }
    if (!is_float(type.dtype) || chance(0.5)) f.fill = 3;
    return dense_storage(f, type.dims);
  }

  bool large_;
  std::mt19937 random_;
  NestCase test_;
  std::vector<int64_t> sizes_;
  std::vector<int> values_;
  DType work_ = DType::f32;
};

}  // namespace

NestCase random_nest(unsigned seed, bool large) { return Maker(seed, large).make(); }

}  // namespace burnish
