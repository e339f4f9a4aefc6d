#include "schedule/pbqp.h"

#include <algorithm>
#include <limits>
#include <set>

namespace burnish {

int PairwiseChoice::add_vertex(std::vector<double> costs) {
  vertices_.push_back({std::move(costs), {}});
  return static_cast<int>(vertices_.size()) - 1;
}

void PairwiseChoice::add_edge(int u, int v, std::vector<double> costs) {
  const std::size_t rows = choices(u), columns = choices(v);
  Matrix& forward = at(u).edges.try_emplace(v, Matrix(rows * columns, 0.0)).first->second;
  Matrix& backward = at(v).edges.try_emplace(u, Matrix(rows * columns, 0.0)).first->second;
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t k = 0; k < columns; ++k) {
      forward[i * columns + k] += costs[i * columns + k];
      backward[k * rows + i] += costs[i * columns + k];
    }
  }
}

void PairwiseChoice::remove_edge(int u, int v) {
  at(u).edges.erase(v);
  at(v).edges.erase(u);
}

// The only neighbour pays for the vertex's best answer to each of its choices.
void PairwiseChoice::fold_leaf(int vertex) {
  const int neighbour = at(vertex).edges.begin()->first;
  const Matrix& edge = at(vertex).edges.begin()->second;
  const auto& costs = at(vertex).costs;
  const std::size_t columns = choices(neighbour);
  for (std::size_t k = 0; k < columns; ++k) {
    double best = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < costs.size(); ++i) best = std::min(best, costs[i] + edge[i * columns + k]);
    at(neighbour).costs[k] += best;
  }
  removed_.push_back({vertex, costs, at(vertex).edges});
  remove_edge(vertex, neighbour);
}

// Two neighbours share the cost of the vertex's best answer to each pair of their choices.
void PairwiseChoice::fold_between(int vertex) {
  const int a = at(vertex).edges.begin()->first, b = std::next(at(vertex).edges.begin())->first;
  const Matrix to_a = at(vertex).edges.begin()->second, to_b = std::next(at(vertex).edges.begin())->second;
  const auto costs = at(vertex).costs;
  const std::size_t rows = choices(a), columns = choices(b);
  Matrix pair(rows * columns);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t k = 0; k < columns; ++k) {
      double best = std::numeric_limits<double>::infinity();
      for (std::size_t c = 0; c < costs.size(); ++c)
        best = std::min(best, costs[c] + to_a[c * rows + i] + to_b[c * columns + k]);
      pair[i * columns + k] = best;
    }
  }
  removed_.push_back({vertex, costs, at(vertex).edges});
  remove_edge(vertex, a);
  remove_edge(vertex, b);
  add_edge(a, b, std::move(pair));
}

// Takes what is best if every neighbour could answer freely.
void PairwiseChoice::decide(int vertex) {
  std::vector<double> total = at(vertex).costs;
  for (const auto& [neighbour, edge] : at(vertex).edges) {
    const auto& theirs = at(neighbour).costs;
    for (std::size_t i = 0; i < total.size(); ++i) {
      double best = std::numeric_limits<double>::infinity();
      for (std::size_t k = 0; k < theirs.size(); ++k) best = std::min(best, theirs[k] + edge[i * theirs.size() + k]);
      total[i] += best;
    }
  }
  const auto choice = static_cast<std::size_t>(std::min_element(total.begin(), total.end()) - total.begin());
  for (std::size_t i = 0; i < total.size(); ++i)
    if (i != choice) at(vertex).costs[i] = std::numeric_limits<double>::infinity();
  const auto edges = at(vertex).edges;
  for (const auto& [neighbour, edge] : edges) {
    auto& theirs = at(neighbour).costs;
    for (std::size_t k = 0; k < theirs.size(); ++k) theirs[k] += edge[choice * theirs.size() + k];
    remove_edge(vertex, neighbour);
  }
  removed_.push_back({vertex, at(vertex).costs, {}});
}

std::vector<int> PairwiseChoice::solve() {
  std::set<std::pair<std::size_t, int>> by_degree;
  for (std::size_t v = 0; v < vertices_.size(); ++v) by_degree.emplace(vertices_[v].edges.size(), static_cast<int>(v));
  while (!by_degree.empty()) {
    auto [degree, vertex] = *by_degree.begin();
    // Nothing small is left: the vertex with the most edges takes most of the knot with it.
    if (degree > 2) std::tie(degree, vertex) = *by_degree.rbegin();
    std::vector<int> touched = {vertex};
    for (const auto& [neighbour, edge] : at(vertex).edges) touched.push_back(neighbour);
    for (int t : touched) by_degree.erase({at(t).edges.size(), t});
    if (degree == 0) removed_.push_back({vertex, at(vertex).costs, {}});
    else if (degree == 1) fold_leaf(vertex);
    else if (degree == 2) fold_between(vertex);
    else decide(vertex);
    for (std::size_t i = 1; i < touched.size(); ++i) by_degree.emplace(at(touched[i]).edges.size(), touched[i]);
  }
  std::vector<int> choice(vertices_.size(), 0);
  for (auto r = removed_.rbegin(); r != removed_.rend(); ++r) {
    std::vector<double> total = r->costs;
    for (const auto& [neighbour, edge] : r->edges) {
      const std::size_t columns = choices(neighbour);
      for (std::size_t i = 0; i < total.size(); ++i)
        total[i] += edge[i * columns + static_cast<std::size_t>(choice[static_cast<std::size_t>(neighbour)])];
    }
    choice[static_cast<std::size_t>(r->vertex)] =
        static_cast<int>(std::min_element(total.begin(), total.end()) - total.begin());
  }
  removed_.clear();
  return choice;
}

}  // namespace burnish
