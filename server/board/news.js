// The news list: the newest messages under news/, each in a row of the same height, so that the page stands still.
(function (board) {
  "use strict";

  var el = board.el;
  var rows = 8 + 1; // the last is out of sight, and only to slide there
  var items = []; // the newest first: { id, time, element, age }
  var list = board.byId("items");
  var empty = board.byId("news-empty");

  for (var i = 0; i < rows; i++) {
    list.appendChild(placeholder());
  }
  number();

  function placeholder() {
    return el("li", { "class": "item waiting", "aria-hidden": "true" });
  }

  // Rows are moved by their number, not laid out anew. Where there are no custom properties they just follow each other.
  function number() {
    for (var row = 0; row < list.children.length; row++) list.children[row].style.setProperty("--row", String(row), "");
  }

  // showNews takes a message: a JSON item, or a text, which becomes a headline. One with the key of a shown item replaces it.
  board.showNews = function (message) {
    var data = message.data || {};
    var title = typeof data.title === "string" && data.title ? data.title : board.payload(message.data);
    var item = { id: message.topic + " " + (message.key || message.seq), time: message.time, age: el("time", { datetime: new Date(message.time).toISOString() }) };
    // Only web addresses become links: a message is not trusted.
    var heading = typeof data.link === "string" && /^https?:\/\/[^\s/]/i.test(data.link) ? el("a", { href: data.link, rel: "noopener noreferrer", target: "_blank" }, title) : title;
    item.element = el("li", { "class": "item" },
      el("div", { "class": "meta" }, el("span", { "class": "source" }, typeof data.source === "string" ? data.source : message.topic), item.age),
      el("div", { "class": "words" }, el("h3", { title: title }, heading), el("p", {}, typeof data.summary === "string" ? data.summary : "")));
    insert(item);
  };

  // first is the index of the first item that passes, else the number of items.
  function first(passes) {
    for (var i = 0; i < items.length && !passes(items[i]); i++);
    return i;
  }

  function insert(item) {
    items.splice(first(function (other) { return other.id === item.id; }), 1).forEach(drop);
    var place = first(function (other) { return other.time <= item.time; });
    list.insertBefore(item.element, place < items.length ? items[place].element : list.querySelector(".waiting"));
    items.splice(place, 0, item);
    board.setText(item.age, board.age(item.time));
    items.splice(rows, items.length).forEach(drop);
    while (list.children.length > rows) board.remove(list.lastElementChild);
    while (list.children.length < rows) list.appendChild(placeholder());
    number();
    if (Date.now() - item.time < 10000) item.element.classList.add("fresh");
    empty.hidden = true;
  }

  function drop(item) {
    board.remove(item.element);
  }

  // newsCaughtUp is called when the history has come. Where there was none it says how to get some.
  board.newsCaughtUp = function () {
    list.classList.add("settled"); // from now on news slide in
    empty.hidden = items.length > 0;
  };

  setInterval(function () {
    items.forEach(function (item) { board.setText(item.age, board.age(item.time)); });
  }, 5000);
}(window.board));
