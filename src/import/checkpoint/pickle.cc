#include "import/checkpoint/pickle.h"

#include <bit>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/checked.h"
#include "import/checkpoint/opcodes.h"
#include "import/checkpoint/pickle_names.h"
#include "import/checkpoint/rebuild.h"

namespace burnish::checkpoint {

std::string_view kind_name(ValueKind kind) {
  constexpr std::string_view names[] = {"None",           "a bool",    "an integer", "a float",  "a text",
                                        "a long integer", "a tuple",   "a list",     "a dict",   "a set",
                                        "a name",         "a storage", "a tensor",   "an object"};
  return names[static_cast<int>(kind)];
}

namespace {

class Machine {
 public:
  Machine(Bytes bytes, std::size_t base, const Limits& limits)
      : bytes_(bytes.first(std::min(bytes.size(), static_cast<std::size_t>(limits.pickle_bytes)))),
        whole_(bytes.size()),
        base_(base),
        limits_(limits) {
    pickle_.copies_left = static_cast<std::size_t>(limits.pickle_objects) * 4;
  }

  Result<Pickle> run() {
    while (true) {
      start_ = position_;
      opcode_ = static_cast<Opcode>(TRY(integer(1)));
      if (opcode_ == Opcode::stop) break;
      TRY(step());
    }
    if (!marks_.empty() || stack_.size() != 1) return bad("leaves more or less than one object");
    pickle_.root = stack_.back();
    pickle_.size = position_;
    return std::move(pickle_);
  }

 private:
  std::string here() const { return fmt::format("byte {}, opcode {}", base_ + start_, opcode_name(opcode_)); }
  std::unexpected<Error> bad(std::string what) const {
    return refused("the pickle " + std::move(what), here(), "the file is damaged or was not written by torch.save");
  }

  std::unexpected<Error> too_many() const {
    return over_limit(limits_, &Limits::pickle_objects,
                      fmt::format("a pickle makes more than {} objects", limits_.pickle_objects), here());
  }

  Result<Bytes> take(uint64_t count) {
    if (count > bytes_.size() - position_) {
      if (bytes_.size() < whole_) {
        return over_limit(limits_, &Limits::pickle_bytes,
                          fmt::format("a pickle is longer than {} bytes", limits_.pickle_bytes), here());
      }
      return refused("the file ends in the middle of a pickle", fmt::format("byte {}", base_ + bytes_.size()),
                     "it is cut short: copy or download it again");
    }
    const Bytes part = bytes_.subspan(position_, count);
    position_ += count;
    return part;
  }
  // Little-endian, unsigned.
  Result<uint64_t> integer(std::size_t size) {
    const Bytes part = TRY(take(size));
    uint64_t value = 0;
    std::memcpy(&value, part.data(), size);
    return value;
  }
  Result<std::string_view> text(std::size_t length_size) {
    const Bytes part = TRY(take(TRY(integer(length_size))));
    return std::string_view(reinterpret_cast<const char*>(part.data()), part.size());
  }
  Result<std::string_view> line() {
    const std::size_t begin = position_;
    while (TRY(integer(1)) != '\n') {
      if (position_ - begin > 512) return bad("has a name of more than 512 bytes");
    }
    return std::string_view(reinterpret_cast<const char*>(bytes_.data()) + begin, position_ - begin - 1);
  }

  Status push(Value value) {
    if (std::cmp_greater_equal(pickle_.values.size(), limits_.pickle_objects)) return too_many();
    stack_.push_back(static_cast<ValueId>(pickle_.values.size()));
    pickle_.values.push_back(std::move(value));
    return {};
  }
  Status push(ValueKind kind, int64_t number = 0) {
    return push(Value{.kind = kind, .number = number, .text = {}, .items = {}});
  }
  Status push_text(std::string_view text) {
    return push(Value{.kind = ValueKind::text, .number = 0, .text = text, .items = {}});
  }

  // What may be popped: nothing below the last mark.
  std::size_t available() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }
  Result<ValueId> pop() {
    if (available() == 0) return bad("takes an object from an empty stack");
    const ValueId id = stack_.back();
    stack_.pop_back();
    return id;
  }
  Result<ValueId> top() const {
    if (available() == 0) return bad("needs an object and the stack is empty");
    return stack_.back();
  }
  // Everything above the last mark, which goes too.
  Result<std::vector<ValueId>> pop_mark() {
    if (marks_.empty()) return bad("closes a group that was not opened");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<ValueId> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }

  Status tuple(std::size_t count) {
    std::vector<ValueId> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = TRY(pop());
    return push(Value{.kind = ValueKind::tuple, .number = 0, .text = {}, .items = std::move(items)});
  }
  Status group(ValueKind kind) {
    auto items = TRY(pop_mark());
    return push(Value{.kind = kind, .number = 0, .text = {}, .items = std::move(items)});
  }
  Status extend(ValueKind kind, std::span<const ValueId> items) {
    Value& container = pickle_.values[TRY(top())];
    if (container.kind != kind) return bad(fmt::format("adds items to {}", kind_name(container.kind)));
    if (kind == ValueKind::dict && items.size() % 2 != 0) return bad("has a key without a value");
    container.items.insert(container.items.end(), items.begin(), items.end());
    return {};
  }

  Status get(uint64_t key) {
    const auto it = memo_.find(static_cast<uint32_t>(key));
    if (it == memo_.end()) return bad(fmt::format("recalls object {}, which was never stored", key));
    stack_.push_back(it->second);
    return {};
  }
  Status put(uint64_t key) {
    if (std::cmp_greater_equal(memo_.size(), limits_.pickle_objects)) return too_many();
    memo_[static_cast<uint32_t>(key)] = TRY(top());
    return {};
  }

  Status global(std::string_view module, std::string_view name) {
    const auto index = find_known_name(module, name);
    if (!index) return refuse_name(module, name, here());
    return push(ValueKind::name, static_cast<int64_t>(*index));
  }

  Status long_integer() {
    const std::string_view raw = TRY(text(1));
    if (raw.size() > 8) return push(Value{.kind = ValueKind::big, .number = 0, .text = raw, .items = {}});
    uint64_t value = !raw.empty() && static_cast<signed char>(raw.back()) < 0 ? ~uint64_t{0} : 0;
    std::memcpy(&value, raw.data(), raw.size());
    return push(ValueKind::integer, static_cast<int64_t>(value));
  }
  Status real() {
    const uint64_t bits = __builtin_bswap64(TRY(integer(8)));
    return push(ValueKind::real, static_cast<int64_t>(bits));
  }

  Status step();

  Bytes bytes_;
  std::size_t whole_, base_;
  const Limits& limits_;
  std::size_t position_ = 0, start_ = 0;
  Opcode opcode_ = Opcode::stop;
  std::vector<ValueId> stack_;
  std::vector<std::size_t> marks_;  // stack heights
  std::unordered_map<uint32_t, ValueId> memo_;
  Pickle pickle_;
};

Status Machine::step() {
  switch (opcode_) {
    case Opcode::proto: {
      const uint64_t version = TRY(integer(1));
      if (version < 2 || version > 5) return bad(fmt::format("is of protocol {}; 2 to 5 are known", version));
      return {};
    }
    case Opcode::frame: {
      if (TRY(integer(8)) > whole_ - position_) return bad("has a frame beyond its end");
      return {};
    }
    case Opcode::mark:
      if (std::cmp_greater_equal(marks_.size(), limits_.pickle_objects)) return too_many();
      marks_.push_back(stack_.size());
      return {};
    case Opcode::pop:
      if (available() == 0 && !marks_.empty()) marks_.pop_back();
      else (void)TRY(pop());
      return {};
    case Opcode::pop_mark: (void)TRY(pop_mark()); return {};

    case Opcode::none: return push(ValueKind::none);
    case Opcode::new_true: return push(ValueKind::boolean, 1);
    case Opcode::new_false: return push(ValueKind::boolean, 0);
    case Opcode::bin_int: return push(ValueKind::integer, static_cast<int32_t>(TRY(integer(4))));
    case Opcode::bin_int1: return push(ValueKind::integer, static_cast<int64_t>(TRY(integer(1))));
    case Opcode::bin_int2: return push(ValueKind::integer, static_cast<int64_t>(TRY(integer(2))));
    case Opcode::long1: return long_integer();
    case Opcode::bin_float: return real();
    case Opcode::short_bin_string:
    case Opcode::short_bin_unicode:
    case Opcode::short_bin_bytes: return push_text(TRY(text(1)));
    case Opcode::bin_string:
    case Opcode::bin_unicode:
    case Opcode::bin_bytes: return push_text(TRY(text(4)));
    case Opcode::bin_unicode8:
    case Opcode::bin_bytes8: return push_text(TRY(text(8)));

    case Opcode::empty_tuple: return push(ValueKind::tuple);
    case Opcode::tuple1: return tuple(1);
    case Opcode::tuple2: return tuple(2);
    case Opcode::tuple3: return tuple(3);
    case Opcode::tuple: return group(ValueKind::tuple);
    case Opcode::empty_list: return push(ValueKind::list);
    case Opcode::append: {
      const ValueId item = TRY(pop());
      return extend(ValueKind::list, std::span(&item, 1));
    }
    case Opcode::appends: return extend(ValueKind::list, TRY(pop_mark()));
    case Opcode::empty_dict: return push(ValueKind::dict);
    case Opcode::set_item: {
      ValueId pair[2];
      pair[1] = TRY(pop());
      pair[0] = TRY(pop());
      return extend(ValueKind::dict, pair);
    }
    case Opcode::set_items: return extend(ValueKind::dict, TRY(pop_mark()));
    case Opcode::empty_set: return push(ValueKind::set);
    case Opcode::add_items: return extend(ValueKind::set, TRY(pop_mark()));
    case Opcode::frozen_set: return group(ValueKind::set);

    case Opcode::bin_get: return get(TRY(integer(1)));
    case Opcode::long_bin_get: return get(TRY(integer(4)));
    case Opcode::bin_put: return put(TRY(integer(1)));
    case Opcode::long_bin_put: return put(TRY(integer(4)));
    case Opcode::memoize: return put(memo_.size());

    case Opcode::global: {
      const std::string_view module = TRY(line());
      return global(module, TRY(line()));
    }
    case Opcode::stack_global: {
      const Value& name = pickle_.values[TRY(pop())];
      const Value& module = pickle_.values[TRY(pop())];
      if (name.kind != ValueKind::text || module.kind != ValueKind::text) return bad("has a name that is not a text");
      return global(module.text, name.text);
    }
    case Opcode::reduce: {
      const ValueId arguments = TRY(pop());
      const ValueId callee = TRY(pop());
      auto made = rebuild(pickle_, callee, arguments);
      if (!made) return std::unexpected(std::move(made).error().within(here()));
      return push(std::move(*made));
    }
    case Opcode::build: {
      // The attributes of a dictionary (state_dict's _metadata) and of objects without data are dropped.
      (void)TRY(pop());
      const ValueKind kind = pickle_.values[TRY(top())].kind;
      if (kind != ValueKind::dict && kind != ValueKind::opaque)
        return bad(fmt::format("sets the state of {}", kind_name(kind)));
      return {};
    }
    case Opcode::bin_persid: {
      auto made = persistent(pickle_, TRY(pop()));
      if (!made) return std::unexpected(std::move(made).error().within(here()));
      return push(std::move(*made));
    }
    default: break;
  }
  const std::string_view name = opcode_name(opcode_);
  return refused(
      name.empty()
          ? fmt::format("the pickle has an unknown opcode 0x{:02x}", static_cast<int>(opcode_))
          : fmt::format("the pickle uses opcode {}, which is not on the list of those that only hold data", name),
      fmt::format("byte {}", base_ + start_),
      "nothing was executed; where the file is trusted, load it in PyTorch and save "
      "torch.save(model.state_dict(), FILE)");
}

}  // namespace

Result<Pickle> parse_pickle(Bytes bytes, std::size_t base, const Limits& limits) {
  return Machine(bytes, base, limits).run();
}

}  // namespace burnish::checkpoint
