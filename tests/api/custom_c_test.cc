// Operators of users through the C table alone: structures, stale handles, functions at the wrong time.

#include <burnish/burnish.h>

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

const burnish_table& b() { return *burnish_api(BURNISH_API_VERSION); }

std::string take(burnish_error* error) {
  std::string text = b().error_text(error, BURNISH_ERROR_MESSAGE);
  b().error_free(error);
  return text;
}

// What the callbacks below left behind.
burnish_call* stale_call = nullptr;
burnish_graph* stale_graph = nullptr;
std::vector<burnish_status> statuses;

burnish_status same_type(void*, burnish_call* call) {
  const char* type = nullptr;
  if (b().call_type(call, BURNISH_INPUT, 0, &type, nullptr) != BURNISH_OK) return BURNISH_REFUSED;
  return b().call_set_type(call, 0, type, nullptr);
}

// y = x + *user
burnish_status add_number(void* user, burnish_call* call) {
  const DLTensor* x = nullptr;
  DLTensor* y = nullptr;
  burnish_status status = b().call_tensor(call, 0, &x, nullptr);
  if (status == BURNISH_OK)
    status = b().call_allocate(call, 0, x->shape, static_cast<std::size_t>(x->ndim), &y, nullptr);
  if (status != BURNISH_OK) return status;
  int64_t count = 1;
  for (int32_t d = 0; d < x->ndim; ++d) count *= x->shape[d];
  for (int64_t i = 0; i < count; ++i)
    static_cast<float*>(y->data)[i] = static_cast<const float*>(x->data)[i] + *static_cast<const float*>(user);
  return BURNISH_OK;
}

// Everything that a reference must not do, then its work.
burnish_status nosy_reference(void* user, burnish_call* call) {
  stale_call = call;
  const char* text = nullptr;
  const char* const* sizes = nullptr;
  std::size_t count = 0;
  const DLTensor* x = nullptr;
  DLTensor* y = nullptr;
  burnish_attribute attribute;
  statuses = {b().call_set_type(call, 0, "f32[2]", nullptr),
              b().call_contents(call, 0, &sizes, &count, nullptr),
              b().call_set_contents(call, 0, nullptr, 0, nullptr),
              b().call_fresh(call, 0, 1, &text, nullptr),
              b().call_require(call, BURNISH_EQUAL, "1", "1", nullptr, nullptr),
              b().call_type(call, BURNISH_OUTPUT, 9, &text, nullptr),
              b().call_type(call, static_cast<burnish_side>(9), 0, &text, nullptr),
              b().call_attribute(call, "none", &attribute, nullptr),
              b().call_attribute(call, nullptr, &attribute, nullptr),
              b().call_count(call, BURNISH_INPUT, nullptr, nullptr),
              b().call_tensor(call, 0, nullptr, nullptr),
              b().call_allocate(call, 0, nullptr, 1, &y, nullptr),
              b().call_allocate(call, 7, nullptr, 0, &y, nullptr)};
  EXPECT_EQ(b().call_tensor(call, 5, &x, nullptr), BURNISH_OK);  // absent
  EXPECT_EQ(x, nullptr);
  return add_number(user, call);
}

burnish_status twice(void*, burnish_call*, burnish_graph* graph, const burnish_value* operands,
                     burnish_value* results) {
  stale_graph = graph;
  const burnish_value both[] = {operands[0], operands[0]};
  burnish_node node{};
  node.size = sizeof node;
  node.op = "add";
  node.operands = both;
  node.operand_count = 2;
  return b().graph_add(graph, &node, results, 1, nullptr);
}

burnish_status fails_silently(void*, burnish_call*) { return BURNISH_INTERNAL; }

burnish_operator operator_of(const char* name) {
  static const burnish_operand_spec operand = {"x", "f32", BURNISH_REQUIRED};
  static const burnish_result_spec result = {"y", nullptr, BURNISH_REQUIRED};
  burnish_operator op{};
  op.size = sizeof op;
  op.name = name;
  op.operands = &operand;
  op.operand_count = 1;
  op.results = &result;
  op.result_count = 1;
  op.infer = same_type;
  return op;
}

// y of a run of `op` on x = {1, 2}, or the error.
std::string run(const char* op, float* y) {
  burnish_graph* graph = nullptr;
  burnish_engine* engine = nullptr;
  burnish_context* context = nullptr;
  burnish_error* error = nullptr;
  burnish_value x = 0, result = 0;
  b().graph_create("g", &graph, nullptr);
  b().graph_input(graph, "x", "f32[N]", BURNISH_ROLE_DATA, &x, nullptr);
  burnish_node node{};
  node.size = sizeof node;
  node.op = op;
  node.operands = &x;
  node.operand_count = 1;
  burnish_build_options options{};
  options.size = sizeof options;
  options.fallback = BURNISH_FALLBACK_ALLOW;
  float data[2] = {1, 2};
  int64_t shape[1] = {2};
  DLTensor in = {data, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, nullptr, 0};
  DLTensor out = {y, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, nullptr, 0};
  burnish_argument argument = {"x", &in};
  burnish_result into = {"y", &out, nullptr};
  const bool done = b().graph_add(graph, &node, &result, 1, &error) == BURNISH_OK &&
                    b().graph_output(graph, "y", result, nullptr, &error) == BURNISH_OK &&
                    b().build(graph, &options, &engine, &error) == BURNISH_OK &&
                    b().context_create(engine, nullptr, &context, &error) == BURNISH_OK &&
                    b().context_run(context, &argument, 1, &into, 1, nullptr, &error) == BURNISH_OK;
  b().context_free(context);
  b().engine_free(engine);
  b().graph_free(graph);
  return done ? "" : take(error);
}

TEST(CustomC, ReferenceAndDecompose) {
  static const float three = 3;
  burnish_operator op = operator_of("c.AddThree");
  op.reference = add_number;
  op.user = const_cast<float*>(&three);
  ASSERT_EQ(b().operator_register(&op, nullptr), BURNISH_OK);
  float y[2] = {};
  EXPECT_EQ(run("c.AddThree", y), "");
  EXPECT_EQ(y[1], 5);

  op = operator_of("c.Twice");
  op.decompose = twice;
  ASSERT_EQ(b().operator_register(&op, nullptr), BURNISH_OK);
  EXPECT_EQ(run("c.Twice", y), "");
  EXPECT_EQ(y[1], 4);
  // The graph was the decomposition's alone.
  burnish_value value = 0;
  float number = 1;
  const DLTensor tensor = {&number, {kDLCPU, 0}, 0, {kDLFloat, 32, 1}, nullptr, nullptr, 0};
  burnish_error* error = nullptr;
  EXPECT_EQ(b().graph_constant(stale_graph, "late", &tensor, &value, &error), BURNISH_USAGE);
  EXPECT_NE(take(error).find("freed"), std::string::npos);
}

TEST(CustomC, FunctionsAtTheWrongTime) {
  static const float one = 1;
  burnish_operator op = operator_of("c.Nosy");
  op.reference = nosy_reference;
  op.user = const_cast<float*>(&one);
  ASSERT_EQ(b().operator_register(&op, nullptr), BURNISH_OK);
  float y[2] = {};
  EXPECT_EQ(run("c.Nosy", y), "");  // it went on, and did what it should in the end
  EXPECT_EQ(y[0], 2);
  for (std::size_t i = 0; i < statuses.size(); ++i) EXPECT_EQ(statuses[i], BURNISH_USAGE) << i;
  std::size_t count = 0;
  EXPECT_EQ(b().call_count(stale_call, BURNISH_INPUT, &count, nullptr), BURNISH_USAGE);
  EXPECT_EQ(b().call_count(nullptr, BURNISH_INPUT, &count, nullptr), BURNISH_USAGE);
  EXPECT_EQ(b().call_fail(stale_call, BURNISH_REFUSED, "late", nullptr), BURNISH_USAGE);
}

TEST(CustomC, AFunctionThatDoesNotSayWhy) {
  burnish_operator op = operator_of("c.Silent");
  op.reference = fails_silently;
  ASSERT_EQ(b().operator_register(&op, nullptr), BURNISH_OK);
  float y[2] = {};
  const std::string message = run("c.Silent", y);
  EXPECT_NE(message.find("fails and does not say why"), std::string::npos) << message;
  EXPECT_NE(message.find("c.Silent"), std::string::npos) << message;
}

TEST(CustomC, StructuresAreChecked) {
  burnish_error* error = nullptr;
  EXPECT_EQ(b().operator_register(nullptr, nullptr), BURNISH_USAGE);
  burnish_operator op = operator_of("c.Wrong");
  op.reference = add_number;
  const auto refused = [&](const char* text) {
    EXPECT_EQ(b().operator_register(&op, &error), BURNISH_USAGE);
    const std::string message = take(error);
    EXPECT_NE(message.find(text), std::string::npos) << message;
    op = operator_of("c.Wrong");
    op.reference = add_number;
  };
  op.size = 8;
  refused("size");
  op.name = nullptr;
  refused("NULL");
  op.operands = nullptr;
  refused("operator.operands");
  op.attribute_count = 1;
  refused("operator.attributes");
  op.binding_count = 1;
  refused("operator.bindings");
  op.operand_count = std::size_t{1} << 40;
  refused("too many");
  const burnish_operand_spec unnamed = {nullptr, "f32", BURNISH_REQUIRED};
  op.operands = &unnamed;
  refused("operand.name");
  const burnish_operand_spec odd = {"x", nullptr, static_cast<burnish_arity>(7)};
  op.operands = &odd;
  refused("no arity 7");
  const burnish_binding nowhere = {"c", "", 0, 0};
  op.bindings = &nowhere;
  op.binding_count = 1;
  refused("no op_type");
  // It is still free.
  EXPECT_EQ(b().operator_register(&op, nullptr), BURNISH_OK);
}

}  // namespace
