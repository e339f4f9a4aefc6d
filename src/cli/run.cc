// burnish run: one inference.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <list>
#include <set>

#include "base/file.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/engine.h"
#include "cli/inputs.h"
#include "cli/maps.h"
#include "cli/npy.h"
#include "cli/subject.h"

namespace burnish::cli {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kShown = 6;

struct Options {
  std::string file, folder;
  int threads = 0;
  InputFlags inputs;
  BuildFlags build;
};

struct Output {
  std::string name;
  const Tensor* tensor = nullptr;
  const RuntimeMap* map = nullptr;  // both null: an optional value that is absent
};

// Sequences give one output an element.
void flatten(const std::string& name, const RuntimeValue& value, std::vector<Output>& outputs) {
  if (value.absent()) {
    outputs.push_back({name});
  } else if (value.is_tensor()) {
    outputs.push_back({name, &value.tensor()});
  } else if (value.is_sequence()) {
    for (std::size_t i = 0; i < value.elements().size(); ++i)
      flatten(fmt::format("{}_{}", name, i), value.elements()[i], outputs);
  } else {
    outputs.push_back({name, nullptr, std::get<3>(value.data).get()});
  }
}

// A name for one file in the folder: nothing in it leads elsewhere, and no other output has it.
std::string file_name(const std::string& output, std::set<std::string>& taken) {
  std::string name = output.empty() ? "output" : output.substr(0, 200);
  for (char& c : name)
    if (c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '_';
  std::string candidate = name;
  for (int i = 2; !taken.insert(candidate).second; ++i) candidate = fmt::format("{}_{}", name, i);
  return candidate + ".npy";
}

Json statistics(const Tensor& tensor) {
  if (tensor.elements() == 0 || tensor.dtype() == DType::string || number_class(tensor.dtype()) == NumberClass::complex)
    return Json::object();
  double low = INFINITY, high = -INFINITY, sum = 0;
  int64_t nans = 0;
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    const double v = tensor.real_at(i);
    if (std::isnan(v)) {
      ++nans;
      continue;
    }
    low = std::min(low, v);
    high = std::max(high, v);
    sum += v;
  }
  return {{"min", low}, {"max", high}, {"mean", sum / static_cast<double>(tensor.elements() - nans)}, {"nans", nans}};
}

// All files are complete before the first one gets its name.
Result<std::vector<std::string>> write(const std::vector<Output>& outputs, const std::string& folder) {
  std::error_code code;
  fs::create_directories(folder, code);
  if (!fs::is_directory(folder))
    return io_error("cannot make this folder" + (code ? ": " + code.message() : std::string()), folder,
                    "name a folder that is there, or that can be made");
  std::vector<std::string> paths;
  std::list<AtomicFile> staged;
  std::set<std::string> taken;
  for (const Output& output : outputs) {
    paths.emplace_back();
    if (output.tensor == nullptr) continue;
    paths.back() = (fs::path(folder) / file_name(output.name, taken)).string();
    staged.push_back(TRY(stage_npy(paths.back(), *output.tensor)));
  }
  for (AtomicFile& file : staged) TRY(file.commit());
  return paths;
}

Result<int> run(Console& console, const Options& options) {
  const int threads = thread_count(options.threads);
  const Engine engine =
      TRY(load_engine(console, TRY(open(options.file, options.build.require_keys)), options.build, threads));
  const Inputs inputs = TRY(make_inputs(engine.inputs, options.inputs, engine.opt));
  Subject subject = TRY(Subject::of(engine.program, threads));
  const auto start = std::chrono::steady_clock::now();
  const auto results = TRY(subject.run(inputs.values));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  std::vector<Output> outputs;
  for (std::size_t i = 0; i < results.size(); ++i) flatten(engine.program->output_names[i], results[i], outputs);
  std::vector<std::string> paths(outputs.size());
  if (!options.folder.empty()) paths = TRY(write(outputs, options.folder));
  const auto maps = std::ranges::count_if(outputs, [](const Output& output) { return output.map != nullptr; });
  if (maps > 0 && !options.folder.empty())
    log(LogLevel::warning,
        fmt::format(
            "{} of {} outputs are maps ('{}' is the first), which no .npy file holds: they are printed, and given "
            "by --json, but not written",
            maps, outputs.size(),
            printable(std::ranges::find_if(outputs, [](const Output& o) { return o.map != nullptr; })->name)));

  Json list = Json::array();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Output& output = outputs[i];
    if (output.map != nullptr) {
      Json map = map_json(*output.map);
      console.print("{}: {}\n", printable(output.name),
                    printable(map.dump(-1, ' ', false, Json::error_handler_t::replace)));
      list.push_back({{"name", output.name}, {"type", "map"}, {"map", std::move(map)}});
      continue;
    }
    if (output.tensor == nullptr) {
      console.print("{}: absent\n", printable(output.name));
      list.push_back({{"name", output.name}, {"type", nullptr}});
      continue;
    }
    Json row = {{"name", output.name}, {"type", output.tensor->type().text()}};
    row.update(statistics(*output.tensor));
    if (!paths[i].empty()) {
      row["file"] = paths[i];
      console.say("{}: {} -> {}\n", printable(output.name), output.tensor->type().text(), printable(paths[i]));
    } else {
      console.print("{}: {}\n", printable(output.name), printable(output.tensor->text(kShown)));
    }
    list.push_back(std::move(row));
  }
  console.report = {{"file", options.file},
                    {"isa", isa_of(*engine.program)},
                    {"threads", threads},
                    {"random_inputs", inputs.random},
                    {"symbols", inputs.symbols},
                    {"ms", seconds * 1e3},
                    {"outputs", list}};
  return 0;
}

Action setup(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("file", options->file, "Model or engine")->required()->type_name("MODEL|ENGINE");
  add_input_flags(app, options->inputs);
  app.add_option("--output-dir", options->folder, "Write DIR/<output>.npy; '/' in a name becomes '_'")
      ->type_name("DIR");
  add_threads(app, options->threads);
  add_engine_flags(app, options->build);
  return [options](Console& console) { return run(console, *options); };
}

}  // namespace

constinit const Command kRun = {
    "run", "Run a model or engine once",
    R"(  burnish run resnet50.plan --input x=photo.npy --output-dir out   writes out/<output>.npy
  burnish run resnet50.onnx                                        random inputs; prints the outputs
  burnish run bert.onnx --shapes "input_ids=i64[1,128]" --seed 7)",
    setup};

}  // namespace burnish::cli
