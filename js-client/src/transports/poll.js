// Long poll and plain poll: the same answers; the one is held by the gateway, the other asked for at intervals.
import { explain, parse, request } from "../http.js";
import { parseCursor } from "../cover.js";

// How long the gateway may hold an answer, in seconds, and how much longer than that an answer may take, in ms.
var hold = 25;
var grace = 15000;

/**
 * @param {import("../link.js").Way} way
 * @param {import("../link.js").Sink} sink
 * @returns {import("../link.js").Handle}
 */
export function openPoll(way, sink) {
  var held = way.name === "longpoll";
  var cursor = "";
  /** @type {(() => void) | null} */
  var cancel = null;
  /** @type {any} */
  var timer;

  function stop() {
    clearTimeout(timer);
    if (cancel) {
      cancel();
      cancel = null;
    }
  }

  function ask() {
    var asked = +new Date();
    // The first is not held: it proves that the way works, and pins down where "now" is.
    var wait = held && cursor ? hold : 0;
    sink.watch(wait * 1000 + grace);
    cancel = request(way.env, way.call(held ? "wait=" + wait : ""), function (status, text, retryAfter) {
      var answer = status === 200 && parse(text);
      cancel = null;
      if (!answer || !parseCursor(answer.cursor) || !answer.items) {
        sink.end(status === 200 ? { cause: "invalid" } : explain(status, text, retryAfter));
        return;
      }
      var moved = answer.cursor !== cursor;
      cursor = answer.cursor;
      sink.watch(0);
      clearTimeout(timer);
      timer = setTimeout(ask, pause(answer, moved, wait * 1000 - (+new Date() - asked)));
      sink.answer(answer); // May call change or close.
    });
  }

  /**
   * How long until the next request.
   * @param {any} answer
   * @param {boolean} moved
   * @param {number} left of the time for which it might have been held
   */
  function pause(answer, moved, left) {
    if (moved && answer.items.length && (answer.more || held)) {
      return 0;
    }
    if (held && left < 500 && !answer.items.length) {
      return 0;
    }
    // A plain poll; or a held one that ended early with nothing: the gateway spreads those who come back.
    return (way.poll_ms || answer.poll_ms || 5000) * (0.9 + Math.random() * 0.2);
  }

  ask();
  return {
    change: function () {
      stop();
      ask();
    },
    close: stop
  };
}
