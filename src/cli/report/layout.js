// Places for the nodes of a graph without cycles: ranks from the top down, neighbours near each other, long edges through
// places of their own. Takes [{from: [numbers of nodes]}], gives their x (middle) and rank, and edges as lists of points.

const kNodeWidth = 178, kNodeHeight = 34, kRankHeight = 52, kColumn = 190, kLane = 18;
const kMostBends = 12000;  // places for long edges; beyond them edges are straight

function layOut(list) {
  const count = list.length, rank = new Array(count).fill(0), given = list.map((node) => [...new Set(node.from)]);
  // Nodes follow those that they read; what does not is no order to rely on.
  for (let i = 0; i < count; ++i)
    for (const f of given[i]) if (f < i) rank[i] = Math.max(rank[i], rank[f] + 1);
  const read = new Array(count).fill(Infinity);  // an input stands above its first reader
  for (let i = 0; i < count; ++i) for (const f of given[i]) if (f < i) read[f] = Math.min(read[f], rank[i]);
  for (let i = 0; i < count; ++i) if (given[i].length === 0 && read[i] < Infinity) rank[i] = read[i] - 1;

  const places = list.map((_, i) => ({node: i, rank: rank[i], up: [], down: [], x: 0}));
  let bends = 0;
  for (let i = 0; i < count; ++i) for (const f of given[i]) if (f < i) bends += rank[i] - rank[f] - 1;
  const edges = [];
  for (let i = 0; i < count; ++i)
    for (const f of given[i]) {
      if (f >= i) continue;
      const chain = [f];
      let last = places[f];
      for (let r = rank[f] + 1; bends <= kMostBends && r < rank[i]; ++r) {
        const bend = {node: -1, rank: r, up: [last], down: [], x: 0};
        last.down.push(bend);
        chain.push(places.length);
        places.push(bend);
        last = bend;
      }
      last.down.push(places[i]);
      places[i].up.push(last);
      edges.push({from: f, to: i, chain: [...chain, i]});
    }

  const ranks = [];
  for (const place of places) (ranks[place.rank] ??= []).push(place);
  for (let r = 0; r < ranks.length; ++r) ranks[r] ??= [];
  // Of boxes, where there are any: else every edge that passes by would bend a chain a little, always to the same side.
  const mean = (near, otherwise) => {
    const boxes = near.filter((p) => p.node >= 0), of = boxes.length > 0 ? boxes : near;
    return of.length === 0 ? otherwise : of.reduce((sum, p) => sum + p.x, 0) / of.length;
  };
  const room = (place) => place.node < 0 ? kLane : kColumn;
  const weight = (place) => place.node < 0 ? 0.001 : 1;  // long edges give way to boxes
  // Keeps an order and gives each its room, as near as can be to where it wants to be.
  const spread = (row, wish) => {
    const blocks = [];  // that touch each other; sum: wishes for the block's begin, by weight
    for (const place of row) {
      let block = {members: [place], width: room(place), sum: weight(place) * (wish.get(place) - room(place) / 2),
                   count: weight(place)};
      while (blocks.length > 0) {
        const before = blocks[blocks.length - 1];
        if (before.sum / before.count + before.width <= block.sum / block.count) break;
        blocks.pop();
        block = {members: before.members.concat(block.members), width: before.width + block.width,
                 sum: before.sum + block.sum - before.width * block.count, count: before.count + block.count};
      }
      blocks.push(block);
    }
    for (const block of blocks) {
      let x = block.sum / block.count;
      for (const place of block.members) {
        place.x = x + room(place) / 2;
        x += room(place);
      }
    }
  };
  for (const row of ranks) {
    let x = -row.reduce((sum, p) => sum + room(p), 0) / 2;
    for (const place of row) {
      place.x = x + room(place) / 2;
      x += room(place);
    }
  }
  for (let round = 0; round < 8; ++round) {
    const down = round % 2 === 0;
    for (const row of down ? ranks : [...ranks].reverse()) {
      const wish = new Map(row.map((place) => [place, mean(down ? place.up : place.down, place.x)]));
      if (round < 6) row.sort((a, b) => wish.get(a) - wish.get(b));
      spread(row, wish);
    }
  }
  const left = Math.min(...places.map((p) => p.x - room(p) / 2), 0), right = Math.max(...places.map((p) => p.x + room(p) / 2), 1);
  for (const place of places) place.x = Math.round(place.x - left);
  return {
    width: right - left, height: ranks.length * kRankHeight,
    nodes: places.slice(0, count),
    edges: edges.map((e) => ({from: e.from, to: e.to, points: e.chain.map((p) => places[p])})),
  };
}

// A line through an edge's places, from the lower side of a box to the upper side of another.
function edgePath(points) {
  const y = (place, low) => place.rank * kRankHeight + (low ? kNodeHeight + 4 : 4);
  let path = `M${points[0].x.toFixed(1)},${y(points[0], true)}`;
  let above = y(points[0], true), x = points[0].x;
  for (let i = 1; i < points.length; ++i) {
    const end = y(points[i], false), middle = ((above + end) / 2).toFixed(1), to = points[i].x.toFixed(1);
    path += points[i].x === x ? `V${end}` : `C${x.toFixed(1)},${middle} ${to},${middle} ${to},${end}`;
    x = points[i].x;
    above = end;
    if (i + 1 < points.length) path += `V${above = y(points[i], true)}`;
  }
  return path;
}
