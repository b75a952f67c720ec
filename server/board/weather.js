// The weather cards: one per topic under weather/.
(function (board) {
  "use strict";

  var el = board.el;
  var setText = board.setText;
  var placeholders = 8;
  var maxCards = 24;
  var featured = "weather/paris"; // the command at the top publishes there: its card comes first
  var noticeAge = 5 * 60000; // how long a plain text stands before the figures, in milliseconds

  var cards = []; // in the order in which their topics were first heard of
  var byTopic = {}; // "/" + topic → card
  var settled = false; // whether the history has come: then its cards are shown, sorted, and later ones go to the end
  var list = board.byId("cards");
  var empty = board.byId("weather-empty");

  for (var i = 0; i < placeholders; i++) list.appendChild(el("li", { "class": "card waiting", "aria-hidden": "true" }));

  // showWeather takes a message: a JSON report, or a text, which is shown in the card as it is.
  board.showWeather = function (message) {
    var card = byTopic["/" + message.topic] || newCard(message.topic);
    if (!card) return;
    if (message.data && typeof message.data.temperature === "number") {
      report(card, message.data);
    } else {
      var text = board.payload(message.data);
      card.notice = { text: text, time: message.time };
      setText(card.noticeText, text);
      card.noticeText.title = text;
    }
    refresh(card);
    if (settled) board.flash(card.element);
  };

  function round(number) {
    return typeof number === "number" ? String(Math.round(number)).replace(/^-/, "\u2212") : "–";
  }

  function report(card, r) {
    var code = typeof r.code === "number" && r.code % 1 === 0 ? r.code : 3;
    var isDay = r.day !== false;
    card.reported = true;
    card.element.classList.remove("bare");
    if (typeof r.place === "string") setText(card.place, r.place);
    setText(card.country, typeof r.country === "string" ? r.country : "");
    setText(card.temperature, round(r.temperature) + "°");
    card.temperature.title = r.temperature + " " + (typeof r.unit === "string" ? r.unit : "°");
    setText(card.conditions, typeof r.conditions === "string" ? r.conditions : "");
    setText(card.high, "High " + round(r.high) + "°");
    setText(card.low, "Low " + round(r.low) + "°");
    setText(card.wind, round(r.wind) + " " + (typeof r.windUnit === "string" ? r.windUnit : ""));
    setText(card.humidity, round(r.humidity) + " %");
    var look = code + " " + isDay;
    if (card.look !== look) {
      card.look = look;
      card.element.setAttribute("data-sky", board.sky(code));
      card.element.setAttribute("data-light", isDay ? "day" : "night");
      setText(card.icon, "");
      card.icon.appendChild(board.icon(code, isDay));
    }
  }

  // refresh chooses between the text and the figures, which share one place so that nothing moves.
  function refresh(card) {
    var shows = card.notice && (!card.reported || Date.now() - card.notice.time < noticeAge);
    board.toggle(card.element, "noticed", shows);
    if (shows) setText(card.noticeAge, board.age(card.notice.time));
  }

  function capital(text) {
    return text.charAt(0).toUpperCase() + text.slice(1);
  }

  function newCard(topic) {
    if (cards.length >= maxCards) return null;
    var card = {
      topic: topic,
      place: el("h3"), country: el("p", { "class": "country" }), icon: el("div", { "class": "sky" }), temperature: el("p", { "class": "temperature" }, "–"),
      conditions: el("p", { "class": "conditions" }), high: el("span"), low: el("span"), wind: el("dd"), humidity: el("dd"),
      noticeText: el("p", { "class": "notice-text" }), noticeAge: el("span", { "class": "notice-age" })
    };
    var names = topic.split("/").map(function (segment) {
      return segment.split("-").map(capital).join(" ");
    });
    setText(card.place, names[names.length - 1]); // until a report says it better
    setText(card.country, names.slice(1, -1).join(", "));
    card.element = el("li", { "class": "card bare" },
      el("div", { "class": "card-head" }, el("div", { "class": "names" }, card.place, card.country), card.icon),
      el("div", { "class": "reading" }, card.temperature, el("p", { "class": "range" }, card.high, card.low), card.conditions),
      el("div", { "class": "foot" },
        el("dl", { "class": "figures" },
          el("div", {}, el("dt", {}, "Wind"), card.wind), el("div", {}, el("dt", {}, "Humidity"), card.humidity)),
        el("div", { "class": "notice" }, card.noticeText, card.noticeAge)));
    byTopic["/" + topic] = card;
    cards.push(card);
    if (settled) place(card);
    return card;
  }

  // place shows a card where the first free place is. A card that is shown never moves.
  function place(card) {
    var waiting = list.querySelector(".waiting");
    if (waiting) list.replaceChild(card.element, waiting);
    else list.appendChild(card.element);
    empty.hidden = true;
  }

  function rank(card) {
    return card.topic === featured ? "" : card.topic;
  }

  // weatherCaughtUp is called when the history has come. Where there was none it says how to get some.
  board.weatherCaughtUp = function () {
    if (!settled) {
      cards.slice().sort(function (a, b) { return rank(a) < rank(b) ? -1 : 1; }).forEach(place);
    }
    settled = true;
    empty.hidden = cards.length > 0;
  };

  setInterval(function () { cards.forEach(refresh); }, 5000);
}(window.board));
