// Tiles of lanes x lanes: what is contiguous along the other axis is loaded so and transposed in registers.

#include "codegen/cpu/nest_loops.h"

namespace burnish {
namespace {

std::size_t u(int i) { return static_cast<std::size_t>(i); }

// rows[i][j] becomes rows[j][i].
void transpose(llvm::IRBuilder<>& b, std::vector<Value>& rows) {
  const int n = static_cast<int>(rows.size());
  auto shuffle = [&](Value x, Value y, auto lane) {
    llvm::SmallVector<int, 16> mask;
    for (int l = 0; l < n; ++l) mask.push_back(lane(l));
    return b.CreateShuffleVector(x, y, mask);
  };
  int distance = 1;
  if (n >= 4 && rows[0]->getType()->getScalarSizeInBits() == 32) {
    // Within 16 bytes, in the order that the unpack instructions like: one instruction a shuffle.
    distance = 4;
    for (int g = 0; g < n; g += 4) {
      auto low = [&](Value x, Value y) {
        return shuffle(x, y, [&](int l) { return l / 4 * 4 + l % 4 / 2 + (l % 2 ? n : 0); });
      };
      auto high = [&](Value x, Value y) {
        return shuffle(x, y, [&](int l) { return l / 4 * 4 + 2 + l % 4 / 2 + (l % 2 ? n : 0); });
      };
      auto low2 = [&](Value x, Value y) {
        return shuffle(x, y, [&](int l) { return l / 4 * 4 + l % 2 + (l % 4 >= 2 ? n : 0); });
      };
      auto high2 = [&](Value x, Value y) {
        return shuffle(x, y, [&](int l) { return l / 4 * 4 + 2 + l % 2 + (l % 4 >= 2 ? n : 0); });
      };
      Value a = low(rows[u(g)], rows[u(g + 1)]), c = high(rows[u(g)], rows[u(g + 1)]);
      Value d = low(rows[u(g + 2)], rows[u(g + 3)]), e = high(rows[u(g + 2)], rows[u(g + 3)]);
      rows[u(g)] = low2(a, d);
      rows[u(g + 1)] = high2(a, d);
      rows[u(g + 2)] = low2(c, e);
      rows[u(g + 3)] = high2(c, e);
    }
  }
  for (; distance < n; distance *= 2)
    for (int i = 0; i < n; ++i) {
      if (i & distance) continue;
      Value x = rows[u(i)], y = rows[u(i + distance)];
      rows[u(i)] = shuffle(x, y, [&](int l) { return l & distance ? n + l - distance : l; });
      rows[u(i + distance)] = shuffle(x, y, [&](int l) { return l & distance ? n + l : l + distance; });
    }
}

}  // namespace

void NestLoops::tile(Position at, const Span& across, const Span& along) {
  const int n = plan_.lanes, v = plan_.axis, h = plan_.tile_axis;
  auto whole = [&](const Span& s) {
    return b_.CreateAdd(s.begin, b_.CreateAnd(b_.CreateSub(s.end, s.begin), frame_.number(-n)));
  };
  Value v_end = whole(across), h_end = whole(along);
  Values none;
  // Columns that fill no tile: element by element along the vector axis.
  auto column = [&](Value i, Value begin) {
    at.index[u(h)] = i;
    vector_loop(at, v, {begin, across.end, {}}, 1, 0, none,
                [&](std::vector<Position>& vectors, Values&) { rows(vectors); });
  };
  frame_.loop("tile", along.begin, h_end, n, [&](Value i) {
    frame_.loop("across", across.begin, v_end, n, [&](Value j) {
      std::vector<std::vector<Value>> loaded;
      for (int e : plan_.transposed) {
        const Access& access = *form_.loads[u(e)];
        std::vector<Value> lines;
        for (int r = 0; r < n; ++r) {
          Position p = at;
          p.index[u(h)] = i;
          p.index[u(v)] = b_.CreateAdd(j, frame_.number(r));
          lines.push_back(access_.load_at(access, access_.address(access, p), n, nullptr));
        }
        transpose(b_, lines);
        loaded.push_back(std::move(lines));
      }
      for (int r = 0; r < n; ++r) {
        std::vector<Position> list = {at};
        Position& p = list[0];
        p.index[u(h)] = b_.CreateAdd(i, frame_.number(r));
        p.index[u(v)] = j;
        p.axis = v;
        p.lanes = n;
        for (std::size_t k = 0; k < loaded.size(); ++k) p.preset[plan_.transposed[k]] = loaded[k][u(r)];
        rows(list);
      }
    });
    frame_.branch(
        b_.CreateICmpSLT(v_end, across.end),
        [&] {
          frame_.loop("row", i, b_.CreateAdd(i, frame_.number(n)), 1, [&](Value k) { column(k, v_end); });
          return Values{};
        },
        [] { return Values{}; });
  });
  frame_.loop("rest", h_end, along.end, 1, [&](Value i) { column(i, across.begin); });
}

}  // namespace burnish
