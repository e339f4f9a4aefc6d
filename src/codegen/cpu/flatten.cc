#include <cstring>
#include <limits>
#include <map>

#include <fmt/format.h>
#include <llvm/BinaryFormat/ELF.h>
#include <llvm/Object/ELFObjectFile.h>

#include "base/checked.h"
#include "codegen/cpu/jit.h"

namespace burnish {
namespace {

constexpr std::size_t kAlignment = 64;  // what the runtime gives the blob

std::unexpected<Error> bad(llvm::Error error) {
  return internal_error("emitted object: " + llvm::toString(std::move(error)));
}

#define TRY_LLVM(expression)                                 \
  ({                                                         \
    auto llvm_result_ = (expression);                        \
    if (!llvm_result_) return bad(llvm_result_.takeError()); \
    std::move(*llvm_result_);                                \
  })

class Flattener {
 public:
  explicit Flattener(const llvm::object::ELF64LEObjectFile& object) : object_(object) {}

  Result<MachineCode> run(std::string_view entry) {
    TRY(place(true));
    TRY(place(false));
    for (const auto& section : object_.sections()) TRY(relocate(section));
    for (const auto& symbol : object_.symbols())
      if (TRY_LLVM(symbol.getType()) == llvm::object::SymbolRef::ST_Function &&
          TRY_LLVM(symbol.getName()) == llvm::StringRef(entry.data(), entry.size())) {
        code_.entry = static_cast<std::size_t>(TRY(address(symbol)));
        return std::move(code_);
      }
    return internal_error(fmt::format("emitted object has no symbol {}", entry));
  }

 private:
  // Code first, then constants: the entry keeps its alignment and the blob stays one piece.
  Status place(bool text) {
    for (const auto& section : object_.sections()) {
      const uint64_t flags = llvm::object::ELFSectionRef(section).getFlags();
      const llvm::StringRef name = TRY_LLVM(section.getName());
      if (!(flags & llvm::ELF::SHF_ALLOC) || section.getSize() == 0 || name == ".eh_frame") continue;
      if (flags & llvm::ELF::SHF_WRITE)
        return internal_error(fmt::format("emitted object has writable data in {}", std::string(name)));
      if (static_cast<bool>(flags & llvm::ELF::SHF_EXECINSTR) != text) continue;
      const uint64_t alignment = section.getAlignment().value();
      if (alignment > kAlignment) return internal_error("emitted section is aligned beyond 64 bytes");
      const llvm::StringRef contents = TRY_LLVM(section.getContents());
      const std::size_t offset =
          static_cast<std::size_t>(round_up(static_cast<int64_t>(code_.bytes.size()), static_cast<int64_t>(alignment)));
      code_.bytes.resize(offset + contents.size());
      std::memcpy(code_.bytes.data() + offset, contents.data(), contents.size());
      offsets_[section.getIndex()] = offset;
    }
    return {};
  }

  // Where a symbol lies in the blob.
  Result<int64_t> address(const llvm::object::SymbolRef& symbol) {
    const llvm::object::section_iterator section = TRY_LLVM(symbol.getSection());
    const std::string name = TRY_LLVM(symbol.getName()).str();
    if (section == object_.section_end())
      return internal_error(fmt::format("emitted code needs '{}' from outside", name));
    const auto found = offsets_.find(section->getIndex());
    if (found == offsets_.end())
      return internal_error(fmt::format("emitted code refers to '{}' in a section left out", name));
    return static_cast<int64_t>(found->second + TRY_LLVM(symbol.getValue()));
  }

  Status relocate(const llvm::object::SectionRef& section) {
    if (section.relocations().empty()) return {};
    const auto patched = TRY_LLVM(section.getRelocatedSection());
    if (patched == object_.section_end()) return {};
    const auto found = offsets_.find(patched->getIndex());
    if (found == offsets_.end()) return {};
    for (const auto& relocation : section.relocations()) {
      const auto symbol = relocation.getSymbol();
      if (symbol == object_.symbol_end()) return internal_error("emitted code has a relocation without a symbol");
      const int64_t addend = TRY_LLVM(llvm::object::ELFRelocationRef(relocation).getAddend());
      const int64_t at = static_cast<int64_t>(found->second + relocation.getOffset());
      const int64_t value = TRY(address(*symbol)) + addend - at;
      switch (relocation.getType()) {
        case llvm::ELF::R_X86_64_PC32:
        case llvm::ELF::R_X86_64_PLT32: TRY(patch<int32_t>(at, value)); break;
        case llvm::ELF::R_X86_64_PC64: TRY(patch<int64_t>(at, value)); break;
        default:
          return internal_error(
              fmt::format("emitted code has relocation type {}, which is not relative", relocation.getType()));
      }
    }
    return {};
  }

  template <class T>
  Status patch(int64_t at, int64_t value) {
    if (at < 0 || static_cast<std::size_t>(at) + sizeof(T) > code_.bytes.size() ||
        value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max())
      return internal_error("emitted code has a relocation out of range");
    const T narrow = static_cast<T>(value);
    std::memcpy(code_.bytes.data() + at, &narrow, sizeof(T));
    return {};
  }

  const llvm::object::ELF64LEObjectFile& object_;
  MachineCode code_;
  std::map<uint64_t, std::size_t> offsets_;  // of a section's index
};

}  // namespace

Result<MachineCode> flatten(std::string_view object, std::string_view entry) {
  auto file =
      llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef({object.data(), object.size()}, "kernel"));
  if (!file) return bad(file.takeError());
  const auto* elf = llvm::dyn_cast<llvm::object::ELF64LEObjectFile>(file->get());
  if (!elf) return internal_error("emitted object is not 64-bit little-endian ELF");
  return Flattener(*elf).run(entry);
}

}  // namespace burnish
