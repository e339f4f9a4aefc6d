#pragma once
// Models of any form that is read, told apart by their contents: ONNX, or the text form.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "import/onnx/import.h"
#include "ir/graph.h"

namespace burnish {

struct Model {
  std::unique_ptr<Graph> graph;
  std::vector<UnknownOperator> unknown;  // operators that the catalogue lacks; without any, all types are inferred
};

// What is no model is refused with the name of what it seems to be.
Result<Model> open_model(const std::string& path, const Limits& limits = {});
// `name` stands in messages. Data in other files is refused.
Result<Model> open_model(std::span<const std::byte> bytes, const std::string& name, const Limits& limits = {});

// An error that lists the unknown operators; `remedy` says where more can be learnt.
Status require_known(const std::vector<UnknownOperator>& unknown, const std::string& where, std::string remedy = {});

}  // namespace burnish
