// The connection panel: the ladder of transports with its switches, what is known of the connection, and the log.
(function (board) {
  "use strict";

  var el = board.el;
  var byId = board.byId;
  var setText = board.setText;
  var transports = {
    websocket: "WebSocket",
    sse: "Server-sent events",
    stream: "HTTP stream",
    longpoll: "Long poll",
    poll: "Poll"
  };
  var words = { connecting: "Connecting", open: "Live", waiting: "Waiting to try again", closed: "Closed" };
  var causes = {
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
    slow: "this page did not keep up"
  };
  var logLength = 30;
  var sparkLength = 40;

  var opened = Date.now();
  var rungs = {}; // transport → { row, button, toggle, note }
  var latencies = [];
  var now = { transport: null, open: false, forced: null, broken: {}, switches: 0, count: 0 };

  function title(transport) {
    return transports[transport] || transport || "none";
  }

  // buildLadder makes a row per transport. choose(name) is called with the transport to stay on, or null for automatic;
  // breakIt(name, broken) when one is to fail from now on, or to work again.
  board.buildLadder = function (choose, breakIt) {
    Object.keys(transports).forEach(function (name) {
      var label = transports[name];
      var note = el("span", { "class": "rung-note" });
      var button = el("button", { type: "button", "class": "rung", "aria-pressed": "false" }, el("i", { "class": "dot", "aria-hidden": "true" }), el("span", {}, label), note);
      var toggle = el("button", { type: "button", "class": "break", role: "switch", "aria-checked": "false", "aria-label": "Break " + label + " in this page" }, el("i", { "class": "knob", "aria-hidden": "true" }));
      var row = el("li", { "data-transport": name }, button, toggle);
      button.addEventListener("click", function () {
        now.forced = now.forced === name ? null : name;
        choose(now.forced);
        drawLadder();
      }, false);
      toggle.addEventListener("click", function () {
        var broken = !now.broken[name];
        now.broken[name] = broken;
        board.log(broken ? "broken" : "healed", label + (broken ? " is broken in this page" : " works again"));
        breakIt(name, broken);
        if (!broken) choose(now.forced); // look for it at once, not at the next probe
        drawLadder();
      }, false);
      rungs[name] = { row: row, button: button, toggle: toggle, note: note };
      byId("ladder").appendChild(row);
    });
    byId("auto").addEventListener("click", function () {
      now.forced = null;
      choose(null);
      drawLadder();
    }, false);
    drawLadder();
  };

  function drawLadder() {
    byId("auto").setAttribute("aria-pressed", String(now.forced === null));
    Object.keys(rungs).forEach(function (name) {
      var rung = rungs[name];
      var broken = !!now.broken[name];
      var used = now.open && now.transport === name;
      rung.row.setAttribute("data-state", used ? "used" : broken ? "broken" : "idle");
      rung.button.setAttribute("aria-pressed", String(now.forced === name));
      rung.toggle.setAttribute("aria-checked", String(broken));
      setText(rung.note, [used ? "in use" : "", now.forced === name ? "chosen" : "", broken ? "broken" : ""].filter(Boolean).join(" · "));
    });
  }

  // showState takes the client's state event.
  board.showState = function (event) {
    var open = event.state === "open";
    if (open && now.transport && event.transport !== now.transport) setText(byId("switches"), String(++now.switches));
    if (open) now.transport = event.transport;
    now.open = open;
    var word = words[event.state] || event.state;
    setText(byId("state"), open ? word + " over " + title(event.transport) : word);
    setText(byId("cause"), event.cause ? "Why: " + (causes[event.cause] || board.spaced(event.cause)) : "");
    setText(byId("pill-text"), open ? title(event.transport) : word);
    byId("pill").setAttribute("data-state", open ? "open" : event.state === "closed" ? "closed" : "connecting");
    if (!open) setText(byId("pill-latency"), "");
    if (event.cursor) setText(byId("cursor"), event.cursor);
    var from = event.previous && event.previous !== event.transport ? title(event.previous) + " → " : "";
    var to = event.transport ? title(event.transport) + ": " : "";
    board.log(open ? "open" : "state", from + to + word.toLowerCase() + (event.cause ? " (" + event.cause + ")" : ""));
    drawLadder();
  };

  // showMessage counts a message. One from before this page opened says nothing about latency.
  board.showMessage = function (message) {
    setText(byId("count"), (++now.count).toLocaleString());
    setText(byId("cursor"), message.cursor);
    if (message.time < opened) return;
    var latency = Math.max(0, Date.now() - message.time);
    var text = latency < 1000 ? latency + " ms" : (latency / 1000).toFixed(1) + " s";
    setText(byId("latency"), text);
    if (now.open) setText(byId("pill-latency"), text);
    latencies.push(latency);
    if (latencies.length > sparkLength) latencies.shift();
    var top = Math.max.apply(null, latencies.concat(20));
    byId("spark-line").setAttribute("points", latencies.map(function (ms, i) {
      return ((i + sparkLength - latencies.length) / (sparkLength - 1)) * 120 + "," + (22 - (ms / top) * 20).toFixed(1);
    }).join(" "));
  };

  // showGap takes the client's gap event.
  board.showGap = function (gap) {
    var extent = gap.from === gap.to ? gap.to : gap.from + "–" + gap.to;
    var text = (gap.topic || "everything") + (gap.to ? " " + extent : "") + ": " + board.spaced(gap.reason);
    setText(byId("gap"), text);
    board.log("gap", "Gap in " + text);
  };

  // log adds a line to the events, the newest first.
  board.log = function (kind, text) {
    var list = byId("log");
    var at = Date.now();
    list.insertBefore(el("p", { "data-kind": kind }, el("time", { datetime: new Date(at).toISOString() }, board.timeOfDay(at)), el("span", {}, text)), list.firstChild);
    while (list.children.length > logLength) board.remove(list.lastElementChild);
  };
}(window.board));
