#pragma once
// Choices that cost something alone and in pairs: minimise sum c_v[x_v] + sum C_uv[x_u][x_v]. Exact where the graph falls
// apart by removing vertices of degree 0, 1 and 2 (chains, trees, series-parallel graphs); the rest is decided one vertex
// at a time, in a fixed order. Source: Scholz & Eckstein, "Register allocation for irregular architectures" (LCTES 2002);
// for networks: Anderson & Gregg, "Optimal DNN primitive selection" (arXiv 1710.01079).

#include <map>
#include <vector>

namespace burnish {

class PairwiseChoice {
 public:
  // Returns the vertex's number. At least one choice.
  int add_vertex(std::vector<double> costs);
  void add_cost(int vertex, int choice, double cost) {
    vertices_[static_cast<std::size_t>(vertex)].costs[static_cast<std::size_t>(choice)] += cost;
  }
  // costs[i * choices(v) + k] is added when u takes i and v takes k.
  void add_edge(int u, int v, std::vector<double> costs);
  std::size_t choices(int vertex) const { return vertices_[static_cast<std::size_t>(vertex)].costs.size(); }
  // The choice of every vertex. Leaves the object empty of edges.
  std::vector<int> solve();

 private:
  using Matrix = std::vector<double>;  // rows: choices of the vertex that holds it
  struct Vertex {
    std::vector<double> costs;
    std::map<int, Matrix> edges;  // by neighbour
  };
  void remove_edge(int u, int v);
  void fold_leaf(int vertex);
  void fold_between(int vertex);
  void decide(int vertex);
  Vertex& at(int v) { return vertices_[static_cast<std::size_t>(v)]; }
  std::vector<Vertex> vertices_;
  struct Removed {
    int vertex;
    std::vector<double> costs;
    std::map<int, Matrix> edges;
  };
  std::vector<Removed> removed_;  // in order; decided backwards
};

}  // namespace burnish
