// Small helpers to build elements. Text goes in as text: nothing that a message holds is ever parsed as markup.
// The page's scripts are ES5, each in a function of its own, and share one object: so they run in old browsers too.
window.board = {};

(function (board) {
  "use strict";

  // el builds an HTML element: el("p", { "class": "x" }, "text", child).
  board.el = function (name, attributes) {
    return fill(document.createElement(name), attributes, arguments);
  };

  // svg builds an SVG element.
  board.svg = function (name, attributes) {
    return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, arguments);
  };

  // Children begin at the third of the arguments.
  function fill(element, attributes, args) {
    for (var key in attributes || {}) element.setAttribute(key, attributes[key]);
    for (var i = 2; i < args.length; i++) {
      element.appendChild(typeof args[i] === "object" ? args[i] : document.createTextNode(args[i]));
    }
    return element;
  }

  board.byId = function (id) {
    return document.getElementById(id);
  };

  // setText writes only what changed, so that nothing is laid out, or read aloud, for nothing.
  board.setText = function (element, text) {
    if (element.textContent !== text) element.textContent = text;
  };

  // toggle gives an element a class, or takes it away.
  board.toggle = function (element, name, on) {
    element.classList[on ? "add" : "remove"](name);
  };

  board.remove = function (element) {
    element.parentNode.removeChild(element);
  };

  // spaced is a word of the wire as people write it.
  board.spaced = function (word) {
    return String(word).replace(/_/g, " ");
  };

  // payload is what a message holds that is not a report of its kind, as a text to show.
  board.payload = function (data) {
    if (typeof data === "string") return data;
    if (data === undefined || (data && typeof data.byteLength === "number")) return data ? data.byteLength + " bytes" : "bytes";
    return JSON.stringify(data);
  };

  // flash plays the element's "fresh" animation from its start.
  board.flash = function (element) {
    element.classList.remove("fresh");
    void element.offsetWidth; // restarts the animation
    element.classList.add("fresh");
  };

  function two(number) {
    return (number < 10 ? "0" : "") + number;
  }

  // timeOfDay is hours, minutes and seconds of a time in milliseconds.
  board.timeOfDay = function (ms) {
    var time = new Date(ms);
    return two(time.getHours()) + ":" + two(time.getMinutes()) + ":" + two(time.getSeconds());
  };

  var day = window.Intl && new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

  // age is how long ago a time in milliseconds was, in few characters.
  board.age = function (ms) {
    var seconds = Math.max(0, Math.round((Date.now() - ms) / 1000));
    if (seconds < 5) return "now";
    if (seconds < 60) return seconds + " s";
    if (seconds < 3600) return Math.floor(seconds / 60) + " min";
    if (seconds < 86400) return Math.floor(seconds / 3600) + " h";
    return day ? day.format(ms) : new Date(ms).toLocaleDateString();
  };
}(window.board));
