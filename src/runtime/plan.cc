#include "runtime/plan.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "base/remedy.h"
#include "ops/operator.h"
#include "runtime/memory.h"
#include "runtime/plan_format.h"
#include "runtime/plan_signature.h"

namespace burnish {

using namespace plan;

namespace {

constexpr uint32_t kMaxSections = 4096;
constexpr const char* kRemedy = "build the plan again";

template <class T>
T read_struct(std::span<const std::byte> bytes, uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

}  // namespace

struct Plan::State {
  std::span<const std::byte> file, bytes;  // `bytes`: without the signature
  std::optional<FoundSignature> signature;
  std::unique_ptr<SignedBlocks> signed_blocks;  // where one is required: nothing is used that it has not verified
  std::shared_ptr<const void> owner;
  std::string name;
  bool is_mapping = false;  // of a file: its pages can be made executable
  std::vector<Section> sections;
  std::vector<uint64_t> hashes;
  std::vector<std::string> images;
  BlobTable blobs;
  Json graph_constants, packed_constants;
  std::once_flag constants_checked;
  Status constants_status;

  std::unexpected<Error> damaged(std::string what) const { return refused(std::move(what), name, kRemedy); }

  const Section* find(Kind kind, std::size_t image = 0) const {
    for (const Section& s : sections)
      if (s.kind == static_cast<uint32_t>(kind) && s.image == image) return &s;
    return nullptr;
  }
  std::span<const std::byte> data(const Section& s) const { return bytes.subspan(s.offset, s.bytes); }
  std::string_view text(Kind kind, std::size_t image = 0) const {
    const Section* s = find(kind, image);
    if (s == nullptr) return {};
    return {reinterpret_cast<const char*>(bytes.data() + s->offset), s->bytes};
  }

  bool block_is_right(const Section& s, uint64_t block) const {
    const auto all = data(s);
    const uint64_t first = block * kBlockBytes, size = std::min(kBlockBytes, s.bytes - first);
    return hash64(all.subspan(first, size)) == hashes[s.first_hash + block];
  }
  // What belongs to no section is zero: no bit of the file goes unseen.
  Status check_gaps(uint64_t head_bytes) const {
    std::vector<std::pair<uint64_t, uint64_t>> used = {{0, head_bytes}, {bytes.size(), bytes.size()}};
    for (const Section& s : sections) used.emplace_back(s.offset, s.offset + s.bytes);
    std::ranges::sort(used);
    uint64_t end = 0;
    for (const auto& [first, last] : used) {
      if (first > end) {
        const auto gap = bytes.subspan(end, first - end);
        if (std::ranges::any_of(gap, [](std::byte b) { return b != std::byte{0}; }))
          return damaged("the plan is damaged between byte " + std::to_string(end) + " and " + std::to_string(first));
      }
      end = std::max(end, last);
    }
    return {};
  }

  Status check(const Section& s) const {
    if (signed_blocks != nullptr) TRY(signed_blocks->verify(s.offset, s.bytes));
    for (uint64_t b = 0; b < block_count(s.bytes); ++b)
      if (!block_is_right(s, b))
        return damaged("the plan is damaged near byte " + std::to_string(s.offset + b * kBlockBytes));
    return {};
  }

  // Of constants: some blocks, in parallel.
  Status check_blocks(std::span<const uint64_t> blocks, ThreadPool* pool) const {
    const Section& section = *find(Kind::constants);
    if (signed_blocks != nullptr) return check_signed(section, blocks, pool);
    std::atomic<int64_t> wrong{-1};
    const auto check = [&](int64_t first, int64_t last, int) {
      for (int64_t i = first; i < last; ++i)
        if (const uint64_t block = blocks[static_cast<std::size_t>(i)]; !block_is_right(section, block))
          wrong = static_cast<int64_t>(block);
    };
    const auto count = static_cast<int64_t>(blocks.size());
    if (pool != nullptr) pool->parallel_for(count, 1, check);
    else check(0, count, 0);
    if (wrong < 0) return {};
    return damaged("the plan is damaged near byte " +
                   std::to_string(section.offset + static_cast<uint64_t>(wrong) * kBlockBytes));
  }

  // The same where a signature is required; what it vouches for needs no other hash.
  Status check_signed(const Section& section, std::span<const uint64_t> blocks, ThreadPool* pool) const {
    std::set<uint64_t> of_file;
    for (const uint64_t block : blocks) {
      const uint64_t first = block * kBlockBytes, size = std::min(kBlockBytes, section.bytes - first);
      for (uint64_t at = (section.offset + first) / kBlockBytes; at * kBlockBytes < section.offset + first + size; ++at)
        of_file.insert(at);
    }
    return signed_blocks->verify(std::vector(of_file.begin(), of_file.end()), pool);
  }

  // Pages of our own in the place of the file's: who changes the file in place does not change what was verified.
  Status keep_pages(uint64_t first, uint64_t size) const {
    if (!is_mapping || size == 0) return {};
    const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    const uint64_t end = first + size;
    first -= first % page;
    auto* start = const_cast<std::byte*>(bytes.data() + first);
    const uint64_t whole = (end - first + page - 1) / page * page;
    if (::mprotect(start, whole, PROT_READ | PROT_WRITE) != 0)
      return refused("there is not enough memory to keep the plan", name);
    for (uint64_t at = 0; at < whole; at += page) {
      volatile std::byte& byte = start[at];
      byte = byte;  // NOLINT: writing makes the copy
    }
    if (::mprotect(start, whole, PROT_READ) != 0) return internal_error("a page of the plan stays writable", name);
    return {};
  }
  Status keep_and_verify(uint64_t first, uint64_t size) const {
    const uint64_t end = std::min<uint64_t>((first + size + kBlockBytes - 1) / kBlockBytes * kBlockBytes, bytes.size());
    first -= first % kBlockBytes;
    TRY(keep_pages(first, end - first));
    return signed_blocks->verify(first, end - first);
  }

  // Blocks of constants that a run reads. Weights that an image holds in another form only are left alone, on disk.
  void used_blocks(const Tensor& tensor, std::set<uint64_t>& blocks) const {
    const std::byte *start = blobs.section.data(), *data = tensor.data();
    if (tensor.dtype() == DType::string || tensor.byte_size() == 0 || std::less()(data, start) ||
        !std::less()(data, start + blobs.section.size()))
      return;
    const auto first = static_cast<uint64_t>(data - start);
    for (uint64_t b = first / kBlockBytes; b <= (first + tensor.byte_size() - 1) / kBlockBytes; ++b) blocks.insert(b);
  }
  void used_blocks(const Graph& graph, std::set<uint64_t>& blocks) const {
    walk(graph, [&](const Node& node) {
      for (const auto& [name, attribute] : node.attributes())
        if (const auto* tensor = std::get_if<Tensor>(&attribute)) used_blocks(*tensor, blocks);
    });
  }
  void used_blocks(const Program& program, std::set<uint64_t>& blocks) const {
    for (const Tensor& constant : program.constants) used_blocks(constant, blocks);
    for (const auto& body : program.bodies) used_blocks(*body, blocks);
    if (program.graph != nullptr) used_blocks(*program.graph, blocks);
  }

  Status read_signature(std::span<const PublicKey> required);
  Status read_head(std::span<const PublicKey> required);
  Status read_index();
  Result<std::unique_ptr<Graph>> read_graph(std::string_view text, bool unpacked) const;
  Result<std::shared_ptr<const Program>> read_program(std::size_t image, std::shared_ptr<const Plan> self) const;
};

Plan::Plan() : state_(std::make_unique<State>()) {}
Plan::~Plan() = default;

bool Plan::is_plan(std::span<const std::byte> start) {
  return start.size() >= sizeof kMagic && std::memcmp(start.data(), kMagic, sizeof kMagic) == 0;
}

// What follows the plan is its signature. Where one is required, header and tables are verified by it.
Status Plan::State::read_signature(std::span<const PublicKey> required) {
  const auto header = read_struct<Header>(file, 0);
  if (header.version != kFormatVersion)
    return damaged("the plan has format " + std::to_string(header.version) + ", this program reads format " +
                   std::to_string(kFormatVersion));
  if (header.file_bytes > file.size())
    return damaged("the plan is cut off: " + std::to_string(file.size()) + " of " + std::to_string(header.file_bytes) +
                   " bytes are there");
  if (header.file_bytes < sizeof(Header)) return damaged("the plan's header is damaged");
  bytes = file.first(header.file_bytes);
  if (bytes.size() < file.size()) signature = TRY(plan::read_signature(file.subspan(bytes.size()), bytes.size(), name));
  if (required.empty()) return {};
  signed_blocks = TRY(SignedBlocks::create(bytes, signature, required, name));
  TRY(keep_and_verify(0, sizeof(Header)));
  const auto verified = read_struct<Header>(bytes, 0);
  const uint64_t head_bytes =
      sizeof(Header) + uint64_t{verified.sections} * sizeof(Section) + uint64_t{verified.hashes} * sizeof(uint64_t);
  if (head_bytes > bytes.size()) return damaged("the plan's header is damaged");
  return keep_and_verify(0, head_bytes);
}

// Every number is compared with the bytes that are there before it is used.
Status Plan::State::read_head(std::span<const PublicKey> required) {
  if (!is_plan(file)) return damaged("is not a plan");
  if (file.size() < sizeof(Header)) return damaged("the plan is cut off");
  TRY(read_signature(required));
  Header header = read_struct<Header>(bytes, 0);
  if (header.version != kFormatVersion || header.file_bytes != bytes.size() || header.header_bytes != sizeof(Header) ||
      header.sections > kMaxSections)
    return damaged("the plan's header is damaged");
  const uint64_t head_bytes =
      sizeof(Header) + uint64_t{header.sections} * sizeof(Section) + uint64_t{header.hashes} * sizeof(uint64_t);
  if (head_bytes > bytes.size()) return damaged("the plan's header is damaged");
  std::vector<std::byte> head(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(head_bytes));
  const uint64_t hash = header.hash;
  header.hash = 0;
  std::memcpy(head.data(), &header, sizeof header);
  if (hash64(head) != hash) return damaged("the plan's header is damaged");
  uint64_t at = sizeof(Header);
  for (uint32_t i = 0; i < header.sections; ++i, at += sizeof(Section))
    sections.push_back(read_struct<Section>(head, at));
  hashes.resize(header.hashes);
  if (!hashes.empty()) std::memcpy(hashes.data(), head.data() + at, hashes.size() * sizeof(uint64_t));
  for (const Section& s : sections) {
    if (s.offset > bytes.size() || s.bytes > bytes.size() - s.offset || s.first_hash > hashes.size() ||
        block_count(s.bytes) > hashes.size() - s.first_hash)
      return damaged("a section of the plan lies outside of it");
    if (signed_blocks != nullptr && s.kind != static_cast<uint32_t>(Kind::constants))
      TRY(keep_pages(s.offset, s.bytes));
  }
  TRY(check_gaps(head_bytes));
  for (const Section& s : sections) {
    if (s.kind != static_cast<uint32_t>(Kind::constants) && s.kind != static_cast<uint32_t>(Kind::code)) TRY(check(s));
  }
  return {};
}

Status Plan::State::read_index() {
  const auto section_json = [&](Kind kind, std::string_view what) -> Result<Json> {
    const Section* s = find(kind);
    if (s == nullptr) return damaged(std::string(what) + " is missing");
    auto json = read_cbor(data(*s), what);
    if (!json) return std::unexpected(std::move(json).error().within(name));
    return json;
  };
  const Json needs = TRY(section_json(Kind::images, "the list of images"));
  if (!needs.is_array()) return damaged("the list of images is damaged");
  for (const Json& item : needs) {
    if (!item.is_string()) return damaged("the list of images is damaged");
    images.push_back(item.get<std::string>());
  }
  // Each section is one that the format knows, of an image there is, and there once.
  std::set<std::pair<uint32_t, uint32_t>> seen;
  for (const Section& s : sections) {
    const auto kind = static_cast<Kind>(s.kind);
    const bool by_image =
        kind == Kind::program || kind == Kind::references || kind == Kind::code || kind == Kind::layers;
    if (s.kind < static_cast<uint32_t>(Kind::images) || s.kind > static_cast<uint32_t>(Kind::layers) ||
        s.image >= (by_image ? images.size() : 1) || !seen.emplace(s.kind, s.image).second)
      return damaged("the plan's table of sections is damaged");
  }
  Json index = TRY(section_json(Kind::constant_index, "the index of constants"));
  const Section* constants = find(Kind::constants);
  if (constants == nullptr || constants->offset % kConstantAlignment != 0) return damaged("the constants are missing");
  blobs.section = data(*constants);
  blobs.owner = owner;
  if (!index.is_object() || !index.contains("blobs") || !index.contains("graph") || !index.contains("packed") ||
      !index["blobs"].is_array() || !index["graph"].is_object() || !index["packed"].is_object())
    return damaged("the index of constants is damaged");
  for (const Json& item : index["blobs"]) {
    if (!item.is_array() || item.size() != 2 || !item[0].is_number_unsigned() || !item[1].is_number_unsigned())
      return damaged("the index of constants is damaged");
    const auto offset = item[0].get<uint64_t>(), size = item[1].get<uint64_t>();
    if (offset % kConstantAlignment != 0 || offset > constants->bytes || size > constants->bytes - offset)
      return damaged("a constant lies outside of the plan");
    blobs.blobs.emplace_back(offset, size);
  }
  graph_constants = std::move(index["graph"]);
  packed_constants = std::move(index["packed"]);
  return {};
}

Result<std::unique_ptr<Graph>> Plan::State::read_graph(std::string_view text, bool unpacked) const {
  ConstantStore store;
  for (const auto& [hash, json] : graph_constants.items()) store.emplace(hash, TRY(decode_tensor(json, blobs)));
  if (unpacked)
    for (const auto& [hash, json] : packed_constants.items()) store.emplace(hash, TRY(decode_packed(json, blobs)));
  auto graph = parse_graph(text, store);
  if (!graph) return std::unexpected(std::move(graph).error().within(name));
  ops::bind_operators(**graph);
  std::map<std::string, std::string> missing;  // operator -> the first node's source
  walk(**graph, [&](Node& node) {
    if (node.definition() == nullptr) missing.emplace(node.op(), node.source());
  });
  if (missing.empty()) return graph;
  std::string list;
  for (const auto& [op, source] : missing)
    list += (list.empty() ? "'" : ", '") + op + "'" + (source.empty() ? "" : " (at '" + source + "')");
  return refused(
      "the plan needs operators of its maker's own that are not registered: " + list, name,
      "register them before it is loaded (docs/getting_started.md); the program has --operators LIB.so for that");
}

Result<std::shared_ptr<const Program>> Plan::State::read_program(std::size_t image,
                                                                 std::shared_ptr<const Plan> self) const {
  const Section* section = find(Kind::program, image);
  if (section == nullptr || find(Kind::references, image) == nullptr) return damaged("a program is missing");
  std::shared_ptr<const Graph> references = TRY(read_graph(text(Kind::references, image), false));
  if (signed_blocks != nullptr) {  // inference looks at constants
    std::set<uint64_t> blocks;
    used_blocks(*references, blocks);
    TRY(check_blocks(std::vector(blocks.begin(), blocks.end()), nullptr));
  }
  // References take for granted what inference has seen; the graph itself keeps the types that it was saved with.
  TRY(ops::verify(*references));
  const std::unique_ptr<Graph> inferred = references->clone();
  ops::bind_operators(*inferred);
  TRY(ops::infer(*inferred));
  const Json json = TRY(read_cbor(data(*section), "the program"));
  std::unique_ptr<Program> program = TRY(decode_program(json, std::move(references), blobs));
  if (const Section* code = find(Kind::code, image)) {
    TRY(check(*code));
    auto* start = const_cast<std::byte*>(bytes.data() + code->offset);
    const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    const uint64_t whole = (code->bytes + page - 1) / page * page;
    // The file's own pages, if nothing else lies on them; a copy where the file system forbids it.
    if (is_mapping && reinterpret_cast<uintptr_t>(start) % page == 0 && page <= kPage &&
        ::mprotect(start, whole, PROT_READ | PROT_EXEC) == 0)
      program->mapped_code = data(*code);
    else program->code.assign(start, start + code->bytes);
  }
  if (const Status status = verify(*program); !status) return damaged(status.error().what);
  program->file = name;
  std::set<uint64_t> blocks;
  used_blocks(*program, blocks);
  program->check_constants = [self = std::move(self), blocks = std::vector(blocks.begin(), blocks.end())](
                                 ThreadPool* pool) { return self->state_->check_blocks(blocks, pool); };
  return std::shared_ptr<const Program>(std::move(program));
}

Status Plan::check_size(std::size_t bytes, const Limits& limits, const std::string& name) {
  if (std::cmp_less_equal(bytes, limits.file_bytes)) return {};
  return over_limit(limits, &Limits::file_bytes, "the file has " + std::to_string(bytes) + " bytes", name);
}

Result<std::shared_ptr<const Plan>> Plan::open(const std::string& path, std::span<const PublicKey> required,
                                               const Limits& limits) {
  auto file = TRY(MappedFile::open(path));
  TRY(check_size(file->bytes().size(), limits, path));
  std::shared_ptr<Plan> plan(new Plan);
  plan->state_->file = file->bytes();
  plan->state_->name = path;
  plan->state_->is_mapping = true;
  plan->state_->owner = std::move(file);
  TRY(plan->state_->read_head(required));
  TRY(plan->state_->read_index());
  return std::shared_ptr<const Plan>(std::move(plan));
}

Result<std::shared_ptr<const Plan>> Plan::from_bytes(std::span<const std::byte> bytes,
                                                     std::shared_ptr<const void> owner, std::string name,
                                                     std::span<const PublicKey> required) {
  std::shared_ptr<Plan> plan(new Plan);
  if (reinterpret_cast<uintptr_t>(bytes.data()) % kConstantAlignment != 0) {
    auto block = std::make_shared<Block>();
    TRY(block->reserve(static_cast<int64_t>(bytes.size())));
    if (!bytes.empty()) std::memcpy(block->data(), bytes.data(), bytes.size());
    bytes = {block->data(), bytes.size()};
    owner = std::move(block);
  }
  plan->state_->file = bytes;
  plan->state_->name = std::move(name);
  plan->state_->owner = std::move(owner);
  TRY(plan->state_->read_head(required));
  TRY(plan->state_->read_index());
  return std::shared_ptr<const Plan>(std::move(plan));
}

const std::vector<std::string>& Plan::images() const { return state_->images; }

Result<std::shared_ptr<const Program>> Plan::program_of_image(std::size_t image) const {
  if (image >= state_->images.size())
    return usage_error("the plan has no image " + std::to_string(image), state_->name);
  auto program = advise(state_->read_program(image, shared_from_this()), kRemedy);
  if (!program && program.error().where != state_->name)
    return std::unexpected(std::move(program).error().within(state_->name));
  return program;
}

Result<std::size_t> Plan::image_for(const CpuFeatures& cpu) const {
  int best = -1;
  CpuFeatures best_needs;
  std::string missing;
  for (std::size_t i = 0; i < state_->images.size(); ++i) {
    const std::string& text = state_->images[i];
    CpuFeatures needs;
    needs.level = 0;
    if (!text.empty()) {
      const auto parsed = parse_cpu(text);
      if (!parsed || text == "host") return state_->damaged("an image needs '" + text + "', which is no processor");
      needs = *parsed;
    }
    if (!cpu.supports(needs)) {
      if (!missing.empty()) missing += "; ";
      missing += "the image for " + text + " needs " + cpu.missing(needs);
      continue;
    }
    // More features first; between equals the earlier one.
    if (best < 0 || !best_needs.supports(needs)) {
      best = static_cast<int>(i);
      best_needs = needs;
    }
  }
  if (best < 0) {
    if (missing.empty()) return state_->damaged("the plan has no image");
    return refused("this processor (" + cpu.text() + ") cannot run the plan: " + missing, state_->name,
                   "build the plan for it with --cpu " + (cpu.level >= 2 ? cpu.text() : std::string("host")));
  }
  return static_cast<std::size_t>(best);
}

Result<std::shared_ptr<const Program>> Plan::program(const CpuFeatures& cpu) const {
  return program_of_image(TRY(image_for(cpu)));
}

std::string_view Plan::decisions() const { return state_->text(Kind::decisions); }
std::string_view Plan::record() const { return state_->text(Kind::record); }
std::string_view Plan::layers(const CpuFeatures& cpu) const {
  const auto image = image_for(cpu);
  return image ? state_->text(Kind::layers, *image) : std::string_view();
}

Result<std::unique_ptr<Graph>> Plan::simplified(ThreadPool* pool) const {
  if (state_->find(Kind::simplified) == nullptr) return nullptr;
  TRY(check_constants(pool));
  return advise(state_->read_graph(state_->text(Kind::simplified), true), kRemedy, state_->name);
}

Status Plan::check_constants(ThreadPool* pool) const {
  State& s = *state_;
  std::call_once(s.constants_checked, [&] {
    std::vector<uint64_t> all(block_count(s.find(Kind::constants)->bytes));
    std::iota(all.begin(), all.end(), 0);
    s.constants_status = s.check_blocks(all, pool);
  });
  return s.constants_status;
}

Status Plan::check_all(ThreadPool* pool) const {
  for (const Section& s : state_->sections)
    if (s.kind == static_cast<uint32_t>(Kind::code)) TRY(state_->check(s));
  return check_constants(pool);
}

std::optional<PublicKey> Plan::signer() const {
  return state_->signature ? std::optional(state_->signature->signer) : std::nullopt;
}
bool Plan::signature_verified() const { return state_->signed_blocks != nullptr; }

std::span<const std::byte> Plan::file() const { return state_->file; }
std::span<const std::byte> Plan::bytes() const { return state_->bytes; }
int64_t Plan::constant_bytes() const { return static_cast<int64_t>(state_->blobs.section.size()); }

}  // namespace burnish
