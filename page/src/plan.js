import { because, clock, grams, h, s, words } from "./dom.js";

const MODES = { none: "no sharing, no moving", det: "energy trading only", dat: "moving work only", deta: "both" };
let chosen = null;

export function planPane(state, redraw) {
  const plan = state.plan;
  if (!plan) return h("p", { class: "empty" }, "There is no plan yet. The operator makes the first one when its data are complete; sunward doctor says what is missing.");
  return [
    h("h2", {}, `Plan ${clock(plan.start)} to ${clock(plan.reach)}`, plan.dry_run && h("span", { class: "tag" }, "dry run: not carried out")),
    plan.why && h("p", { class: "banner warn" }, h("strong", {}, `${plan.status}: `), because(plan.why)),
    lanes(plan, state.taken_at, redraw), detail(plan), facts(plan), others(plan),
  ];
}

function lanes(plan, takenAt, redraw) {
  const start = new Date(plan.start), span = new Date(plan.reach) - start;
  const share = (stamp) => (100 * (new Date(stamp) - start)) / span;
  const lane = (one) => h("li", { class: chosen === one.node ? "chosen" : "" },
    h("button", { type: "button", "aria-pressed": String(chosen === one.node), "aria-label": `${one.node}: ${one.blocks.map(told).join("; ")}`, onclick: () => { chosen = chosen === one.node ? null : one.node; redraw(); } },
      h("span", { class: "name" }, one.node), bars(one.blocks, share)));
  return h("div", {}, h("ol", { class: "lanes" }, plan.lanes.map(lane)), axis(plan),
    h("p", { class: "legend" }, h("span", { class: "key Work" }, "work"), h("span", { class: "key Awake" }, "awake"), h("span", { class: "key Sleep" }, "asleep")));
}

function told(block) {
  return `${block.text} from ${clock(block.start)} ${block.open_ended ? "to the end of the plan" : `to ${clock(block.end)}`}`;
}

function bars(blocks, share) {
  const bar = (block) => {
    const left = share(block.start);
    return s("rect", { x: left, y: 0, width: Math.max(0.4, share(block.end) - left), height: 10, class: block.kind }, s("title", {}, told(block)));
  };
  return s("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, blocks.map(bar));
}

function axis(plan) {
  const start = new Date(plan.start).getTime(), span = new Date(plan.reach) - start;
  return h("p", { class: "axis", "aria-hidden": "true" }, [0, 0.25, 0.5, 0.75, 1].map((part) => h("span", {}, clock(new Date(start + part * span).toISOString()))));
}

function detail(plan) {
  const lane = plan.lanes.find((one) => one.node === chosen);
  if (!lane) return h("p", { class: "hint" }, "Choose a node to see what is decided about it and why.");
  return h("section", { class: "detail", "aria-live": "polite" }, h("h3", {}, lane.node), h("ul", {}, lane.blocks.map((block) => h("li", {}, told(block)))), decisions(lane.decisions, "Nothing is decided about it in this period."));
}

function decisions(list, empty) {
  if (!list.length) return h("p", {}, empty);
  return h("ul", {}, list.map((one) => h("li", {}, h("strong", {}, `${words(one.kind)} ${one.subject}`), " because of ", because(one.why), one.dry_run && h("span", { class: "tag" }, "dry run"))));
}

function facts(plan) {
  const rows = Object.entries(plan.alternatives);
  const prices = Object.entries(plan.prices);
  return [h("h3", {}, "Alternatives under the same forecast"),
    rows.length ? h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "what is allowed"), h("th", { scope: "col" }, "emissions to the end of the plan"))),
      h("tbody", {}, rows.map(([mode, value]) => h("tr", {}, h("td", {}, MODES[mode]), h("td", { class: "number" }, grams(value)))))) : h("p", {}, "Not known for this plan."),
    prices.length > 0 && h("p", {}, "One more Wh now would save ", prices.map(([pool, value], index) => [index ? ", " : "", grams(value), ` in pool ${pool}`])),
    h("p", { class: "hint" }, `${plan.name}: ${plan.status.toLowerCase()}${plan.solver ? `, found by the ${plan.solver} solver` : ""}.`, plan.omitted ? ` ${plan.omitted} rows are left out of the resource because of its size.` : "")];
}

function others(plan) {
  return plan.others.length > 0 && [h("h3", {}, "Jobs and energy"), decisions(plan.others, "")];
}
