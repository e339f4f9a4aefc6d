#include "tests/kernels/harness.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/checked.h"
#include "tests/support/mapped_code.h"

namespace burnish::test {

Guarded::Guarded(std::size_t bytes, bool at_end) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t inside = (bytes + page - 1) / page * page + page;
  map_bytes_ = inside + 2 * page;
  map_ = mmap(nullptr, map_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(map_ != MAP_FAILED);
  char* start = static_cast<char*>(map_) + page;
  CHECK(mprotect(start, inside, PROT_READ | PROT_WRITE) == 0);
  data_ = reinterpret_cast<float*>(at_end ? start + inside - bytes : start);
}

Guarded::~Guarded() { munmap(map_, map_bytes_); }

Array::Array(std::vector<int64_t> d) : dims(std::move(d)) {
  values.resize(static_cast<std::size_t>(*checked_product(dims)));
}

double& Array::at(const std::vector<int64_t>& index) {
  int64_t place = 0;
  for (std::size_t d = 0; d < dims.size(); ++d) place = place * dims[d] + index[d];
  return values[static_cast<std::size_t>(place)];
}

void each(const std::vector<int64_t>& dims, const std::function<void(const std::vector<int64_t>&)>& f) {
  for (int64_t d : dims)
    if (d == 0) return;
  std::vector<int64_t> index(dims.size(), 0);
  for (;;) {
    f(index);
    std::size_t d = dims.size();
    while (d > 0 && ++index[d - 1] == dims[d - 1]) index[--d] = 0;
    if (d == 0) return;
  }
}

std::vector<CpuFeatures> processors() {
  std::vector<CpuFeatures> list;
  for (int level = 2; level <= host_cpu().level; ++level) list.emplace_back().level = level;
  if (host_cpu().level >= 4) {
    list.push_back(list.back());
    list.back().wide = true;
    list.back().l1_bytes = 4 << 10;
  }
  return list;
}

Kernel make_kernel(Problem problem, Ending ending, int channel_axis) {
  Kernel kernel;
  const Type result = problem.result;
  Nest& nest = kernel.nest;
  std::vector<Index> here;
  for (std::size_t i = 0; i < result.dims.size(); ++i) {
    nest.outer.push_back(nest.add_axis(fmt::format("i{}", i), result.dims[i]));
    here.push_back(at(nest.outer.back()));
  }
  int value = -1;
  if (ending == Ending::plain) {
    const int y = nest.add_operand("y", result, true);
    nest.store(y, here, nest.anchor(DType::f32));
  } else if (ending == Ending::bias_relu) {
    const int bias =
        nest.add_operand("bias", Type::tensor(DType::f32, {result.dims[static_cast<std::size_t>(channel_axis)]}));
    const int y = nest.add_operand("y", result, true);
    value = nest.apply(Scalar::add, {nest.anchor(DType::f32), nest.load(bias, {at(channel_axis)})});
    nest.store(y, here, nest.apply(Scalar::max, {value, nest.constant(0, DType::f32)}));
  } else {
    const int residual = nest.add_operand("residual", result);
    const int y = nest.add_operand("y", result, true), z = nest.add_operand("z", result, true);
    value = nest.apply(Scalar::add, {nest.anchor(DType::f32), nest.load(residual, here)});
    nest.store(y, here, value);
    nest.store(z, here, nest.apply(Scalar::mul, {value, nest.constant(0.5, DType::f32)}));
  }
  kernel.anchor = std::move(problem);
  return kernel;
}

namespace {

struct Operand {
  std::vector<int64_t> dims, strides;
  std::vector<int64_t> blocks;
  int64_t elements = 0;
  std::unique_ptr<Guarded> memory;
  std::optional<Tensor> derived;  // what the kernel reads instead

  int64_t place(const std::vector<int64_t>& index) const {
    int64_t offset = 0;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      const int64_t block = blocks.empty() ? 1 : blocks[d];
      int64_t inner = 1;
      for (std::size_t e = d + 1; e < blocks.size(); ++e) inner *= blocks[e];
      offset += index[d] / block * strides[d] + (block > 1 ? index[d] % block * inner : 0);
    }
    return offset;
  }
};

// Gaps between rows, or the last two dims swapped in memory.
void spread(Storage& storage, const std::vector<int64_t>& dims, std::mt19937& random) {
  std::vector<std::size_t> order(dims.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  if (order.size() > 1 && random() % 2) std::swap(order[order.size() - 1], order[order.size() - 2]);
  int64_t stride = random() % 4 == 0 ? 2 : 1;
  for (std::size_t i = order.size(); i-- > 0;) {
    storage.strides[order[i]] = Dim(stride);
    stride = stride * dims[order[i]] + static_cast<int64_t>(random() % 3);
  }
}

int64_t checked_kernels = 0, checked_tactics = 0;

// With more problems than usual, says how many there were.
class Count : public testing::Environment {
 public:
  void TearDown() override {
    if (problems(1) > 1) fmt::print("{} kernels, {} tactics of them checked\n", checked_kernels, checked_tactics);
  }
};
[[maybe_unused]] testing::Environment* const count = testing::AddGlobalTestEnvironment(new Count);

}  // namespace

int problems(int usual) {
  const char* times = std::getenv("BURNISH_PROBLEMS");
  return usual * std::max(1, times ? std::atoi(times) : 1);
}

int check_kernel(const Kernel& kernel, Ending ending, int channel_axis, const Oracle& oracle, std::mt19937& random,
                 const Check& check, const std::string& label) {
  const CpuTarget target(check.cpu);
  std::string why;
  const auto tactics = target.tactics(kernel, &why);
  ++checked_kernels;
  checked_tactics += static_cast<int64_t>(tactics.size());
  const std::size_t inputs = kernel.anchor->operands.size();
  auto number = [&](const Dim& dim) {
    const auto value = evaluate(dim, check.symbols);
    CHECK(value.has_value(), value ? "" : value.error().message());
    return *value;
  };
  auto numbers = [&](const Dims& dims) {
    std::vector<int64_t> values;
    for (const Dim& d : dims) values.push_back(number(d));
    return values;
  };

  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<Array> arrays;
  for (std::size_t i = 0; i < kernel.operand_count(); ++i) {
    arrays.emplace_back(numbers(kernel.operand_type(i).dims));
    for (double& v : arrays.back().values) v = static_cast<float>(uniform(random));
  }
  if (check.alike) {
    std::vector<double>&a = arrays[0].values, &b = arrays[1].values;
    const auto sums = static_cast<std::size_t>(arrays[0].dims.back()),
               columns = static_cast<std::size_t>(arrays[1].dims.back());
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = a[i % sums];
    for (std::size_t i = 0; i < b.size(); ++i) b[i] = b[i / columns * columns];
  }
  if (check.unlike) {
    const auto sums = static_cast<std::size_t>(arrays[0].dims.back());
    std::vector<double>& a = arrays[0].values;
    for (std::size_t row = 0; row * sums < a.size(); ++row)
      for (std::size_t k = 0; k < sums; ++k) a[row * sums + k] *= row % 5 == 2 ? 1e6 : row % 7 == 3 ? 1e-6 : 1;
    a[9 * sums + 3] = std::numeric_limits<double>::quiet_NaN();
    a[12 * sums + sums - 1] = std::numeric_limits<double>::infinity();
  }
  std::vector<Array> anchors(arrays.begin(), arrays.begin() + static_cast<std::ptrdiff_t>(inputs));
  Array expected = oracle(anchors);
  double largest = 1e-3;
  for (double v : expected.values) largest = std::max(largest, std::fabs(v));
  std::vector<double> largest_of_row;
  if (check.unlike)
    for (std::size_t i = 0; i < expected.values.size(); ++i) {
      if (i % static_cast<std::size_t>(expected.dims.back()) == 0) largest_of_row.push_back(0);
      largest_of_row.back() = std::max(largest_of_row.back(), std::fabs(expected.values[i]));
    }

  for (const Tactic& tactic : tactics) {
    if (check.alike && tactic.inexact) continue;  // Strassen's sums differ by a row's place
    const std::string place =
        fmt::format("{} for {}{} tactic {}", label, target.name(), check.cpu.wide ? ", wide," : "", tactic.name);
    EXPECT_EQ(tactic.ports.size(), kernel.operand_count()) << place;
    std::vector<Operand> operands(kernel.operand_count());
    std::vector<Storage> storages;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      Operand& o = operands[i];
      const Type& type = kernel.operand_type(i);
      Storage s;
      s.format = tactic.ports[i].format;
      o.dims = numbers(type.dims);
      s.strides = dense_strides(s.format, type.dims);
      if (check.strided && tactic.ports[i].any_strides) spread(s, o.dims, random);
      o.strides = numbers(s.strides);
      o.blocks = s.format.blocks;
      // Up to the storage's last element; a block is whole even where the dim ends.
      int64_t last = 0, inner = 1;
      bool empty = false;
      for (std::size_t d = 0; d < o.dims.size(); ++d) {
        const int64_t block = o.blocks.empty() ? 1 : o.blocks[d];
        empty |= o.dims[d] == 0;
        last += (ceil_div(o.dims[d], block) - 1) * o.strides[d];
        inner *= block;
      }
      o.elements = empty ? 0 : last + inner;
      if (tactic.ports[i].derived_bytes > 0) {
        Tensor constant = *Tensor::allocate(DType::f32, o.dims);
        for (int64_t e = 0; e < constant.elements(); ++e)
          Accessor<double>(DType::f32).store(constant.mutable_data(), e, arrays[i].values[static_cast<std::size_t>(e)]);
        auto derived = target.derive(kernel, tactic, i, constant);
        CHECK(derived.has_value(), derived ? "" : derived.error().message());
        EXPECT_EQ(static_cast<int64_t>(derived->byte_size()), tactic.ports[i].derived_bytes) << place;
        o.derived = std::move(*derived);
        o.elements = o.derived->elements();
        s.strides = {Dim(1)};
      }
      storages.push_back(std::move(s));
    }
    auto emitted = target.emit(kernel, tactic, storages);
    if (!emitted) {
      ADD_FAILURE() << place << ": " << emitted.error().message();
      continue;
    }
    std::vector<int64_t> integers;
    for (const Dim& d : emitted->integers) integers.push_back(number(d));
    const int64_t scratch_bytes = number(emitted->scratch_bytes), tasks = number(emitted->tasks);
    EXPECT_EQ(scratch_bytes % 64, 0) << place;
    const MappedCode code(*emitted);

    for (const bool at_end : {true, false}) {
      std::vector<void*> pointers;
      for (std::size_t i = 0; i < operands.size(); ++i) {
        Operand& o = operands[i];
        o.memory = std::make_unique<Guarded>(static_cast<std::size_t>(o.elements) * 4, at_end);
        const bool output = kernel.is_output(i);
        for (int64_t e = 0; e < o.elements; ++e) o.memory->data()[e] = output ? std::nanf("") : 0.0f;
        if (o.derived) std::memcpy(o.memory->data(), o.derived->data(), o.derived->byte_size());
        else if (!output)
          each(o.dims,
               [&](const auto& index) { o.memory->data()[o.place(index)] = static_cast<float>(arrays[i].at(index)); });
        pointers.push_back(o.memory->data());
      }
      const Guarded scratch(static_cast<std::size_t>(scratch_bytes), at_end);
      const KernelArgs args{pointers.data(), integers.data(), scratch.data(), nullptr};
      // In two ranges, the later one first: tasks depend on nothing but their number.
      code.function()(&args, tasks / 2, tasks);
      code.function()(&args, 0, tasks / 2);

      int wrong = 0;
      auto compare = [&](std::size_t operand, const std::vector<int64_t>& index, double want) {
        const double got = operands[operand].memory->data()[operands[operand].place(index)];
        if (check.alike) want = operands[operand].memory->data()[0];
        if (check.unlike) {
          const double row = largest_of_row[static_cast<std::size_t>(index[0])];
          if (std::isfinite(want) ? std::fabs(got - want) <= check.tolerance * row
                                  : std::isnan(got) == std::isnan(want) && (std::isnan(want) || got == want))
            return;
        } else if (check.alike ? got == want
                               : std::fabs(got - want) <= check.tolerance * std::max(largest, std::fabs(want)))
          return;
        if (wrong++ == 0) {
          std::string where;
          for (int64_t i : index) where += fmt::format("{},", i);
          ADD_FAILURE() << place << (at_end ? " (end)" : " (begin)") << ": result " << operand << " at " << where
                        << " is " << got << ", not " << want;
        }
      };
      each(expected.dims, [&](const auto& index) {
        double value = expected.at(index);
        if (ending == Ending::plain) {
          compare(inputs, index, value);
        } else if (ending == Ending::bias_relu) {
          value += arrays[inputs].at({index[static_cast<std::size_t>(channel_axis)]});
          compare(inputs + 1, index, std::max(value, 0.0));
        } else {
          value += arrays[inputs].at(index);
          compare(inputs + 1, index, value);
          compare(inputs + 2, index, value * 0.5);
        }
      });
    }
  }
  if (tactics.empty()) ADD_FAILURE() << label << ": " << why;
  return static_cast<int>(tactics.size());
}

}  // namespace burnish::test
