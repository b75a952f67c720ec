// The news list: the newest messages under news/, each in a row of the same height, so that the page stands still.

import { age, el, payload, setText } from "./dom.js";

const rows = 8 + 1; // the last is out of sight, and only to slide there
const items = []; // the newest first: { id, time, element, age }
const list = document.getElementById("items");
const empty = document.getElementById("news-empty");

for (let i = 0; i < rows; i++) list.append(placeholder(i));

function placeholder(row) {
  const element = el("li", { class: "item waiting", "aria-hidden": "true" });
  element.style.setProperty("--row", row);
  return element;
}

// showNews takes a message: a JSON item, or a text, which becomes a headline. One with the key of a shown item replaces it.
export function showNews(message) {
  const data = message.data ?? {};
  const title = typeof data.title === "string" && data.title ? data.title : payload(message.data);
  const item = { id: `${message.topic} ${message.key || message.seq}`, time: message.time, age: el("time", { datetime: new Date(message.time).toISOString() }) };
  const link = safeLink(data.link);
  const heading = link ? el("a", { href: link, rel: "noopener noreferrer", target: "_blank" }, title) : title;
  item.element = el("li", { class: "item" },
    el("div", { class: "meta" }, el("span", { class: "source" }, typeof data.source === "string" ? data.source : message.topic), item.age),
    el("div", { class: "words" }, el("h3", { title }, heading), el("p", {}, typeof data.summary === "string" ? data.summary : "")));
  insert(item);
}

function insert(item) {
  const old = items.findIndex((other) => other.id === item.id);
  if (old >= 0) items.splice(old, 1)[0].element.remove();
  const place = items.findIndex((other) => other.time <= item.time);
  items.splice(place < 0 ? items.length : place, 0, item);
  setText(item.age, age(item.time));
  list.insertBefore(item.element, items[items.indexOf(item) + 1]?.element || list.querySelector(".waiting"));
  items.splice(rows).forEach((other) => other.element.remove());
  while (list.children.length > rows) list.lastElementChild.remove();
  while (list.children.length < rows) list.append(placeholder(list.children.length));
  for (let row = 0; row < rows; row++) list.children[row].style.setProperty("--row", row); // moved, not laid out anew
  if (Date.now() - item.time < 10_000) item.element.classList.add("fresh");
  empty.hidden = true;
}

// safeLink lets only web addresses become links: a message is not trusted.
function safeLink(link) {
  try {
    const url = new URL(link);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

// caughtUp is called when the history has come. Where there was none it says how to get some.
export function caughtUp() {
  list.classList.add("settled"); // from now on news slide in
  empty.hidden = items.length > 0;
}

setInterval(() => {
  const now = Date.now();
  items.forEach((item) => setText(item.age, age(item.time, now)));
}, 5000);
