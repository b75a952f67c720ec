// What tabs have in browsers without Web Locks and BroadcastChannel: localStorage, as a bus and as a lock.
import { attempt, makeKey, now, parse, root } from "./util.js";

// How long the lock holds unless it is renewed: hidden tabs may be let out once a minute only. How long writes of other tabs may
// take to show. In ms.
var lease = 150000;
var showing = 50;

/**
 * Opens the bus.
 * @param {string} name
 * @param {(note: any, lost: boolean) => void} hear gets what other tabs say, and whether something before it is lost
 * @param {() => void} lead the lock is this tab's; called again whenever it is looked at
 * @param {() => void} quit it is another's; the same
 * @param {(forever?: boolean) => void} fail there is no room in the storage; for ever: there is another client in this page, which would
 *                                         not hear of this one
 */
export function openStorage(name, hear, lead, quit, fail) {
  var me = makeKey();
  var said = 0;
  /** @type {Record<string, number>} */
  var heard = {};
  /** @type {any} */
  var claiming = 0;

  /** @param {StorageEvent} event */
  function stored(event) {
    var note = event.key === name && parse(event.newValue);
    if (note && note.from !== me) {
      // Old browsers tell a tab of its own writes, too.
      var lost = note.n !== heard[note.from] + 1;
      heard[note.from] = note.n;
      hear(note, lost);
    } else if (event.key === name + " lock" && !event.newValue) {
      claim();
    }
  }

  /** Whose the lock is, and until when. */
  function owner() {
    return (localStorage.getItem(name + " lock") || "").split(" ");
  }

  /**
   * localStorage knows no "only if". As in Fischer's mutual exclusion, whoever finds the lock free writes his name there, and has it if
   * the name is still there when what others wrote has had time to show.
   * @param {boolean} [steal]
   */
  function claim(steal) {
    attempt(function () {
      var found = owner();
      if (claiming) {
        return;
      }
      if (found[0] !== me && !steal && +found[1] > now()) {
        quit();
        return;
      }
      localStorage.setItem(name + " lock", me + " " + (now() + lease));
      if (found[0] === me) {
        lead();
      } else {
        claiming = setTimeout(function () {
          claiming = 0;
          claim();
        }, showing);
      }
    });
  }

  if (root[name]) {
    setTimeout(function () {
      fail(true);
    }, 0);
  }
  root[name] = root[name] || me;
  window.addEventListener("storage", stored, false);
  return {
    acquire: claim,

    /** @param {any} note */
    postMessage: function (note) {
      note.from = me;
      note.n = ++said;
      try {
        localStorage.setItem(name, JSON.stringify(note));
        localStorage.removeItem(name); // Nothing is left behind, and the same text again is another event.
      } catch (error) {
        setTimeout(fail, 0);
      }
    },

    close: function () {
      if (root[name] === me) {
        root[name] = 0;
      }
      window.removeEventListener("storage", stored, false);
      clearTimeout(claiming);
      attempt(function () {
        if (owner()[0] === me) {
          localStorage.removeItem(name + " lock");
        }
      });
    }
  };
}
