#pragma once
// Times of tactics that were measured, kept between builds: JSON, by processor and problem. A miss is only a miss, and
// caches of several machines or builds may be merged.

#include <map>
#include <optional>
#include <string>

#include "base/error.h"

namespace burnish {

class TimingCache {
 public:
  // A file that is not there is an empty cache.
  static Result<TimingCache> load(const std::string& path);
  // Whether save() could put a file there: asked before anything is timed.
  static Status writable(const std::string& path);
  // Adds what the file at `path` holds by then, and replaces it.
  Status save(const std::string& path) const;

  // `processor` is machine and threads, `problem` all that the code of a kernel depends on but for its tactic.
  std::optional<double> find(const std::string& processor, const std::string& problem, const std::string& tactic) const;
  // `text` says in words what the problem is. Of two times the shorter one is kept.
  void add(const std::string& processor, const std::string& problem, const std::string& text, const std::string& tactic,
           double seconds);
  void merge(const TimingCache& other);
  bool changed() const { return changed_; }

 private:
  struct Entry {
    std::string text;
    std::map<std::string, double> seconds;  // by tactic
  };
  std::map<std::string, std::map<std::string, Entry>> timings_;  // by processor, problem
  bool changed_ = false;                                         // since it was loaded
};

}  // namespace burnish
