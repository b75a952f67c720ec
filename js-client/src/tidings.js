// The client's face: tidings(url, options). tidings.d.ts documents it.
import { canStream } from "./http.js";
import { makeLadder, names, place } from "./ladder.js";
import { makeReader } from "./reader.js";
import { failure, safely } from "./receive.js";
import { publish } from "./publish.js";

/**
 * What there is to work with. Options come first: a test or an old Node brings its own.
 * @param {any} options
 * @returns {import("./http.js").Env}
 */
function environment(options) {
  /** @type {import("./http.js").Env} */
  var env = { fetch: options.fetch, WebSocket: options.WebSocket, EventSource: options.EventSource };
  if (typeof XMLHttpRequest !== "undefined") {
    env.XMLHttpRequest = XMLHttpRequest;
  }
  // Without a way to abort it fetch would leave its connections behind.
  if (!env.fetch && typeof fetch !== "undefined" && (typeof AbortController !== "undefined" || !env.XMLHttpRequest)) {
    env.fetch = fetch;
  }
  if (!env.WebSocket && typeof WebSocket !== "undefined") {
    env.WebSocket = WebSocket;
  }
  if (!env.EventSource && typeof EventSource !== "undefined") {
    env.EventSource = EventSource;
  }
  return env;
}

/**
 * @param {import("./http.js").Env} env
 * @param {string[]} wanted
 * @returns {string[]} those that work here
 */
function able(env, wanted) {
  /** @type {Record<string, any>} */
  var can = {
    websocket: env.WebSocket,
    sse: env.EventSource,
    stream: canStream(env),
    longpoll: env.fetch || env.XMLHttpRequest,
    poll: env.fetch || env.XMLHttpRequest
  };
  var result = [];
  for (var i = 0; i < wanted.length; i++) {
    if (place(names, wanted[i]) < 0) {
      throw failure("no transport is called " + wanted[i], {});
    }
    if (can[wanted[i]]) {
      result.push(wanted[i]);
    }
  }
  return result;
}

/**
 * The gateway's base URL, absolute (a WebSocket needs it so) and without a slash at the end.
 * @param {string} url
 * @returns {string}
 */
function absolute(url) {
  if (!/^https?:/.test(url) && typeof location !== "undefined") {
    url = location.protocol + (/^\/\//.test(url) ? "" : "//" + location.host) + url;
  }
  return url.replace(/\/+$/, "");
}

/**
 * @param {string} [url]
 * @param {any} [options]
 * @returns {import("./tidings.d.ts").Tidings}
 */
export function tidings(url, options) {
  /** @type {any} */
  var given = options || {};
  /** @type {Record<string, ((value: any) => void)[]>} */
  var listeners = {};
  var closed = false;
  var env = environment(given);

  /**
   * @param {string} type
   * @param {any} value
   */
  function report(type, value) {
    var list = (listeners[type] || []).slice();
    if (type === "state") {
      self.state = value;
    }
    for (var i = 0; i < list.length; i++) {
      safely(list[i], value);
    }
    if (type === "error" && !list.length && typeof console !== "undefined") {
      console.error(value); // An error that nobody listens to is not swallowed.
    }
  }

  /** @type {import("./link.js").Config} */
  var config = {
    env: env,
    base: absolute(url || ""),
    poll_ms: given.poll_ms,
    token: function () {
      return typeof given.token === "function" ? given.token() : given.token;
    },
    ladder: makeLadder(able(env, given.transports || names), !!given.transports),
    report: report
  };
  var reader = makeReader(config);

  /** @param {PageTransitionEvent} event */
  function shown(event) {
    if (event.persisted) {
      reader.wake();
    }
  }

  /** @param {"addEventListener" | "removeEventListener"} method */
  function page(method) {
    if (typeof window !== "undefined" && window[method]) {
      window[method]("pagehide", reader.sleep);
      window[method]("pageshow", /** @type {any} */ (shown));
      window[method]("online", reader.wake);
    }
  }

  /** @type {any} */
  var self = {
    state: { state: "closed", transport: "", previous: "", cause: "new", cursor: "" },

    /**
     * @param {string} topic
     * @param {(message: any) => void} fn
     * @param {any} [how]
     */
    follow: function (topic, fn, how) {
      var since = how && how.since;
      return {
        topic: topic,
        close: reader.follow(topic, since === undefined || since === null ? "now" : String(since), fn)
      };
    },

    /**
     * @param {string} topic
     * @param {any} data
     * @param {any} [how]
     * @param {any} [callback]
     */
    publish: function (topic, data, how, callback) {
      if (typeof how === "function") {
        callback = how;
        how = null;
      }
      /** @param {(error: Error | null, receipt?: any) => void} done */
      function start(done) {
        publish(config, topic, data, how || {}, done, function () {
          return closed;
        });
      }
      if (callback || typeof Promise === "undefined") {
        start(callback || function () {});
        return undefined;
      }
      return new Promise(function (resolve, reject) {
        start(function (error, receipt) {
          if (error) {
            reject(error);
          } else {
            resolve(receipt);
          }
        });
      });
    },

    /**
     * @param {string} type
     * @param {(value: any) => void} fn
     */
    on: function (type, fn) {
      listeners[type] = (listeners[type] || []).concat(fn);
      return self;
    },

    /**
     * @param {string} type
     * @param {(value: any) => void} fn
     */
    off: function (type, fn) {
      var kept = [];
      var list = listeners[type] || [];
      for (var i = 0; i < list.length; i++) {
        if (list[i] !== fn) {
          kept.push(list[i]);
        }
      }
      listeners[type] = kept;
      return self;
    },

    /** @param {string | null} transport */
    use: function (transport) {
      if (!reader.use(transport || null)) {
        throw failure("the transport " + transport + " cannot be used here", {});
      }
    },

    close: function () {
      closed = true;
      page("removeEventListener");
      reader.close();
    }
  };

  page("addEventListener");
  return self;
}
