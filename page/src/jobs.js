import { because, clock, grams, h } from "./dom.js";

export function jobsPane(state) {
  if (!state.jobs.length) return h("p", { class: "empty" }, "No TrainingJob that you may see exists.");
  return [h("h2", {}, "Training jobs"), h("ul", { class: "cards wide" }, state.jobs.map(job))];
}

function job(one) {
  const done = one.rounds_done === null ? "unknown" : one.rounds_done;
  return h("li", { class: "card" }, h("h3", {}, one.name, h("span", { class: "state" }, `round ${done} of ${one.rounds}`)),
    one.rounds_done !== null && h("progress", { max: one.rounds, value: one.rounds_done, "aria-label": `rounds of ${one.name}` }),
    one.why.map((why) => h("p", {}, because(why))),
    h("dl", { class: "readings" }, pairs(one).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
}

function pairs(one) {
  const unknown = () => h("span", { class: "unknown" }, "unknown");
  const target = one.target_percent === null ? "" : ` of ${one.target_percent} %`;
  const rows = [
    ["accuracy", one.accuracy_percent === null ? unknown() : `${one.accuracy_percent} %${target}`],
    ["workers ready", one.workers === null ? unknown() : `${one.ready_workers ?? "?"} of ${one.workers}`],
    ["emitted", h("span", {}, grams(one.emitted_grams), one.budget_grams !== null && [" of ", grams(one.budget_grams)])],
    ["baseline", grams(one.baseline_grams)],
    ["avoided", grams(one.avoided_grams)],
    ...Object.entries(one.stages).map(([stage, value]) => [stage.toLowerCase(), grams(value)]),
  ];
  if (one.deadline) rows.push(["deadline", clock(one.deadline)]);
  if (one.expected_end) rows.push(["end", clock(one.expected_end)]);
  if (one.unaccounted_periods) rows.push(["periods not counted", String(one.unaccounted_periods)]);
  if (one.refused_updates) rows.push(["updates refused", String(one.refused_updates)]);
  return rows;
}
