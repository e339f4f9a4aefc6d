// The C table itself: wrong handles, NULLs, sizes, tensors that lie. Nothing here may crash.

#include <cstddef>
#include <cstring>
#include <random>

#include "tests/api/networks.h"

namespace api_test {
namespace {

const burnish_table& b() { return *burnish_api(BURNISH_API_VERSION); }

// Takes the error of a call that must fail; its text.
class Caught {
 public:
  burnish_error** operator&() { return &error_; }  // NOLINT: handed to the call
  ~Caught() { b().error_free(error_); }
  burnish_status status() const { return b().error_status(error_); }
  std::string text() const { return b().error_text(error_, BURNISH_ERROR_MESSAGE); }
  burnish_error* get() const { return error_; }

 private:
  burnish_error* error_ = nullptr;
};

struct Handles {
  burnish_graph* graph = nullptr;
  burnish_engine* engine = nullptr;
  burnish_context* context = nullptr;
  burnish_value x = 0;

  Handles() {
    b().graph_create("g", &graph, nullptr);
    b().graph_input(graph, "x", "f32[2,2]", BURNISH_ROLE_DATA, &x, nullptr);
    b().graph_output(graph, "y", x, nullptr, nullptr);
    burnish_build_options options{};
    options.size = sizeof options;
    options.references = 1;
    b().build(graph, &options, &engine, nullptr);
    b().context_create(engine, nullptr, &context, nullptr);
  }
  ~Handles() {
    b().context_free(context);
    b().engine_free(engine);
    b().graph_free(graph);
  }
};

TEST(C, Versions) {
  EXPECT_EQ(burnish_api(0), nullptr);
  EXPECT_EQ(burnish_api(BURNISH_API_VERSION + 1), nullptr);
  EXPECT_EQ(b().version, uint32_t{BURNISH_API_VERSION});
  EXPECT_EQ(b().compiler, 1U);
  EXPECT_STRNE(b().library_version, "");
  // No function is missing.
  const auto* words = reinterpret_cast<void* const*>(&b());
  for (std::size_t i = 1; i < sizeof(burnish_table) / sizeof(void*); ++i) EXPECT_NE(words[i], nullptr) << i;
}

TEST(C, EveryFunctionSurvivesNulls) {
  Handles h;
  for (const bool with_handles : {false, true}) {
    burnish_graph* g = with_handles ? h.graph : nullptr;
    burnish_engine* e = with_handles ? h.engine : nullptr;
    burnish_context* c = with_handles ? h.context : nullptr;
    int calls = 0;
    const auto fails = [&](burnish_status status) {
      EXPECT_EQ(status, BURNISH_USAGE) << "call " << calls;
      ++calls;
    };
    fails(b().engine_load(nullptr, nullptr, nullptr, nullptr));
    fails(b().engine_load_bytes(nullptr, 5, nullptr, &e, nullptr));
    if (with_handles) e = h.engine;
    fails(b().engine_save(e, nullptr, nullptr));
    fails(b().engine_save_as(e, nullptr, nullptr, nullptr));
    fails(b().engine_count(e, BURNISH_INPUT, nullptr, nullptr));
    fails(b().engine_value(e, BURNISH_INPUT, 0, nullptr, nullptr));
    fails(b().engine_text(e, BURNISH_ENGINE_CPU, nullptr, nullptr));
    fails(b().engine_set_parameter(e, nullptr, nullptr, nullptr));
    fails(b().context_create(e, nullptr, nullptr, nullptr));
    fails(b().context_run(c, nullptr, 1, nullptr, 0, nullptr, nullptr));
    fails(b().context_run(c, nullptr, 0, nullptr, 1, nullptr, nullptr));
    fails(b().context_run(c, nullptr, 0, nullptr, 0, nullptr, nullptr));
    fails(b().context_arena_bytes(c, nullptr, nullptr));
    fails(b().graph_create(nullptr, nullptr, nullptr));
    fails(b().graph_load(nullptr, nullptr, nullptr));
    fails(b().graph_load_bytes(nullptr, 1, nullptr, nullptr));
    fails(b().graph_load_as(nullptr, nullptr, nullptr, nullptr));
    fails(b().graph_load_bytes_as(nullptr, 1, nullptr, nullptr, nullptr));
    fails(b().graph_clone(g, nullptr, nullptr));
    fails(b().graph_symbol(g, nullptr, 0, 1, nullptr));
    fails(b().graph_input(g, nullptr, nullptr, BURNISH_ROLE_DATA, nullptr, nullptr));
    fails(b().graph_constant(g, nullptr, nullptr, nullptr, nullptr));
    fails(b().graph_constant_owned(g, nullptr, nullptr, nullptr, nullptr));
    fails(b().graph_add(g, nullptr, nullptr, 0, nullptr));
    fails(b().graph_output(g, nullptr, 0, nullptr, nullptr));
    fails(b().graph_count(g, BURNISH_INPUT, nullptr, nullptr));
    fails(b().graph_value(g, BURNISH_INPUT, 0, nullptr, nullptr));
    fails(b().graph_find(g, nullptr, nullptr, nullptr));
    fails(b().graph_value_info(g, 0, nullptr, nullptr));
    fails(b().graph_text(g, nullptr, nullptr));
    fails(b().graph_save_onnx(g, nullptr, nullptr));
    fails(b().operators(nullptr, nullptr));
    fails(b().build(g, nullptr, nullptr, nullptr));
    fails(b().checkpoint_load(nullptr, nullptr, nullptr));
    fails(b().checkpoint_load_as(nullptr, nullptr, nullptr, nullptr));
    fails(b().checkpoint_count(nullptr, nullptr, nullptr));
    fails(b().checkpoint_name(nullptr, 0, nullptr, nullptr));
    fails(b().checkpoint_tensor(nullptr, nullptr, nullptr, nullptr));
    fails(b().operator_register(nullptr, nullptr));
    fails(b().call_count(nullptr, BURNISH_INPUT, nullptr, nullptr));
    fails(b().call_type(nullptr, BURNISH_INPUT, 0, nullptr, nullptr));
    fails(b().call_attribute(nullptr, nullptr, nullptr, nullptr));
    fails(b().call_fail(nullptr, BURNISH_REFUSED, nullptr, nullptr));
    fails(b().call_tensor(nullptr, 0, nullptr, nullptr));
    fails(b().call_set_type(nullptr, 0, nullptr, nullptr));
    fails(b().call_contents(nullptr, 0, nullptr, nullptr, nullptr));
    fails(b().call_set_contents(nullptr, 0, nullptr, 1, nullptr));
    fails(b().call_fresh(nullptr, 0, 1, nullptr, nullptr));
    fails(b().call_require(nullptr, BURNISH_EQUAL, nullptr, nullptr, nullptr, nullptr));
    fails(b().call_allocate(nullptr, 0, nullptr, 1, nullptr, nullptr));
    fails(b().set_log(nullptr, nullptr, static_cast<burnish_log_level>(99), nullptr));
  }
  b().error_free(nullptr);
  b().text_free(nullptr);
  b().graph_free(nullptr);
  b().engine_free(nullptr);
  b().context_free(nullptr);
  EXPECT_STREQ(b().error_text(nullptr, BURNISH_ERROR_WHAT), "");
  EXPECT_STREQ(b().text_data(nullptr), "");
  EXPECT_EQ(b().text_size(nullptr), 0U);
  EXPECT_EQ(b().error_status(nullptr), BURNISH_USAGE);
}

TEST(C, StaleAndForeignHandlesAreRecognised) {
  Handles h;
  std::size_t count = 0;
  burnish_engine* engine = h.engine;
  b().engine_free(engine);
  h.engine = nullptr;
  Caught stale;
  EXPECT_EQ(b().engine_count(engine, BURNISH_INPUT, &count, &stale), BURNISH_USAGE);
  EXPECT_NE(stale.text().find("freed"), std::string::npos) << stale.text();
  b().engine_free(engine);  // twice
  // Another kind, memory that is no handle, numbers that are no addresses.
  char noise[256] = {};
  for (void* wrong : {static_cast<void*>(h.graph), static_cast<void*>(h.context), static_cast<void*>(stale.get()),
                      static_cast<void*>(noise), reinterpret_cast<void*>(1), reinterpret_cast<void*>(~uintptr_t{0}),
                      static_cast<void*>(reinterpret_cast<char*>(h.graph) + 1)}) {
    EXPECT_EQ(b().engine_count(static_cast<burnish_engine*>(wrong), BURNISH_INPUT, &count, nullptr), BURNISH_USAGE);
    b().engine_free(static_cast<burnish_engine*>(wrong));
  }
  EXPECT_EQ(b().graph_count(h.graph, BURNISH_INPUT, &count, nullptr), BURNISH_OK);  // still there
}

TEST(C, HandlesAreReusedLate) {
  burnish_graph* first = nullptr;
  ASSERT_EQ(b().graph_create(nullptr, &first, nullptr), BURNISH_OK);
  b().graph_free(first);
  for (int i = 0; i < 200; ++i) {
    burnish_graph* next = nullptr;
    ASSERT_EQ(b().graph_create(nullptr, &next, nullptr), BURNISH_OK);
    EXPECT_NE(next, first);
    b().graph_free(next);
  }
}

TEST(C, ValuesOfOtherGraphsAreRecognised) {
  Handles a, other;
  burnish_value_info info{};
  info.size = sizeof info;
  EXPECT_EQ(b().graph_value_info(a.graph, a.x, &info, nullptr), BURNISH_OK);
  EXPECT_STREQ(info.name, "x");
  EXPECT_STREQ(info.type, "f32[2,2]");
  for (const burnish_value wrong :
       {other.x, burnish_value{0}, burnish_value{1}, a.x + 1, a.x + 1000, ~burnish_value{0}})
    EXPECT_EQ(b().graph_value_info(a.graph, wrong, &info, nullptr), BURNISH_USAGE) << wrong;
}

TEST(C, SizesOfStructures) {
  Handles h;
  burnish_engine* engine = nullptr;
  burnish_build_options options{};
  constexpr std::size_t kFirst = offsetof(burnish_build_options, limits);  // as it was before there were limits
  for (const std::size_t size : {std::size_t{0}, std::size_t{8}, kFirst - 8, std::size_t{1} << 40}) {
    options.size = size;
    Caught e;
    EXPECT_EQ(b().build(h.graph, &options, &engine, &e), BURNISH_USAGE);
    EXPECT_NE(e.text().find("size"), std::string::npos) << e.text();
  }
  // A caller of a later version: fine as long as it asks for nothing new.
  struct {
    burnish_build_options options;
    uint64_t later;
  } longer{};
  longer.options.size = sizeof longer;
  longer.options.references = 1;
  ASSERT_EQ(b().build(h.graph, &longer.options, &engine, nullptr), BURNISH_OK);
  b().engine_free(engine);
  longer.later = 1;
  Caught e;
  EXPECT_EQ(b().build(h.graph, &longer.options, &engine, &e), BURNISH_USAGE);
  EXPECT_NE(e.text().find("too old"), std::string::npos) << e.text();
  burnish_value_info info{};
  EXPECT_EQ(b().graph_value_info(h.graph, h.x, &info, nullptr), BURNISH_USAGE);
}

TEST(C, WrongNumbersForEnumerations) {
  Handles h;
  std::size_t count = 0;
  burnish_value value = 0;
  burnish_text* text = nullptr;
  burnish_engine* engine = nullptr;
  EXPECT_EQ(b().engine_count(h.engine, static_cast<burnish_side>(7), &count, nullptr), BURNISH_USAGE);
  EXPECT_EQ(b().graph_count(h.graph, static_cast<burnish_side>(7), &count, nullptr), BURNISH_USAGE);
  EXPECT_EQ(b().graph_value(h.graph, static_cast<burnish_side>(7), 0, &value, nullptr), BURNISH_USAGE);
  EXPECT_EQ(b().graph_value(h.graph, BURNISH_INPUT, 7, &value, nullptr), BURNISH_USAGE);
  EXPECT_EQ(b().engine_text(h.engine, static_cast<burnish_engine_part>(7), &text, nullptr), BURNISH_USAGE);
  EXPECT_EQ(b().graph_input(h.graph, "z", "f32[]", static_cast<burnish_role>(7), &value, nullptr), BURNISH_USAGE);
  burnish_build_options options{};
  options.size = sizeof options;
  options.fallback = static_cast<burnish_fallback>(7);
  EXPECT_EQ(b().build(h.graph, &options, &engine, nullptr), BURNISH_USAGE);
  burnish_attribute attribute{};
  attribute.name = "axis";
  attribute.value.string = "x";
  burnish_node node{};
  node.size = sizeof node;
  node.op = "softmax";
  node.operands = &h.x;
  node.operand_count = 1;
  node.attributes = &attribute;
  node.attribute_count = 1;
  for (int kind = BURNISH_INTEGER; kind <= BURNISH_TYPE + 2; ++kind) {
    if (kind == BURNISH_INTEGER || kind == BURNISH_TENSOR) continue;  // those are right, or read the pointer
    attribute.kind = static_cast<burnish_attribute_kind>(kind);
    attribute.count = 0;
    EXPECT_EQ(b().graph_add(h.graph, &node, &value, 1, nullptr), BURNISH_USAGE) << kind;
    attribute.value.string = nullptr;
    attribute.count = 1;
    EXPECT_EQ(b().graph_add(h.graph, &node, &value, 1, nullptr), BURNISH_USAGE) << kind;
    attribute.value.string = "x";
  }
}

TEST(C, TensorsThatLieAreRefused) {
  Handles h;
  float data[4] = {};
  int64_t shape[] = {2, 2}, strides[] = {2, 1};
  const DLTensor good{data, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, strides, 0};
  burnish_value value = 0;
  ASSERT_EQ(b().graph_constant(h.graph, "good", &good, &value, nullptr), BURNISH_OK);
  int64_t negative[] = {2, -2}, huge[] = {int64_t{1} << 40, int64_t{1} << 40}, far[] = {int64_t{1} << 62, 1};
  const auto expect_refused = [&](auto change) {
    DLTensor bad = good;
    change(bad);
    Caught e;
    EXPECT_EQ(b().graph_constant(h.graph, "bad", &bad, &value, &e), BURNISH_USAGE);
    EXPECT_FALSE(e.text().empty());
    EXPECT_EQ(value, 0U);
    const burnish_argument argument{"x", &bad};
    EXPECT_EQ(b().context_run(h.context, &argument, 1, nullptr, 0, nullptr, nullptr), BURNISH_USAGE);
    burnish_result result{"y", &bad, nullptr};
    const burnish_argument right{"x", &good};
    EXPECT_EQ(b().context_run(h.context, &right, 1, &result, 1, nullptr, nullptr), BURNISH_USAGE);
  };
  expect_refused([](DLTensor& t) { t.device.device_type = kDLCUDA; });
  expect_refused([](DLTensor& t) { t.ndim = -1; });
  expect_refused([](DLTensor& t) { t.ndim = 1 << 20; });
  expect_refused([](DLTensor& t) { t.shape = nullptr; });
  expect_refused([](DLTensor& t) { t.data = nullptr; });
  expect_refused([](DLTensor& t) { t.dtype.lanes = 4; });
  expect_refused([](DLTensor& t) { t.dtype.bits = 31; });
  expect_refused([](DLTensor& t) { t.dtype.code = 99; });
  expect_refused([&](DLTensor& t) { t.shape = negative; });
  expect_refused([&](DLTensor& t) { t.shape = huge; });
  expect_refused([&](DLTensor& t) { t.strides = far; });
}

TEST(C, OwnedConstants) {
  Handles h;
  static int deleted = 0;
  deleted = 0;
  static float data[2] = {3, 4};
  static int64_t shape[] = {2};
  DLManagedTensorVersioned managed{};
  managed.version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION};
  managed.deleter = [](DLManagedTensorVersioned*) { ++deleted; };
  managed.dl_tensor = {data, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, nullptr, 0};
  burnish_value value = 0;
  managed.version.major = 99;
  EXPECT_EQ(b().graph_constant_owned(h.graph, "c", &managed, &value, nullptr), BURNISH_USAGE);
  managed.version.major = DLPACK_MAJOR_VERSION;
  managed.dl_tensor.ndim = -1;
  EXPECT_EQ(b().graph_constant_owned(h.graph, "c", &managed, &value, nullptr), BURNISH_USAGE);
  EXPECT_EQ(deleted, 0);  // still the caller's
  managed.dl_tensor.ndim = 1;
  ASSERT_EQ(b().graph_constant_owned(h.graph, "c", &managed, &value, nullptr), BURNISH_OK);
  burnish_graph* copy = nullptr;
  ASSERT_EQ(b().graph_clone(h.graph, &copy, nullptr), BURNISH_OK);
  b().graph_free(h.graph);
  h.graph = nullptr;
  EXPECT_EQ(deleted, 0);  // the copy shares it
  b().graph_free(copy);
  EXPECT_EQ(deleted, 1);
}

TEST(C, PackedElements) {
  burnish_graph* graph = nullptr;
  burnish_value x = 0, y = 0;
  ASSERT_EQ(b().graph_create("g", &graph, nullptr), BURNISH_OK);
  ASSERT_EQ(b().graph_input(graph, "x", "i4[5]", BURNISH_ROLE_DATA, &x, nullptr), BURNISH_OK);
  burnish_attribute dtype{};
  dtype.name = "dtype";
  dtype.kind = BURNISH_DTYPE;
  dtype.value.string = "i32";
  burnish_node node{};
  node.size = sizeof node;
  node.op = "cast";
  node.operands = &x;
  node.operand_count = 1;
  node.attributes = &dtype;
  node.attribute_count = 1;
  ASSERT_EQ(b().graph_add(graph, &node, &y, 1, nullptr), BURNISH_OK);
  ASSERT_EQ(b().graph_output(graph, "wide", y, nullptr, nullptr), BURNISH_OK);
  ASSERT_EQ(b().graph_output(graph, "same", x, nullptr, nullptr), BURNISH_OK);
  const burnish::Engine engine = value(burnish::build(burnish::Graph::adopt(graph)));
  burnish::Context context = value(engine.create_context());
  const std::byte packed[] = {std::byte{0xE1}, std::byte{0x78}, std::byte{0x03}};  // 1, -2, -8, 7, 3
  const auto results = value(context.run({value(Tensor::from_bytes(DType::i4, {5}, packed))}));
  const auto wide = results[0].values<int32_t>();
  EXPECT_EQ(std::vector<int32_t>(wide.begin(), wide.end()), (std::vector<int32_t>{1, -2, -8, 7, 3}));
  ASSERT_EQ(results[1].byte_size(), 3U);
  EXPECT_EQ(std::memcmp(results[1].data(), packed, 3), 0);
}

TEST(C, Operators) {
  burnish_text* text = nullptr;
  ASSERT_EQ(b().operators(&text, nullptr), BURNISH_OK);
  const std::string json(b().text_data(text), b().text_size(text));
  b().text_free(text);
  EXPECT_NE(json.find("\"softmax\""), std::string::npos);
  EXPECT_STREQ(b().text_data(text), "");  // freed
}

TEST(C, ErrorsHaveParts) {
  burnish_graph* graph = nullptr;
  Caught e;
  EXPECT_EQ(b().graph_load("/no/such/model.onnx", &graph, &e), BURNISH_IO);
  EXPECT_EQ(e.status(), BURNISH_IO);
  EXPECT_NE(std::string(b().error_text(e.get(), BURNISH_ERROR_WHERE)).find("/no/such/model.onnx"), std::string::npos);
  EXPECT_STRNE(b().error_text(e.get(), BURNISH_ERROR_WHAT), "");
  EXPECT_STREQ(b().error_text(e.get(), static_cast<burnish_error_part>(9)), "");
  EXPECT_EQ(graph, nullptr);
}

// Calls at random with arguments that are right about half of the time.
TEST(C, Monkey) {
  std::mt19937 random(7);
  const auto pick = [&](auto list) { return std::data(list)[random() % std::size(list)]; };
  const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
  std::vector<burnish_graph*> graphs(1);
  std::vector<burnish_engine*> engines(1);
  std::vector<burnish_context*> contexts(1);
  std::vector<burnish_value> values = {0, 1, ~burnish_value{0}};
  const std::vector<const char*> names = {"x", "y", "", nullptr, "odd name\n%\"", "w"};
  const std::vector<const char*> types = {
      "f32[2,2]", "f32[N,2]", "i64[]", "string[3]", "sequence<f32[*]>",          "f32[*]", "",
      "f32[-1]",  "f32[2,2",  nullptr, "i4[3]",     "f32[99999999999999999999]", "token",  "f32[N+M]"};
  const std::vector<const char*> ops = {
      "relu",      "add",  "matmul", "softmax", "constant",        "split", "reshape", "if",    "concat",
      "transpose", "nope", "",       nullptr,   "dynamic_reshape", "conv",  "top_k",   "gather"};
  float data[64] = {};
  int64_t shapes[3][3] = {{2, 2, 2}, {1, -1, 4}, {0, 3, 1 << 30}};
  std::map<burnish_status, int> seen;
  for (int i = 0; i < 20000; ++i) {
    burnish_error* error = nullptr;
    burnish_status status = BURNISH_OK;
    burnish_graph* graph = pick(graphs);
    burnish_engine* engine = pick(engines);
    burnish_value value = pick(values);
    DLTensor tensor{chance(90) ? data : nullptr,
                    {chance(90) ? kDLCPU : kDLCUDA, 0},
                    static_cast<int32_t>(random() % 5) - 1,
                    {static_cast<uint8_t>(random() % 8), static_cast<uint8_t>(1U << (random() % 8)), 1},
                    shapes[chance(80) ? 0 : random() % 3],
                    nullptr,
                    0};
    if (chance(70)) tensor.dtype = {kDLFloat, 32, 1}, tensor.ndim = 2;
    switch (random() % 14) {
      case 0:
        status = b().graph_create(pick(names), &graph, &error);
        if (graph) graphs.push_back(graph);
        break;
      case 1:
        status =
            b().graph_input(graph, pick(names), pick(types), static_cast<burnish_role>(random() % 4), &value, &error);
        if (value) values.push_back(value);
        break;
      case 2:
        status = b().graph_constant(graph, pick(names), &tensor, &value, &error);
        if (value) values.push_back(value);
        break;
      case 3:
      case 4:
      case 5: {
        const burnish_value operands[] = {value, pick(values), pick(values)};
        const int64_t ints[] = {static_cast<int64_t>(random() % 4) - 1, 1, 0};
        const char* dims[] = {"2", "N", "("};
        burnish_attribute attributes[2] = {};
        attributes[0].name = pick(std::vector{"axis", "permutation", "shape", "strides", "nope"});
        attributes[0].kind = static_cast<burnish_attribute_kind>(pick(std::vector{0, 1, 3, 7}));
        attributes[0].count = random() % 4;
        if (attributes[0].kind == BURNISH_INTEGER) attributes[0].value.integer = ints[0];
        if (attributes[0].kind == BURNISH_REAL) attributes[0].value.real = 0.5;
        if (attributes[0].kind == BURNISH_INTEGERS) attributes[0].value.integers = ints;
        if (attributes[0].kind == BURNISH_DIMS) attributes[0].value.strings = dims;
        attributes[1].name = "value";
        attributes[1].kind = BURNISH_TENSOR;
        attributes[1].value.tensor = &tensor;
        burnish_node node{};
        node.size = sizeof node;
        node.op = pick(ops);
        node.name = pick(names);
        node.operands = operands;
        node.operand_count = random() % 4;
        node.attributes = attributes;
        node.attribute_count = random() % 3;
        burnish_value results[3] = {};
        status = b().graph_add(graph, &node, results, random() % 4, &error);
        for (const burnish_value r : results)
          if (r) values.push_back(r);
        break;
      }
      case 6: status = b().graph_output(graph, pick(names), value, chance(20) ? "x" : nullptr, &error); break;
      case 7: {
        burnish_build_options options{};
        options.size = sizeof options;
        options.references = 1;
        status = b().build(graph, &options, &engine, &error);
        if (engine) engines.push_back(engine);
        break;
      }
      case 8: {
        burnish_context* context = nullptr;
        status = b().context_create(engine, nullptr, &context, &error);
        if (context) contexts.push_back(context);
        break;
      }
      case 9:
      case 10: {
        const burnish_argument inputs[] = {{pick(names), chance(95) ? &tensor : nullptr}, {pick(names), &tensor}};
        burnish_result outputs[] = {{pick(names), chance(50) ? &tensor : nullptr, nullptr}, {"y", nullptr, nullptr}};
        status = b().context_run(pick(contexts), inputs, random() % 3, outputs, random() % 3, nullptr, &error);
        for (burnish_result& r : outputs)
          if (r.made) r.made->deleter(r.made);
        break;
      }
      case 11: {
        burnish_text* text = nullptr;
        status = b().graph_text(graph, &text, &error);
        b().text_free(text);
        break;
      }
      case 12: {
        burnish_value_info info{};
        info.size = sizeof info;
        status = b().graph_value_info(graph, value, &info, &error);
        break;
      }
      default:
        if (chance(10)) b().graph_free(graph);  // stays in the list: stale from now on
        if (chance(10)) b().engine_free(engine);
        if (chance(10)) b().context_free(pick(contexts));
    }
    EXPECT_EQ(status == BURNISH_OK, error == nullptr);
    EXPECT_NE(status, BURNISH_INTERNAL) << b().error_text(error, BURNISH_ERROR_MESSAGE);
    b().error_free(error);
    ++seen[status];
    if (graphs.size() > 40) graphs.erase(graphs.begin() + 1);
    if (values.size() > 200) values.erase(values.begin() + 3);
  }
  EXPECT_GT(seen[BURNISH_OK], 2000);
  EXPECT_GT(seen[BURNISH_USAGE], 2000);
  for (burnish_graph* g : graphs) b().graph_free(g);
  for (burnish_engine* e : engines) b().engine_free(e);
  for (burnish_context* c : contexts) b().context_free(c);
}

}  // namespace
}  // namespace api_test
