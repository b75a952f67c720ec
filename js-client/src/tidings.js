// The client's face: tidings(url, options). tidings.d.ts documents it.
import { modern } from "./build.js";
import { makeLadder } from "./ladder.js";
import { publish } from "./publish.js";
import { makeReader } from "./reader.js";
import { canShare, makeTabs } from "./tabs.js";
import { attempt, each, failure, filter, names, place, root } from "./util.js";

/**
 * What there is to work with. Options come first: a test or an old Node brings its own.
 * @param {any} options
 * @returns {import("./http.js").Env}
 */
function environment(options) {
  // Without a way to abort it fetch would leave its connections behind; without one to read it is no better than what came before.
  var fetches = modern || (root.AbortController && root.ReadableStream && root.TextDecoder);
  /** @type {import("./http.js").Env} */
  var env = {
    websocket: options.WebSocket || root.WebSocket,
    sse: options.EventSource || root.EventSource,
    fetch: fetches && (options.fetch || root.fetch)
  };
  if (!modern) {
    env.XMLHttpRequest = options.XMLHttpRequest || root.XMLHttpRequest;
    env.XDomainRequest = options.XDomainRequest || root.XDomainRequest;
    env.document = options.document || root.document;
  }
  env.stream = env.longpoll = env.poll = modern || env.fetch || env.XMLHttpRequest;
  return env;
}

/**
 * The gateway's base URL, absolute (a WebSocket needs it so) and without a slash at the end.
 * @param {string} url
 * @returns {string}
 */
function absolute(url) {
  var here = root.location;
  if (modern) {
    url = new URL(url || "/", here).href;
  } else if (!/^https?:/.test(url) && here) {
    url = here.protocol + (/^\/\//.test(url) ? "" : "//" + here.host) + url;
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
  var alone = false;
  var env = environment(given);
  var base = absolute(url || "");
  var key = "tidings " + base;
  var shares = given.share !== false && !!canShare();

  /**
   * @param {string} type
   * @param {any} value
   */
  function report(type, value) {
    var list = listeners[type] || [];
    if (type === "state") {
      self.state = value;
    }
    each(list, function (fn) {
      attempt(fn, value, true);
    });
    if (type === "error" && !list.length && (modern || root.console)) {
      console.error(value); // An error that nobody listens to is not swallowed.
    }
  }

  var usable = filter(given.transports || names, function (name) {
    if (place(names, name) < 0) {
      throw failure("no transport is called " + name, {});
    }
    return /** @type {any} */ (env)[name];
  });

  /** @type {import("./link.js").Config} */
  var config = {
    env: env,
    base: base,
    poll_ms: given.poll_ms,
    token: "",
    // A browser that knows neither is one that opens no more than two connections to a host.
    line: [],
    frugal: given.connections < 3 || (!modern && !given.connections && !env.websocket && !env.sse && !env.fetch),
    ladder: makeLadder(usable, !!given.transports, key),
    report: report,
    authorize: function (expired, then) {
      /** @param {any} token */
      function use(token) {
        config.token = typeof token === "string" ? token : "";
        then();
      }
      var token = typeof given.token === "function" ? attempt(given.token, expired) : given.token;
      if (token && token.then) {
        token.then(use, use);
      } else {
        use(token);
      }
    }
  };
  var tabs = makeTabs([key, usable, given.connections, given.token].join(" "), function () {
    return reader;
  });
  var reader = makeReader(config, shares, tabs);

  /**
   * Something has become of the page, or of its network.
   * @param {any} event
   */
  function happen(event) {
    var seen = event.type === "visibilitychange";
    if (/hide|freeze/.test(event.type)) {
      reader.sleep();
    } else if (event.persisted !== false && !(seen && document.hidden)) {
      if (shares && !alone) {
        tabs.join();
      }
      tabs.wake();
      reader.wake(!seen);
    }
  }

  /** @param {"addEventListener" | "removeEventListener"} method */
  function listen(method) {
    var line = (root.navigator || {}).connection;
    each(["pagehide", "freeze", "pageshow", "resume", "online", "visibilitychange"], function (type) {
      if (root[method]) {
        root[method](type, happen, true); // So that it hears what is the document's, too.
      }
    });
    if (line && line[method]) {
      line[method]("change", happen);
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
      return {
        topic: topic,
        close: reader.follow(topic, String((how && how.since) || "now"), fn)
      };
    },

    /** @param {any} follow */
    unfollow: function (follow) {
      follow.close();
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
      /**
       * @param {(receipt: any) => void} [resolve]
       * @param {(error: any) => void} [reject]
       */
      function start(resolve, reject) {
        publish(
          config,
          topic,
          data,
          how,
          callback ||
            function (error, receipt) {
              if (error) {
                /** @type {any} */ (reject)(error);
              } else {
                /** @type {any} */ (resolve)(receipt);
              }
            },
          reader.piggyback
        );
      }
      if (!modern && !root.Promise) {
        callback = callback || function () {};
      }
      return callback ? start() : new Promise(start);
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
      listeners[type] = filter(listeners[type] || [], function (one) {
        return one !== fn;
      });
      return self;
    },

    /** @param {string | null} transport */
    use: function (transport) {
      if (!reader.use(transport || null)) {
        throw failure("the transport " + transport + " cannot be used here", {});
      }
      alone = !!transport;
      // Who wants a transport of his own has a connection of his own.
      if (shares) {
        tabs.leave();
        reader.lead(alone);
      }
    },

    diagnose: reader.diagnose,

    close: function () {
      listen("removeEventListener");
      tabs.leave();
      reader.close();
    }
  };

  listen("addEventListener");
  return self;
}
