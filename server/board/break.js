// Makes a transport fail in this page, the way a proxy or an old browser does, to show the client stepping down. It wraps
// what a browser connects with, and so runs before the client is loaded. Publishing is never touched.
(function () {
  "use strict";

  var broken = {}; // by transport
  var live = []; // { name, kill } of open connections
  var origin = location.protocol + "//" + location.host;

  // An address that fails at once, as an unreachable gateway does, and sends nothing.
  var nowhere = "blob:" + origin + "/broken";

  // watch notes how to kill an open connection, and gives the function that forgets it.
  function watch(name, kill) {
    var one = { name: name, kill: kill };
    live.push(one);
    return function () {
      var i = live.indexOf(one);
      if (i >= 0) live.splice(i, 1);
    };
  }

  function parameter(search, name) {
    var found = new RegExp("[?&]" + name + "=([^&]*)").exec(search);
    return found ? found[1] : null;
  }

  // Which transport a request of the client is, by the same rules as the gateway's; null for anything else.
  function transportOf(method, address, accept, body) {
    var url = document.createElement("a");
    url.href = address;
    var follows = url.pathname === "/follow" || (method === "GET" && /^\/topics(\/|$)/.test(url.pathname));
    if (url.protocol + "//" + url.host !== origin || !follows) return null;
    if (parameter(url.search, "limit") === "1") return null; // the client asks whether the gateway is there at all
    var asked = {};
    if (typeof body === "string") {
      try { asked = JSON.parse(body) || {}; } catch (error) { /* not ours to judge */ }
    }
    var named = parameter(url.search, "transport") || asked.transport;
    if (named) return named;
    if (/text\/event-stream/.test(accept)) return "sse";
    if (/ndjson|multipart/.test(accept)) return "stream";
    return parameter(url.search, "wait") !== null || asked.wait ? "longpoll" : "poll";
  }

  function tell(target, type) {
    var event = document.createEvent("Event");
    event.initEvent(type, false, false);
    target.dispatchEvent(event);
  }

  var NativeSocket = window.WebSocket;
  if (NativeSocket) {
    window.WebSocket = function (address, protocols) {
      // The gateway knows no such page: the upgrade fails with a real error.
      var socket = new NativeSocket(broken.websocket ? origin.replace(/^http/, "ws") + "/board/broken" : address, protocols || []);
      socket.addEventListener("close", watch("websocket", function () { socket.close(); }), false);
      return socket;
    };
  }

  var NativeSource = window.EventSource;
  if (NativeSource) {
    window.EventSource = function (address, options) {
      var source = new NativeSource(broken.sse ? nowhere : address, options);
      var forget = watch("sse", function () {
        source.close();
        tell(source, "error");
      });
      source.close = function () {
        forget();
        NativeSource.prototype.close.call(source);
      };
      return source;
    };
  }

  var nativeFetch = window.fetch;
  if (nativeFetch && window.AbortController) {
    window.fetch = function (input, init) {
      var options = init || {};
      var headers = new Headers(options.headers);
      var name = transportOf((options.method || "GET").toUpperCase(), String(input.url || input), headers.get("Accept") || "", options.body);
      if (!name) return nativeFetch.call(window, input, init);
      if (broken[name]) return Promise.reject(new TypeError(name + " is broken in this page"));
      var control = new AbortController();
      var abort = function () { control.abort(); };
      if (options.signal) options.signal.addEventListener("abort", abort);
      if (options.signal && options.signal.aborted) abort();
      // An answered request is forgotten late: killing it then does nothing.
      var forget = watch(name, function () { forget(); abort(); });
      return nativeFetch.call(window, input, Object.assign({}, options, { signal: control.signal })).then(function (response) {
        if (name === "poll" || name === "longpoll") forget();
        return response;
      }, function (error) {
        forget();
        throw error;
      });
    };
  }

  var requests = window.XMLHttpRequest.prototype;
  var open = requests.open;
  var send = requests.send;
  var setHeader = requests.setRequestHeader;

  requests.open = function (method, address) {
    this.opened = { method: String(method).toUpperCase(), address: String(address), accept: "" };
    return open.apply(this, arguments);
  };

  requests.setRequestHeader = function (header, value) {
    if (header.toLowerCase() === "accept") this.opened.accept = value;
    return setHeader.call(this, header, value);
  };

  requests.send = function (body) {
    var request = this;
    var name = transportOf(this.opened.method, this.opened.address, this.opened.accept, body);
    if (name && broken[name]) {
      open.call(this, "GET", nowhere, true); // drops the headers too
      return send.call(this, null);
    }
    if (name) {
      this.addEventListener("loadend", watch(name, function () {
        request.abort();
        tell(request, "error");
      }), false);
    }
    return send.call(this, body);
  };

  // faults.set breaks a transport, open connections included, or heals it.
  window.faults = {
    set: function (name, on) {
      broken[name] = on;
      if (!on) return;
      live.filter(function (one) { return one.name === name; }).forEach(function (one) { one.kill(); });
    }
  };
}());
