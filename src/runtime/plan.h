#pragma once
// The plan file: a built engine in one file that is mapped, checked and run.
//
//   header    magic, format version, build id, sizes, hash of the header and of both tables
//   sections  kind, image, offset, bytes, first hash
//   hashes    XXH3 of every block of 1 MiB of every section
//   then the sections themselves, and a signature if it has one (plan_signature.h). Small sections are checked when the file is opened, code before it is mapped
//   executable, constants before the first run: by those hashes, or by the signature where one is required.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "base/signing.h"
#include "base/thread_pool.h"
#include "runtime/program.h"
#include "target/cpu_features.h"

namespace burnish {

// What goes into the file beside the programs.
struct PlanMetadata {
  const Graph* simplified = nullptr;  // as it stood after `simplify`; may be missing
  std::string decisions;              // JSON
  std::string record;                 // JSON: how it was built
  std::vector<std::string> layers;    // JSON, one an image or none: what each step does and why so
  const SecretKey* key = nullptr;     // signs the file
};

// One program per processor level, the preferred one first. The same arguments give the same bytes.
Status save_plan(std::span<const Program* const> images, const PlanMetadata& metadata, const std::string& path);

class Plan;
// A plan that was loaded, signed anew; its other bytes stay as they are. Damaged ones are refused.
Status sign_plan(const Plan& plan, const SecretKey& key, const std::string& path, ThreadPool* pool);

class Plan : public std::enable_shared_from_this<Plan> {
 public:
  static bool is_plan(std::span<const std::byte> start_of_file);
  // By the limit file_bytes.
  static Status check_size(std::size_t bytes, const Limits& limits, const std::string& name);
  // Where keys are required, one of them must have signed the plan, and nothing of it is used before it is verified.
  static Result<std::shared_ptr<const Plan>> open(const std::string& path, std::span<const PublicKey> required = {},
                                                  const Limits& limits = {});
  // `owner` keeps the bytes alive; `name` stands in messages.
  static Result<std::shared_ptr<const Plan>> from_bytes(std::span<const std::byte> bytes,
                                                        std::shared_ptr<const void> owner, std::string name,
                                                        std::span<const PublicKey> required = {});
  ~Plan();

  // What the images need, CpuFeatures::text(); empty where there is no code.
  const std::vector<std::string>& images() const;
  // The best image for the processor. The program keeps the plan alive.
  Result<std::shared_ptr<const Program>> program(const CpuFeatures& cpu = host_cpu()) const;
  Result<std::shared_ptr<const Program>> program_of_image(std::size_t image) const;

  std::string_view decisions() const;
  std::string_view record() const;
  // Of the image that `program` takes for the processor; empty where the plan has none.
  std::string_view layers(const CpuFeatures& cpu = host_cpu()) const;
  // Null when the plan was saved without one.
  Result<std::unique_ptr<Graph>> simplified(ThreadPool* pool = nullptr) const;

  // Blocks of constants, in parallel; done once.
  Status check_constants(ThreadPool* pool) const;
  int64_t constant_bytes() const;
  // Code as well.
  Status check_all(ThreadPool* pool) const;
  // Whose signature the plan has; who that really is, only a required key tells.
  std::optional<PublicKey> signer() const;
  bool signature_verified() const;
  // The whole file, and what of it is not the signature.
  std::span<const std::byte> file() const;
  std::span<const std::byte> bytes() const;

 private:
  struct State;
  Plan();
  Result<std::size_t> image_for(const CpuFeatures& cpu) const;
  std::unique_ptr<State> state_;
};

}  // namespace burnish
