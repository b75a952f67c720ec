// Keeps one connection up for whoever has use for it: races transports at the start, moves between them, waits, comes back.
// Everything that opens a connection is a round: a list of transports, each tried when the one before it has failed or
// has had its head start. Beside the connection that serves there is at most one attempt, and without it at most two.
// What is asked for and what is brought is the user's: topics (reader.js) or a socket (socket.js).
import { roomy, sockets } from "./build.js";
import { parseCursor } from "./cover.js";
import { makeLink, open, shut } from "./link.js";
import { attempt, backoff, failure, filter, now, place } from "./util.js";

/**
 * @typedef {import("./link.js").Config} Config
 * @typedef {import("./link.js").Ending} Ending
 * @typedef {import("./link.js").Host} Host
 * @typedef {import("./link.js").Link} Link
 */

// All in ms. The least head start of a first connection, and of one that comes back: that must not multiply a storm. How young
// a death puts a transport in doubt. The probes' intervals. How soon a connection in doubt must be heard, and how soon
// what a new one is asked. When the tick comes.
var fast = 270;
var slow = 3000;
var young = 5000;
var firstProbe = 4000;
var lastProbe = 300000;
var check = 2000;
var soon = 800;
var tick = 200;
// Nobody is obeyed who asks for a longer wait, in ms: past 24 days a timer does not wait at all.
var lastRetry = 3600000;

/**
 * @param {Config} config
 * @param {(link: Link) => void} dress            gives a new link its addresses
 * @param {(link: Link) => any} stale             whether it was asked for something else than what is wanted now
 * @param {(link: Link) => boolean} extend        asks it for what is wanted now; false: that takes a new connection
 * @param {(link: Link, value: any) => void} take one object of the wire
 * @param {(status: {state: string, transport: string, previous: string, cause: string, cursor?: string}) => void} show
 * @param {(name: string, ending: Ending) => void} refused the gateway has said no for good
 * @param {() => any} [lost]                      nothing serves: true if nothing is to be waited for, either
 */
export function makeRounds(config, dress, stale, extend, take, show, refused, lost) {
  var ladder = config.ladder;
  /** @type {Link | null} */
  var serving = null;
  /** @type {Link[]} attempts, the oldest first */
  var tries = [];
  /** @type {string[]} what the round has still to try */
  var queue = [];
  var why = "";
  var head = 0;
  var rounds = 0;
  var failures = 0;
  /** @type {Record<string, boolean>} transports that have proven themselves on this page */
  var sure = {};
  /** @type {Record<string, number>} how often each died young in a row */
  var strikes = {};
  /** @type {any[]} */
  var log = [];
  var every = firstProbe;
  var count = 0;
  var shown = "";
  var expired = false;
  var until = 0; // when the gateway wants to be asked again, if it has said so
  /** @type {any} */
  var heading;
  /** @type {any} */
  var retrying;
  /** @type {any} */
  var probing;
  /**
   * @param {string} state
   * @param {string} name
   * @param {string} cause
   * @param {string} [cursor] where it begins
   */
  function tell(state, name, cause, cursor) {
    var previous = shown;
    if (state === "open") {
      shown = name;
    }
    show({ state: state, transport: name || shown, previous: previous, cause: cause, cursor: cursor });
  }

  /** @type {Host} */
  var host = {
    common: function (link) {
      return "&n=" + ++count + (link.sure || link.handle.change ? "" : "&tick=" + tick) + ((roomy && link.step) || "");
    },
    object: object,
    quiet: function (link) {
      if (link === serving && !link.handle.change) {
        alive(link);
      } else {
        link.end({ cause: "silent" });
      }
    },
    renew: function (link) {
      if (link === serving && !tries.length) {
        round([link.name], "renew", 0);
      }
    },
    end: end
  };

  /**
   * Begins a round.
   * @param {string[]} names
   * @param {string} reason
   * @param {number} ms the least head start of each before the next; 0: each has all the time that it takes
   */
  function round(names, reason, ms) {
    abandon(reason);
    var id = ++rounds;
    config.authorize(expired, function () {
      expired = false;
      if (id === rounds) {
        queue = names;
        why = reason;
        head = ms;
        next({ cause: reason });
      }
    });
  }

  /**
   * Drops all attempts, and what waits.
   * @param {string} reason
   */
  function abandon(reason) {
    rounds++;
    clearTimeout(heading);
    clearTimeout(retrying);
    retrying = 0;
    queue = [];
    keep(function (link) {
      shut(link, reason);
    });
  }

  /** @param {(link: Link) => any} wanted which attempts go on */
  function keep(wanted) {
    tries = filter(tries, wanted);
  }

  /**
   * Tries what is next in the round.
   * @param {Ending} ending how the one before it ended
   */
  function next(ending) {
    var list = ladder.list();
    var name = queue[0];
    clearTimeout(heading);
    queue = queue.slice(1);
    if (!name) {
      if (!tries.length) {
        over(ending);
      }
    } else if (place(list, name) < 0) {
      next(ending); // Not offered any more.
    } else {
      if (tries[roomy && config.frugal ? 0 : 1]) {
        shut(/** @type {Link} */ (tries.shift()), "no_hello");
      }
      begin(makeLink(name, config, host));
      clearTimeout(heading); // Whoever was told of this attempt may have begun another round.
      if (head && queue.length) {
        heading = setTimeout(
          function () {
            next({ cause: "no_hello" });
          },
          ladder.offer().head_ms || Math.max(head, Math.min(3 * ladder.rtt(), slow))
        );
      }
    }
  }

  /** @param {Link} link */
  function begin(link) {
    var name = link.name;
    dress(link);
    if (roomy) {
      var last = (serving || { entry: log[log.length - 1] || link.entry }).entry;
      if (last.transport !== name) {
        link.step = "&from=" + last.transport + "&cause=" + encodeURIComponent(serving ? "better" : last.cause || "no_hello");
      }
    }
    if (roomy && serving && config.frugal) {
      shut(serving, why); // Break before make: the cursors cover it.
      serving = null;
    }
    link.sure = sure[name];
    link.opened = ++count;
    link.entry.why = why;
    link.spare = roomy && head === slow && name !== ladder.home();
    log = log.slice(-19).concat(link.entry);
    tries = tries.concat(link);
    link.greet = setTimeout(
      function () {
        link.end({ cause: "no_hello" });
      },
      // Longer where the gateway seems to be short of breath, and where a socket has failed if this one does.
      Math.max(slow, 5 * ladder.rtt()) * Math.min(failures + 1, 4) * (sockets && lost && !shown && !queue.length ? 10 : 1)
    );
    open(link);
    if (!serving) {
      tell("connecting", name, why);
    }
  }

  /**
   * Nothing in the round has worked.
   * @param {Ending} ending
   */
  function over(ending) {
    if (!serving || why === "follow" || why === "renew") {
      if (serving) {
        // It cannot carry what is followed now, or is dead: better a break than a topic that nothing comes of.
        shut(serving, why);
        serving = null;
      }
      wait(ending);
    } else if (why === "use" && !head) {
      config.report("error", failure("use failed: " + ending.cause, ending));
    } else {
      if (why === "probe") {
        ladder.keep(serving.name, true);
      }
      if (now() - /** @type {number} */ (serving.last) > 5 * check && !serving.handle.change) {
        alive(serving); // It could not be asked while others were tried.
      }
    }
    schedule();
  }

  /**
   * The first word of the gateway.
   * @param {Link} link
   * @param {any} value
   */
  function hello(link, value) {
    var point = parseCursor(value.hello.cursor);
    var handle = link.handle;
    if (!point || (link.spoke && !handle.change)) {
      return;
    }
    link.epoch = point.epoch;
    ladder.offer(value.hello.offer);
    if (link.spoke) {
      take(link, value); // A poll's, of another epoch.
      return;
    }
    clearTimeout(link.greet);
    link.entry.hello_ms = (link.spoke = now()) - link.entry.at;
    if (roomy && serving && link.fresh && /** @type {number} */ (link.opened) < /** @type {number} */ (serving.served)) {
      // It lost the race by so much that "now" is not where it was. It works: again, with cursors.
      round([link.name], "probe", 0);
    } else if (handle.change || link.sure) {
      serve(link, [value]);
      prove(link);
    } else {
      link.greet = setTimeout(
        function () {
          link.end({ cause: "buffered" });
        },
        Math.max(soon, 5 * ladder.rtt(), 3 * link.entry.hello_ms)
      );
      ping(link);
      if (serving && why !== "follow") {
        link.held = [value]; // Until it is proven that what it is sent arrives.
      } else {
        serve(link, [value]);
      }
    }
  }

  /** @param {Link} link */
  function ping(link) {
    link.asked_at = now();
    attempt(function () {
      /** @type {any} */ (link.handle).send({ id: 0, ping: true });
    });
  }

  /**
   * Makes it the connection that serves.
   * @param {Link} link
   * @param {any[]} values what it has brought so far
   */
  function serve(link, values) {
    var list = ladder.list();
    var hello = values[0].hello;
    if (serving) {
      shut(serving, link.entry.why);
    }
    serving = link;
    if (!link.spare) {
      ladder.keep(link.name);
    }
    link.served = ++count;
    link.held = undefined;
    queue = [];
    clearTimeout(heading);
    failures = 0;
    if (roomy) {
      link.step = "";
    }
    // Better ones that are still being tried may yet speak.
    keep(function (one) {
      return one !== link && (place(list, one.name) < place(list, link.name) || shut(one, "slower"));
    });
    if (hello.ping_ms) {
      link.watch(hello.ping_ms * 1.5 + check);
    }
    schedule();
    tell("open", link.name, link.entry.why, hello.cursor);
    for (var i = 0; i < values.length && !link.over; i++) {
      take(link, values[i]);
    }
    if (roomy && link.handle.bare && !link.over) {
      extend(link);
    }
  }

  /**
   * What is sent on the link arrives at once.
   * @param {Link} link
   */
  function prove(link) {
    if (!link.over) {
      clearTimeout(link.greet);
      sure[link.name] = true;
      if (link.held) {
        serve(link, link.held);
      }
      if (!link.spare) {
        ladder.keep(link.name, true);
      }
    }
  }

  /**
   * @param {Link} link
   * @param {any} value
   */
  function object(link, value) {
    var bye = value.bye;
    var ack = value.ack;
    if (value.hello) {
      hello(link, value);
    } else if (bye) {
      link.end({ cause: bye.reason || "bye", code: bye.code || 4001, retry_ms: bye.retry_ms, offer: bye.offer });
    } else if (!link.spoke) {
      // Nothing else counts before hello.
    } else if (ack && ack.id) {
      if (roomy && ack.error && ack.error.code === "transport_off" && below(link).length) {
        link.end({ cause: "transport_off", code: 4505 });
      } else {
        take(link, value);
      }
    } else {
      // On a socket what was sent is acknowledged, too.
      if (ack && (!sockets || link.asked_at)) {
        ladder.rtt(now() - /** @type {number} */ (link.asked_at) + 1);
        if (sockets) {
          link.asked_at = 0;
        }
      }
      if (link.held) {
        link.held.push(value);
      } else {
        ladder.offer(value.offer);
        take(link, value);
      }
      if (ack || value.ping) {
        prove(link);
      }
    }
  }

  /** All transports, what worked last in front. */
  function order() {
    var home = ladder.home();
    var rest = filter(ladder.list(), function (name) {
      return name !== home;
    });
    return home ? [home].concat(rest) : rest;
  }

  /**
   * Whether it went silent from the start.
   * @param {Link} link
   * @param {Ending} ending
   */
  function dumb(link, ending) {
    return ending.cause === "silent" && !link.got && /** @type {number} */ (link.last) - /** @type {number} */ (link.spoke) < young;
  }

  /** @param {Link} link */
  function below(link) {
    return ladder.list().slice(place(ladder.list(), link.name) + 1);
  }

  /**
   * Ends all connections and waits for nothing.
   * @param {string} reason
   * @returns {any} whether there was anything
   */
  function halt(reason) {
    var busy = serving || tries.length || retrying;
    abandon(reason);
    clearTimeout(probing);
    if (serving) {
      shut(serving, reason);
      serving = null;
    }
    return busy;
  }

  /**
   * @param {Link} link
   * @param {Ending} ending
   */
  function end(link, ending) {
    var code = ending.code || 0;
    var told = ending.retry_ms !== undefined || (code >= 4000 && code !== 4505 && code !== 4506);
    var rest = below(link);
    if (link.over) {
      return;
    }
    if (!link.spoke && ending.cause === "died") {
      ending.cause = "refused";
    }
    shut(link, ending.cause);
    keep(function (one) {
      return one !== link;
    });
    ladder.offer(ending.offer);
    expired = expired || code === 4004;
    // What the gateway offers instead may be tried at once.
    if (link !== serving && (serving || !told || place(ladder.list(), link.name) < 0)) {
      next(ending);
      return;
    }
    serving = null;
    if (code >= 4500 && code !== 4505 && code !== 4506) {
      halt(ending.cause);
      refused(link.name, ending);
      return;
    }
    // What is better may be tried in vain, and that takes long.
    if (tries.length && !told && (why !== "probe" || tries[0].spoke)) {
      tell("connecting", tries[0].name, ending.cause);
      return;
    }
    if (!told && code !== 4506 && (code === 4505 || now() - /** @type {number} */ (link.spoke) < young || dumb(link, ending))) {
      strikes[link.name] = (strikes[link.name] || 0) + 1;
      if (rest.length && (code === 4505 || !link.got || strikes[link.name] > 1)) {
        round(rest, ending.cause, fast); // It is in doubt: what is below serves at once, and probes will tell.
        return;
      }
    } else {
      strikes[link.name] = 0;
      every = firstProbe;
    }
    wait(ending);
  }

  /** @param {Ending} ending */
  function wait(ending) {
    var told = Math.min(ending.retry_ms || 0, lastRetry);
    abandon(ending.cause);
    clearTimeout(probing);
    if (sockets && lost && lost()) {
      return;
    }
    retrying = setTimeout(
      function () {
        var names = order();
        // What served before, alone: a proxy may have been left with a dead connection. From the second time on plain HTTP is tried if that
        // fails: if both do, it is nobody's fault.
        round(shown ? names.slice(0, 1).concat(failures > 1 ? names.slice(1).slice(-1) : []) : names, ending.cause, shown ? slow : fast);
      },
      Math.max(backoff(failures++, 1000, 30000), told * (1 + Math.random() / 2))
    );
    until = told && now() + told;
    tell("waiting", order()[0] || "", ending.cause);
  }

  /**
   * The connection must be heard of soon, or is dead.
   * @param {Link} link
   */
  function alive(link) {
    var heard = link.count;
    if (link.handle.send) {
      ping(link);
      setTimeout(function () {
        if (link.count === heard) {
          link.end({ cause: "silent" });
        }
      }, check);
    } else if (link.handle.change) {
      link.handle.change();
    } else {
      host.renew(link);
    }
  }

  // A page that lives long tries what is better, ever more rarely.
  function schedule() {
    clearTimeout(probing);
    if (!config.closed) {
      probing = setTimeout(probe, every * (0.5 + Math.random()));
    }
  }

  function probe() {
    var list = ladder.list();
    var i = serving && !tries.length ? place(list, serving.name) : 0;
    if (serving) {
      every = Math.min(every * 2, lastProbe);
    }
    if (i) {
      round(i < 0 ? list : list.slice(0, i), "probe", 0);
    } else {
      schedule(); // The gateway may come to offer something better.
    }
  }

  return {
    /** The connection that serves. */
    serving: function () {
      return serving;
    },

    halt: halt,
    tell: tell,

    /** @param {string} name of the transport that is open, in the words of another tab */
    shown: function (name) {
      shown = name;
    },

    /** Brings what serves and what is tried in line with what is wanted now. */
    adapt: function () {
      var others = filter(tries, stale);
      if (serving && stale(serving)) {
        if (serving.handle.change) {
          serving.handle.change();
        } else if (!extend(serving)) {
          round([serving.name], "follow", 0);
          return;
        }
      }
      if (others.length) {
        round([others[0].name].concat(queue), why, head);
      } else if (!serving && !tries.length && !retrying) {
        round(order(), "start", fast);
      }
    },

    /** What is sent beside the connection that serves does not get through: to where one request does both. */
    stuck: sockets && function () {
      var link = /** @type {Link} */ (serving);
      var polls = below(link).slice(-2);
      if (polls[0]) {
        every = lastProbe; // It would be the same again.
        shut(link, "stuck"); // First: there may be no connection left for another one.
        serving = null;
        round(polls, "stuck", 0);
      }
    },

    /**
     * @param {string | null} name
     * @returns {boolean} whether that transport can be used here
     */
    use: function (name) {
      if (!ladder.force(name)) {
        return false;
      }
      if (serving) {
        abandon("use");
        if (!name) {
          probe();
        } else if (serving.name !== name) {
          round([name], "use", 0);
        }
      } else if (tries.length || retrying) {
        round(order(), "use", fast);
      }
      return true;
    },

    /**
     * The page or the network has come back, or been changed.
     * @param {boolean} network what is known of it does not hold any more
     */
    wake: function (network) {
      if (!serving) {
        failures = 0;
        // Such events come in swarms: what has just been begun knows of them. And who was told to wait does so, whoever looks at the page.
        if (tries.length ? now() - tries[tries.length - 1].entry.at > soon : network || now() > until) {
          round(order(), "wake", fast);
        }
      } else {
        if (network) {
          every = firstProbe;
          probe();
        }
        if (network || now() - /** @type {number} */ (serving.last) > check) {
          alive(serving);
        }
      }
    },

    /** Every attempt of late, and what the choice is made from.*/
    diagnose: function (/** @type {boolean} */ shared) {
      return {
        transport: serving ? serving.name : "",
        remembered: ladder.home(),
        usable: ladder.list(),
        offer: ladder.offer(),
        rtt_ms: ladder.rtt(),
        shared: shared,
        attempts: log
      };
    }
  };
}
