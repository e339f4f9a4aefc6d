#include "cli/maps.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/file.h"

namespace burnish::cli {
namespace {

constexpr std::string_view kForm = "write one JSON object, such as {\"key\": 0.5}; keys that are integers as \"7\"";

// One element as JSON has it: no number for NaN and infinities.
Json element(const Tensor& tensor, int64_t i) {
  if (tensor.dtype() == DType::string) return tensor.as<std::string>()[static_cast<std::size_t>(i)];
  switch (number_class(tensor.dtype())) {
    case NumberClass::signed_int: return Accessor<int64_t>(tensor.dtype()).load(tensor.data(), i);
    case NumberClass::unsigned_int: return Accessor<uint64_t>(tensor.dtype()).load(tensor.data(), i);
    case NumberClass::boolean: return Accessor<bool>(tensor.dtype()).load(tensor.data(), i);
    case NumberClass::real: {
      const double v = tensor.real_at(i);
      if (!std::isfinite(v)) return fmt::format("{}", v);
      // An f32 in as many digits as it has.
      return tensor.dtype() == DType::f64 ? v : std::stod(fmt::format("{}", static_cast<float>(v)));
    }
    default: return tensor.text(1);
  }
}

}  // namespace

Json map_json(const RuntimeMap& map) {
  Json json = Json::object();
  for (std::size_t i = 0; i < map.values.size(); ++i) {
    const Json key = element(map.keys, static_cast<int64_t>(i));
    const RuntimeValue& value = map.values[i];
    json[key.is_string() ? key.get<std::string>() : key.dump()] = value.is_tensor() && value.tensor().elements() == 1
                                                                      ? element(value.tensor(), 0)
                                                                  : value.is_tensor() ? Json(value.tensor().text(6))
                                                                                      : Json();
  }
  return json;
}

Result<RuntimeValue> read_map(const std::string& path, const Type& type) {
  const auto wrong = [&](std::string what) { return usage_error(std::move(what), path, std::string(kForm)); };
  const DType dtype = type.element != nullptr && type.element->is_tensor() ? type.element->dtype : DType::boolean;
  const bool texts = dtype == DType::string, named = type.dtype == DType::string;
  if (!texts && number_class(dtype) != NumberClass::real && !is_integer(dtype))
    return wrong(fmt::format("nothing in JSON is {}", type.text()));
  const auto file = TRY(MappedFile::open(path));
  const auto bytes = file->bytes();
  const Json json = Json::parse(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), nullptr,
                                /*allow_exceptions=*/false);
  if (!json.is_object()) return wrong("the file holds no JSON object");
  const auto count = static_cast<int64_t>(json.size());
  RuntimeMap map{TRY(Tensor::allocate(type.dtype, {count})), {}};
  int64_t i = 0;
  for (const auto& [key, value] : json.items()) {
    if (named) {
      map.keys.mutable_as<std::string>()[static_cast<std::size_t>(i++)] = key;
    } else {
      int64_t number = 0;
      const auto [end, code] = std::from_chars(key.data(), key.data() + key.size(), number);
      if (code != std::errc() || end != key.data() + key.size() || type.dtype != DType::i64)
        return wrong(fmt::format("the key '{}' is no {}", key, name(type.dtype)));
      map.keys.mutable_as<int64_t>()[static_cast<std::size_t>(i++)] = number;
    }
    Tensor one = TRY(Tensor::allocate(dtype, {}));
    if (texts ? !value.is_string() : is_integer(dtype) ? !value.is_number_integer() : !value.is_number())
      return wrong(fmt::format("what '{}' has is no {}", key, name(dtype)));
    if (texts) one.mutable_as<std::string>()[0] = value.get<std::string>();
    else if (number_class(dtype) == NumberClass::real)
      Accessor<double>(dtype).store(one.mutable_data(), 0, value.get<double>());
    else if (number_class(dtype) == NumberClass::signed_int)
      Accessor<int64_t>(dtype).store(one.mutable_data(), 0, value.get<int64_t>());
    else Accessor<uint64_t>(dtype).store(one.mutable_data(), 0, value.get<uint64_t>());
    map.values.emplace_back(std::move(one));
  }
  RuntimeValue result;
  result.data = std::make_shared<const RuntimeMap>(std::move(map));
  return result;
}

}  // namespace burnish::cli
