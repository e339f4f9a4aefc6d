#include "codegen/cpu/nest_loops.h"

#include <algorithm>

namespace burnish {
namespace {

std::size_t u(int i) { return static_cast<std::size_t>(i); }

}  // namespace

NestLoops::NestLoops(KernelFrame& frame, Expressions& expressions, const LoopForm& form, const LoopPlan& plan,
                     int operands)
    : frame_(frame),
      expressions_(expressions),
      b_(frame.builder()),
      form_(form),
      plan_(plan),
      access_(frame, expressions, form, operands),
      ready_(plan.kept.size()) {}

NestLoops::Span NestLoops::span(int axis, const Position& at) {
  const auto& a = form_.axes[u(axis)];
  if (a.bound < 0) return {frame_.number(0), frame_.size(a.extent), a.extent.constant()};
  Value done = at.index[u(a.bound)] ? b_.CreateMul(at.index[u(a.bound)], frame_.size(a.extent)) : frame_.number(0);
  Value left = b_.CreateSub(frame_.size(a.total), done);
  return {frame_.number(0),
          b_.CreateSelect(b_.CreateICmpSLT(left, frame_.size(a.extent)), left, frame_.size(a.extent)),
          {}};
}

NestLoops::Span NestLoops::part(int axis, Value chunk, int64_t size) {
  const Dim& extent = form_.axes[u(axis)].extent;
  Value begin = b_.CreateMul(chunk, frame_.number(size)), end = b_.CreateAdd(begin, frame_.number(size));
  Dim quotient;
  if (divides(Dim(size), extent, &quotient)) return {begin, end, size};
  Value limit = frame_.size(extent);
  return {begin, b_.CreateSelect(b_.CreateICmpSLT(limit, end), limit, end), {}};
}

void NestLoops::run(Value first, Value last) {
  frame_.branch(
      b_.CreateICmpSLT(first, last),
      [&] {
        tasks(first, last);
        return Values{};
      },
      [] { return Values{}; });
}

// Indices are divided out of the first task's number and then counted on.
void NestLoops::tasks(Value first, Value last) {
  std::vector<Value> extents;
  for (int a : plan_.tasks) extents.push_back(frame_.size(form_.axes[u(a)].extent));
  const bool tiled = plan_.tile_axis >= 0, chunked = plan_.chunk > 0;
  if (tiled) extents.push_back(frame_.size(ceildiv(form_.axes[u(plan_.tile_axis)].extent, Dim(plan_.tile_chunk))));
  if (chunked) extents.push_back(frame_.size(ceildiv(form_.axes[u(plan_.axis)].extent, Dim(plan_.chunk))));

  Values counters(extents.size());
  Value rest = first;
  for (std::size_t i = extents.size(); i-- > 0;) {
    counters[i] = i == 0 ? rest : b_.CreateURem(rest, extents[i]);
    if (i > 0) rest = b_.CreateUDiv(rest, extents[i]);
  }
  frame_.loop(
      "task", first, last, 1, counters,
      [&](Value, Values& now) {
        Position at;
        at.index.resize(form_.axes.size());
        at.temporaries.resize(form_.nest.statements.size());
        Value inside = nullptr;
        for (std::size_t i = 0; i < plan_.tasks.size(); ++i) at.index[u(plan_.tasks[i])] = now[i];
        for (std::size_t i = 0; i < plan_.tasks.size(); ++i) {
          if (form_.axes[u(plan_.tasks[i])].bound < 0) continue;
          Value exists = b_.CreateICmpSLT(now[i], span(plan_.tasks[i], at).end);
          inside = inside ? b_.CreateAnd(inside, exists) : exists;
        }
        std::size_t next = plan_.tasks.size();
        Value tile_index = tiled ? now[next++] : nullptr;
        Value chunk = chunked ? now[next++] : nullptr;
        auto body = [&] {
          task(at, chunk, tile_index);
          return Values{};
        };
        if (inside) frame_.branch(inside, body, [] { return Values{}; });
        else body();

        Value carry = nullptr;  // null: always
        for (std::size_t i = now.size(); i-- > 0;) {
          Value up = b_.CreateAdd(now[i], carry ? b_.CreateZExt(carry, b_.getInt64Ty()) : frame_.number(1));
          if (i == 0) {
            now[i] = up;
            break;
          }
          Value full = b_.CreateICmpEQ(up, extents[i]);
          now[i] = b_.CreateSelect(full, frame_.number(0), up);
          carry = full;
        }
      },
      true);
}

void NestLoops::task(Position at, Value chunk, Value tile_index) {
  if (plan_.axis < 0) {
    for (const auto& group : plan_.groups) group_along(group, at);
    return;
  }
  const Span across = chunk ? part(plan_.axis, chunk, plan_.chunk) : span(plan_.axis, at);
  if (tile_index) return tile(at, across, part(plan_.tile_axis, tile_index, plan_.tile_chunk));
  Values none;
  vector_loop(at, plan_.axis, across, plan_.unroll, 0, none,
              [&](std::vector<Position>& vectors, Values&) { rows(vectors); });
}

void NestLoops::rows(std::vector<Position>& vectors) {
  for (const auto& group : plan_.groups) group_across(group, vectors);
}

// Loops over scalar axes. Short innermost ones are laid out flat, up to `budget` bodies.
void NestLoops::axes_loop(std::span<const int> axes, Position& at, Values& carried, int64_t budget,
                          const std::function<void(Position&, Values&)>& body) {
  if (axes.empty()) return body(at, carried);
  const int axis = axes[0];
  int64_t bodies = 1;
  for (int a : axes) {
    const auto& other = form_.axes[u(a)];
    const int64_t n = other.bound < 0 && other.extent.is_constant() ? other.extent.value() : budget + 1;
    bodies = n <= 0 || n > budget ? budget + 1 : std::min(bodies * n, budget + 1);
  }
  if (bodies <= budget) {
    for (int64_t i = 0; i < form_.axes[u(axis)].extent.value(); ++i) {
      at.index[u(axis)] = frame_.number(i);
      axes_loop(axes.subspan(1), at, carried, budget, body);
    }
  } else {
    const Span range = span(axis, at);
    frame_.loop("axis", range.begin, range.end, 1, carried, [&](Value i, Values& values) {
      at.index[u(axis)] = i;
      axes_loop(axes.subspan(1), at, values, budget, body);
    });
  }
  at.index[u(axis)] = nullptr;
}

// `carried` holds items * unroll vectors and then, without masks, items scalars for the elements that fill no vector.
void NestLoops::vector_loop(const Position& at, int axis, const Span& span, int unroll, std::size_t items,
                            Values& carried, const Body& body) {
  const int lanes = plan_.lanes;
  const auto vectors = static_cast<std::size_t>(unroll);
  const int64_t step = static_cast<int64_t>(lanes) * unroll;
  auto position = [&](Value i, int width) {
    Position p = at;
    p.index[u(axis)] = i;
    p.axis = axis;
    p.lanes = width;
    return p;
  };
  auto whole = [&](Value begin, Value end, int64_t size) {
    Value count = b_.CreateSub(end, begin);
    return b_.CreateAdd(begin, b_.CreateAnd(count, frame_.number(-size)));
  };

  Value begin = span.begin;
  if (!span.length || *span.length >= step) {
    Value end = whole(begin, span.end, step);
    frame_.loop("vectors", begin, end, step, carried, [&](Value i, Values& values) {
      std::vector<Position> list;
      for (int v = 0; v < unroll; ++v)
        list.push_back(position(b_.CreateAdd(i, frame_.number(int64_t{v} * lanes)), lanes));
      Values mine(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(items * vectors));
      body(list, mine);
      std::copy(mine.begin(), mine.end(), values.begin());
    });
    begin = end;
  }
  auto one_vector = [&](Value i, Value mask, Values& values) {
    std::vector<Position> list = {position(i, lanes)};
    list[0].mask = mask;
    Values mine;
    for (std::size_t item = 0; item < items; ++item) mine.push_back(values[item * vectors]);
    body(list, mine);
    for (std::size_t item = 0; item < items; ++item) values[item * vectors] = mine[item];
  };
  if (lanes > 1 && plan_.masks && (!span.length || *span.length % step != 0)) {
    frame_.loop("masked", begin, span.end, lanes, carried, [&](Value i, Values& values) {
      if (span.length && *span.length % lanes == 0) return one_vector(i, nullptr, values);
      // Lane numbers as bytes: lanes <= 64, and so is what is left, once limited.
      Value left = b_.CreateSub(span.end, i);
      left = b_.CreateSelect(b_.CreateICmpSLT(left, frame_.number(lanes)), left, frame_.number(lanes));
      std::vector<uint32_t> numbers;
      for (int lane = 0; lane < lanes; ++lane) numbers.push_back(static_cast<uint32_t>(lane));
      Value limit = b_.CreateVectorSplat(static_cast<unsigned>(lanes), b_.CreateTrunc(left, b_.getInt32Ty()));
      one_vector(i, b_.CreateICmpULT(llvm::ConstantDataVector::get(frame_.context(), numbers), limit), values);
    });
    return;
  }
  if (plan_.masks && lanes > 1) return;
  if (lanes > 1 && unroll > 1 && (!span.length || *span.length % step >= lanes)) {
    Value end = whole(begin, span.end, lanes);
    frame_.loop("vector", begin, end, lanes, carried, [&](Value i, Values& values) { one_vector(i, nullptr, values); });
    begin = end;
  }
  if (lanes > 1 && span.length && *span.length % lanes == 0) return;
  if (lanes == 1 && span.length && *span.length % step == 0) return;
  frame_.loop("element", begin, span.end, 1, carried, [&](Value i, Values& values) {
    std::vector<Position> list = {position(i, 1)};
    Values mine(values.begin() + static_cast<std::ptrdiff_t>(items * vectors), values.end());
    body(list, mine);
    std::copy(mine.begin(), mine.end(), values.begin() + static_cast<std::ptrdiff_t>(items * vectors));
  });
}

// Every lane is a row: reductions run down the lanes.
void NestLoops::group_across(const LoopPlan::Group& group, std::vector<Position>& vectors) {
  const std::size_t width = vectors.size();
  Values carried;
  const auto statement = [&](std::size_t i) -> const Statement& {
    return form_.nest.statements[u(group.statements[i])];
  };
  const auto dtype = [&](std::size_t i) { return form_.nest.expressions[u(statement(i).expression)].dtype; };
  if (group.reduce)
    for (std::size_t i = 0; i < group.statements.size(); ++i)
      for (std::size_t v = 0; v < width; ++v)
        carried.push_back(
            expressions_.widen(expressions_.identity(statement(i).reduction, dtype(i)), vectors[v].lanes));
  Position walk = vectors[0];
  axes_loop(group.axes, walk, carried, 16, [&](Position& at, Values& values) {
    for (std::size_t v = 0; v < width; ++v) {
      Position p = vectors[v];
      for (int a : group.axes) p.index[u(a)] = at.index[u(a)];
      std::vector<Value> results;
      for (std::size_t i = 0; i < group.statements.size(); ++i) {
        Value value = expressions_.widen(evaluate(statement(i).expression, p), p.lanes);
        if (group.reduce)
          values[i * width + v] = expressions_.combine(statement(i).reduction, dtype(i), values[i * width + v], value);
        results.push_back(value);
      }
      if (!group.reduce)
        for (std::size_t i = 0; i < results.size(); ++i) access_.store(u(group.statements[i]), results[i], p);
    }
  });
  if (group.reduce)
    for (std::size_t i = 0; i < group.statements.size(); ++i)
      for (std::size_t v = 0; v < width; ++v) vectors[v].temporaries[u(group.statements[i])] = carried[i * width + v];
}

// Accumulators of one statement into one value: vectors by halves, then lanes, then the single elements.
Value NestLoops::fold(const LoopPlan::Group& group, std::size_t item, Values values) {
  const auto& statement = form_.nest.statements[u(group.statements[item])];
  const DType dtype = form_.nest.expressions[u(statement.expression)].dtype;
  for (; values.size() > 1; values.resize((values.size() + 1) / 2)) {
    const std::size_t half = (values.size() + 1) / 2;
    for (std::size_t i = half; i < values.size(); ++i)
      values[i - half] = expressions_.combine(statement.reduction, dtype, values[i - half], values[i]);
  }
  return expressions_.reduce_lanes(statement.reduction, dtype, values[0]);
}

// One row: vectors lie along one of the group's own axes.
void NestLoops::group_along(const LoopPlan::Group& group, Position& row) {
  const std::size_t items = group.statements.size();
  const auto vectors = static_cast<std::size_t>(group.unroll);
  const int lanes = group.axis >= 0 ? plan_.lanes : 1;
  const auto statement = [&](std::size_t i) -> const Statement& {
    return form_.nest.statements[u(group.statements[i])];
  };
  const auto dtype = [&](std::size_t i) { return form_.nest.expressions[u(statement(i).expression)].dtype; };
  Values carried;
  if (group.reduce) {
    for (std::size_t i = 0; i < items; ++i) {
      Value identity = expressions_.identity(statement(i).reduction, dtype(i));
      carried.insert(carried.end(), vectors, expressions_.widen(identity, lanes));
    }
    if (!plan_.masks || lanes == 1)
      for (std::size_t i = 0; i < items; ++i)
        carried.push_back(expressions_.identity(statement(i).reduction, dtype(i)));
  }
  // Values that this pass leaves in scratch for later ones.
  std::vector<std::size_t> keeps;
  for (std::size_t k = 0; k < plan_.kept.size(); ++k)
    for (std::size_t i = 0; i < items && group.reduce; ++i)
      if (!ready_[k] && statement(i).expression == plan_.kept[k]) keeps.push_back(k);

  const Body body = [&](std::vector<Position>& list, Values& values) {
    const std::size_t width = list.size();
    for (std::size_t v = 0; v < width; ++v) {
      std::vector<Value> results;
      for (std::size_t i = 0; i < items; ++i) {
        Value value = expressions_.widen(evaluate(statement(i).expression, list[v]), list[v].lanes);
        for (std::size_t k : keeps)
          if (statement(i).expression == plan_.kept[k])
            expressions_.store(kept_place(k, list[v]), value, dtype(i), list[v].lanes);
        if (group.reduce) {
          if (list[v].mask) {
            Value identity = expressions_.widen(expressions_.identity(statement(i).reduction, dtype(i)), list[v].lanes);
            value = b_.CreateSelect(list[v].mask, value, identity);
          }
          values[i * width + v] = expressions_.combine(statement(i).reduction, dtype(i), values[i * width + v], value);
        }
        results.push_back(value);
      }
      if (!group.reduce)
        for (std::size_t i = 0; i < items; ++i) access_.store(u(group.statements[i]), results[i], list[v]);
    }
  };
  Position walk = row;
  if (group.axis < 0) {
    axes_loop(group.axes, walk, carried, 8, [&](Position& at, Values& values) {
      std::vector<Position> list = {at};
      Values mine;
      for (std::size_t i = 0; i < items && group.reduce; ++i) mine.push_back(values[i * vectors]);
      body(list, mine);
      for (std::size_t i = 0; i < mine.size(); ++i) values[i * vectors] = mine[i];
    });
  } else {
    std::span<const int> outside(group.axes.data(), group.axes.size() - 1);
    axes_loop(outside, walk, carried, 1, [&](Position& at, Values& values) {
      vector_loop(at, group.axis, span(group.axis, at), group.unroll, group.reduce ? items : 0, values, body);
    });
  }
  for (std::size_t k : keeps) ready_[k] = true;
  if (!group.reduce) return;
  for (std::size_t i = 0; i < items; ++i) {
    Values mine(carried.begin() + static_cast<std::ptrdiff_t>(i * vectors),
                carried.begin() + static_cast<std::ptrdiff_t>((i + 1) * vectors));
    Value result = fold(group, i, mine);
    if (carried.size() > items * vectors)
      result = expressions_.combine(statement(i).reduction, dtype(i), result, carried[items * vectors + i]);
    row.temporaries[u(group.statements[i])] = result;
  }
}

Value NestLoops::kept_place(std::size_t kept, const Position& at) {
  // Which group's axes: those of the statement that made the value.
  const LoopPlan::Group* owner = nullptr;
  for (const auto& g : plan_.groups)
    for (int s : g.statements)
      if (!owner && g.reduce && form_.nest.statements[u(s)].expression == plan_.kept[kept]) owner = &g;
  Value index = frame_.number(0);
  Dim row = 1;
  for (int a : owner->axes) {
    row *= form_.axes[u(a)].extent;
    index = b_.CreateMul(index, frame_.size(form_.axes[u(a)].extent));
    if (at.index[u(a)]) index = b_.CreateAdd(index, at.index[u(a)]);
  }
  Dim start = 0;
  for (std::size_t k = 0; k < kept; ++k)
    start += (row + Dim(64)) * Dim(static_cast<int64_t>(byte_size(form_.nest.expressions[u(plan_.kept[k])].dtype)));
  Value base = b_.CreateInBoundsGEP(b_.getInt8Ty(), frame_.scratch(), frame_.size(start));
  return frame_.advance(base, index,
                        static_cast<int64_t>(byte_size(form_.nest.expressions[u(plan_.kept[kept])].dtype)));
}

Value NestLoops::evaluate(int expression, const Position& at) {
  bool any = false;
  for (std::size_t k = 0; k < ready_.size(); ++k) any = any || ready_[k];
  if (!any) return access_.evaluate(expression, at);
  Position with = at;
  for (std::size_t k = 0; k < plan_.kept.size(); ++k)
    if (ready_[k] && at.axis >= 0)
      with.preset[plan_.kept[k]] =
          expressions_.load(kept_place(k, at), form_.nest.expressions[u(plan_.kept[k])].dtype, at.lanes);
  return access_.evaluate(expression, with);
}

}  // namespace burnish
