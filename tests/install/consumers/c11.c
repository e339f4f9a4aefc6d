/* A graph, an engine and a run, all in C. */
#include <burnish/burnish.h>
/* A copy of DLPack that somebody else brings comes after ours and adds nothing. */
#ifndef DLPACK_DLPACK_H_
#error "the guard of DLPack is not set"
#endif
#include <stdio.h>

static const burnish_table* b;
static int failed(burnish_status status, burnish_error** error) {
  if (status == BURNISH_OK) return 0;
  fprintf(stderr, "%s\n", b->error_text(*error, BURNISH_ERROR_MESSAGE));
  b->error_free(*error);
  return 1;
}

int main(void) {
  b = burnish_api(BURNISH_API_VERSION);
  if (b == NULL || b->version < 1 || !b->compiler) return 1;
  burnish_error* e = NULL;
  burnish_graph* graph = NULL;
  burnish_engine* engine = NULL;
  burnish_context* context = NULL;
  burnish_value x = 0, y = 0;
  if (failed(b->graph_create("twice", &graph, &e), &e)) return 1;
  if (failed(b->graph_input(graph, "x", "f32[N]", BURNISH_ROLE_DATA, &x, &e), &e)) return 1;
  const burnish_value operands[] = {x, x};
  const burnish_node add = {sizeof(add), "add", "sum", operands, 2, NULL, 0};
  if (failed(b->graph_add(graph, &add, &y, 1, &e), &e)) return 1;
  if (failed(b->graph_output(graph, "y", y, NULL, &e), &e)) return 1;
  if (failed(b->build(graph, NULL, &engine, &e), &e)) return 1;
  if (failed(b->context_create(engine, NULL, &context, &e), &e)) return 1;

  float in[3] = {1, 2, 3}, out[3] = {0, 0, 0};
  int64_t shape[] = {3};
  DLTensor tensor = {in, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, NULL, 0};
  DLTensor result = tensor;
  result.data = out;
  const burnish_argument argument = {"x", &tensor};
  burnish_result wanted = {"y", &result, NULL};
  if (failed(b->context_run(context, &argument, 1, &wanted, 1, NULL, &e), &e)) return 1;
  b->context_free(context);
  b->engine_free(engine);
  b->graph_free(graph);
  printf("%g %g %g\n", (double)out[0], (double)out[1], (double)out[2]);
  return out[0] == 2 && out[1] == 4 && out[2] == 6 ? 0 : 1;
}
