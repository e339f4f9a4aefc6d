// Memory that runs out at every possible place: a status, never a crash, and nothing half-made.

#include <cstdlib>
#include <new>

#include "tests/api/networks.h"

namespace {

// Counts down to the allocation of this thread that fails; negative: none does.
thread_local int64_t until_failure = -1;
thread_local bool failed = false;
thread_local int64_t living = 0;  // allocations of this thread that were not given back

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (until_failure >= 0 && until_failure-- == 0) {
    failed = true;
    return nullptr;
  }
  ++living;
  return alignment > alignof(std::max_align_t)
             ? std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment)
             : std::malloc(bytes == 0 ? 1 : bytes);
}
void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
  void* memory = allocate(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void release(void* memory) {
  if (memory != nullptr) --living;
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate_or_throw(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t a) {
  return allocate_or_throw(bytes, static_cast<std::size_t>(a));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(bytes, static_cast<std::size_t>(a));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace api_test {
namespace {

const burnish_table& b() { return *burnish_api(BURNISH_API_VERSION); }

struct Session {
  burnish_graph* graph = nullptr;
  burnish_engine* engine = nullptr;
  burnish_context* context = nullptr;
  burnish_result result{};
  ~Session() {
    if (result.made != nullptr) result.made->deleter(result.made);
    b().context_free(context);
    b().engine_free(engine);
    b().graph_free(graph);
  }

  // All of a small program's life, up to the first call that fails.
  burnish_status run(burnish_error** error) {
    float data[4] = {1, -2, 3, -4};
    int64_t shape[] = {2, 2};
    const DLTensor tensor{data, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, nullptr, 0};
    burnish_value x = 0, w = 0, y = 0, z = 0;
    burnish_build_options options{};
    options.size = sizeof options;
    options.references = 1;
    burnish_context_options one{};
    one.size = sizeof one;
    one.threads = 1;
    burnish_status s = b().graph_create("g", &graph, error);
    if (s == 0) s = b().graph_input(graph, "x", "f32[N,2]", BURNISH_ROLE_DATA, &x, error);
    if (s == 0) s = b().graph_constant(graph, "w", &tensor, &w, error);
    const burnish_value operands[] = {x, w};
    burnish_node node{};
    node.size = sizeof node;
    node.op = "matmul";
    node.operands = operands;
    node.operand_count = 2;
    if (s == 0) s = b().graph_add(graph, &node, &y, 1, error);
    node.op = "softmax";
    node.operands = &y;
    node.operand_count = 1;
    if (s == 0) s = b().graph_add(graph, &node, &z, 1, error);
    if (s == 0) s = b().graph_output(graph, "z", z, nullptr, error);
    if (s == 0) s = b().build(graph, &options, &engine, error);
    if (s == 0) s = b().context_create(engine, &one, &context, error);
    const burnish_argument argument{"x", &tensor};
    if (s == 0) s = b().context_run(context, &argument, 1, &result, 1, nullptr, error);
    return s;
  }
};

TEST(Memory, EveryAllocationMayFail) {
  burnish_error* error = nullptr;
  // Twice as many handles as wait to be used again: from here on there are enough, and all that is made once is made.
  for (int i = 0; i < 512; ++i) {
    burnish_graph* graph = nullptr;
    ASSERT_EQ(b().graph_create("g", &graph, nullptr), BURNISH_OK);
    b().graph_free(graph);
  }
  ASSERT_EQ(Session().run(&error), BURNISH_OK) << b().error_text(error, BURNISH_ERROR_MESSAGE);
  int64_t n = 0;
  // Every one at first, then in growing steps.
  for (;; n += 1 + n / 300) {
    ASSERT_LT(n, 1'000'000);
    burnish_status status = BURNISH_OK;
    std::string text;
    const int64_t before = living;
    {
      Session session;
      until_failure = n;
      failed = false;
      status = session.run(&error);
      until_failure = -1;
      text = b().error_text(error, BURNISH_ERROR_MESSAGE);
      b().error_free(error);
    }
    const int64_t leaked = living - before - (text.capacity() > 15 ? 1 : 0);  // the text itself
    EXPECT_EQ(leaked, 0) << "allocation " << n;
    if (!failed) {
      EXPECT_EQ(status, BURNISH_OK) << text;
      break;
    }
    // Where there is another way, a failure may go unnoticed; where not, it is told. Never anything else.
    EXPECT_TRUE(status == BURNISH_OK || status == BURNISH_MEMORY)
        << "allocation " << n << ": " << status << ": " << text;
    if (HasFailure()) break;
  }
  EXPECT_GT(n, 500);
}

}  // namespace
}  // namespace api_test
