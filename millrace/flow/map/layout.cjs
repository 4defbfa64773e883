// Reads {directions, boxes, groups, arrows} from stdin and writes dagre's layout for each direction. Run by layout.py.
const { graphlib: { Graph }, layout } = require("./dagre.cjs");

const chart = JSON.parse(require("node:fs").readFileSync(0, "utf8"));

function laidOut(rankdir) {
  const graph = new Graph({ compound: true, multigraph: true });
  graph.setGraph({ rankdir, nodesep: 16, ranksep: 36, edgesep: 12, marginx: 24, marginy: 24 });
  for (const group of chart.groups) graph.setNode(group.id, {});
  for (const { id, width, height, group } of chart.boxes) {
    graph.setNode(id, { width, height });
    if (group) graph.setParent(id, group);
  }
  chart.arrows.forEach(({ source, target, weight, width, height }, number) =>
    graph.setEdge(source, target, { weight, width, height, labelpos: "c" }, String(number)));
  layout(graph);
  const { width, height } = graph.graph();
  const lines = chart.arrows.map(({ source, target }, number) => {
    const { points, x, y } = graph.edge(source, target, String(number));
    return { points: points.map((point) => [point.x, point.y]), label: x === undefined ? null : [x, y] };
  });
  return { width, height, lines, boxes: positions(graph, chart.boxes), groups: positions(graph, chart.groups) };
}

function positions(graph, parts) {
  return Object.fromEntries(parts.map(({ id }) => {
    const { x, y, width, height } = graph.node(id);
    return [id, { x, y, width, height }];
  }));
}

process.stdout.write(JSON.stringify(chart.directions.map(laidOut)));
