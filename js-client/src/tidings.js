// The client's face: tidings(url, options). tidings.d.ts documents it.
import { modern, roomy } from "./build.js";
import { watchPage } from "./page.js";
import { publish } from "./publish.js";
import { makeReader } from "./reader.js";
import { absolute, makeConfig } from "./settings.js";
import { canShare, makeTabs } from "./tabs.js";
import { attempt, each, failure, filter, root } from "./util.js";

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
  var base = absolute(url || (modern ? "/" : "")).replace(/\/+$/, "");
  var key = "tidings " + base;
  var shares = roomy && given.share !== false && !!canShare();

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

  var config = makeConfig(given, base, key, report);
  /** @type {any} */
  var tabs =
    roomy &&
    makeTabs([key, config.ladder.list(), given.connections, given.token].join(" "), function () {
      return reader;
    });
  /** @type {any} */
  var reader = makeReader(config, shares, tabs);
  var unwatch = watchPage(reader.sleep, function (network) {
    if (roomy) {
      if (shares && !alone) {
        tabs.join();
      }
      tabs.wake();
    }
    reader.wake(network);
  });

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
          roomy && reader.piggyback
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
      unwatch();
      if (roomy) {
        tabs.leave();
      }
      reader.close();
    }
  };

  return self;
}
