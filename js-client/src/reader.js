// All follows of a client, over one connection (rounds.js): what it is asked for, what of it is for whom, and what becomes of it when
// tabs share one.
import { addresses, extend } from "./ask.js";
import { roomy } from "./build.js";
import { askOf, asksOf, makeCover } from "./cover.js";
import { receive } from "./receive.js";
import { makeRounds } from "./rounds.js";
import { each, failure, filter, makeKey, place } from "./util.js";

/**
 * @typedef {import("./link.js").Config} Config
 * @typedef {import("./link.js").Ending} Ending
 * @typedef {import("./link.js").Link} Link
 * @typedef {import("./receive.js").Follow} Follow
 */

/**
 * @param {Config} config
 * @param {boolean} shared whether tabs share a connection: then it waits to be made the one that holds it
 * @param {ReturnType<typeof import("./tabs.js").makeTabs>} tabs
 */
export function makeReader(config, shared, tabs) {
  /** @type {Follow[]} replaced by another list with every change */
  var follows = [];
  var count = 0;
  /** @type {any} */
  var status;
  var cursor = "";
  var stopped = false;
  var asleep = false;
  var active = !roomy || !shared;
  var session = makeKey();
  /** @type {any} */
  var syncing;

  var rounds = makeRounds(config, dress, stale, adjust, take, show, refused);

  /** What to follow now. */
  function wanted(/** @type {Link} */ link) {
    link.shared =
      roomy &&
      link.name === "poll" &&
      !link.paged &&
      config.ladder.offer().shared &&
      // What is asked for the last ten, say, would get all.
      !filter(follows, function (follow) {
        return follow.cover.at < 0 && !/^(now|all)$/.test(askOf(follow.cover));
      }).length;
    return follows;
  }

  /** @param {Link} link */
  function dress(link) {
    addresses(link, config, wanted, session);
  }

  /** @param {Link} link */
  function stale(link) {
    return link.follows !== follows;
  }

  /** @param {Link} link */
  function adjust(link) {
    return roomy && extend(link, follows, join);
  }

  /** @param {any} value */
  function show(value) {
    if (value.cursor) {
      cursor = value.cursor;
      sync(); // What was followed or closed meanwhile.
    }
    status = value;
    status.cursor = cursor;
    relay({ state: status }, follows);
    config.report("state", status);
  }

  /**
   * @param {string} name
   * @param {Ending} ending
   */
  function refused(name, ending) {
    stopped = true;
    if (roomy) {
      tabs.leave(); // Another tab may be let in.
    }
    rounds.tell("closed", name, ending.cause);
    config.report("error", failure(ending.detail || ending.cause, ending));
  }

  /**
   * @param {any} note
   * @param {Follow[]} list
   */
  function relay(note, list) {
    if (roomy) {
      tabs.relay(note, list);
    }
  }

  /**
   * @param {Link} link
   * @param {any} value
   */
  function take(link, value) {
    var it = value.ping || value.live || value.hello;
    link.got = link.got || value.seq;
    var ack = roomy && value.ack;
    if (ack && ack.error) {
      refuse(ack.id, ack.error);
      return;
    }
    var touched = receive(
      link,
      value,
      config.report,
      roomy &&
        function (/** @type {Follow[]} */ list) {
          relay({ value: value, epoch: link.epoch, shared: link.shared }, list);
        }
    );
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
    var epoch = /** @type {Link} */ (rounds.serving()).epoch;
    var value = { live: { topic: follow.cover.pattern, cursor: at } };
    relay({ value: value, epoch: epoch }, receive({ epoch: epoch, follows: [follow] }, value, config.report));
  }

  /**
   * The gateway does not let this be followed.
   * @param {string} pattern
   * @param {any} problem
   */
  function refuse(pattern, problem) {
    var gone = filter(follows, function (follow) {
      return follow.cover.pattern === pattern && remove(follow);
    });
    problem.topic = pattern;
    relay({ refused: problem }, gone);
    if (filter(gone, own).length) {
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
    if (config.closed || stopped || asleep) {
      return;
    }
    if (roomy && !active) {
      tabs.join();
    }
    if (!follows.length) {
      rounds.halt("unused");
      if (status && status.state !== "closed") {
        rounds.tell("closed", "", "nothing followed");
      }
    } else if (active) {
      rounds.adapt();
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
    if (!config.closed) {
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
      if (config.closed) {
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
      var can = rounds.use(name);
      sync(); // It may have ended a round for what is followed now.
      return can;
    },

    /**
     * The page or the network has come back, or been changed.
     * @param {boolean} network what is known of it does not hold any more
     */
    wake: function (network) {
      asleep = false;
      if (!config.closed && !stopped && active && follows.length) {
        rounds.wake(network);
      }
    },

    /** The page is put away, perhaps to come back: it holds no connection meanwhile. */
    sleep: function () {
      var busy = rounds.halt("pagehide");
      asleep = true;
      if (roomy) {
        tabs.leave();
      }
      if (busy) {
        rounds.tell("waiting", "", "pagehide");
      }
    },

    /** What else is asked of the gateway may bring what is new: the query for it, and whom the answer is for. */
    piggyback: function () {
      if (!roomy) {
        return null;
      }
      var link = rounds.serving();
      var list = follows;
      var take = link && link.name === "poll" && link.follows === list && !link.shared && link.handle.take;
      return take
        ? {
            asked: asksOf(list),
            take: function (/** @type {any} */ answer) {
              if (link === rounds.serving() && list === follows) {
                /** @type {any} */ (take)(answer);
              }
            }
          }
        : null;
    },

    /** Every attempt of late, and what the choice is made from. */
    diagnose: function () {
      return rounds.diagnose(!active);
    },

    close: function () {
      if (!config.closed) {
        config.closed = true;
        rounds.halt("close");
        each(follows, remove);
        rounds.tell("closed", "", "close");
      }
    },

    // What takes part between tabs (tabs.js).

    /** Whether this one holds the connection. */
    lead: roomy && function (/** @type {boolean} */ value) {
      active = value;
      status = null;
      if (!value) {
        rounds.halt("led");
        follows = filter(follows, function (follow) {
          // Under a new id: what is still on its way for the old one does not count.
          return own(follow) && (follow.id = session + ++count);
        });
      }
      sync();
    },

    /** Another tab's follows (id, cover), which replace those that it had. */
    adopt: roomy && function (/** @type {string} */ tab, /** @type {any[]} */ list) {
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
        relay({ state: status }, added);
      }
      if (active) {
        align(); // At once: a timer of a hidden tab may take a second, and this is for one that may be seen.
      }
      var link = rounds.serving();
      if (link) {
        // So that who takes over does not ask from where a quiet topic had its last message.
        relay(
          { value: { ping: { cursor: cursor } }, epoch: link.epoch },
          filter(kept, function (follow) {
            return follow.live;
          })
        );
      }
    },

    /** This tab's follows, to hand to the one that holds the connection. */
    mine: roomy && function () {
      var list = [];
      for (var i = 0; i < follows.length; i++) {
        if (own(follows[i])) {
          list.push({ id: follows[i].id, cover: follows[i].cover });
        }
      }
      return list;
    },

    /** What the tab that holds the connection passes on. */
    hear: roomy && function (/** @type {any} */ what) {
      what.follows = filter(follows, function (follow) {
        return place(what.ids, follow.id) >= 0 && (follow.ready = true);
      });
      if (!what.follows.length) {
        // It is for other tabs.
      } else if (what.state) {
        rounds.shown(what.state.transport);
        config.report("state", (status = what.state));
      } else if (what.refused) {
        each(what.follows, remove);
        refusal(what.refused);
      } else {
        receive(what, what.value, config.report);
      }
    }
  };
}
