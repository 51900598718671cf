// The page: takes the token from the address, follows the stream of states, draws the pane that is asked for.
import { actsPane } from "./acts.js";
import { h } from "./dom.js";
import { jobsPane } from "./jobs.js";
import { nowPane } from "./now.js";
import { planPane } from "./plan.js";

const PANES = { now: nowPane, plan: planPane, jobs: jobsPane, acts: actsPane };
const RETRY_MILLISECONDS = 2000;
const main = document.getElementById("main");
const connection = document.getElementById("connection");
let state = null;

function token() {
  const given = location.hash.slice(1);
  if (given && !(given in PANES)) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", "#now");
  }
  return sessionStorage.getItem("token") ?? "";
}

function pane() {
  const asked = location.hash.slice(1);
  return asked in PANES ? asked : "now";
}

function draw() {
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.pane === pane()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!state) return;
  const kept = remembered();
  main.replaceChildren(...[failures(state.failures), PANES[pane()](state, draw)].flat(3).filter(Boolean));
  kept();
}

/** The redraw must not take away the focus, what is folded out, or the place of the cursor. */
function remembered() {
  const focusable = () => [...main.querySelectorAll("button, input, summary, [tabindex]")];
  const place = focusable().indexOf(document.activeElement);
  const cursor = document.activeElement?.selectionStart;
  const open = [...main.querySelectorAll("details")].map((one) => one.open);
  return () => {
    [...main.querySelectorAll("details")].forEach((one, index) => { one.open = open[index] ?? false; });
    const again = place < 0 ? null : focusable()[place];
    again?.focus({ preventScroll: true });
    if (again?.tagName === "INPUT") again.setSelectionRange(cursor, cursor);
  };
}

function failures(list) {
  return list.length > 0 && h("div", { class: "banner warn", role: "alert" }, h("strong", {}, "Not everything could be read"), h("ul", {}, list.map((one) => h("li", {}, one))));
}

function told(text, good) {
  if (connection.textContent !== text) connection.textContent = text;
  connection.className = good ? "" : "lost";
}

async function follow() {
  const answer = await fetch("api/events", { headers: { Authorization: `Bearer ${token()}` } });
  if (answer.status === 401) {
    told("no access", false);
    main.replaceChildren(h("p", { class: "banner warn" }, "The token of this page is missing or has changed. Open the address that sunward dashboard prints."));
    return false;
  }
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return true;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    if (events.length) show(events.at(-1));
  }
}

function show(event) {
  state = JSON.parse(event.replace(/^data: /, ""));
  told(`as of ${new Date(state.taken_at).toLocaleTimeString([], { hourCycle: "h23" })}`, true);
  draw();
}

async function run() {
  for (;;) {
    try {
      if (!(await follow())) return;
    } catch {
      // the server is away: said below, and tried again
    }
    told(state ? "connection lost; what you see is old" : "cannot be reached", false);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
  }
}

addEventListener("hashchange", () => { draw(); main.focus(); });
token();
draw();
run();
