#include "compile/record.h"

#include <algorithm>

namespace burnish {
namespace {

// Names come from models: what is no UTF-8 is replaced.
std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

bool read(const Json& json, bool& value) {
  if (!json.is_boolean()) return false;
  value = json.get<bool>();
  return true;
}
bool read(const Json& json, int64_t& value) {
  // JSON's unsigned numbers may be larger than ours.
  if (!json.is_number_integer() || (json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX)) return false;
  value = json.get<int64_t>();
  return value >= 0;
}
bool read(const Json& json, double& value) {
  if (!json.is_number()) return false;
  value = json.get<double>();
  return value >= 0;
}
bool read(const Json& json, std::string& value) {
  if (!json.is_string()) return false;
  value = json.get<std::string>();
  return true;
}
template <class T>
bool read(const Json& json, std::vector<T>& list) {
  return json.is_array() &&
         std::ranges::all_of(json, [&](const Json& entry) { return read(entry, list.emplace_back()); });
}
template <class T>
bool read(const Json& json, std::map<std::string, T, std::less<>>& map) {
  if (!json.is_object()) return false;
  for (const auto& [key, value] : json.items())
    if (!read(value, map[key])) return false;
  return true;
}

}  // namespace

Json decisions_json(std::span<const Decision> decisions) {
  Json list = Json::array();
  for (const Decision& d : decisions)
    list.push_back(json_object("id", d.id, "node", d.node, "what", d.what, "why", d.why, "remedy", d.remedy));
  return list;
}

PlanMetadata plan_metadata(const BuildResult& built) {
  const BuildChoices& c = built.choices;
  const Json record =
      json_object("opt", Json(c.opt), "exact", c.exact, "disabled", Json(c.disabled), "derived_limit", c.derived_limit,
                  "forced", Json(c.forced), "weight_bytes", built.weight_bytes, "derived_bytes", built.derived_bytes);
  return {.simplified = built.simplified.get(),
          .decisions = text_of(decisions_json(built.decisions)),
          .record = text_of(record),
          .layers = built.layers};
}

Result<BuildRecord> read_record(std::string_view text) {
  BuildRecord record;
  if (text.empty()) return record;
  const auto damaged = [] { return refused("the record of the build is damaged", {}, "build the plan again"); };
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return damaged();
  const auto member = [&](const char* key, auto& value) {
    const auto found = json.find(key);
    return found == json.end() || read(*found, value);
  };
  BuildChoices& c = record.choices;
  if (!member("opt", c.opt) || !member("exact", c.exact) || !member("disabled", c.disabled) ||
      !member("derived_limit", c.derived_limit) || !member("forced", c.forced) ||
      !member("weight_bytes", record.weight_bytes) || !member("derived_bytes", record.derived_bytes))
    return damaged();
  return record;
}

}  // namespace burnish
