// Burnish for C++20 and newer: everything, header-only over the C interface (burnish.h). Link Burnish::burnish, or
// Burnish::runtime where only saved engines are run.
//
//   auto graph = burnish::load_model("resnet50.onnx").value();
//   auto engine = burnish::build(graph).value();
//   engine.save("resnet50.plan").value();
//   auto context = engine.create_context().value();
//   auto outputs = context.run({image}).value();
#ifndef BURNISH_BURNISH_HPP_
#define BURNISH_BURNISH_HPP_

#include <burnish/burnish.h>

#include <burnish/cpp/custom.hpp>
#include <burnish/cpp/engine.hpp>
#include <burnish/cpp/graph.hpp>
#include <burnish/cpp/operators.hpp>
#include <burnish/cpp/result.hpp>
#include <burnish/cpp/tensor.hpp>

#endif  // BURNISH_BURNISH_HPP_
