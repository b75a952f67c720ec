// The development console: one socket, what was said on it, and a line to say more.
(function () {
  "use strict";
  var most = 1000; // lines that are kept
  var Socket = window.tidings && window.tidings.Socket || window.WebSocket;
  var socket = null, sent = [], at = 0;

  function element(id) { return document.getElementById(id); }

  function state(text, open) {
    element("state").textContent = text;
    element("state").setAttribute("data-open", String(!!open));
    element("send").disabled = !open;
    element("open").textContent = socket ? "Disconnect" : "Connect";
  }

  function line(kind, text) {
    var log = element("log"), li = document.createElement("li"), time = document.createElement("time"), span = document.createElement("span");
    var below = log.scrollTop + log.clientHeight >= log.scrollHeight - 4; // who reads further up is left there
    li.className = kind;
    time.textContent = new Date().toTimeString().slice(0, 8);
    span.textContent = text;
    li.appendChild(time);
    li.appendChild(span);
    log.appendChild(li);
    while (log.children.length > most) log.removeChild(log.firstChild);
    if (below) log.scrollTop = log.scrollHeight;
  }

  function shown(data) {
    if (typeof data === "string") return data;
    var bytes = new Uint8Array(data), text = bytes.length + " bytes:";
    for (var i = 0; i < bytes.length && i < 256; i++) text += " " + (bytes[i] < 16 ? "0" : "") + bytes[i].toString(16);
    return bytes.length > 256 ? text + " …" : text;
  }

  function over() {
    return socket && socket.transport ? "Connected over " + socket.transport : "Connected";
  }

  function connect() {
    var mine;
    try {
      mine = socket = new Socket(element("url").value);
    } catch (e) {
      line("note", String(e.message || e));
      return;
    }
    mine.binaryType = "arraybuffer";
    mine.onopen = function () {
      line("note", over());
      state(over(), true);
      element("text").focus();
    };
    mine.onmessage = function (e) { line("got", shown(e.data)); };
    mine.onclose = function (e) {
      line("note", "Closed: " + e.code + (e.reason ? " " + e.reason : ""));
      if (socket !== mine) return;
      socket = null;
      state("Not connected", false);
    };
    if (mine.addEventListener) mine.addEventListener("transport", function () {
      if (socket === mine && mine.readyState === 1) state(mine.transport ? over() : "Away, coming back", true);
    });
    state("Connecting", false);
  }

  element("address").onsubmit = function () {
    if (socket) socket.close();
    else connect();
    return false;
  };

  element("say").onsubmit = function () {
    var text = element("text").value;
    if (!socket || socket.readyState !== 1) return false;
    socket.send(text);
    line("sent", text);
    sent.push(text);
    at = sent.length;
    element("text").value = "";
    return false;
  };

  element("text").onkeydown = function (e) {
    if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
      element("say").onsubmit();
      return false;
    }
    var to = e.key === "ArrowUp" ? at - 1 : e.key === "ArrowDown" ? at + 1 : -1;
    if (to < 0 || to > sent.length || this.value.indexOf("\n") >= 0) return true;
    at = to;
    this.value = to < sent.length ? sent[to] : "";
    return false;
  };

  element("clear").onclick = function () { element("log").textContent = ""; };

  element("url").value = location.href.replace(/#.*/, "").replace(/^http/, "ws");
  connect();
})();
