#pragma once
// ONNX's backend test cases: a folder with model.onnx and test_data_set_N/{input,output}_K.pb.

#include <string>
#include <vector>

#include "base/error.h"
#include "ir/graph.h"
#include "ir/tensor.h"

namespace burnish {

struct CaseTolerance {
  double relative = 1e-3;
  double absolute = 1e-7;
  bool integers = false;  // they may be off, too; else each bit counts
};

struct CaseData {
  std::string folder;  // test_data_set_N
  std::vector<RuntimeValue> inputs, outputs;
};

struct Case {
  std::string name;   // the folder's
  std::string model;  // path
  std::vector<CaseData> data;
};

// Every folder below `root` (itself included) that holds a model.onnx, sorted by name.
Result<std::vector<std::string>> find_cases(const std::string& root);
// The files of the case; what each holds is told by the types of the model's own inputs and outputs.
Result<Case> read_case(const std::string& folder);
// A TensorProto file as a value, for other uses of such files.
Result<Tensor> read_tensor_file(const std::string& path);

// Empty when equal: dtype, dims and text exactly, numbers within absolute + relative * |expected| (integers only if
// the tolerance is for them, too), NaN equal to NaN. Else the first difference in words.
std::string difference(const RuntimeValue& expected, const RuntimeValue& actual, const CaseTolerance& tolerance = {});

}  // namespace burnish
