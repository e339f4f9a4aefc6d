#pragma once
// The functions of the table, and small things that they share. Their contracts are in burnish/burnish.h.

#include <burnish/burnish.h>

#include "api/runtime/engine.h"
#include "api/runtime/tensors.h"
#include "base/error.h"

namespace burnish::api {

burnish_status error_status(const burnish_error* error);
const char* error_text(const burnish_error* error, burnish_error_part part);
void error_free(burnish_error* error);
const char* text_data(const burnish_text* text);
size_t text_size(const burnish_text* text);
void text_free(burnish_text* text);
burnish_status set_log(burnish_log_function function, void* user, burnish_log_level level, burnish_error** error);

burnish_status engine_load(const char* path, const burnish_load_options* options, burnish_engine** engine,
                           burnish_error** error);
burnish_status engine_load_bytes(const void* data, size_t bytes, const burnish_load_options* options,
                                 burnish_engine** engine, burnish_error** error);
void engine_free(burnish_engine* engine);
burnish_status engine_save(const burnish_engine* engine, const char* path, burnish_error** error);
burnish_status engine_save_as(const burnish_engine* engine, const char* path, const burnish_save_options* options,
                              burnish_error** error);
burnish_status engine_count(const burnish_engine* engine, burnish_side side, size_t* count, burnish_error** error);
burnish_status engine_value(const burnish_engine* engine, burnish_side side, size_t index, burnish_value_info* info,
                            burnish_error** error);
burnish_status engine_text(const burnish_engine* engine, burnish_engine_part part, burnish_text** text,
                           burnish_error** error);
burnish_status engine_set_parameter(burnish_engine* engine, const char* name, const DLTensor* tensor,
                                    burnish_error** error);

burnish_status context_create(const burnish_engine* engine, const burnish_context_options* options,
                              burnish_context** context, burnish_error** error);
void context_free(burnish_context* context);
burnish_status context_run(burnish_context* context, const burnish_argument* inputs, size_t input_count,
                           burnish_result* outputs, size_t output_count, const burnish_run_options* options,
                           burnish_error** error);
burnish_status context_arena_bytes(const burnish_context* context, int64_t* bytes, burnish_error** error);

burnish_status operator_register(const burnish_operator* definition, burnish_error** error);

// Fills the caller's structure.
Status give_info(burnish_value_info* info, const char* name, const char* type, InputRole role);
// dtype, rank, and sizes that are numbers.
Status check_fits(const TensorView& view, const ValueDescription& value);

// Fails when it is an operator of ONNX that the importer knows. Only libburnish has it, as below.
Status refuse_known(const std::string& domain, const std::string& op_type, const std::string& where)
    __attribute__((weak, visibility("hidden")));

// Puts the compiler's functions into the table. Only libburnish has it; elsewhere its address is null.
void add_compiler(burnish_table& table) __attribute__((weak, visibility("hidden")));

}  // namespace burnish::api
