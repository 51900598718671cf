import { ago, amount, because, clock, grams, h } from "./dom.js";
import { flowPicture } from "./flow.js";

export function nowPane(state) {
  const now = state.now;
  return [banners(now), figures(now, state.taken_at), h("h2", {}, "Energy"), flowPicture(now.flow), sites(now.nodes, state.taken_at)];
}

function banners(now) {
  return [
    now.mode !== "Active" && h("p", { class: "banner plain" }, h("strong", {}, "Dry run: "), "plans are made and nothing is switched. Set spec.mode of the EnergyPolicy to Active to act."),
    now.hold && h("p", { class: "banner warn" }, h("strong", {}, "Holding: "), "no node is put to sleep. ", because(now.hold)),
    now.ready && h("p", { class: "banner warn" }, h("strong", {}, "Not ready: "), because(now.ready)),
  ];
}

function figures(now, takenAt) {
  const counted = Object.entries(now.counts).map(([state, count]) => `${count} ${state.toLowerCase()}`).join(", ");
  return h("dl", { class: "figures" },
    figure("Nodes", String(now.nodes.length), counted || "no EnergyNode exists; sunward init proposes some"),
    figure("Emissions now", grams(now.grams_per_hour, "/h"), `location-based, by the meters of ${now.nodes.length - now.unknown_nodes} of ${now.nodes.length} nodes`),
    savedFigure(now.saved));
}

function figure(name, value, note) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, h("span", { class: "value" }, value), h("span", { class: "note" }, note)));
}

function savedFigure(saved) {
  if (!saved) return figure("Saved in the last hour", amount(null), "no period with known totals is settled yet");
  const sign = saved.avoided_grams < 0 ? "more" : "less";
  const unknown = saved.unknown ? `; ${saved.unknown} more with unknown totals` : "";
  const note = h("span", {}, grams(saved.emitted_grams), " emitted, ", grams(saved.baseline_grams), ` by the baseline. ${saved.periods} ${saved.periods === 1 ? "period" : "periods"}, ${clock(saved.start)} to ${clock(saved.end)}${unknown}. Method: ${saved.method}`);
  return figure("Last settled hour", h("span", { class: saved.avoided_grams < 0 ? "bad" : "good" }, grams(Math.abs(saved.avoided_grams)), ` ${sign}`), note);
}

function sites(nodes, takenAt) {
  const names = [...new Set(nodes.map((node) => node.site))];
  return names.map((name) => h("section", { class: "site" }, h("h2", {}, name || (names.length > 1 ? "Without a site" : "Nodes")),
    h("ul", { class: "cards" }, nodes.filter((node) => node.site === name).map((node) => card(node, takenAt)))));
}

function card(node, takenAt) {
  const since = node.why && node.why.since ? ` for ${ago(node.why.since, takenAt)}` : "";
  return h("li", { class: `card ${node.state}${node.problem ? " trouble" : ""}` },
    h("h3", {}, node.name, h("span", { class: "state" }, node.state.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase(), since)),
    node.why && h("p", { class: "why" }, because(node.why)),
    node.obstacle && h("p", {}, "May not sleep: ", because(node.obstacle)),
    node.problem && h("p", { class: "problem" }, h("span", { "aria-hidden": "true" }, "⚠ "), because(node.problem)),
    node.pinned_by.length > 0 && h("p", {}, "Kept awake only by ", node.pinned_by.join(", "), ", which costs ", grams(node.pinned_grams_per_hour, "/h")),
    node.override && h("p", {}, "Ordered: ", node.override),
    node.next_wake && h("p", {}, `Wakes at ${clock(node.next_wake)}`),
    readings(node));
}

function readings(node) {
  const asleep = node.state === "Asleep";
  const rows = [
    ["power", node.watts === null && asleep ? "off" : amount(node.watts, "W"), node.watts === null && !asleep ? node.watts_missing : ""],
    node.harvests && ["sun", amount(node.harvest_watts, "W"), ""],
    node.battery_percent !== null && ["battery", `${node.battery_percent} %`, ""],
    ["emits", node.grams_per_hour === null && asleep ? "no reading" : grams(node.grams_per_hour, "/h"), node.zone],
  ].filter(Boolean);
  return h("dl", { class: "readings" }, rows.map(([name, value, note]) => h("div", {}, h("dt", {}, name), h("dd", {}, value, note ? h("small", {}, ` ${note}`) : ""))));
}
