import { because, clock, h } from "./dom.js";

let filter = "";

export function actsPane(state, redraw) {
  const wanted = filter.toLowerCase();
  const found = state.acts.filter((act) => `${act.subject} ${act.what} ${act.why.reason} ${act.why.message}`.toLowerCase().includes(wanted));
  return [h("h2", {}, "History of acts"),
    h("p", {}, h("label", { for: "filter" }, "Filter "), h("input", { id: "filter", type: "search", value: filter, oninput: (event) => { filter = event.target.value; redraw(); } })),
    found.length ? h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Acts" }, h("table", {}, h("thead", {}, h("tr", {}, ["time", "what", "about", "why"].map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, found.map(row)))) : h("p", { class: "empty" }, "Nothing was done that fits."),
    h("p", { class: "hint" }, "The last change of each node, and the decisions of the EnergyPlans that are kept. In a terminal: kubectl get eplan; sunward explain NODE.")];
}

function row(act) {
  return h("tr", {}, h("td", { class: "time" }, clock(act.time)), h("td", {}, act.what, act.dry_run && h("span", { class: "tag" }, "dry run")), h("td", {}, act.subject), h("td", {}, because(act.why)));
}
