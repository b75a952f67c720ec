// Makes a transport fail in this page, the way a proxy or an old browser does, to show the client stepping down. It wraps
// what a browser connects with, and so runs before the client is loaded. Publishing is never touched.
(function () {
  "use strict";

  var broken = new Set();
  var live = new Map(); // transport name → set of functions, each of which kills one open connection

  // An address that fails at once, as an unreachable gateway does, and sends nothing.
  var nowhere = "blob:" + location.origin + "/broken";

  function watch(name, kill) {
    if (!live.has(name)) live.set(name, new Set());
    live.get(name).add(kill);
    return function () { live.get(name).delete(kill); };
  }

  // Which transport a request of the client is, by the same rules as the gateway's; null for anything else.
  function transportOf(method, address, accept, body) {
    var url = new URL(address, location.href);
    var follows = url.pathname === "/follow" || (method === "GET" && /^\/topics(\/|$)/.test(url.pathname));
    if (url.origin !== location.origin || !follows) return null;
    if (url.searchParams.get("limit") === "1") return null; // the client asks whether the gateway is there at all
    var asked = {};
    if (typeof body === "string") {
      try { asked = JSON.parse(body) || {}; } catch { /* not ours to judge */ }
    }
    var named = url.searchParams.get("transport") || asked.transport;
    if (named) return named;
    if (/text\/event-stream/.test(accept)) return "sse";
    if (/ndjson|multipart/.test(accept)) return "stream";
    return url.searchParams.has("wait") || asked.wait ? "longpoll" : "poll";
  }

  if (window.WebSocket) {
    window.WebSocket = class extends window.WebSocket {
      constructor(address, protocols) {
        // The gateway knows no such page: the upgrade fails with a real error.
        super(broken.has("websocket") ? location.origin.replace(/^http/, "ws") + "/board/broken" : address, protocols || []);
        var forget = watch("websocket", () => this.close());
        this.addEventListener("close", forget);
      }
    };
  }

  if (window.EventSource) {
    window.EventSource = class extends window.EventSource {
      constructor(address, options) {
        super(broken.has("sse") ? nowhere : address, options);
        this.forget = watch("sse", () => {
          this.close();
          this.dispatchEvent(new Event("error"));
        });
      }

      close() {
        this.forget();
        super.close();
      }
    };
  }

  if (window.fetch) {
    var fetch = window.fetch;
    window.fetch = function (input, init) {
      var options = init || {};
      var headers = new Headers(options.headers);
      var name = transportOf((options.method || "GET").toUpperCase(), String(input.url || input), headers.get("Accept") || "", options.body);
      if (!name) return fetch.call(window, input, init);
      if (broken.has(name)) return Promise.reject(new TypeError(name + " is broken in this page"));
      var control = new AbortController();
      var signals = options.signal ? AbortSignal.any([options.signal, control.signal]) : control.signal;
      // An answered request is forgotten late: killing it then does nothing.
      var forget = watch(name, () => { forget(); control.abort(new TypeError(name + " was broken in this page")); });
      return fetch.call(window, input, Object.assign({}, options, { signal: signals })).then(function (response) {
        if (name === "poll" || name === "longpoll") forget();
        return response;
      }, function (error) {
        forget();
        throw error;
      });
    };
  }

  if (window.XMLHttpRequest) {
    window.XMLHttpRequest = class extends window.XMLHttpRequest {
      open(...args) {
        this.opened = args;
        this.accept = "";
        super.open(...args);
      }

      setRequestHeader(header, value) {
        if (header.toLowerCase() === "accept") this.accept = value;
        super.setRequestHeader(header, value);
      }

      send(body) {
        var name = transportOf(this.opened[0].toUpperCase(), String(this.opened[1]), this.accept, body);
        if (name && broken.has(name)) {
          super.open("GET", nowhere); // drops the headers too
          super.send();
          return;
        }
        if (name) {
          var forget = watch(name, () => {
            this.abort();
            this.dispatchEvent(new ProgressEvent("error"));
          });
          this.addEventListener("loadend", forget);
        }
        super.send(body);
      }
    };
  }

  // faults.set breaks a transport, open connections included, or heals it.
  window.faults = {
    set: function (name, on) {
      if (!on) {
        broken.delete(name);
        return;
      }
      broken.add(name);
      Array.from(live.get(name) || []).forEach(function (kill) { kill(); });
    },
  };
}());
