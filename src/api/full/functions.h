#pragma once
// The functions of the table that only the compiler's library has. Their contracts are in burnish/burnish.h.

#include <burnish/burnish.h>

namespace burnish::api {

burnish_status graph_load(const char* path, burnish_graph** graph, burnish_error** error);
burnish_status graph_load_bytes(const void* data, size_t bytes, burnish_graph** graph, burnish_error** error);
burnish_status graph_load_as(const char* path, const burnish_read_options* options, burnish_graph** graph,
                             burnish_error** error);
burnish_status graph_load_bytes_as(const void* data, size_t bytes, const burnish_read_options* options,
                                   burnish_graph** graph, burnish_error** error);
burnish_status graph_save_onnx(const burnish_graph* graph, const char* path, burnish_error** error);
burnish_status operators(burnish_text** text, burnish_error** error);
burnish_status build_engine(const burnish_graph* graph, const burnish_build_options* options, burnish_engine** engine,
                            burnish_error** error);
burnish_status checkpoint_load(const char* path, burnish_checkpoint** checkpoint, burnish_error** error);
burnish_status checkpoint_load_as(const char* path, const burnish_read_options* options,
                                  burnish_checkpoint** checkpoint, burnish_error** error);
void checkpoint_free(burnish_checkpoint* checkpoint);
burnish_status checkpoint_count(const burnish_checkpoint* checkpoint, size_t* count, burnish_error** error);
burnish_status checkpoint_name(const burnish_checkpoint* checkpoint, size_t index, const char** name,
                               burnish_error** error);
burnish_status checkpoint_tensor(const burnish_checkpoint* checkpoint, const char* name,
                                 DLManagedTensorVersioned** tensor, burnish_error** error);

}  // namespace burnish::api
