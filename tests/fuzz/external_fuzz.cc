// A model and a folder of files beside it: its external data is read from there or refused, whatever paths, offsets,
// lengths and links say. The input is a script, a line each of
//
//   dir NAME | file NAME BYTES | pipe NAME | link NAME TARGET      in the model's folder; "%20" is a space
//   through_link                                                   the model is opened by a link in another folder
//   tensor DTYPE DIMS KEY=VALUE...                                 "tensor 1 2,3 location=w.bin offset=0 length=24"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "import/onnx/import.h"
#include "import/onnx/tensors.h"
#include "import/onnx/wire.h"
#include "tests/support/mutate.h"

extern "C" std::size_t LLVMFuzzerMutate(uint8_t* data, std::size_t size, std::size_t max_size);

namespace burnish {
namespace {

namespace fs = std::filesystem;
using testing::Mutator;

constexpr std::string_view kSeeds[] = {
    "file w.bin 96\ntensor 1 2,3 location=w.bin offset=0 length=24\ntensor 7 4 location=w.bin offset=64\n",
    "dir a\ndir a/b\nfile a/b/w 4096\nlink c a/b\nlink d a/b/w\n"
    "tensor 1 4,4 location=c/w offset=4032 length=64\ntensor 2 9 location=./a//b/../b/w\ntensor 1 1 location=d\n",
    "through_link\nfile w 16\ntensor 10 8 location=w\n",
    "through_link\nfile w 4\nlink u ../model/w\nlink v ../outside/secret\nlink x x\n"
    "tensor 1 1 location=u\ntensor 1 1 location=v\ntensor 1 1 location=x\n",
    "pipe p\ndir d\ntensor 1 1 location=p\ntensor 1 1 location=d\ntensor 1 1 location=/etc/passwd\n",
    "file w%20x 8\ntensor 22 15 location=w%20x checksum=0 basepath=y\ntensor 26 1,3 location=w%20x offset=7 length=1\n",
    "file w 8\ntensor 8 1 location=w\ntensor 1 0 location=w\ntensor 1  location=w offset=18446744073709551612\n",
};

constexpr std::size_t kMostEntries = 12;
constexpr int64_t kMostFileBytes = 1 << 16;

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string unescape(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      result.push_back(static_cast<char>(std::strtol(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16)));
      i += 2;
    } else {
      result.push_back(text[i]);
    }
  }
  return result;
}

int64_t number(std::string_view text) { return std::strtoll(std::string(text).c_str(), nullptr, 10); }

// The folders of one process: the model's, one for the link to it, and one that nothing may be read from.
struct Folders {
  fs::path root, model, linked, outside;
  Folders() {
    const fs::path shared = "/dev/shm";  // in memory, where there is such
    root = (fs::exists(shared) ? shared : fs::temp_directory_path()) /
           ("burnish_external_fuzz_" + std::to_string(::getpid()));
    model = root / "model", linked = root / "linked", outside = root / "outside";
    for (const fs::path& folder : {model, linked, outside}) fs::create_directories(folder);
    std::ofstream(outside / "secret") << std::string(4096, 's');
    fs::create_symlink("../model/model.onnx", linked / "model.onnx");
  }
  ~Folders() {
    std::error_code ignored;
    fs::remove_all(root, ignored);
  }
};

// A place in the model's folder that no link leads out of: what the script makes stays in there.
std::optional<fs::path> place(const fs::path& folder, std::string_view text) {
  const std::string name = unescape(text);
  if (name.empty() || name.find('\0') != std::string::npos || name == "model.onnx") return std::nullopt;
  const fs::path path(name);
  for (const fs::path& part : path)
    if (part == ".." || part == "/") return std::nullopt;
  std::error_code code;
  const fs::path parent = fs::canonical((folder / path).parent_path(), code);
  if (code || parent.string().find(folder.string()) != 0) return std::nullopt;
  return parent / path.filename();
}

struct Script {
  std::vector<std::vector<std::string_view>> entries, tensors;
  bool through_link = false;
};

Script parse(std::string_view text) {
  Script script;
  for (const std::string_view line : split(text, '\n')) {
    const auto words = split(line, ' ');
    if (words[0] == "through_link") script.through_link = true;
    else if (words[0] == "tensor" && words.size() >= 3) script.tensors.push_back(words);
    else if (words.size() >= 2) script.entries.push_back(words);
  }
  script.entries.resize(std::min(script.entries.size(), kMostEntries));
  script.tensors.resize(std::min(script.tensors.size(), kMostEntries));
  return script;
}

void make_files(const Script& script, const fs::path& folder) {
  for (const fs::directory_entry& old : fs::directory_iterator(folder)) fs::remove_all(old.path());
  std::error_code ignored;
  // Links last: nothing is written through them.
  for (const bool links : {false, true}) {
    for (const auto& words : script.entries) {
      if ((words[0] == "link") != links) continue;
      const auto path = place(folder, words[1]);
      if (!path || fs::symlink_status(*path, ignored).type() != fs::file_type::not_found) continue;
      if (words[0] == "dir") {
        fs::create_directory(*path, ignored);
      } else if (words[0] == "pipe") {
        (void)::mkfifo(path->c_str(), 0600);
      } else if (words[0] == "link" && words.size() > 2) {
        const std::string target = unescape(words[2]);
        if (!target.empty() && target.find('\0') == std::string::npos) fs::create_symlink(target, *path, ignored);
      } else if (words[0] == "file" && words.size() > 2) {
        std::string bytes(static_cast<std::size_t>(std::clamp<int64_t>(number(words[2]), 0, kMostFileBytes)), '\0');
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + bytes.size());
        std::ofstream(*path, std::ios::binary) << bytes;
      }
    }
  }
}

std::string model_of(const Script& script) {
  using onnx::WireWriter;
  WireWriter graph;
  for (std::size_t i = 0; i < script.tensors.size(); ++i) {
    const auto& words = script.tensors[i];
    const std::string name = "t" + std::to_string(i);
    WireWriter tensor, output, type, tensor_type;
    if (!words[2].empty())
      for (const std::string_view dim : split(words[2], ',')) tensor.integer(1, number(dim));
    tensor.integer(2, number(words[1]));
    tensor.text(8, name);
    for (std::size_t k = 3; k < words.size(); ++k) {
      WireWriter entry;
      const std::size_t equals = std::min(words[k].find('='), words[k].size());
      entry.text(1, words[k].substr(0, equals));
      entry.text(2, unescape(words[k].substr(std::min(equals + 1, words[k].size()))));
      tensor.message(13, entry);
    }
    tensor.integer(14, 1);
    graph.message(5, tensor);
    output.text(1, name);
    tensor_type.integer(1, number(words[1]));
    type.message(1, tensor_type);
    output.message(2, type);
    graph.message(12, output);
  }
  WireWriter model, opset;
  model.integer(1, 8);
  model.message(7, graph);
  opset.integer(2, 17);
  model.message(8, opset);
  return std::move(model).take();
}

// What a tensor holds is what lies at its place in a file of the model's own folder.
void check(const std::vector<std::string_view>& words, const Tensor& tensor, const fs::path& folder,
           const fs::path& home) {
  std::string location;
  int64_t offset = 0;
  for (std::size_t k = 3; k < words.size(); ++k) {
    if (words[k].starts_with("location=")) location = unescape(words[k].substr(9));
    if (words[k].starts_with("offset=")) offset = number(words[k].substr(7));
  }
  std::error_code code;
  fs::path path = fs::canonical(folder / location, code);
  if (code) path = fs::canonical(home / location, code);
  CHECK(!code, "read from a file that is not there: " + location);
  const bool inside =
      path.string().starts_with(folder.string() + "/") || path.string().starts_with(home.string() + "/");
  CHECK(inside, "read from outside: " + path.string());
  if (tensor.dtype() == DType::boolean || bit_width(tensor.dtype()) < 8) return;
  std::ifstream file(path, std::ios::binary);
  std::string bytes(tensor.byte_size(), '\0');
  file.seekg(offset);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  CHECK(file.good() || bytes.empty(), "read behind the end of " + path.string());
  CHECK(bytes.empty() || std::memcmp(bytes.data(), tensor.data(), bytes.size()) == 0,
        "read other bytes than asked for");
}

void run(std::string_view text) {
  static const Folders folders;
  const Script script = parse(text);
  make_files(script, folders.model);
  const std::string model = model_of(script);
  std::ofstream(folders.model / "model.onnx", std::ios::binary) << model;
  const fs::path& folder = script.through_link ? folders.linked : folders.model;
  const auto graph = import_onnx((folder / "model.onnx").string());
  if (!graph) {
    const Error& error = graph.error();
    CHECK(exit_code(error.code) == 3 || error.code == ErrorCode::io, error.message());
  } else {
    for (const Graph::Output& output : (*graph)->outputs()) {
      const Node* node = output.value->producer();
      CHECK(node != nullptr && node->op() == "constant", "an initializer is no constant");
      check(script.tensors.at(static_cast<std::size_t>(number(std::string_view(output.name).substr(1)))),
            std::get<Tensor>(*node->attribute("value")), folder, folders.model);
    }
  }
  const auto from_memory = import_onnx(as_bytes(model));
  CHECK(script.tensors.empty() || !from_memory, "a model from memory read a file");
}

}  // namespace
}  // namespace burnish

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  burnish::run({reinterpret_cast<const char*>(data), size});
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  using namespace burnish;
  Mutator mutator(seed);
  const std::string_view donor = kSeeds[mutator.below(std::size(kSeeds))];
  if (mutator.one_in(8)) return LLVMFuzzerMutate(data, size, max_size);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string changed = size < 8 ? std::string(donor) : mutator.text(text, donor);
  if (changed.size() > max_size) return size;
  std::memcpy(data, changed.data(), changed.size());
  return changed.size();
}
