// The connection panel: the ladder of transports with its switches, what is known of the connection, and the log.

import { el, setText, timeOfDay } from "./dom.js";

const transports = {
  websocket: "WebSocket",
  sse: "Server-sent events",
  stream: "HTTP stream",
  longpoll: "Long poll",
  poll: "Poll",
};
const words = { connecting: "Connecting", open: "Live", waiting: "Waiting to try again", closed: "Closed" };
const causes = {
  start: "the page was opened",
  probe: "a better transport was found to work",
  use: "you chose it",
  wake: "the page or the network came back",
  "no hello": "the gateway was not heard in time",
  silent: "nothing was heard for too long",
  closed: "the connection ended",
  unreachable: "there was no answer",
  refused: "the connection was refused",
  draining: "the gateway is being restarted",
  pressure: "the gateway is short of room and asked to",
  slow: "this page did not keep up",
};
const logLength = 30;
const sparkLength = 40;

const byId = (id) => document.getElementById(id);
const rungs = new Map(); // transport → { row, choose, toggle, note }
const latencies = [];
const now = { transport: null, open: false, forced: null, broken: new Set(), switches: 0, count: 0 };

// title is a transport's name for people.
export function title(transport) {
  return transports[transport] || transport || "none";
}

// buildLadder makes a row per transport. choose(name) is called with the transport to stay on, or null for automatic;
// breakIt(name, broken) when one is to fail from now on, or to work again.
export function buildLadder(choose, breakIt) {
  for (const [name, label] of Object.entries(transports)) {
    const note = el("span", { class: "rung-note" });
    const button = el("button", { type: "button", class: "rung", "aria-pressed": "false" }, el("i", { class: "dot", "aria-hidden": "true" }), el("span", {}, label), note);
    const toggle = el("button", { type: "button", class: "break", role: "switch", "aria-checked": "false", "aria-label": `Break ${label} in this page` }, el("i", { class: "knob", "aria-hidden": "true" }));
    const row = el("li", { "data-transport": name }, button, toggle);
    button.addEventListener("click", () => {
      now.forced = now.forced === name ? null : name;
      choose(now.forced);
      drawLadder();
    });
    toggle.addEventListener("click", () => {
      const broken = !now.broken.has(name);
      now.broken[broken ? "add" : "delete"](name);
      log(broken ? "broken" : "healed", `${label} ${broken ? "is broken in this page" : "works again"}`);
      breakIt(name, broken);
      if (!broken) choose(now.forced); // look for it at once, not at the next probe
      drawLadder();
    });
    rungs.set(name, { row, button, toggle, note });
    byId("ladder").append(row);
  }
  byId("auto").addEventListener("click", () => {
    now.forced = null;
    choose(null);
    drawLadder();
  });
  drawLadder();
}

function drawLadder() {
  byId("auto").setAttribute("aria-pressed", String(now.forced === null));
  for (const [name, rung] of rungs) {
    const broken = now.broken.has(name);
    const used = now.open && now.transport === name;
    rung.row.dataset.state = used ? "used" : broken ? "broken" : "idle";
    rung.button.setAttribute("aria-pressed", String(now.forced === name));
    rung.toggle.setAttribute("aria-checked", String(broken));
    setText(rung.note, [used ? "in use" : "", now.forced === name ? "chosen" : "", broken ? "broken" : ""].filter(Boolean).join(" · "));
  }
}

// showState takes the client's state event.
export function showState(event) {
  const open = event.state === "open";
  if (open && now.transport && event.transport !== now.transport) setText(byId("switches"), String(++now.switches));
  if (open) now.transport = event.transport;
  now.open = open;
  const word = words[event.state] || event.state;
  setText(byId("state"), open ? `${word} over ${title(event.transport)}` : word);
  setText(byId("cause"), event.cause ? "Why: " + (causes[event.cause] || event.cause.replaceAll("_", " ")) : "");
  setText(byId("pill-text"), open ? title(event.transport) : word);
  byId("pill").dataset.state = open ? "open" : event.state === "closed" ? "closed" : "connecting";
  if (!open) setText(byId("pill-latency"), "");
  if (event.cursor) setText(byId("cursor"), event.cursor);
  const from = event.previous && event.previous !== event.transport ? `${title(event.previous)} → ` : "";
  const to = event.transport ? title(event.transport) + ": " : "";
  log(open ? "open" : "state", from + to + word.toLowerCase() + (event.cause ? ` (${event.cause})` : ""));
  drawLadder();
}

// showMessage counts a message. One from before this page opened says nothing about latency.
export function showMessage(message) {
  setText(byId("count"), (++now.count).toLocaleString());
  setText(byId("cursor"), message.cursor);
  if (message.time < performance.timeOrigin) return;
  const latency = Math.max(0, Date.now() - message.time);
  const text = latency < 1000 ? latency + " ms" : (latency / 1000).toFixed(1) + " s";
  setText(byId("latency"), text);
  if (now.open) setText(byId("pill-latency"), text);
  latencies.push(latency);
  if (latencies.length > sparkLength) latencies.shift();
  const top = Math.max(20, ...latencies);
  const points = latencies.map((ms, i) => `${((i + sparkLength - latencies.length) / (sparkLength - 1)) * 120},${(22 - (ms / top) * 20).toFixed(1)}`);
  byId("spark").firstElementChild.setAttribute("points", points.join(" "));
}

// showGap takes the client's gap event.
export function showGap(gap) {
  const extent = gap.from === gap.to ? gap.to : `${gap.from}–${gap.to}`;
  const text = `${gap.topic || "everything"}${gap.to ? " " + extent : ""}: ${String(gap.reason).replaceAll("_", " ")}`;
  setText(byId("gap"), text);
  log("gap", "Gap in " + text);
}

// log adds a line to the events, the newest first.
export function log(kind, text) {
  const list = byId("log");
  const at = Date.now();
  list.prepend(el("p", { "data-kind": kind }, el("time", { datetime: new Date(at).toISOString() }, timeOfDay(at)), el("span", {}, text)));
  while (list.children.length > logLength) list.lastElementChild.remove();
}
