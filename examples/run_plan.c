/* Runs a saved engine once on inputs of zeros, in C11:  run_plan ENGINE [SIZE-OF-SYMBOLS] */
#include <burnish/burnish.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANK = 16, MAX_VALUES = 64 };

static const burnish_table* b;

static void check(burnish_status status, burnish_error** error) {
  if (status == BURNISH_OK) return;
  fprintf(stderr, "%s\n", b->error_text(*error, BURNISH_ERROR_MESSAGE));
  b->error_free(*error);
  exit((int)status);
}

/* Fills shape and dtype from a type such as "f32[N,3,224,224]"; symbols become `size`. Returns the bytes needed. */
static size_t read_type(const char* type, int64_t size, int64_t* shape, DLTensor* tensor) {
  static const struct {
    const char* name;
    DLDataType dtype;
  } rows[] = {{"f32[", {kDLFloat, 32, 1}}, {"f64[", {kDLFloat, 64, 1}}, {"i64[", {kDLInt, 64, 1}},
              {"i32[", {kDLInt, 32, 1}},   {"u8[", {kDLUInt, 8, 1}},    {"bool[", {kDLBool, 8, 1}}};
  const size_t count = sizeof(rows) / sizeof(rows[0]);
  size_t row = 0;
  while (row < count && strncmp(type, rows[row].name, strlen(rows[row].name)) != 0) ++row;
  if (row == count) {
    fprintf(stderr, "this example gives no inputs of type %s\n", type);
    exit(2);
  }
  tensor->dtype = rows[row].dtype;
  size_t bytes = tensor->dtype.bits / 8;
  const char* at = type + strlen(rows[row].name);
  while (*at != ']' && *at != 0 && tensor->ndim < MAX_RANK) {
    char* end = NULL;
    int64_t dim = strtoll(at, &end, 10);
    if (end == at) dim = size; /* a symbol */
    shape[tensor->ndim++] = dim;
    bytes *= (size_t)dim;
    at += strcspn(at, ",]");
    if (*at == ',') ++at;
  }
  return bytes;
}

int main(int argc, char** argv) {
  b = burnish_api(BURNISH_API_VERSION);
  if (b == NULL || argc < 2) {
    fprintf(stderr, b == NULL ? "the burnish library is too old\n" : "run_plan ENGINE [SIZE-OF-SYMBOLS]\n");
    return 2;
  }
  const int64_t size = argc > 2 ? atoll(argv[2]) : 1;
  burnish_error* error = NULL;
  burnish_engine* engine = NULL;
  burnish_context* context = NULL;
  check(b->engine_load(argv[1], NULL, &engine, &error), &error);
  check(b->context_create(engine, NULL, &context, &error), &error);

  burnish_argument inputs[MAX_VALUES];
  DLTensor tensors[MAX_VALUES];
  int64_t shapes[MAX_VALUES][MAX_RANK];
  size_t input_count = 0, output_count = 0;
  check(b->engine_count(engine, BURNISH_INPUT, &input_count, &error), &error);
  check(b->engine_count(engine, BURNISH_OUTPUT, &output_count, &error), &error);
  if (input_count > MAX_VALUES || output_count > MAX_VALUES) return 2;
  for (size_t i = 0; i < input_count; ++i) {
    burnish_value_info info = {.size = sizeof(info)};
    check(b->engine_value(engine, BURNISH_INPUT, i, &info, &error), &error);
    memset(&tensors[i], 0, sizeof(tensors[i]));
    tensors[i].device = (DLDevice){kDLCPU, 0};
    tensors[i].shape = shapes[i];
    const size_t bytes = read_type(info.type, size, shapes[i], &tensors[i]);
    tensors[i].data = calloc(bytes + 1, 1);
    if (tensors[i].data == NULL) return 1;
    inputs[i] = (burnish_argument){info.name, &tensors[i]};
  }

  /* Outputs in new memory, which their deleters give back. */
  burnish_result outputs[MAX_VALUES];
  memset(outputs, 0, sizeof(outputs));
  check(b->context_run(context, inputs, input_count, outputs, output_count, NULL, &error), &error);
  for (size_t i = 0; i < output_count; ++i) {
    burnish_value_info info = {.size = sizeof(info)};
    check(b->engine_value(engine, BURNISH_OUTPUT, i, &info, &error), &error);
    const DLTensor* result = &outputs[i].made->dl_tensor;
    printf("%s [", info.name);
    for (int32_t d = 0; d < result->ndim; ++d) printf(d > 0 ? ",%" PRId64 : "%" PRId64, result->shape[d]);
    printf("]\n");
    outputs[i].made->deleter(outputs[i].made);
  }
  for (size_t i = 0; i < input_count; ++i) free(tensors[i].data);
  b->context_free(context);
  b->engine_free(engine);
  return 0;
}
