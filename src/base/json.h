#pragma once
// JSON by nlohmann; keys keep their order so that output is stable and reads top to bottom.

#include <utility>

#include <nlohmann/json.hpp>

namespace burnish {

using Json = nlohmann::ordered_json;
}

namespace burnish {

// json_object("name", value, "name", value ...). A braced list of pairs would do the same, but the library's constructor for
// those loses memory when there is no more of it.
template <class... Fields>
Json json_object(Fields&&... fields) {
  Json json = Json::object();
  const auto add = [&json](auto&& self, const char* name, auto&& value, auto&&... rest) -> void {
    json[name] = std::forward<decltype(value)>(value);
    if constexpr (sizeof...(rest) > 0) self(self, std::forward<decltype(rest)>(rest)...);
  };
  add(add, std::forward<Fields>(fields)...);
  return json;
}

}  // namespace burnish

// The library's own destructor collects children in a vector. Where memory has run out that throws, and a destructor that
// throws ends the process.
template <>
void burnish::Json::json_value::destroy(nlohmann::detail::value_t type);

namespace burnish::detail {

// Empties a value of any depth without recursion and without memory: on the way down, the last place of every list or
// object holds what is around it.
inline void dismantle(Json current) {
  const auto empty = [](const Json& json) { return !json.is_structured() || json.empty(); };
  const auto last = [](Json& json) -> Json& {
    if (auto* list = json.get_ptr<Json::array_t*>()) return list->back();
    return json.get_ptr<Json::object_t*>()->back().second;
  };
  const auto drop_last = [](Json& json) {
    if (auto* list = json.get_ptr<Json::array_t*>()) list->pop_back();
    else json.get_ptr<Json::object_t*>()->pop_back();
  };
  for (Json around;;) {
    if (!empty(current)) {
      Json& child = last(current);
      if (empty(child)) {
        drop_last(current);
      } else {
        Json next = std::exchange(child, std::move(around));
        around = std::exchange(current, std::move(next));
      }
    } else if (!around.is_null()) {
      current = std::move(around);
      around = std::exchange(last(current), Json());
      drop_last(current);
    } else {
      return;
    }
  }
}

}  // namespace burnish::detail

template <>
inline void burnish::Json::json_value::destroy(nlohmann::detail::value_t type) {
  const auto free = [](auto* content) {
    using Content = std::remove_pointer_t<decltype(content)>;
    std::destroy_at(content);
    std::allocator<Content>().deallocate(content, 1);
  };
  switch (type) {
    case nlohmann::detail::value_t::array:
      for (; !array->empty(); array->pop_back()) burnish::detail::dismantle(std::move(array->back()));
      return free(array);
    case nlohmann::detail::value_t::object:
      for (; !object->empty(); object->pop_back()) burnish::detail::dismantle(std::move(object->back().second));
      return free(object);
    case nlohmann::detail::value_t::string: return free(string);
    case nlohmann::detail::value_t::binary: return free(binary);
    default: return;
  }
}
