// Keeps one connection up for all follows: races transports at the start, moves between them with the cursors, waits, comes
// back. Everything that opens a connection is a round: a list of transports, each tried when the one before it has failed or
// has had its head start. Beside the connection that serves there is at most one attempt, and without it at most two.
import { askOf, asksOf, makeCover, parseCursor } from "./cover.js";
import { extend, makeLink, open, shut } from "./link.js";
import { receive } from "./receive.js";
import { attempt, backoff, each, failure, filter, makeKey, now, place } from "./util.js";

/**
 * @typedef {import("./link.js").Config} Config
 * @typedef {import("./link.js").Ending} Ending
 * @typedef {import("./link.js").Host} Host
 * @typedef {import("./link.js").Link} Link
 * @typedef {import("./receive.js").Follow} Follow
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
 * @param {boolean} shared whether tabs share a connection: then it waits to be made the one that holds it
 * @param {ReturnType<typeof import("./tabs.js").makeTabs>} tabs
 */
export function makeReader(config, shared, tabs) {
  var ladder = config.ladder;
  /** @type {Follow[]} replaced by another list with every change */
  var follows = [];
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
  /** @type {any} */
  var status;
  var cursor = "";
  var closed = false;
  var stopped = false;
  var asleep = false;
  var active = !shared;
  var expired = false;
  var until = 0; // when the gateway wants to be asked again, if it has said so
  var session = makeKey();
  /** @type {any} */
  var heading;
  /** @type {any} */
  var retrying;
  /** @type {any} */
  var probing;
  /** @type {any} */
  var syncing;

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
    status = { state: state, transport: name, previous: previous, cause: cause, cursor: cursor };
    tabs.relay({ state: status }, follows);
    config.report("state", status);
  }

  /** @type {Host} */
  var host = {
    wanted: function (link) {
      link.shared =
        link.name === "poll" &&
        !link.paged &&
        ladder.offer().shared &&
        // What is asked for the last ten, say, would get all.
        !filter(follows, function (follow) {
          return follow.cover.at < 0 && !/^(now|all)$/.test(askOf(follow.cover));
        }).length;
      return follows;
    },
    common: function (link) {
      return link.shared
        ? ""
        : "&session=" +
            session +
            "&n=" +
            ++count +
            (link.sure || link.handle.change ? "" : "&tick=" + tick) +
            (link.step || "");
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
      if (tries[config.frugal ? 0 : 1]) {
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
    var last = (serving || { entry: log[log.length - 1] || link.entry }).entry;
    if (last.transport !== name) {
      link.step = "&from=" + last.transport + "&cause=" + encodeURIComponent(serving ? "better" : last.cause || "no_hello");
    }
    if (serving && config.frugal) {
      shut(serving, why); // Break before make: the cursors cover it.
      serving = null;
    }
    link.sure = sure[name];
    link.opened = ++count;
    link.entry.why = why;
    link.spare = head === slow && name !== ladder.home();
    log = log.slice(-19).concat(link.entry);
    tries = tries.concat(link);
    link.greet = setTimeout(
      function () {
        link.end({ cause: "no_hello" });
      },
      // Longer where the gateway seems to be short of breath.
      Math.max(slow, 5 * ladder.rtt()) * Math.min(failures + 1, 4)
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
    link.spoke = now();
    link.entry.hello_ms = link.spoke - link.entry.at;
    if (serving && link.fresh && /** @type {number} */ (link.opened) < /** @type {number} */ (serving.served)) {
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
    link.step = "";
    // Better ones that are still being tried may yet speak.
    keep(function (one) {
      return one !== link && (place(list, one.name) < place(list, link.name) || shut(one, "slower"));
    });
    cursor = hello.cursor;
    if (hello.ping_ms) {
      link.watch(hello.ping_ms * 1.5 + check);
    }
    schedule();
    sync(); // What was followed or closed meanwhile.
    tell("open", link.name, link.entry.why);
    for (var i = 0; i < values.length && !link.over; i++) {
      take(link, values[i]);
    }
    if (link.handle.bare && !link.over) {
      extend(link, follows, join);
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
      if (ack.error && ack.error.code === "transport_off" && below(link).length) {
        link.end({ cause: "transport_off", code: 4505 });
      } else if (ack.error) {
        refuse(ack.id, ack.error);
      } else {
        take(link, value);
      }
    } else {
      if (ack) {
        ladder.rtt(now() - /** @type {number} */ (link.asked_at) + 1);
      } else if (link.held) {
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

  /**
   * @param {Link} link
   * @param {any} value
   */
  function take(link, value) {
    var it = value.ping || value.live || value.hello;
    link.got = link.got || value.seq;
    var touched = receive(link, value, config.report, function (list) {
      tabs.relay({ value: value, epoch: link.epoch, shared: link.shared }, list);
    });
    if (value.seq && touched.length && touched[0].live) {
      cursor = link.epoch + "-" + value.seq;
    } else if (it && !it.topic) {
      cursor = it.cursor;
    }
  }

  /**
   * A follow begins where the connection stands.
   * @param {Follow} follow
   * @param {string} at
   */
  function join(follow, at) {
    var epoch = /** @type {Link} */ (serving).epoch;
    var value = { live: { topic: follow.cover.pattern, cursor: at } };
    tabs.relay({ value: value, epoch: epoch }, receive({ epoch: epoch, follows: [follow] }, value, config.report));
  }

  /**
   * The gateway does not let this be followed.
   * @param {string} pattern
   * @param {any} problem
   */
  function refuse(pattern, problem) {
    var refused = filter(follows, function (follow) {
      return follow.cover.pattern === pattern && remove(follow);
    });
    problem.topic = pattern;
    tabs.relay({ refused: problem }, refused);
    if (filter(refused, own).length) {
      refusal(problem);
    }
  }

  /** @param {any} problem */
  function refusal(problem) {
    config.report("error", failure(problem.topic + ": " + (problem.detail || problem.code), problem));
  }

  // Brings the connection in line with what is followed, once for all that happens in the same turn.
  function sync() {
    if (!syncing) {
      syncing = setTimeout(align, 0);
    }
  }

  function align() {
    clearTimeout(syncing);
    syncing = 0;
    if (closed || stopped || asleep) {
      return;
    }
    if (!active) {
      tabs.join();
    }
    if (!follows.length) {
      halt("unused");
      if (status && status.state !== "closed") {
        tell("closed", shown, "nothing followed");
      }
    } else if (active) {
      adapt();
    }
  }

  function adapt() {
    var stale = filter(tries, function (link) {
      return link.follows !== follows;
    });
    if (serving && serving.follows !== follows) {
      if (serving.handle.change) {
        serving.handle.change();
      } else if (!extend(serving, follows, join)) {
        round([serving.name], "follow", 0);
        return;
      }
    }
    if (stale.length) {
      round([stale[0].name].concat(queue), why, head);
    } else if (!serving && !tries.length && !retrying) {
      round(order(), "start", fast);
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
      fail(link.name, ending);
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

  // The gateway has said no for good.
  /**
   * @param {string} name
   * @param {Ending} ending
   */
  function fail(name, ending) {
    halt(ending.cause);
    stopped = true;
    tabs.leave(); // Another tab may be let in.
    tell("closed", name, ending.cause);
    config.report("error", failure(ending.detail || ending.cause, ending));
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
    if (!closed) {
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

  /** @param {Follow} follow */
  function own(follow) {
    return !follow.tab;
  }

  /** @param {Follow} follow */
  function remove(follow) {
    var had = follows.length;
    follow.closed = true;
    follows = filter(follows, function (one) {
      return one !== follow;
    });
    if (had > follows.length) {
      sync();
    }
    return true;
  }

  /**
   * @param {string} id
   * @param {string} tab
   * @param {import("./cover.js").Cover} cover
   * @param {(message: any) => void} [fn]
   * @returns {Follow}
   */
  function add(id, tab, cover, fn) {
    /** @type {Follow} */
    var follow = { id: id, tab: tab, cover: cover, fn: fn };
    if (!closed) {
      follows = follows.concat(follow);
      stopped = false;
      sync();
    }
    return follow;
  }

  return {
    /**
     * @param {string} pattern
     * @param {string} since
     * @param {(message: any) => void} fn
     * @returns {() => void} ends it
     */
    follow: function (pattern, since, fn) {
      var follow = add(session + ++count, "", makeCover(pattern, since), fn);
      if (closed) {
        config.report("error", failure("followed after close", { cause: "close", topic: pattern }));
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
      sync(); // It may have ended a round for what is followed now.
      return true;
    },

    /**
     * The page or the network has come back, or been changed.
     * @param {boolean} network what is known of it does not hold any more
     */
    wake: function (network) {
      asleep = false;
      if (closed || stopped || !active || !follows.length) {
        return;
      }
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

    /** The page is put away, perhaps to come back: it holds no connection meanwhile. */
    sleep: function () {
      var busy = halt("pagehide");
      asleep = true;
      tabs.leave();
      if (busy) {
        tell("waiting", shown, "pagehide");
      }
    },

    /** What else is asked of the gateway may bring what is new: the query for it, and whom the answer is for. */
    piggyback: function () {
      var link = serving;
      var list = follows;
      var take = link && link.name === "poll" && link.follows === list && !link.shared && link.handle.take;
      return take
        ? {
            asked: asksOf(list),
            take: function (/** @type {any} */ answer) {
              if (link === serving && list === follows) {
                /** @type {any} */ (take)(answer);
              }
            }
          }
        : null;
    },

    /** Every attempt of late, and what the choice is made from. */
    diagnose: function () {
      return {
        transport: serving ? serving.name : "",
        remembered: ladder.home(),
        usable: ladder.list(),
        offer: ladder.offer(),
        rtt_ms: ladder.rtt(),
        shared: !active,
        attempts: log
      };
    },

    /**
     * Between tabs: whether this one holds the connection.
     * @param {boolean} value
     */
    lead: function (value) {
      active = value;
      status = null;
      if (!value) {
        halt("led");
        follows = filter(follows, function (follow) {
          // Under a new id: what is still on its way for the old one does not count.
          return own(follow) && (follow.id = session + ++count);
        });
      }
      sync();
    },

    /**
     * Another tab's follows, which replace those that it had.
     * @param {string} tab
     * @param {{id: string, cover: import("./cover.js").Cover}[]} list
     */
    adopt: function (tab, list) {
      /** @type {Record<string, import("./cover.js").Cover>} */
      var fresh = {};
      /** @type {Follow[]} */
      var added = [];
      for (var i = 0; i < list.length; i++) {
        fresh[list[i].id] = list[i].cover;
      }
      var kept = filter(follows, function (follow) {
        var still = fresh[follow.id];
        delete fresh[follow.id];
        return follow.tab === tab && (still || !remove(follow));
      });
      for (var id in fresh) {
        added.push(add(id, tab, fresh[id]));
      }
      if (status && !kept.length) {
        tabs.relay({ state: status }, added);
      }
      if (active) {
        align(); // At once: a timer of a hidden tab may take a second, and this is for one that may be seen.
      }
      if (serving) {
        // So that who takes over does not ask from where a quiet topic had its last message.
        tabs.relay(
          { value: { ping: { cursor: cursor } }, epoch: serving.epoch },
          filter(kept, function (follow) {
            return follow.live;
          })
        );
      }
    },

    /** This tab's follows, to hand to the one that holds the connection. */
    mine: function () {
      var list = [];
      for (var i = 0; i < follows.length; i++) {
        if (own(follows[i])) {
          list.push({ id: follows[i].id, cover: follows[i].cover });
        }
      }
      return list;
    },

    /**
     * What the tab that holds the connection passes on.
     * @param {any} what
     */
    hear: function (what) {
      what.follows = filter(follows, function (follow) {
        return place(what.ids, follow.id) >= 0 && (follow.ready = true);
      });
      if (!what.follows.length) {
        // It is for other tabs.
      } else if (what.state) {
        shown = what.state.transport;
        config.report("state", (status = what.state));
      } else if (what.refused) {
        each(what.follows, remove);
        refusal(what.refused);
      } else {
        receive(what, what.value, config.report);
      }
    },

    close: function () {
      if (!closed) {
        closed = true;
        halt("close");
        each(follows, remove);
        tell("closed", shown, "close");
      }
    }
  };
}
