// The weather cards: one per topic under weather/.

import { age, el, flash, payload, setText } from "./dom.js";
import { icon, sky } from "./icons.js";

const placeholders = 8;
const maxCards = 24;
const featured = "weather/paris"; // the command at the top publishes there: its card comes first
const noticeAge = 5 * 60_000; // how long a plain text stands before the figures, in milliseconds

const cards = new Map(); // topic → card
let settled = false; // whether the history has come: then its cards are shown, sorted, and later ones go to the end
const list = document.getElementById("cards");
const empty = document.getElementById("weather-empty");

for (let i = 0; i < placeholders; i++) list.append(el("li", { class: "card waiting", "aria-hidden": "true" }));

// showWeather takes a message: a JSON report, or a text, which is shown in the card as it is.
export function showWeather(message) {
  const card = cards.get(message.topic) || newCard(message.topic);
  if (!card) return;
  if (isReport(message.data)) {
    report(card, message.data);
  } else {
    const text = payload(message.data);
    card.notice = { text, time: message.time };
    setText(card.noticeText, text);
    card.noticeText.title = text;
  }
  refresh(card);
  if (settled) flash(card.element);
}

function isReport(data) {
  return data !== null && typeof data === "object" && typeof data.temperature === "number";
}

function report(card, r) {
  const code = Number.isInteger(r.code) ? r.code : 3;
  const isDay = r.day !== false;
  const unit = typeof r.unit === "string" ? r.unit : "°";
  const round = (n) => (typeof n === "number" ? String(Math.round(n)).replace(/^-/, "\u2212") : "–");
  card.reported = true;
  card.element.classList.remove("bare");
  if (typeof r.place === "string") setText(card.place, r.place);
  setText(card.country, typeof r.country === "string" ? r.country : "");
  setText(card.temperature, round(r.temperature) + "°");
  card.temperature.title = r.temperature + " " + unit;
  setText(card.conditions, typeof r.conditions === "string" ? r.conditions : "");
  setText(card.high, `High ${round(r.high)}°`);
  setText(card.low, `Low ${round(r.low)}°`);
  setText(card.wind, `${round(r.wind)} ${typeof r.windUnit === "string" ? r.windUnit : ""}`);
  setText(card.humidity, round(r.humidity) + " %");
  const look = `${code} ${isDay}`;
  if (card.look !== look) {
    card.look = look;
    card.element.dataset.sky = sky(code);
    card.element.dataset.light = isDay ? "day" : "night";
    card.icon.replaceChildren(icon(code, isDay));
  }
}

// refresh chooses between the text and the figures, which share one place so that nothing moves.
function refresh(card, now = Date.now()) {
  const showNotice = card.notice && (!card.reported || now - card.notice.time < noticeAge);
  card.element.classList.toggle("noticed", Boolean(showNotice));
  if (showNotice) setText(card.noticeAge, age(card.notice.time, now));
}

function newCard(topic) {
  if (cards.size >= maxCards) return null;
  const card = {
    place: el("h3"), country: el("p", { class: "country" }), icon: el("div", { class: "sky" }), temperature: el("p", { class: "temperature" }, "–"),
    conditions: el("p", { class: "conditions" }), high: el("span"), low: el("span"), wind: el("dd"), humidity: el("dd"),
    noticeText: el("p", { class: "notice-text" }), noticeAge: el("span", { class: "notice-age" }),
  };
  const names = topic.split("/").map((segment) => segment.replaceAll("-", " ").replace(/(^|\s)\p{L}/gu, (s) => s.toUpperCase()));
  setText(card.place, names.at(-1)); // until a report says it better
  setText(card.country, names.slice(1, -1).join(", "));
  card.element = el("li", { class: "card bare" },
    el("div", { class: "card-head" }, el("div", { class: "names" }, card.place, card.country), card.icon),
    el("div", { class: "reading" }, card.temperature, el("p", { class: "range" }, card.high, card.low), card.conditions),
    el("div", { class: "foot" },
      el("dl", { class: "figures" },
        el("div", {}, el("dt", {}, "Wind"), card.wind), el("div", {}, el("dt", {}, "Humidity"), card.humidity)),
      el("div", { class: "notice" }, card.noticeText, card.noticeAge)));
  cards.set(topic, card);
  if (settled) place(card);
  return card;
}

// place shows a card where the first free place is. A card that is shown never moves.
function place(card) {
  const waiting = list.querySelector(".waiting");
  if (waiting) waiting.replaceWith(card.element);
  else list.append(card.element);
  empty.hidden = true;
}

function rank(topic) {
  return topic === featured ? "" : topic;
}

// caughtUp is called when the history has come. Where there was none it says how to get some.
export function caughtUp() {
  if (!settled) [...cards].sort(([a], [b]) => (rank(a) < rank(b) ? -1 : 1)).forEach(([, card]) => place(card));
  settled = true;
  empty.hidden = cards.size > 0;
}

setInterval(() => cards.forEach((card) => refresh(card)), 5000);
