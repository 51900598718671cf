// Elements, numbers and times. Text from the cluster only ever becomes text nodes, never markup.

/** An element with attributes and children; a child that is null or false is left out. */
export function h(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function s(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(key, value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** A number with its unit, or the word "unknown": what is not known is never drawn as zero. */
export function amount(value, unit, digits = 3) {
  if (value === null || value === undefined) return h("span", { class: "unknown" }, "unknown");
  return `${shortened(value, digits)} ${unit}`;
}

function shortened(value, digits) {
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  return Number(value.toPrecision(digits)).toString();
}

/** Grams in g or mg, whichever reads better. */
export function grams(value, per = "") {
  if (value === null || value === undefined) return amount(null);
  return Math.abs(value) > 0 && Math.abs(value) < 0.1 ? amount(value * 1000, `mg${per}`) : amount(value, `g${per}`);
}

/** The time of day, with the day where it is not today. */
export function clock(stamp) {
  const time = new Date(stamp);
  if (Number.isNaN(time.getTime())) return stamp;
  const hour = time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const sameDay = time.toDateString() === new Date().toDateString();
  return sameDay ? hour : `${time.toLocaleDateString([], { day: "numeric", month: "short" })}, ${hour}`;
}

/** How long ago, in words. */
export function ago(stamp, now) {
  const seconds = (new Date(now) - new Date(stamp)) / 1000;
  if (!Number.isFinite(seconds) || seconds < 0) return clock(stamp);
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

/** A reason in words: "NoWorkPlanned" reads "no work planned". */
export function words(reason) {
  return reason.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
}

/** Reason and sentence. */
export function because(why) {
  if (!why) return null;
  return h("span", {}, h("strong", { title: `sunward explain-reason ${why.reason}` }, words(why.reason)), why.message ? `: ${why.message}` : "");
}
