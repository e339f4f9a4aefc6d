#pragma once
// Statements of a form that run in one pass over the same axes. Every printer walks a row group by group.

#include <vector>

#include "codegen/nest/form.h"

namespace burnish {

// None of the statements needs another's result, or changes what another still reads where memory is shared.
struct StatementGroup {
  std::vector<int> statements;
  std::vector<int> axes;  // of the statements, in increasing order of their numbers
  bool reduce = false;
};

std::vector<StatementGroup> statement_groups(const LoopForm& form);

}  // namespace burnish
