// Small helpers to build elements. Text goes in as text: nothing that a message holds is ever parsed as markup.

const svgNamespace = "http://www.w3.org/2000/svg";

// el builds an HTML element: el("p", { class: "x" }, "text", child).
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

// svg builds an SVG element.
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(svgNamespace, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// setText writes only what changed, so that nothing is laid out, or read aloud, for nothing.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// payload is what a message holds that is not a report of its kind, as a text to show.
export function payload(data) {
  if (typeof data === "string") return data;
  if (data === undefined || data instanceof Uint8Array) return data ? `${data.length} bytes` : "bytes";
  return JSON.stringify(data);
}

// flash plays the element's "fresh" animation from its start.
export function flash(element) {
  element.classList.remove("fresh");
  void element.offsetWidth; // restarts the animation
  element.classList.add("fresh");
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

// timeOfDay is hours, minutes and seconds of a time in milliseconds.
export function timeOfDay(ms) {
  return clock.format(ms);
}

// age is how long ago a time in milliseconds was, in few characters.
export function age(ms, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - ms) / 1000));
  if (seconds < 5) return "now";
  if (seconds < 60) return seconds + " s";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min";
  if (seconds < 86400) return Math.floor(seconds / 3600) + " h";
  return day.format(ms);
}
