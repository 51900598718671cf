// The flow picture: widths in watts, physical and contractual transfers told apart by pattern as well as colour.
import { sankey, sankeyLinkHorizontal } from "d3-sankey";
import { amount, clock, h, s } from "./dom.js";

const WIDTH = 760;

export function flowPicture(flow) {
  if (!flow) return h("p", { class: "empty" }, "No period is settled yet, so no flows are known. The first appear at the end of the running period.");
  const caption = `Mean watts from ${clock(flow.start)} to ${clock(flow.end)}${flow.by_site ? ", by site" : ""}.`;
  const missing = flow.incomplete ? ` ${flow.incomplete} ${flow.incomplete === 1 ? "node is" : "nodes are"} not in the picture: their energy is unknown.` : "";
  if (!flow.links.length) return h("p", { class: "empty" }, caption, " No flow is known.", missing);
  return h("figure", {}, h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Flow picture" }, drawn(flow.links)), h("figcaption", {}, caption, missing, legend(flow.links)), asTable(flow.links));
}

function drawn(links) {
  const names = [...new Set(links.flatMap((link) => [link.source, link.target]))];
  const height = Math.max(180, 34 * names.length);
  const graph = sankey().nodeId((node) => node.name).nodeWidth(10).nodePadding(14).extent([[8, 10], [WIDTH - 8, height - 10]])({
    nodes: names.map((name) => ({ name })),
    links: links.map((link) => ({ ...link, value: link.watts })),
  });
  return s("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "flow", "aria-hidden": "true" }, graph.links.map(ribbon), graph.nodes.map(place));
}

function ribbon(link) {
  const title = `${link.source.name} to ${link.target.name}: ${amount(link.watts, "W")} (${link.kind})`;
  return s("path", { d: sankeyLinkHorizontal()(link), class: `ribbon ${link.kind}`, "stroke-width": Math.max(1, link.width) }, s("title", {}, title));
}

function place(node) {
  const left = node.x0 > WIDTH / 2;
  const watts = amount(node.value, "W");
  return s("g", {}, s("rect", { x: node.x0, y: node.y0, width: node.x1 - node.x0, height: Math.max(1, node.y1 - node.y0), rx: 2, class: "place" }),
    s("text", { x: left ? node.x0 - 7 : node.x1 + 7, y: (node.y0 + node.y1) / 2, dy: "0.35em", "text-anchor": left ? "end" : "start" }, `${node.name}  ${watts}`));
}

function legend(links) {
  const kinds = [...new Set(links.map((link) => link.kind))];
  return h("span", { class: "legend" }, kinds.map((kind) => h("span", { class: `key ${kind}` }, kind.toLowerCase())));
}

function asTable(links) {
  const row = (link) => h("tr", {}, h("td", {}, link.source), h("td", {}, link.target), h("td", {}, link.kind), h("td", { class: "number" }, amount(link.watts, "W")));
  return h("details", {}, h("summary", {}, "The same as a table"), h("table", {}, h("thead", {}, h("tr", {}, ["from", "to", "kind", "mean power"].map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, links.map(row))));
}
