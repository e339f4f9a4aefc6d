#pragma once
// Values for the inputs of a run: .npy files (of maps JSON files), seeded random numbers for the rest.

#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/model.h"
#include "ir/tensor.h"

namespace burnish::cli {

struct InputFlags {
  std::vector<std::string> files;  // NAME=FILE.npy, for a map NAME=FILE.json
  uint64_t seed = 0;
};
void add_input_flags(CLI::App& app, InputFlags& flags);

struct Inputs {
  std::vector<RuntimeValue> values;  // in the order of the infos
  SymbolTable symbols;
  int64_t random = 0;  // how many were made up
};

// Symbols are bound by the files; those that no file binds take their expected size, else the smallest one from 1 up.
Result<Inputs> make_inputs(std::span<const InputInfo> infos, const InputFlags& flags, const SymbolTable& opt);

// Sizes that decide what is an item of a batch: the first dim of the first input that has one.
int64_t batch_of(std::span<const RuntimeValue> values);

}  // namespace burnish::cli
