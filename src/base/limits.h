#pragma once
// What files may ask for, by name: the one table of limits that the readers, folding and runs keep to. All are on by
// default; a caller who trusts a file may raise most of them.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace burnish {

// name, default, the most that may be asked for (recursion must fit the stack), what it bounds
#define BURNISH_LIMITS(X)                                                                                         \
  X(file_bytes, int64_t{1} << 42, kNoMost, "bytes of a model, of data beside it, of a checkpoint, of a plan")     \
  X(text_bytes, int64_t{256} << 20, kNoMost, "bytes of a graph in text form")                                     \
  X(message_bytes, int64_t{128} << 20, kNoMost, "memory for the messages of an ONNX file, beyond twice its size") \
  X(messages, 4'000'000, kNoMost, "messages of an ONNX file")                                                     \
  X(message_depth, 32, 100, "graphs in nodes, types in types, sequences in sequences of an ONNX file")            \
  X(string_bytes, int64_t{16} << 20, kNoMost, "bytes of a name or text in an ONNX file")                          \
  X(attributes, 10'000, kNoMost, "attributes of one node of an ONNX file")                                        \
  X(nodes, 200'000, kNoMost, "nodes of a model, functions inlined")                                               \
  X(tensors, 500'000, kNoMost, "tensors of a checkpoint, initializers of a model")                                \
  X(rank, 64, 64, "dims of a tensor")                                                                             \
  X(graph_depth, 32, 60, "graphs in nodes of graphs")                                                             \
  X(function_depth, 100, 100, "functions that call functions")                                                    \
  X(function_calls, 100'000, kNoMost, "calls of functions, functions inlined")                                    \
  X(dense_bytes, int64_t{256} << 20, kNoMost, "bytes of a sparse initializer made dense")                         \
  X(zip_entries, 100'000, kNoMost, "entries of an archive")                                                       \
  X(pickle_bytes, int64_t{64} << 20, kNoMost, "bytes of a pickle: names and shapes, never weights")               \
  X(pickle_objects, 2'000'000, kNoMost, "objects of a pickle")                                                    \
  X(pickle_depth, 100, 1'000, "containers in containers of a checkpoint")                                         \
  X(header_bytes, 100'000'000, kNoMost, "bytes of the header of a safetensors file")                              \
  X(copied_bytes, int64_t{128} << 20, kNoMost, "bytes of a checkpoint's tensors that do not lie dense in it")     \
  X(fold_bytes, int64_t{256} << 20, kNoMost, "bytes of a constant that folding makes")                            \
  X(loop_iterations, int64_t{1} << 32, kNoMost, "iterations of all loops of a run")                               \
  X(run_bytes, 0, kNoMost, "bytes of the intermediate values of a run; 0: the memory of the machine")

inline constexpr int64_t kNoMost = INT64_MAX;

struct Limits {
#define BURNISH_LIMIT(name, value, most, doc) int64_t name = value;
  BURNISH_LIMITS(BURNISH_LIMIT)
#undef BURNISH_LIMIT
};

struct LimitSpec {
  std::string_view name;
  int64_t Limits::* member;
  int64_t value, most;
  std::string_view doc;
};
std::span<const LimitSpec> limit_table();

// "NAME=VALUE"; a value may end in K, M, G or T (KiB, MiB ...).
Status set_limit(Limits& limits, std::string_view text);
// The value of run_bytes.
int64_t run_bytes(const Limits& limits);

// An error that names the limit and says how it is raised. `what` says what there is too much of: "the model has more
// than 200000 nodes".
std::unexpected<Error> over_limit(const Limits& limits, int64_t Limits::* limit, std::string what,
                                  std::string where = {});

}  // namespace burnish
