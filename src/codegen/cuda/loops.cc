#include "codegen/cuda/loops.h"

#include <algorithm>

#include <fmt/format.h>

#include "codegen/cuda/expression.h"

namespace burnish {
namespace {

using Kind = ScalarExpression::Kind;
std::size_t u(int i) { return static_cast<std::size_t>(i); }
int register_bytes(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 ? 4 : static_cast<int>(byte_size(dtype));
}

}  // namespace

void CudaLoops::run() {
  at_.index.resize(form_.axes.size());
  if (plan_.kind == CudaPlan::Kind::tiles) return tiles();
  items();
  for (const auto& k : plan_.kept) {
    const auto& g = plan_.groups[k.group];
    const int vector = plan_.axis >= 0 ? plan_.vector : g.vector;
    const auto type = register_type(form_.nest.expressions[u(k.expression)].dtype);
    text_.line(fmt::format("{} k{}[{}];", type, k.expression, g.rounds * vector));
  }
  if (plan_.parts > 1 && !plan_.second) return group(0);
  for (std::size_t g = 0; g < plan_.groups.size(); ++g) {
    // What the group before has read may lie where this one writes.
    if (g > 0 && plan_.team > 1 && !plan_.groups[g].reduce && !plan_.groups[g - 1].reduce) sync();
    group(g);
  }
}

Dim CudaLoops::blocks() const {
  if (plan_.kind != CudaPlan::Kind::tiles)
    return ceildiv(plan_.item_count, Dim(plan_.lanes())) * Dim(plan_.second ? 1 : plan_.parts);
  return plan_.item_count * ceildiv(form_.axes[u(plan_.axis)].extent, Dim(plan_.tile)) *
         ceildiv(form_.axes[u(plan_.tile_axis)].extent, Dim(plan_.tile));
}

int CudaLoops::place_bytes() const {
  int most = 0;
  for (const auto& s : form_.nest.statements) {
    if (s.kind != Statement::Kind::reduce) continue;
    const DType dtype = form_.nest.expressions[u(s.expression)].dtype;
    const int size = register_bytes(dtype);
    most = std::max(most, plan_.axis >= 0 ? size * plan_.vector * plan_.threads : size * plan_.threads / 32);
  }
  const bool shared = plan_.axis >= 0 ? plan_.team > 1 : plan_.team > 32;
  return shared ? most : 0;
}

void CudaLoops::sync() { text_.line(plan_.axis < 0 && plan_.team <= 32 ? "__syncwarp();" : "__syncthreads();"); }

void CudaLoops::items() {
  const auto type = text_.index_type();
  const int lanes = plan_.lanes();
  std::string block = fmt::format("({})blockIdx.x", type);
  if (plan_.parts > 1 && !plan_.second) {
    text_.line(fmt::format("const {} part = {} % {};", type, block, plan_.parts));
    block = fmt::format("({})(blockIdx.x / {})", type, plan_.parts);
  }
  if (plan_.item_count != Dim(1) || lanes > 1) {
    item_ = "item";
    std::string lane = "threadIdx.x";
    if (plan_.team > 1)
      lane += fmt::format(" {} {}", plan_.axis >= 0 ? "%" : "/", plan_.axis >= 0 ? lanes : plan_.team);
    const bool alone = plan_.team > 1 && lanes == 1;
    text_.line(fmt::format("{}{} item = {}{}{};", plan_.team > 1 ? "" : "const ", type, block,
                           lanes > 1 ? fmt::format(" * {}", lanes) : "", alone ? "" : " + " + lane));
    const std::string count = text_.index(plan_.item_count);
    if (plan_.team == 1) {
      text_.line(fmt::format("if (item >= {}) return;", count));
    } else if (lanes > 1) {
      // Every thread takes part in sums: those past the end do the last item again.
      text_.line(fmt::format("const bool active = item < {};", count));
      text_.line(fmt::format("if (!active) item = {} - 1;", count));
      at_.active = "active";
    }
  }
  decompose(plan_.items, "item", plan_.axis >= 0 ? plan_.vector : 1, at_);
  for (int a : plan_.items) {
    const auto& axis = form_.axes[u(a)];
    if (axis.bound < 0) continue;
    std::string& index = at_.index[u(a)];
    const std::string& outer = at_.index[u(axis.bound)];
    std::string exists = fmt::format("{} < {}", index, text_.index(axis.total));
    if (!outer.empty()) exists = fmt::format("{} * {} + {}", outer, text_.index(axis.extent), exists);
    if (plan_.team == 1) {
      text_.line(fmt::format("if (!({})) return;", exists));
      continue;
    }
    text_.line(fmt::format("const bool active{} = {}{};", a, at_.active.empty() ? "" : at_.active + " && ", exists));
    text_.line(fmt::format("const {} b{} = {} ? {} : 0;", type, a, exists, index));
    at_.active = fmt::format("active{}", a);
    index = fmt::format("b{}", a);
  }
}

void CudaLoops::decompose(std::span<const int> axes, const std::string& number, int vector, CudaPlace& at) {
  const auto type = text_.index_type();
  std::string rest = number;
  for (std::size_t i = axes.size(); i-- > 0;) {
    const int a = axes[i];
    const bool last = i + 1 == axes.size();
    const Dim& whole = form_.axes[u(a)].extent;
    const Dim extent = last ? in_vectors(whole, vector) : whole;
    std::string index = rest;
    if (i > 0) {
      const std::string size = text_.index(extent);
      index = fmt::format("remainder_of({}, {})", rest, size);
      text_.line(fmt::format("const {} r{} = quotient({}, {});", type, a, rest, size));
      rest = fmt::format("r{}", a);
    }
    if (last && vector > 1) index += fmt::format(" * {}", vector);
    text_.line(fmt::format("const {} i{} = {};", type, a, index));
    at.index[u(a)] = fmt::format("i{}", a);
  }
}

std::string CudaLoops::kept(int expression, const Pass& pass, const std::string& lane) const {
  if (plan_.kind == CudaPlan::Kind::tiles) {
    const std::string column = pass.vector == 1 ? "x" : fmt::format("x * {} + {}", pass.vector, lane);
    const std::string value = fmt::format("tile{}[{}][r]", expression, column);
    return "(" + from_memory(value, form_.loads[u(expression)]->dtype) + ")";
  }
  if (pass.vector == 1) return fmt::format("k{}[{}]", expression, pass.round);
  if (pass.round == "0") return fmt::format("k{}[{}]", expression, lane);
  return fmt::format("k{}[{} * {} + {}]", expression, pass.round, pass.vector, lane);
}

std::string CudaLoops::temporary(int statement, const std::string& lane) const {
  return temporaries_are_arrays() ? fmt::format("t{}[{}]", statement, lane) : fmt::format("t{}", statement);
}

bool CudaLoops::is_vector(const Pass& pass, const Access& access) const {
  std::vector<Dim> presumed;
  return burnish::is_vector(form_, access, pass.axis, pass.vector, offsets_[u(access.operand)], pass.varies,
                            plan_.presumed.vectors ? &presumed : nullptr);
}

bool CudaLoops::stores_vector(const Pass& pass, int statement) const {
  const auto& store = form_.stores[u(statement)];
  return pass.vector > 1 && store && is_vector(pass, *store);
}

void CudaLoops::group(std::size_t number) {
  const auto& group = plan_.groups[number];
  Pass pass{&group};
  const bool lanes = plan_.axis >= 0;
  pass.axis = lanes ? plan_.axis : group.axes.empty() ? -1 : group.axes.back();
  pass.vector = lanes ? plan_.vector : group.vector;
  std::vector<int> roots;
  for (int s : group.statements) roots.push_back(form_.nest.statements[u(s)].expression);
  pass.ready.assign(form_.nest.expressions.size(), false);
  pass.keeps = pass.ready;
  for (const auto& k : plan_.kept) {
    if (k.group == number) pass.keeps[u(k.expression)] = true;
    if (k.group < number && plan_.groups[k.group].axes == group.axes) pass.ready[u(k.expression)] = true;
  }
  pass.needed = access_.needed(roots, pass.ready);
  pass.varies.assign(form_.nest.expressions.size(), false);
  if (pass.vector > 1) pass.varies = varying(form_, pass.axis, lanes);
  for (int s : group.statements) {
    if (!group.reduce) continue;
    const auto& statement = form_.nest.statements[u(s)];
    const DType dtype = form_.nest.expressions[u(statement.expression)].dtype;
    const std::string identity = identity_text(statement.reduction, dtype);
    if (!temporaries_are_arrays()) {
      text_.line(fmt::format("{} t{} = {};", register_type(dtype), s, identity));
      continue;
    }
    std::string all = identity;
    for (int v = 1; v < plan_.vector; ++v) all += ", " + identity;
    text_.line(fmt::format("{} t{}[{}] = {{{}}};", register_type(dtype), s, plan_.vector, all));
  }
  if (plan_.second && number == 0) return load_parts(group);
  positions(pass, at_);
  if (group.reduce && plan_.team > 1 && !group.axes.empty()) combine(group);
  if (plan_.parts > 1 && !plan_.second) store_parts(group);
}

std::string CudaLoops::rank() const {
  if (plan_.team == 1) return "0";
  if (plan_.axis >= 0) return fmt::format("threadIdx.x / {}", plan_.lanes());
  return plan_.lanes() == 1 ? "threadIdx.x" : fmt::format("threadIdx.x % {}", plan_.team);
}

std::string CudaLoops::part_place(std::size_t reduction, const std::string& item, const std::string& part,
                                  DType dtype) {
  Dim items = 1;
  for (int a : plan_.items) items *= form_.axes[u(a)].extent;
  std::string slot = reduction == 0 ? item : fmt::format("{} + {} * {}", item, reduction, text_.index(items));
  return fmt::format("reinterpret_cast<{}*>(scratch)[((long long)({}) * {} + {}) * {}]", register_type(dtype), slot,
                     plan_.parts, part, 8 / register_bytes(dtype));
}

void CudaLoops::store_parts(const CudaPlan::Group& group) {
  std::string when = plan_.team > 1 ? rank() + " == 0" : "";
  if (!at_.active.empty()) when += " && " + at_.active;
  if (!when.empty()) text_.line("if (" + when + ") {");
  const int vector = plan_.axis >= 0 ? plan_.vector : 1;
  for (std::size_t i = 0; i < group.statements.size(); ++i) {
    const int s = group.statements[i];
    const DType dtype = form_.nest.expressions[u(form_.nest.statements[u(s)].expression)].dtype;
    for (int v = 0; v < vector; ++v) {
      const std::string item = vector == 1 ? item_ : fmt::format("{} * {} + {}", item_, vector, v);
      text_.line(fmt::format("{} = {};", part_place(i, item, "part", dtype), temporary(s, std::to_string(v))));
    }
  }
  if (!when.empty()) text_.line("}");
}

void CudaLoops::load_parts(const CudaPlan::Group& group) {
  text_.line(fmt::format("for (int p = {}; p < {}; p += {}) {{", rank(), plan_.parts, plan_.team));
  for (std::size_t i = 0; i < group.statements.size(); ++i) {
    const auto& statement = form_.nest.statements[u(group.statements[i])];
    const DType dtype = form_.nest.expressions[u(statement.expression)].dtype;
    const std::string sum = temporary(group.statements[i], "0");
    text_.line(
        fmt::format("{} = {}({}, {});", sum, combiner(statement.reduction), sum, part_place(i, item_, "p", dtype)));
  }
  text_.line("}");
  combine(group);
}

// The loop over what a thread has to do.
void CudaLoops::positions(Pass& pass, CudaPlace at) {
  const auto& group = *pass.group;
  const auto type = text_.index_type();
  const std::string rank = this->rank();
  if (group.axes.empty()) {
    // A value of the whole item: one thread writes it.
    const bool one = plan_.team > 1 && !group.reduce;
    text_.line(one ? fmt::format("if ({} == 0) {{", rank) : "{");
    body(pass, at);
    text_.line("}");
    return;
  }
  const std::string steps = text_.index(group.steps);
  const bool flat = group.rounds > 0;
  bool test = true;
  if (flat) {
    if (group.rounds > 1) text_.line("#pragma unroll");
    pass.round = group.rounds > 1 ? "r" : "0";
    text_.line(group.rounds > 1 ? fmt::format("for (int r = 0; r < {}; ++r) {{", group.rounds) : "{");
    std::string position = rank;
    if (group.rounds > 1) position = rank == "0" ? "r" : fmt::format("{} + r * {}", rank, plan_.team);
    if (group.rounds > 1 && plan_.team == 1) position = "r";
    text_.line(fmt::format("const {} p = {};", type, position));
    test = group.steps != Dim(group.rounds * plan_.team);
    if (test) text_.line(fmt::format("if (p < {}) {{", steps));
  } else {
    std::string begin = rank, end = steps;
    if (plan_.parts > 1) {
      const std::string size = text_.index(ceildiv(group.steps, Dim(plan_.parts)));
      text_.line(fmt::format("const {} first = part * {}, last = least(first + {}, {});", type, size, size, steps));
      begin = rank == "0" ? "first" : "first + " + rank, end = "last";
    }
    text_.line("#pragma unroll 4");
    text_.line(fmt::format("for ({} p = {}; p < {}; p += {}) {{", type, begin, end, plan_.team));
    test = false;
  }
  decompose(group.axes, "p", plan_.axis >= 0 ? 1 : group.vector, at);
  int bounds = 0;
  for (int a : group.axes) {
    const auto& axis = form_.axes[u(a)];
    if (axis.bound < 0) continue;
    const std::string& outer = at.index[u(axis.bound)];
    std::string exists = fmt::format("{} < {}", at.index[u(a)], text_.index(axis.total));
    if (!outer.empty()) exists = fmt::format("{} * {} + {}", outer, text_.index(axis.extent), exists);
    text_.line(fmt::format("if ({}) {{", exists));
    ++bounds;
  }
  body(pass, at);
  for (; bounds > 0; --bounds) text_.line("}");
  if (test) text_.line("}");
  text_.line("}");
}

// One position, or `vector` of them: first what they share, then whole vectors, then element by element.
void CudaLoops::body(Pass& pass, CudaPlace at) {
  const auto& expressions = form_.nest.expressions;
  pass.names.assign(expressions.size(), {});
  if (pass.vector == 1) return element(pass, at, "0");
  for (std::size_t e = 0; e < expressions.size(); ++e) {
    if (pass.ready[e]) pass.varies[e] = true;
    for (int a : expressions[e].arguments) pass.varies[e] = pass.varies[e] || pass.varies[u(a)];
    if (!pass.needed[e] || pass.varies[e]) continue;
    if (expressions[e].kind == Kind::temporary) pass.names[e] = temporary(expressions[e].statement, "0");
    else access_.define(static_cast<int>(e), at, pass.names);
  }
  load_vectors(pass, at);
  for (int s : pass.group->statements)
    if (stores_vector(pass, s))
      text_.line(fmt::format("{} y{}[{}];", memory_type(form_.stores[u(s)]->dtype), s, pass.vector));
  text_.line("#pragma unroll");
  text_.line(fmt::format("for (int v = 0; v < {}; ++v) {{", pass.vector));
  CudaPlace one = at;
  one.index[u(pass.axis)] = fmt::format("({} + v)", at.index[u(pass.axis)]);
  element(pass, one, "v");
  text_.line("}");
  store_vectors(pass, at);
}

void CudaLoops::load_vectors(Pass& pass, const CudaPlace& at) {
  for (std::size_t e = 0; e < pass.needed.size(); ++e) {
    if (!pass.needed[e] || !pass.varies[e] || !form_.loads[e] || pass.ready[e]) continue;
    const Access& access = *form_.loads[e];
    if (!is_vector(pass, access)) continue;
    const auto type = memory_type(access.dtype);
    const std::string inside = access_.guard(access, at, pass.names);
    const std::string load =
        fmt::format("load_vector(x{}, p{} + {});", e, access.operand, access_.offset(access, at, pass.names));
    text_.line(fmt::format("{} x{}[{}];", type, e, pass.vector));
    if (inside.empty()) text_.line(load);
    else text_.line(fmt::format("if ({}) {}", inside, load));
    std::string value = from_memory(fmt::format("x{}[v]", e), access.dtype);
    if (!inside.empty()) {
      text_.line(fmt::format("const bool g{} = {};", e, inside));
      value = fmt::format("(g{} ? {} : {})", e, value, constant_text(access.fallback, access.dtype));
    } else if (access.dtype == DType::boolean) {
      value = "(" + value + ")";
    }
    pass.names[e] = value;
  }
}

void CudaLoops::element(Pass& pass, const CudaPlace& at, const std::string& lane) {
  const auto& expressions = form_.nest.expressions;
  Names& names = pass.names;
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    const int e = static_cast<int>(i);
    if (!pass.needed[i]) continue;
    if (pass.ready[i]) names[i] = kept(e, pass, lane);
    else if (expressions[i].kind == Kind::temporary) names[i] = temporary(expressions[i].statement, lane);
    else access_.define(e, at, names);
    if (pass.keeps[i]) text_.line(fmt::format("{} = {};", kept(e, pass, lane), names[i]));
  }
  for (int s : pass.group->statements) {
    const auto& statement = form_.nest.statements[u(s)];
    const std::string& value = names[u(statement.expression)];
    if (pass.group->reduce) {
      const std::string sum = temporary(s, plan_.axis >= 0 ? lane : "0");
      text_.line(fmt::format("{} = {}({}, {});", sum, combiner(statement.reduction), sum, value));
    } else if (stores_vector(pass, s)) {
      text_.line(fmt::format("y{}[v] = {};", s, to_memory(value, form_.stores[u(s)]->dtype)));
    } else {
      const Access& store = *form_.stores[u(s)];
      text_.line(fmt::format("{}p{}[{}] = {};", at.active.empty() ? "" : "if (" + at.active + ") ", store.operand,
                             access_.offset(store, at, names), to_memory(value, store.dtype)));
    }
  }
}

void CudaLoops::store_vectors(const Pass& pass, const CudaPlace& at) {
  for (int s : pass.group->statements) {
    if (!stores_vector(pass, s)) continue;
    const Access& store = *form_.stores[u(s)];
    text_.line(fmt::format("{}store_vector(p{} + {}, y{});", at.active.empty() ? "" : "if (" + at.active + ") ",
                           store.operand, access_.offset(store, at, pass.names), s));
  }
}

// The threads of a team into one value.
void CudaLoops::combine(const CudaPlan::Group& group) {
  for (int s : group.statements) {
    const auto& statement = form_.nest.statements[u(s)];
    const auto f = combiner(statement.reduction);
    const DType dtype = form_.nest.expressions[u(statement.expression)].dtype;
    if (plan_.axis >= 0)
      text_.line(
          fmt::format("across_columns<{}, {}, {}>({}, t{}, place);", plan_.lanes(), plan_.team, plan_.vector, f, s));
    else if (plan_.team <= 32) text_.line(fmt::format("t{} = across_lanes<{}>({}, t{});", s, plan_.team, f, s));
    else
      text_.line(fmt::format("t{} = across_block<{}>({}, t{}, {}, place);", s, plan_.threads, f, s,
                             identity_text(statement.reduction, dtype)));
  }
}

// Threads read along the tile's one side and write along the other.
void CudaLoops::tiles() {
  const auto type = text_.index_type();
  const int side = plan_.tile, vector = plan_.vector, lanes = side / vector, rows = plan_.threads / lanes;
  const Dim& across = form_.axes[u(plan_.axis)].extent;
  const Dim& along = form_.axes[u(plan_.tile_axis)].extent;
  const std::string columns = text_.index(ceildiv(across, Dim(side))), lines = text_.index(ceildiv(along, Dim(side)));
  for (int e : plan_.tiled) {
    const auto memory = memory_type(form_.loads[u(e)]->dtype);
    text_.line(fmt::format("__shared__ {} tile{}[{}][{}];", memory, e, side, side + 1));
  }
  text_.line(fmt::format("const int x = threadIdx.x % {}, y = threadIdx.x / {};", lanes, lanes));
  text_.line(fmt::format("const {} block = ({})blockIdx.x;", type, type));
  text_.line(fmt::format("const {} column = remainder_of(block, {}) * {};", type, columns, side));
  text_.line(fmt::format("const {} rest = quotient(block, {});", type, columns));
  text_.line(fmt::format("const {} row = remainder_of(rest, {}) * {};", type, lines, side));
  if (!plan_.items.empty()) text_.line(fmt::format("const {} item = quotient(rest, {});", type, lines));
  decompose(plan_.items, "item", 1, at_);

  const std::string here = fmt::format("i{}", plan_.axis), there = fmt::format("i{}", plan_.tile_axis);
  at_.index[u(plan_.axis)] = here, at_.index[u(plan_.tile_axis)] = there;
  const std::string lane = vector == 1 ? "x" : fmt::format("x * {}", vector);
  const auto each_row = [&](bool load) {
    text_.line(load || plan_.flat_tile ? "#pragma unroll" : "#pragma unroll 1");
    text_.line(fmt::format("for (int k = 0; k < {}; ++k) {{", side / rows));
    text_.line(fmt::format("const int r = y + k * {};", rows));
    text_.line(fmt::format("const {} {} = column + {}, {} = row + {};", type, here, load ? "r" : lane, there,
                           load ? lane : "r"));
    Dim quotient;
    std::string inside;
    if (!divides(Dim(side), across, &quotient)) inside = fmt::format("{} < {}", here, text_.index(across));
    if (!divides(Dim(side), along, &quotient))
      inside += fmt::format("{}{} < {}", inside.empty() ? "" : " && ", there, text_.index(along));
    text_.line(inside.empty() ? "{" : "if (" + inside + ") {");
    load ? load_tiles(lane) : store_tiles();
    text_.line("}");
    text_.line("}");
  };
  each_row(true);
  text_.line("__syncthreads();");
  each_row(false);
}

void CudaLoops::load_tiles(const std::string& lane) {
  const Names none(form_.nest.expressions.size());
  for (int e : plan_.tiled) {
    const Access& access = *form_.loads[u(e)];
    const std::string place = access_.offset(access, at_, none);
    if (plan_.vector == 1) {
      text_.line(fmt::format("tile{}[r][x] = p{}[{}];", e, access.operand, place));
      continue;
    }
    text_.line(fmt::format("{} x{}[{}];", memory_type(access.dtype), e, plan_.vector));
    text_.line(fmt::format("load_vector(x{}, p{} + {});", e, access.operand, place));
    text_.line("#pragma unroll");
    text_.line(fmt::format("for (int v = 0; v < {}; ++v) tile{}[r][{} + v] = x{}[v];", plan_.vector, e, lane, e));
  }
}

void CudaLoops::store_tiles() {
  for (const auto& group : plan_.groups) {
    Pass pass{&group};
    pass.axis = plan_.axis, pass.vector = plan_.vector;
    std::vector<int> roots;
    for (int s : group.statements) roots.push_back(form_.nest.statements[u(s)].expression);
    pass.keeps.assign(form_.nest.expressions.size(), false);
    pass.ready = pass.keeps;
    for (int e : plan_.tiled) pass.ready[u(e)] = true;
    pass.needed = access_.needed(roots, pass.ready);
    pass.varies = varying(form_, plan_.axis, true);
    text_.line("{");
    body(pass, at_);
    text_.line("}");
  }
}

}  // namespace burnish
