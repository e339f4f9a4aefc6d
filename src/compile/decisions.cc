#include "compile/decisions.h"

#include "base/json.h"
#include "runtime/plan.h"

namespace burnish {

std::string decisions_text(std::span<const Decision> decisions) {
  Json list = Json::array();
  for (const Decision& d : decisions) {
    Json row = {{"id", d.id}, {"node", d.node}, {"what", d.what}};
    if (!d.why.empty()) row["why"] = d.why;
    if (!d.remedy.empty()) row["remedy"] = d.remedy;
    list.push_back(std::move(row));
  }
  // Names come from models: what is no UTF-8 is replaced.
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::vector<Decision>> parse_decisions(std::string_view text) {
  std::vector<Decision> decisions;
  if (text.empty()) return decisions;
  const auto damaged = [] { return refused("the decisions are damaged", {}, "build the plan again"); };
  const Json list = Json::parse(text, nullptr, false);
  if (!list.is_array()) return damaged();
  for (const Json& row : list) {
    if (!row.is_object()) return damaged();
    Decision d;
    for (const auto& [key, member] :
         {std::pair{"id", &d.id}, {"node", &d.node}, {"what", &d.what}, {"why", &d.why}, {"remedy", &d.remedy}}) {
      const auto found = row.find(key);
      if (found == row.end()) continue;
      if (!found->is_string()) return damaged();
      *member = found->get<std::string>();
    }
    decisions.push_back(std::move(d));
  }
  return decisions;
}

Status save_build(const BuildResult& built, const std::string& path) {
  std::vector<const Program*> images;
  for (const auto& image : built.images) images.push_back(image.get());
  PlanMetadata metadata;
  metadata.simplified = built.simplified.get();
  metadata.decisions = decisions_text(built.decisions);
  return save_plan(images, metadata, path);
}

}  // namespace burnish
