/* Burnish's C interface: one exported function, burnish_api, that gives a table of functions.
 *
 * Two libraries have it: libburnish (compiler and runtime) and libburnish-runtime (runs saved engines; functions of the
 * compiler are there and answer with an error). A program links one of them.
 *
 *   const burnish_table* b = burnish_api(BURNISH_API_VERSION);
 *   burnish_error* error = NULL;
 *   burnish_engine* engine = NULL;
 *   if (b->engine_load("resnet50.plan", NULL, &engine, &error) != BURNISH_OK) {
 *     fprintf(stderr, "%s\n", b->error_text(error, BURNISH_ERROR_MESSAGE));
 *     b->error_free(error);
 *   }
 *
 * Rules for every function of the table:
 * - It answers with a status. `error`, where not NULL, receives an object with the details on failure (free it with
 *   error_free) and NULL otherwise. Nothing else is written on failure; results that are pointers become NULL.
 * - Handles are opaque. A NULL, foreign or freed handle is answered with BURNISH_USAGE. Freeing NULL does nothing.
 * - Strings are UTF-8 and end with 0. Strings handed out belong to the object they came from and live as long as it.
 * - Structures begin with their size, set by the caller to sizeof, so that they can grow at the end.
 * - Memory that runs out is BURNISH_MEMORY, and everything is as before the call; the error object for it always exists.
 *   But inside LLVM, while kernels are compiled, it ends the process by abort() with a line on standard error.
 * - Any thread may call any function; a graph or a context is used by one thread at a time. An engine is shared freely.
 * - Callbacks must not throw or longjmp.
 */
#ifndef BURNISH_BURNISH_H_
#define BURNISH_BURNISH_H_

#include <burnish/dlpack.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows by one whenever functions are appended to the table. */
#define BURNISH_API_VERSION 3

typedef struct burnish_error burnish_error;
typedef struct burnish_text burnish_text;
typedef struct burnish_graph burnish_graph;
typedef struct burnish_engine burnish_engine;
typedef struct burnish_context burnish_context;
typedef struct burnish_checkpoint burnish_checkpoint;
typedef struct burnish_call burnish_call;

/* A value of a graph: a number, so that copying is free and a wrong one is noticed. 0: no value. */
typedef uint64_t burnish_value;

typedef enum burnish_status {
  BURNISH_OK = 0,
  BURNISH_USAGE = 2,     /* the call is wrong: handles, names, shapes, dtypes */
  BURNISH_REFUSED = 3,   /* the model or file is bad, unknown or not supported */
  BURNISH_IO = 4,        /* disk or permission */
  BURNISH_INTERNAL = 5,  /* a bug of ours */
  BURNISH_CANCELLED = 6, /* by the caller's callback */
  BURNISH_MEMORY = 7     /* there is not enough of it */
} burnish_status;

typedef enum burnish_error_part {
  BURNISH_ERROR_MESSAGE = 0, /* all of it on one line */
  BURNISH_ERROR_WHAT = 1,    /* what is wrong */
  BURNISH_ERROR_WHERE = 2,   /* file, node or argument; may be empty */
  BURNISH_ERROR_REMEDY = 3   /* what to do about it; may be empty */
} burnish_error_part;

typedef enum burnish_log_level {
  BURNISH_LOG_QUIET = 0,
  BURNISH_LOG_ERROR = 1,
  BURNISH_LOG_WARNING = 2, /* the default */
  BURNISH_LOG_INFO = 3,
  BURNISH_LOG_VERBOSE = 4
} burnish_log_level;

typedef void (*burnish_log_function)(void* user, burnish_log_level level, const char* text);
/* 0 goes on; anything else cancels. */
typedef int (*burnish_cancel_function)(void* user);
/* `fraction` of the work is done, 0 to 1. */
typedef void (*burnish_progress_function)(void* user, const char* stage, double fraction);

/* Memory for results of a run. `allocate` gives `bytes` bytes aligned to `alignment`, or NULL; `release` gets them back. */
typedef struct burnish_allocator {
  size_t size;
  void* user;
  void* (*allocate)(void* user, size_t bytes, size_t alignment);
  void (*release)(void* user, void* data, size_t bytes);
} burnish_allocator;

/* -- graphs */

typedef enum burnish_role {
  BURNISH_ROLE_DATA = 0,
  BURNISH_ROLE_PARAMETER = 1, /* changes rarely: engine_set_parameter can give it once for all runs */
  BURNISH_ROLE_STATE = 2      /* what a later run takes from an output; the caller hands it on */
} burnish_role;

typedef enum burnish_attribute_kind {
  BURNISH_INTEGER = 0,  /* integer */
  BURNISH_REAL = 1,     /* real */
  BURNISH_STRING = 2,   /* string */
  BURNISH_INTEGERS = 3, /* integers[count] */
  BURNISH_REALS = 4,    /* reals[count] */
  BURNISH_STRINGS = 5,  /* strings[count] */
  BURNISH_DTYPE = 6,    /* string: "f16" */
  BURNISH_DIMS = 7,     /* strings[count]: "N", "2*N + 1", "64" */
  BURNISH_TENSOR = 8,   /* tensor, copied */
  BURNISH_TYPE = 9      /* string: "f32[N,64]" */
} burnish_attribute_kind;

typedef struct burnish_attribute {
  const char* name;
  burnish_attribute_kind kind;
  size_t count; /* of the lists */
  union {
    int64_t integer;
    double real;
    const char* string;
    const int64_t* integers;
    const double* reals;
    const char* const* strings;
    const DLTensor* tensor;
  } value;
} burnish_attribute;

/* What a node is made of. Operators, their operands and attributes: docs/operators.md. */
typedef struct burnish_node {
  size_t size;
  const char* op;
  const char* name;              /* of the layer and of its first result; NULL: made from op */
  const burnish_value* operands; /* 0: absent, where the operator allows it */
  size_t operand_count;
  const burnish_attribute* attributes;
  size_t attribute_count;
} burnish_node;

/* All zero but `size` means: the defaults. */
typedef struct burnish_read_options {
  size_t size;
  /* What the file may ask for, where that is not the default: "nodes=1000000", "file_bytes=64M". The names and values
     are those of the program's --limit (docs/program.md); of a limit that is given twice, the later one holds. */
  const char* const* limits;
  size_t limit_count;
} burnish_read_options;

/* A value as graph and engine describe it. */
typedef struct burnish_value_info {
  size_t size;
  const char* name;
  const char* type; /* "f32[N,3,224,224]" */
  burnish_role role;
} burnish_value_info;

/* A name and a type, for replacing the types of inputs: "x", "f32[1..8..64,3,224,224]". */
typedef struct burnish_shape {
  const char* name;
  const char* type;
} burnish_shape;

typedef enum burnish_fallback {
  BURNISH_FALLBACK_WARN = 0, /* a node without a kernel runs as a reference, with a warning */
  BURNISH_FALLBACK_ALLOW = 1,
  BURNISH_FALLBACK_ERROR = 2
} burnish_fallback;

typedef enum burnish_mode {
  BURNISH_MODE_DEFAULT = 0,     /* kernels are chosen by estimate */
  BURNISH_MODE_MAX_AUTOTUNE = 1 /* by running the likely ones on this machine, with `threads` threads */
} burnish_mode;

/* All zero but `size` means: the defaults. */
typedef struct burnish_build_options {
  size_t size;
  const char* cpu; /* "host" (NULL), "portable", or levels such as "x86-64-v3,x86-64-v4" */
  burnish_fallback fallback;
  int exact;            /* not 0: no rewrite or tactic (Winograd) that changes f32 results */
  int references;       /* not 0: no kernels at all; every node runs as its reference */
  int threads;          /* for compiling; 0: all */
  double derived_limit; /* derived weights per byte of weights; 0: the default, 1.0; negative: none */
  const burnish_shape* shapes;
  size_t shape_count;
  const char* const* disabled; /* passes left out: "simplify.fold_constants", "fuse.epilogues" */
  size_t disabled_count;
  burnish_progress_function progress;
  void* progress_user;
  burnish_cancel_function cancelled;
  void* cancelled_user;
  burnish_mode mode;
  const char* timing_cache; /* file that keeps the times of BURNISH_MODE_MAX_AUTOTUNE between builds, or NULL */
  /* As in burnish_read_options. Those of runs, loop_iterations and run_bytes, hold for the engine that is built; a plan
     that is saved of it keeps none. */
  const char* const* limits;
  size_t limit_count;
} burnish_build_options;

/* -- engines */

typedef struct burnish_load_options {
  size_t size;
  const char* cpu; /* which image: NULL for the best one that this processor can run */
  /* Where any is given, one of them must have signed the plan, else it is refused: BURNISH_REFUSED. Each is a file that
     `burnish key new` made (NAME.pub), or the line in it. Where none is given, the environment variable
     BURNISH_REQUIRE_KEY may name some, with commas between. */
  const char* const* required_keys;
  size_t required_key_count;
  /* As in burnish_read_options. Those of runs, loop_iterations and run_bytes, hold for the engine that is loaded. */
  const char* const* limits;
  size_t limit_count;
} burnish_load_options;

/* All zero but `size` means: the defaults. */
typedef struct burnish_save_options {
  size_t size;
  const char* signing_key; /* NAME.key, or the line in it; NULL: as engine_save does */
} burnish_save_options;

typedef enum burnish_side { BURNISH_INPUT = 0, BURNISH_OUTPUT = 1 } burnish_side;

typedef enum burnish_engine_part {
  BURNISH_ENGINE_DECISIONS = 0, /* JSON: what was decided, and why */
  BURNISH_ENGINE_CPU = 1,       /* processor features that the code needs; empty: none */
  BURNISH_ENGINE_SIGNER = 2     /* the public key that signed the plan and was required; empty: none was */
} burnish_engine_part;

typedef struct burnish_context_options {
  size_t size;
  int threads; /* 0: as many as there are processors for this process; the caller is one of them */
} burnish_context_options;

/* An input of a run. A NULL name stands for the input at this place. */
typedef struct burnish_argument {
  const char* name;
  const DLTensor* tensor; /* read only */
} burnish_argument;

/* An output of a run: written into `into` where given, else into new memory that `made` owns. */
typedef struct burnish_result {
  const char* name; /* NULL: the output at this place */
  DLTensor* into;   /* after an error its elements may be anything */
  DLManagedTensorVersioned* made;
} burnish_result;

typedef struct burnish_run_options {
  size_t size;
  burnish_cancel_function cancelled; /* asked between steps */
  void* cancelled_user;
  const burnish_allocator* allocator; /* NULL: the library's own. Must outlive the results */
  int64_t max_bytes; /* of intermediate values and scratch; 0: what the engine's limit run_bytes says */
} burnish_run_options;

/* -- operators of users */

typedef enum burnish_arity {
  BURNISH_REQUIRED = 0,
  BURNISH_OPTIONAL = 1,
  BURNISH_VARIADIC = 2 /* any number, at the end */
} burnish_arity;

typedef struct burnish_operand_spec {
  const char* name;
  const char*
      types; /* dtypes it takes: "f32|f64", "float", "int", "numeric", "bool", "complex", "any" (NULL: the same),
                        "same" (as operand 0) */
  burnish_arity arity;
} burnish_operand_spec;

typedef struct burnish_result_spec {
  const char* name;
  const char* doc; /* NULL: none */
  burnish_arity arity;
} burnish_result_spec;

typedef struct burnish_attribute_spec {
  const char* name;
  burnish_attribute_kind kind;
  const char* default_text; /* as in the text form: "1", "0.5", "\"NOTSET\"", "[1, 1]", "f32"; NULL: must be given;
                               "optional": may be absent */
  const char* doc;          /* NULL: none */
} burnish_attribute_spec;

/* What the operator is called in ONNX files, in versions `since` to `until` of the domain's operator set. */
typedef struct burnish_binding {
  const char* domain;
  const char* op_type;
  int64_t since; /* 0: 1 */
  int64_t until; /* 0: without end */
} burnish_binding;

/* Says what the results are, from what is known of the operands: call_type, call_contents, call_attribute, then
   call_set_type for every result, and call_require for what only sizes of a run can show. */
typedef burnish_status (*burnish_infer_function)(void* user, burnish_call* call);
/* Computes the results of one node: call_tensor, then call_allocate for every result, and writes into it. */
typedef burnish_status (*burnish_reference_function)(void* user, burnish_call* call);
/* Writes the node out of other operators, with graph_add, graph_constant, graph_constant_owned and graph_value_info on
   `graph`; other functions refuse it. `operands` are the node's (0: absent); `results` has as many places as call_count
   says. Where it needs sizes that the types do not tell yet, it fails with BURNISH_REFUSED, and is asked again in the run,
   with numbers; any other status ends the build. */
typedef burnish_status (*burnish_decompose_function)(void* user, burnish_call* call, burnish_graph* graph,
                                                     const burnish_value* operands, burnish_value* results);

/* An operator of the caller's own. What is pointed to is copied; `user` and the functions live until the process ends.
 * - With `decompose` it is compiled and fused like any other; with `reference` alone it runs as a step that calls back.
 *   With both, the build decomposes it and the references check it (`burnish compare MODEL references`).
 * - The functions are called from any thread, several at a time, again and again; the same operands must give the same
 *   results unless it is `random`. They answer BURNISH_OK, or say why not by call_fail and answer with its status.
 * - `call` and all that it hands out end with the function.
 * - They use no graph but the one they are given: two threads that each hold one and want the other's would wait for
 *   ever. */
typedef struct burnish_operator {
  size_t size;
  const char* name; /* with its owner before the last '.': "com.example.Scale"; names without one are Burnish's own */
  const char* doc;  /* NULL: none */
  const burnish_operand_spec* operands;
  size_t operand_count;
  const burnish_result_spec* results;
  size_t result_count;
  const burnish_attribute_spec* attributes;
  size_t attribute_count;
  const burnish_binding* bindings; /* none: the name's own, "com.example" and "Scale", in all versions */
  size_t binding_count;
  int effectful; /* not 0: never removed, merged or reordered */
  int random;    /* not 0: the results are not a function of the operands */
  void* user;
  burnish_infer_function infer;
  burnish_reference_function reference; /* one of these two may be NULL */
  burnish_decompose_function decompose;
} burnish_operator;

typedef enum burnish_requirement {
  BURNISH_EQUAL = 0,      /* value == bound */
  BURNISH_AT_MOST = 1,    /* value <= bound */
  BURNISH_BROADCASTS = 2, /* value == bound, or either is 1 */
  BURNISH_EXTENDS = 3     /* value == bound, or value is 1 */
} burnish_requirement;

/* Functions are only ever appended. */
typedef struct burnish_table {
  uint32_t version;  /* of the table: BURNISH_API_VERSION of the library */
  uint32_t compiler; /* 1 in libburnish, 0 in libburnish-runtime */
  const char* library_version;

  /* -- errors, text, log */
  burnish_status (*error_status)(const burnish_error* error);
  const char* (*error_text)(const burnish_error* error, burnish_error_part part); /* never NULL */
  void (*error_free)(burnish_error* error);
  const char* (*text_data)(const burnish_text* text); /* never NULL; ends with 0 */
  size_t (*text_size)(const burnish_text* text);
  void (*text_free)(burnish_text* text);
  /* NULL: lines go to standard error. Calls come from any thread, one at a time. */
  burnish_status (*set_log)(burnish_log_function function, void* user, burnish_log_level level, burnish_error** error);

  /* -- engines (both libraries) */
  burnish_status (*engine_load)(const char* path, const burnish_load_options* options, burnish_engine** engine,
                                burnish_error** error);
  /* The bytes are copied. */
  burnish_status (*engine_load_bytes)(const void* data, size_t bytes, const burnish_load_options* options,
                                      burnish_engine** engine, burnish_error** error);
  void (*engine_free)(burnish_engine* engine); /* contexts keep what they need */
  burnish_status (*engine_save)(const burnish_engine* engine, const char* path, burnish_error** error);
  burnish_status (*engine_count)(const burnish_engine* engine, burnish_side side, size_t* count, burnish_error** error);
  burnish_status (*engine_value)(const burnish_engine* engine, burnish_side side, size_t index,
                                 burnish_value_info* info, burnish_error** error);
  burnish_status (*engine_text)(const burnish_engine* engine, burnish_engine_part part, burnish_text** text,
                                burnish_error** error);
  /* For all runs that begin later and do not give this input. Copied. NULL takes it back. */
  burnish_status (*engine_set_parameter)(burnish_engine* engine, const char* name, const DLTensor* tensor,
                                         burnish_error** error);

  /* -- contexts: one run at a time each */
  burnish_status (*context_create)(const burnish_engine* engine, const burnish_context_options* options,
                                   burnish_context** context, burnish_error** error);
  void (*context_free)(burnish_context* context);
  /* Every input that is not a parameter with a value must be given; outputs that are not asked for are dropped. */
  burnish_status (*context_run)(burnish_context* context, const burnish_argument* inputs, size_t input_count,
                                burnish_result* outputs, size_t output_count, const burnish_run_options* options,
                                burnish_error** error);
  /* Memory for intermediate values of the last shapes that ran. */
  burnish_status (*context_arena_bytes)(const burnish_context* context, int64_t* bytes, burnish_error** error);

  /* -- graphs (libburnish) */
  burnish_status (*graph_create)(const char* name, burnish_graph** graph, burnish_error** error);
  /* .onnx, or the text form, by the file's contents */
  burnish_status (*graph_load)(const char* path, burnish_graph** graph, burnish_error** error);
  burnish_status (*graph_load_bytes)(const void* data, size_t bytes, burnish_graph** graph, burnish_error** error);
  burnish_status (*graph_clone)(const burnish_graph* graph, burnish_graph** copy, burnish_error** error);
  void (*graph_free)(burnish_graph* graph);
  /* Declares the range of a symbol that types may name; undeclared ones may have any size. */
  burnish_status (*graph_symbol)(burnish_graph* graph, const char* name, int64_t low, int64_t high,
                                 burnish_error** error);
  burnish_status (*graph_input)(burnish_graph* graph, const char* name, const char* type, burnish_role role,
                                burnish_value* value, burnish_error** error);
  /* Copies the tensor. */
  burnish_status (*graph_constant)(burnish_graph* graph, const char* name, const DLTensor* tensor, burnish_value* value,
                                   burnish_error** error);
  /* Takes the tensor: on success its deleter is called when nobody needs it any more. Its data must not change. */
  burnish_status (*graph_constant_owned)(burnish_graph* graph, const char* name, DLManagedTensorVersioned* tensor,
                                         burnish_value* value, burnish_error** error);
  /* Adds a node and writes its results' values; types are inferred, and what does not fit is refused. */
  burnish_status (*graph_add)(burnish_graph* graph, const burnish_node* node, burnish_value* results,
                              size_t result_count, burnish_error** error);
  /* `updates`: name of the state input that this output is the next value of, or NULL. The graph keeps it; runs do not
     feed it back yet. */
  burnish_status (*graph_output)(burnish_graph* graph, const char* name, burnish_value value, const char* updates,
                                 burnish_error** error);
  burnish_status (*graph_count)(const burnish_graph* graph, burnish_side side, size_t* count, burnish_error** error);
  burnish_status (*graph_value)(burnish_graph* graph, burnish_side side, size_t index, burnish_value* value,
                                burnish_error** error);
  burnish_status (*graph_find)(burnish_graph* graph, const char* name, burnish_value* value, burnish_error** error);
  /* Strings live until the graph is changed or freed. */
  burnish_status (*graph_value_info)(burnish_graph* graph, burnish_value value, burnish_value_info* info,
                                     burnish_error** error);
  burnish_status (*graph_text)(const burnish_graph* graph, burnish_text** text, burnish_error** error);
  burnish_status (*graph_save_onnx)(const burnish_graph* graph, const char* path, burnish_error** error);
  /* The operators of the catalogue, as JSON: name, doc, operands, results, attributes. */
  burnish_status (*operators)(burnish_text** text, burnish_error** error);
  /* The graph stays as it is. */
  burnish_status (*build)(const burnish_graph* graph, const burnish_build_options* options, burnish_engine** engine,
                          burnish_error** error);

  /* -- trained weights (libburnish): safetensors, and PyTorch's .pth / .pt, told apart by contents. Nothing is executed. */
  burnish_status (*checkpoint_load)(const char* path, burnish_checkpoint** checkpoint, burnish_error** error);
  void (*checkpoint_free)(burnish_checkpoint* checkpoint); /* tensors keep what they need */
  burnish_status (*checkpoint_count)(const burnish_checkpoint* checkpoint, size_t* count, burnish_error** error);
  burnish_status (*checkpoint_name)(const burnish_checkpoint* checkpoint, size_t index, const char** name,
                                    burnish_error** error);
  /* Shares the file's memory, which is read-only. */
  burnish_status (*checkpoint_tensor)(const burnish_checkpoint* checkpoint, const char* name,
                                      DLManagedTensorVersioned** tensor, burnish_error** error);

  /* -- since version 2 */
  /* engine_save with options (both libraries). A plan that was loaded is written as it is: a signature stays, unless
     signing_key puts another in its place. */
  burnish_status (*engine_save_as)(const burnish_engine* engine, const char* path, const burnish_save_options* options,
                                   burnish_error** error);

  /* -- operators of users (both libraries). Registered for the life of the process, before the models and engines that
     have them are loaded. Names that are taken, here or by an operator of ONNX that Burnish knows, are refused. */
  burnish_status (*operator_register)(const burnish_operator* definition, burnish_error** error);

  /* -- what the functions of an operator see of the node that they are called for. Of any of them: */
  burnish_status (*call_count)(burnish_call* call, burnish_side side, size_t* count, burnish_error** error);
  /* "f32[N,64]" of an operand, or what is known of a result; NULL for one that is absent, or that nobody wants. */
  burnish_status (*call_type)(burnish_call* call, burnish_side side, size_t index, const char** type,
                              burnish_error** error);
  /* With its default, in its declared kind; `name` becomes NULL when it is optional and absent. In a reference the
     sizes of BURNISH_DIMS are numbers. */
  burnish_status (*call_attribute)(burnish_call* call, const char* name, burnish_attribute* attribute,
                                   burnish_error** error);
  /* Says why the function fails; what it then returns is `status`. `remedy` may be NULL. */
  burnish_status (*call_fail)(burnish_call* call, burnish_status status, const char* what, const char* remedy);
  /* An operand's data: of all in a reference, of constants elsewhere; NULL when absent or not known. Dense, and not to
     be written. */
  burnish_status (*call_tensor)(burnish_call* call, size_t operand, const DLTensor** tensor, burnish_error** error);

  /* In infer: */
  burnish_status (*call_set_type)(burnish_call* call, size_t result, const char* type, burnish_error** error);
  /* The elements of a small operand of integers or bools, as sizes ("64", "N + 1"); `sizes` becomes NULL when they are
     not known. */
  burnish_status (*call_contents)(burnish_call* call, size_t operand, const char* const** sizes, size_t* count,
                                  burnish_error** error);
  burnish_status (*call_set_contents)(burnish_call* call, size_t result, const char* const* sizes, size_t count,
                                      burnish_error** error);
  /* A name for a size from `low` to `high` that only a run can tell, to be used in call_set_type. */
  burnish_status (*call_fresh)(burnish_call* call, int64_t low, int64_t high, const char** size, burnish_error** error);
  /* Fails when it surely does not hold; else runs check it. `what` says whose sizes: "rows of a and of b". */
  burnish_status (*call_require)(burnish_call* call, burnish_requirement requirement, const char* value,
                                 const char* bound, const char* what, burnish_error** error);

  /* In a reference: zeroed memory for a result of the dtype that infer said, to be written until the function ends.
     Sizes that contradict infer are an error; `tensor` becomes NULL for a result that nobody wants. */
  burnish_status (*call_allocate)(burnish_call* call, size_t result, const int64_t* shape, size_t rank,
                                  DLTensor** tensor, burnish_error** error);

  /* -- since version 3 */
  /* graph_load, graph_load_bytes and checkpoint_load with options (libburnish). */
  burnish_status (*graph_load_as)(const char* path, const burnish_read_options* options, burnish_graph** graph,
                                  burnish_error** error);
  burnish_status (*graph_load_bytes_as)(const void* data, size_t bytes, const burnish_read_options* options,
                                        burnish_graph** graph, burnish_error** error);
  burnish_status (*checkpoint_load_as)(const char* path, const burnish_read_options* options,
                                       burnish_checkpoint** checkpoint, burnish_error** error);
} burnish_table;

#if defined(__GNUC__)
#define BURNISH_EXPORT __attribute__((visibility("default")))
#else
#define BURNISH_EXPORT
#endif

/* The table, or NULL when the library is older than the version asked for (or there is no memory for the table). */
BURNISH_EXPORT const burnish_table* burnish_api(uint32_t version);

/* Not in the libraries: what a library of operators exports, for `burnish COMMAND --operators LIB.so`. It registers them
   in the program's own table; `error` is for those of operator_register. */
BURNISH_EXPORT burnish_status burnish_register_operators(const burnish_table* table, burnish_error** error);

#ifdef __cplusplus
}
#endif
#endif /* BURNISH_BURNISH_H_ */
