// Keeps one connection up for all follows: opens transports, moves between them with the cursors, waits, comes back.
// At most two links exist: the one that serves, and one that is coming and takes over with its hello.
import { makeCover, parseCursor } from "./cover.js";
import { request } from "./http.js";
import { backoff } from "./ladder.js";
import { ask, fold, makeLink, now, openLink, serves, shut, watch } from "./link.js";
import { acknowledge, arrive, begin, failure, receive, upstream, upstreamAll } from "./receive.js";
import { followAddress } from "./wire.js";

/**
 * @typedef {import("./link.js").Config} Config
 * @typedef {import("./link.js").Ending} Ending
 * @typedef {import("./link.js").Follow} Follow
 * @typedef {import("./link.js").Host} Host
 * @typedef {import("./link.js").Link} Link
 */

// All in ms. How long to wait for hello; in how young a death the transport is at fault if it had brought nothing;
// after which life probes begin at the short interval again; the probes' intervals.
var patience = 5000;
var young = 5000;
var mature = 60000;
var firstProbe = 30000;
var lastProbe = 300000;

/** @param {Config} config */
export function makeReader(config) {
  var ladder = config.ladder;
  var report = config.report;
  /** @type {Follow[]} */
  var follows = [];
  /** @type {Link | null} */
  var serving = null;
  /** @type {Link | null} */
  var coming = null;
  /** @type {string[]} what is still to be probed in this turn */
  var queue = [];
  var failures = 0;
  var every = firstProbe;
  var count = 0;
  var shown = "";
  var cursor = "";
  var closed = false;
  var stopped = false;
  /** @type {any} */
  var retrying = null;
  /** @type {any} */
  var probing = null;
  /** @type {any} */
  var syncing = null;
  /** @type {(() => void) | null} */
  var checking = null;

  /**
   * @param {string} state
   * @param {string} name
   * @param {string} cause
   */
  function tell(state, name, cause) {
    var previous = shown;
    if (state === "open") {
      shown = name;
    }
    if (serving) {
      cursor = serving.cursor;
    }
    report("state", { state: state, transport: name, previous: previous, cause: cause, cursor: cursor });
  }

  function number() {
    return ++count;
  }

  /** @type {Host} */
  var host = {
    wanted: function (link) {
      if (serving) {
        fold(serving);
      }
      return ask(link, follows);
    },
    hello: hello,
    object: object,
    answer: function (link, answer) {
      if (!link.spoke) {
        hello(link, { cursor: answer.cursor, offer: answer.offer, poll: true });
      } else {
        prove(link);
        ladder.offered(answer.offer);
        var point = parseCursor(answer.cursor);
        if (point && point.epoch !== link.epoch) {
          link.seq = -1;
          link.told = {};
          begin(link, point.epoch, false, report);
        }
      }
      for (var i = 0; i < answer.items.length && !link.over; i++) {
        receive(link, answer.items[i], report);
      }
      if (!link.over) {
        arrive(link, answer, report);
      }
    },
    end: end
  };

  /**
   * @param {string} name
   * @param {string} why
   */
  function open(name, why) {
    if (!name) {
      fail("", { cause: "no transport" });
      return;
    }
    coming = makeLink(name, why);
    openLink(coming, config, host, patience * Math.min(failures + 1, 4));
    if (!serving) {
      tell("connecting", name, why);
    }
  }

  /**
   * The first word of the gateway: only now the link has succeeded, and takes over.
   * @param {Link} link
   * @param {any} hello
   */
  function hello(link, hello) {
    var point = parseCursor(hello.cursor);
    var bare = link.handle && link.handle.bare;
    if (!point) {
      return;
    }
    shut(serving);
    clearTimeout(link.greet);
    link.spoke = now();
    link.cursor = hello.cursor;
    link.seq = point.seq;
    serving = link;
    coming = null;
    ladder.offered(hello.offer);
    ladder.spoke(link.name);
    if (!hello.poll) {
      watch(link, hello.ping_ms ? hello.ping_ms * 1.5 + 2000 : 0, host);
    }
    schedule();
    sync(); // What was followed or closed meanwhile.
    tell("open", link.name, link.why);
    if (!link.over) {
      begin(link, point.epoch, link.now && !bare && !hello.poll, report);
    }
    if (bare && !link.over) {
      upstreamAll(link, follows, number());
    }
  }

  /**
   * @param {Link} link
   * @param {any} value
   */
  function object(link, value) {
    var bye = value.bye;
    if (bye) {
      end(link, {
        cause: bye.reason || "bye",
        code: bye.code || 4001,
        retry_ms: bye.retry_ms,
        offer: bye.offer
      });
    } else if (value.ack) {
      acknowledge(link, value.ack, report, remove);
    } else {
      if (!value.live) {
        prove(link);
      }
      receive(link, value, report);
    }
  }

  /** @param {Link} link */
  function prove(link) {
    if (!link.proven) {
      link.proven = true;
      ladder.proven();
    }
  }

  // Brings the connection in line with what is followed, once for all that happens in the same turn.
  function sync() {
    if (!syncing) {
      syncing = setTimeout(function () {
        syncing = null;
        if (!closed && !stopped) {
          adapt();
        }
      }, 0);
    }
  }

  function busy() {
    return !!(serving || coming || retrying || checking);
  }

  function adapt() {
    var link = coming;
    if (!follows.length) {
      if (busy()) {
        halt();
        tell("closed", shown, "nothing followed");
      }
      return;
    }
    if (link && !serves(link, follows)) {
      shut(link);
      coming = null;
      if (!serving || link.why === "use") {
        open(link.name, link.why);
        return;
      }
      schedule();
    }
    if (serving && !coming && !serves(serving, follows)) {
      var handle = serving.handle;
      if (handle && handle.change) {
        handle.change();
      } else if (!handle || !handle.send || !upstream(serving, follows, number)) {
        open(serving.name, "follow");
      }
    }
    if (!busy()) {
      open(ladder.step(), "start");
    }
  }

  function halt() {
    if (serving) {
      shut(serving);
      cursor = serving.cursor;
    }
    shut(coming);
    clearTimeout(retrying);
    clearTimeout(probing);
    if (checking) {
      checking();
    }
    serving = coming = retrying = checking = null;
    queue = [];
  }

  /**
   * @param {Link} link
   * @param {Ending} ending
   */
  function end(link, ending) {
    var code = ending.code || 0;
    if (link.over) {
      return;
    }
    shut(link);
    ladder.offered(ending.offer);
    if (code === 4505) {
      ladder.shut(link.name);
    }
    if (link === serving) {
      cursor = link.cursor;
      serving = null;
      if (coming && (code < 4500 || code === 4505)) {
        tell("connecting", coming.name, ending.cause);
      } else {
        decide(link, ending);
      }
      return;
    }
    coming = null;
    if (serving && link.why === "follow") {
      // It cannot carry what is followed now: better a break than a topic that nothing comes of.
      shut(serving);
      serving = null;
    }
    if (!serving) {
      decide(link, ending);
      return;
    }
    if (queue.length) {
      open(/** @type {string} */ (queue.shift()), "probe");
    } else {
      schedule();
    }
    sync();
    if (link.why === "use") {
      report("error", failure(link.name + " failed: " + ending.cause, ending));
    }
  }

  // What to do now that nothing serves.
  /**
   * @param {Link} link
   * @param {Ending} ending
   */
  function decide(link, ending) {
    var code = ending.code || 0;
    var age = link.spoke ? now() - link.spoke : 0;
    if (link.proven || age >= young) {
      failures = 0;
    }
    if (age >= mature) {
      every = firstProbe;
    }
    if (code >= 4500 && code < 5000 && code !== 4505) {
      fail(link.name, ending);
    } else if (code >= 4000 || ending.retry_ms !== undefined || (link.why === "probe" && !link.spoke)) {
      wait(ending); // The gateway's own word, or a probe that lost what it was to replace: the ladder stays as it is.
    } else if (link.spoke) {
      if (!link.proven && ending.cause !== "full" && (ending.cause === "silent" || age < young)) {
        ladder.strike(ending.cause === "silent" || link.why === "probe" ? 2 : 1);
      }
      wait(ending);
    } else if (ladder.known(link.name) && link.name !== "poll" && follows.length) {
      check(ending);
    } else if (ladder.down()) {
      open(ladder.step(), ending.cause);
    } else {
      ladder.again();
      wait(ending);
    }
  }

  // A transport that has worked before does not connect. It is at fault only if plain HTTP works.
  /** @param {Ending} ending */
  function check(ending) {
    /** @param {number} status */
    function done(status) {
      /** @type {() => void} */ (checking)();
      checking = null;
      if (status > 0 && status < 500) {
        ladder.strike(1);
      }
      wait(ending);
    }
    var timer = setTimeout(function () {
      done(0);
    }, patience);
    var cancel = request(
      config.env,
      {
        url: followAddress(config.base, "poll", [{ topic: follows[0].cover.pattern, since: "now" }], "limit=1"),
        token: config.token()
      },
      done
    );
    checking = function () {
      clearTimeout(timer);
      cancel();
    };
  }

  /** @param {Ending} ending */
  function wait(ending) {
    var ms = backoff(failures++, 500, 30000);
    var next = ladder.step();
    if (ending.retry_ms) {
      ms = Math.max(ms, ending.retry_ms * (1 + Math.random() / 2));
    }
    if (!next) {
      fail("", ending);
      return;
    }
    retrying = setTimeout(function () {
      retrying = null;
      open(ladder.step(), ending.cause);
    }, ms);
    tell("waiting", next, ending.cause);
  }

  // The gateway has said no for good, or there is no way left.
  /**
   * @param {string} name
   * @param {Ending} ending
   */
  function fail(name, ending) {
    halt();
    stopped = true;
    tell("closed", name, ending.cause);
    report("error", failure(ending.detail || ending.cause, ending));
  }

  // A page that lives long tries what is better, ever more rarely.
  function schedule() {
    clearTimeout(probing);
    if (serving && ladder.better(serving.name).length) {
      probing = setTimeout(function () {
        every = Math.min(every * 2, lastProbe);
        probe();
      }, every * (0.5 + Math.random()));
    }
  }

  function probe() {
    if (serving && !coming) {
      queue = ladder.better(serving.name);
      if (queue.length) {
        open(/** @type {string} */ (queue.shift()), "probe");
      }
    }
  }

  /** @param {Follow} follow */
  function remove(follow) {
    follow.closed = true;
    for (var i = follows.length - 1; i >= 0; i--) {
      if (follows[i] === follow) {
        follows.splice(i, 1);
        sync();
      }
    }
  }

  return {
    /**
     * @param {string} pattern
     * @param {string} since
     * @param {(message: any) => void} fn
     * @returns {() => void} ends it
     */
    follow: function (pattern, since, fn) {
      /** @type {Follow} */
      var follow = { id: number(), cover: makeCover(pattern, since), fn: fn, closed: closed };
      if (!closed) {
        follows.push(follow);
        stopped = false;
        sync();
      } else {
        report("error", failure("followed after close", { cause: "close", topic: pattern }));
      }
      return function () {
        remove(follow);
      };
    },

    /**
     * @param {string | null} name
     * @returns {boolean} whether that transport can be used here
     */
    use: function (name) {
      if (!ladder.force(name)) {
        return false;
      }
      shut(coming);
      coming = null;
      queue = [];
      if (serving) {
        schedule();
        if (!name) {
          probe();
        } else if (serving.name !== name) {
          open(name, "use");
        }
      } else if (busy() || retrying) {
        halt();
        open(ladder.step(), "use");
      }
      sync();
      return true;
    },

    /** The page has come back, or the network has. */
    wake: function () {
      if (!closed && !stopped && !serving && !coming && follows.length) {
        halt();
        failures = 0;
        open(ladder.step(), "wake");
      }
    },

    /** The page is put away, perhaps to come back: it holds no connection meanwhile. */
    sleep: function () {
      if (busy()) {
        halt();
        tell("waiting", shown, "pagehide");
      }
    },

    close: function () {
      if (!closed) {
        closed = true;
        halt();
        for (var i = 0; i < follows.length; i++) {
          follows[i].closed = true;
        }
        follows = [];
        tell("closed", shown, "close");
      }
    }
  };
}
