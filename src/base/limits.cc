#include "base/limits.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/checked.h"

namespace burnish {
namespace {

constexpr LimitSpec kTable[] = {
#define BURNISH_LIMIT(name, value, most, doc) {#name, &Limits::name, value, most, doc},
    BURNISH_LIMITS(BURNISH_LIMIT)
#undef BURNISH_LIMIT
};

const LimitSpec* find(int64_t Limits::* member) { return std::ranges::find(kTable, member, &LimitSpec::member); }

}  // namespace

std::span<const LimitSpec> limit_table() { return kTable; }

Status set_limit(Limits& limits, std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string where = fmt::format("limit '{}'", text.substr(0, std::min<std::size_t>(equals, 60)));
  if (equals == std::string_view::npos)
    return usage_error("a limit is given as NAME=VALUE", where, "for example nodes=1000000");
  const auto* spec = std::ranges::find(kTable, text.substr(0, equals), &LimitSpec::name);
  if (spec == std::end(kTable)) {
    std::string names;
    for (const LimitSpec& s : kTable) names += (names.empty() ? "" : ", ") + std::string(s.name);
    return usage_error("there is no such limit", where, "choose one of: " + names);
  }
  std::string_view number = text.substr(equals + 1);
  int64_t unit = 1;
  if (!number.empty())
    if (const std::size_t power = std::string_view("KMGT").find(number.back()); power != std::string_view::npos) {
      unit = int64_t{1} << (10 * (power + 1));
      number.remove_suffix(1);
    }
  int64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  const auto scaled = checked_mul(value, unit);
  if (error != std::errc() || end != number.data() + number.size() || !scaled || *scaled < 0)
    return usage_error(fmt::format("'{}' is no value of a limit", text.substr(equals + 1, 60)), where,
                       "give a whole number, which may end in K, M, G or T");
  if (*scaled > spec->most)
    return usage_error(fmt::format("{} is above {}, the most that is safe", *scaled, spec->most), where,
                       "choose a lower value");
  limits.*(spec->member) = *scaled;
  return {};
}

int64_t run_bytes(const Limits& limits) {
  if (limits.run_bytes > 0) return limits.run_bytes;
  const int64_t pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? pages * page : int64_t{1} << 40;
}

std::unexpected<Error> over_limit(const Limits& limits, int64_t Limits::* limit, std::string what, std::string where) {
  const LimitSpec* spec = find(limit);
  std::string remedy = fmt::format("the limit '{}' is {}", spec->name, limits.*limit);
  remedy += limits.*limit < spec->most
                ? fmt::format(": where you trust the file, raise it (--limit {}=VALUE; limits of a call's options)",
                              spec->name)
                : std::string(" and cannot be raised");
  return refused(std::move(what), std::move(where), std::move(remedy));
}

}  // namespace burnish
