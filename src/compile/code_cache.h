#pragma once
// Code of kernels that builds share which make many of the same: those of a bisection, of a tester, of one model for other
// processors. Any thread may use it.

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "target/target.h"

namespace burnish {

class CodeCache {
 public:
  // Null where there is none yet.
  std::shared_ptr<const Emitted> find(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = code_.find(key);
    return found == code_.end() ? nullptr : found->second;
  }
  void keep(const std::string& key, std::shared_ptr<const Emitted> code) {
    const std::lock_guard lock(mutex_);
    code_.emplace(key, std::move(code));
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const Emitted>> code_;
};

}  // namespace burnish
