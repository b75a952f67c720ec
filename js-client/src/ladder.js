// Which transport to try, when to step down, how long to wait. It knows names and counts, no connections.

/** All transports, best first. */
export var names = ["websocket", "sse", "stream", "longpoll", "poll"];

/**
 * @param {readonly string[]} list
 * @param {string} name
 * @returns {number}
 */
export function place(list, name) {
  for (var i = 0; i < list.length; i++) {
    if (list[i] === name) {
      return i;
    }
  }
  return -1;
}

/**
 * Full jitter: anything from 0 to the limit, which doubles with every failure, computed anew each time. A tenth of a second is
 * the least, so that nothing loops without delay.
 * @param {number} failures in a row so far
 * @param {number} base     limit after the first failure, in ms
 * @param {number} cap      highest limit, in ms
 * @returns {number} milliseconds
 */
export function backoff(failures, base, cap) {
  return Math.max(100, Math.random() * Math.min(cap, base * Math.pow(2, failures)));
}

/**
 * @param {string[]} usable   what options and this environment allow, in the order wanted
 * @param {boolean}  ordered  the user gave that order: the gateway's offer restricts it, but does not reorder it
 */
export function makeLadder(usable, ordered) {
  /** @type {string[] | null} */
  var offer = null;
  /** @type {Record<string, boolean>} transports that the gateway has switched off (4505) */
  var off = {};
  /** @type {Record<string, boolean>} transports that have failed since the last hello or wait */
  var tried = {};
  /** @type {Record<string, boolean>} transports that have said hello on this page */
  var known = {};
  var at = "";
  var home = ""; // where a new round begins: what spoke last
  var strikes = 0;
  var rounds = 0; // that failed, since the last hello
  /** @type {string | null} */
  var forced = null;

  // The offer's transports in its order, then those that are cheaper than all of them: an offer never leaves a client
  // without a way, and under pressure it names the cheap ones only.
  function list() {
    var result = [];
    var lowest = -1;
    var i;
    if (forced) {
      return [forced];
    }
    if (offer) {
      for (i = 0; i < offer.length; i++) {
        lowest = Math.max(lowest, place(names, offer[i]));
        if (!ordered && place(usable, offer[i]) >= 0) {
          result.push(offer[i]);
        }
      }
    }
    for (i = 0; i < usable.length; i++) {
      if (
        place(result, usable[i]) < 0 &&
        (place(names, usable[i]) > lowest || (ordered && offer && place(offer, usable[i]) >= 0))
      ) {
        result.push(usable[i]);
      }
    }
    for (i = result.length - 1; i >= 0; i--) {
      if (off[result[i]]) {
        result.splice(i, 1);
      }
    }
    return result;
  }

  function down() {
    var all = list();
    var i = place(all, at);
    tried[at] = true;
    do {
      i++;
    } while (i < all.length && tried[all[i]]);
    at = i < all.length ? all[i] : "";
    strikes = 0;
    return at;
  }

  return {
    list: list,

    /** What to try now; "" if everything is switched off. */
    step: function () {
      var all = list();
      if (place(all, at) < 0) {
        at = place(all, home) < 0 ? all[0] || "" : home;
      }
      return at;
    },

    /** The current transport failed: the next one below, "" at the end of the ladder. */
    down: down,

    /**
     * A round has failed. The next begins at the transport that spoke last, and every other one at the best: that one may
     * never work again.
     */
    again: function () {
      tried = {};
      at = rounds++ % 2 ? list()[0] || "" : home;
    },

    /**
     * The transport has said hello.
     * @param {string} name
     */
    spoke: function (name) {
      if (name !== home) {
        strikes = 0;
      }
      rounds = 0;
      at = home = name;
      known[name] = true;
      tried = {};
    },

    /**
     * Whether it has ever said hello.
     * @param {string} name
     */
    known: function (name) {
      return !!known[name];
    },

    /** The transport has proven itself: earlier faults are forgotten. */
    proven: function () {
      strikes = 0;
    },

    /**
     * The current transport is at fault. Two strikes step down.
     * @param {number} count
     * @returns {boolean} whether it stepped down
     */
    strike: function (count) {
      var from = at;
      strikes += count;
      if (strikes < 2 || !down()) {
        at = from;
        return false;
      }
      home = at;
      tried = {};
      return true;
    },

    /**
     * Those above the given transport, best first.
     * @param {string} name
     * @returns {string[]}
     */
    better: function (name) {
      var all = list();
      var i = place(all, name);
      return i < 0 ? all : all.slice(0, i);
    },

    /**
     * The gateway switched it off.
     * @param {string} name
     */
    shut: function (name) {
      off[name] = true;
    },

    /**
     * The gateway's offer. It names a transport that was off: it is on again.
     * @param {any} value
     */
    offered: function (value) {
      if (value && value.transports && value.transports.length) {
        offer = value.transports;
        for (var i = 0; i < value.transports.length; i++) {
          off[value.transports[i]] = false;
        }
      }
    },

    /**
     * @param {string | null} name only this one; null for all again
     * @returns {boolean} whether that is possible here
     */
    force: function (name) {
      if (name && place(usable, name) < 0) {
        return false;
      }
      forced = name;
      tried = {};
      strikes = 0;
      return true;
    }
  };
}
