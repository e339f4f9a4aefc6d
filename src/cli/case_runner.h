#pragma once
// One case of `burnish test`.

#include <set>
#include <string>

#include "cli/build_options.h"
#include "import/onnx/cases.h"

namespace burnish::cli {

enum class Variant : uint8_t {
  plain,
  folded,   // inputs turned into constants
  saved,    // through a plan file
  dynamic,  // sizes of the inputs known at run time only
};

struct CaseOptions {
  bool on_engine = true;
  Variant variant = Variant::plain;
  CaseTolerance tolerance;
  bool random = false;  // compare dtype, dims and moments
  std::string cpu = "host";
  int threads = 1;  // of each case
};

struct CaseOutcome {
  std::string status = "passed";  // passed, failed, skipped
  std::string reason;
  int64_t steps = 0, references = 0;
  std::set<std::string> types = {};            // dtypes of the model's inputs and outputs
  std::set<std::string> reference_steps = {};  // "operator: why", where an engine ran
};

CaseOutcome run_case(const std::string& folder, const CaseOptions& options);

}  // namespace burnish::cli
