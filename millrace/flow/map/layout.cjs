// Reads {directions, boxes, groups, arrows} on stdin and answers, for each direction, where dagre puts them.
// Run by layout.py, when a map is made.
const { graphlib: { Graph }, layout } = require("./dagre.cjs");

const asked = JSON.parse(require("node:fs").readFileSync(0, "utf8"));

function laidOut(rankdir) {
  const graph = new Graph({ compound: true, multigraph: true });
  graph.setGraph({ rankdir, nodesep: 16, ranksep: 36, edgesep: 12, marginx: 24, marginy: 24 });
  for (const group of asked.groups) graph.setNode(group.id, {});
  for (const { id, width, height, group } of asked.boxes) {
    graph.setNode(id, { width, height });
    if (group) graph.setParent(id, group);
  }
  asked.arrows.forEach(({ source, target, weight, width, height }, number) =>
    graph.setEdge(source, target, { weight, width, height, labelpos: "c" }, String(number)));
  layout(graph);
  const { width, height } = graph.graph();
  const ways = asked.arrows.map(({ source, target }, number) => {
    const { points, x, y } = graph.edge(source, target, String(number));
    return { points: points.map((point) => [point.x, point.y]), label: x === undefined ? null : [x, y] };
  });
  return { width, height, ways, boxes: places(graph, asked.boxes), groups: places(graph, asked.groups) };
}

function places(graph, parts) {
  return Object.fromEntries(parts.map(({ id }) => {
    const { x, y, width, height } = graph.node(id);
    return [id, { x, y, width, height }];
  }));
}

process.stdout.write(JSON.stringify(asked.directions.map(laidOut)));
