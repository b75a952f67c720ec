// Which transports there are, in which order, and which of them worked here before. It knows names, no connections.
import { roomy } from "./build.js";
import { attempt, filter, now, parse, place } from "./util.js";

// How long a memory of what worked is believed, in ms.
var life = 1800000;
// The longest round trip that is believed, in ms: a clock may jump, and a machine sleep, while one is measured.
var slowest = 5000;

/**
 * @param {string[]} usable   what options and this environment allow, in the order wanted
 * @param {boolean}  ordered  the user gave that order: the gateway's offer restricts it, but does not reorder it
 * @param {string}   key      what to remember it under
 */
export function makeLadder(usable, ordered, key) {
  /** @type {any} */
  var offer = {};
  /** @type {string | null} */
  var forced = null;
  /** @type {{name?: string, at?: any, rtt: number}} */
  var kept =
    (roomy &&
      parse(
        attempt(function () {
          return localStorage.getItem(key); // Which throws where a page may not keep anything.
        })
      )) ||
    {};
  // Also where the clock was set back in between.
  if (!(Math.abs(now() - kept.at) < life)) {
    kept = { rtt: 0 };
  }

  var self = {
    /** All that may be used, best first. */
    list: function () {
      var first = (!ordered && offer.transports) || usable;
      var second = ordered ? offer.transports || usable : usable;
      var list = filter(first, function (name) {
        return place(second, name) >= 0;
      });
      return forced ? [forced] : list.length ? list : usable;
    },

    /** What worked last, "" if that is not to be had now. */
    home: function () {
      return (place(self.list(), kept.name) >= 0 && kept.name) || "";
    },

    /**
     * Remembers what works.
     * @param {string} name
     * @param {boolean} [proven] for the next page too
     */
    keep: function (name, proven) {
      kept = { name: name, at: now(), rtt: kept.rtt };
      if (roomy) {
        attempt(function () {
          if (proven) {
            localStorage.setItem(key, JSON.stringify(kept));
          }
        });
      }
    },

    /**
     * How long a round trip takes, in ms; 0 if that is unknown.
     * @param {number} [ms] was measured
     * @returns {number}
     */
    rtt: function (ms) {
      return (kept.rtt = Math.max(0, Math.min(ms || kept.rtt, slowest)) || 0);
    },

    /**
     * The gateway's offer.
     * @param {any} [value]
     * @returns {any} the newest
     */
    offer: function (value) {
      return (offer = value || offer);
    },

    /**
     * @param {string | null} name only this one; null for all again
     * @returns {boolean} whether that is possible here
     */
    force: function (name) {
      var can = !name || place(usable, name) >= 0;
      forced = can ? name : forced;
      return can;
    }
  };
  return self;
}
