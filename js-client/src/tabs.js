// One connection for all tabs of an origin. The tab that holds the lock leads: it follows for all, and passes on what comes. Each
// tab keeps the covers of its own follows, so whoever leads next goes on where each of them stands.
//
// A leader has a term, higher than any before. Who hears of a higher one is led by it, and what a lower one still says counts for
// nothing: two that lead for a moment cost a connection too many, and no message.
import { build, modern } from "./build.js";
import { openStorage } from "./storage.js";
import { attempt, filter, makeKey, now } from "./util.js";

// How often a tab shows that it is there, and asks whether it is still led, in ms. A hidden one may be let out once a minute only.
var beat = 5000;
// How many of the leader's beats a tab that is not heard of is waited for.
var beats = 30;
// How long a new leader waits for others to show what they follow, in ms.
var settling = 50;

/**
 * What a tab says: "this I follow, and there I stand", which also asks who leads; and what its leader says: an object of the wire,
 * a state or a refusal (reader.js) for the follows with these ids, or nothing but that it is there.
 * @typedef {object} Note
 * @property {string}   by
 * @property {any}      [list]
 * @property {number}   term
 * @property {string[]} [ids]
 *
 * What takes part for a tab (reader.js).
 * @typedef {object} Member
 * @property {(value: boolean) => void} lead  false: it is led from now on, and its follows get new ids
 * @property {(tab: string, list: any[]) => void} adopt
 * @property {() => any[]} mine
 * @property {(note: any) => void} hear
 */

/** Whether tabs can find each other here: not where a page has no storage of its own, and with it no locks. */
export function canShare() {
  return attempt(function () {
    if (modern || navigator.locks) {
      return document && localStorage && navigator.locks;
    }
    localStorage.setItem("tidings", "");
    return window.addEventListener;
  });
}

/**
 * @param {string} name what tabs must have in common
 * @param {() => Member} member
 */
export function makeTabs(name, member) {
  var me = makeKey();
  var leading = false;
  var term = 0;
  var misses = 0;
  /** @type {Record<string, number>} beats since each tab was heard of */
  var seen;
  /** @type {any} */
  var channel;
  /** @type {any} */
  var beating;
  /** @type {any} */
  var held;
  var apart = false;

  name += build;
  if (!modern) {
    // There may be a token in it, and localStorage may end up on a disk.
    var mark = 0;
    for (var i = 0; i < name.length; i++) {
      mark = (mark * 31 + name.charCodeAt(i)) | 0;
    }
    name = "tidings " + mark;
  }

  // Who does not know of a leader only asks for one: it would be adopted twice.
  function show() {
    channel.postMessage({ by: me, list: term ? member().mine() : [] });
  }

  /** @param {any} note */
  function say(note) {
    note.term = term;
    channel.postMessage(note);
  }

  /**
   * @param {Note} note
   * @param {boolean} [lost] something that the same tab said before it
   */
  function hear(note, lost) {
    if (note.list) {
      if (leading) {
        seen[note.by] = 0;
        member().adopt(note.by, note.list);
        say({});
      }
    } else if (note.term >= term) {
      misses = 0;
      if (note.term > term || lost) {
        term = note.term;
        quit();
      } else if (note.ids) {
        member().hear(note);
      }
    }
  }

  function lead() {
    leading = true;
    seen = {};
    // Those that were led by another show where they stand before the connection is asked for.
    setTimeout(
      function () {
        if (leading) {
          member().lead(true);
        }
      },
      term && settling
    );
    term = Math.max(now(), term + 1) + Math.random();
    say({});
  }

  function quit() {
    if (leading) {
      leading = false;
      acquire(); // Behind all others.
    }
    member().lead(false);
  }

  // Where tabs cannot come to terms, everybody is for himself.
  /** @param {boolean} [forever] */
  function part(forever) {
    if (channel) {
      tabs.leave();
      apart = !!forever;
      member().lead(true);
    }
  }

  /** @param {boolean} [steal] from one that does not answer any more */
  function acquire(steal) {
    if (!modern && channel.acquire) {
      channel.acquire(steal);
      return;
    }
    if (held) {
      held.abort(); // Gives the lock up, or the wish for it.
    }
    held = new AbortController();
    var signal = held.signal;
    navigator.locks
      .request(name, steal ? { "steal": true } : { signal: signal }, function () {
        return (
          signal.aborted ||
          new Promise(function (resolve) {
            signal.onabort = resolve;
            lead();
          })
        );
      })
      .then(null, function () {
        if (signal.aborted) {
          // It was not wanted any more.
        } else if (leading) {
          quit(); // Stolen: somebody thought that we were gone.
        } else {
          part(); // No locks for this page.
        }
      });
  }

  function pulse() {
    var steal = !leading && misses++ > 1;
    clearTimeout(beating);
    beating = setTimeout(pulse, beat);
    if (leading) {
      for (var tab in seen) {
        if (seen[tab]++ > beats) {
          member().adopt(tab, []);
        }
      }
    } else {
      show();
    }
    if (steal || (!modern && channel.acquire)) {
      acquire(steal); // A lock of localStorage is to be renewed, too.
    }
  }

  var tabs = {
    /** Takes part. Another call shows what is followed now. */
    join: function () {
      if (apart) {
        member().lead(true);
        return;
      }
      if (channel) {
        show();
        return;
      }
      if (modern || navigator.locks) {
        channel = new BroadcastChannel(name);
        channel.onmessage = function (/** @type {MessageEvent} */ event) {
          hear(event.data);
        };
        acquire();
      } else {
        channel = openStorage(
          name,
          hear,
          function () {
            if (!leading) {
              lead();
            }
          },
          function () {
            if (leading) {
              quit();
            }
          },
          part
        );
      }
      pulse();
    },

    /** Asks at once whether it is still led, and does not wait long for an answer. */
    wake: function () {
      if (channel) {
        misses = 1;
        pulse();
      }
    },

    /** Takes no part any more: another may lead. */
    leave: function () {
      if (channel) {
        clearTimeout(beating);
        leading = false;
        term = misses = 0;
        show();
        channel.close();
        channel = 0;
        if (modern || held) {
          held.abort();
        }
        member().lead(false);
      }
    },

    /**
     * Passes on what concerns other tabs.
     * @param {any} note
     * @param {import("./receive.js").Follow[]} follows
     */
    relay: function (note, follows) {
      note.ids = [];
      filter(follows, function (follow) {
        return follow.tab && note.ids.push(follow.id);
      });
      if (note.ids.length) {
        say(note);
      }
    }
  };
  return tabs;
}
