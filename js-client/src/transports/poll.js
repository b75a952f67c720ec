// Long poll and plain poll: the same answers; the one is held by the gateway, the other asked for at intervals. What an
// answer says is told in the words of streams.
import { sockets } from "../build.js";
import { parseCursor } from "../cover.js";
import { request } from "../http.js";
import { each, extended, now, parse } from "../util.js";

// How long the gateway may hold an answer, and how much longer than that an answer may take, in ms.
var hold = 25000;
var grace = 15000;

/**
 * @param {import("../link.js").Way} way
 * @param {import("../link.js").Sink} sink
 * @returns {import("../link.js").Handle}
 */
export function openPoll(way, sink) {
  var held = way.name === "longpoll";
  var cursor = "";
  var epoch = "";
  var cancel = function () {};
  /** @type {any} */
  var timer;

  function stop() {
    clearTimeout(timer);
    cancel();
  }

  function again() {
    if (!sockets || !way.laden) {
      ask(); // Else it is begun by who has laden it.
    }
  }

  function ask() {
    // The first is not held: it proves that the way works, and pins down where "now" is. Nor is one whose answer tells what was taken.
    var wait = held && cursor && !(sockets && way.laden) ? hold : 0;
    var until = now() + wait;
    stop();
    sink.watch(wait + grace);
    cancel = request(way.env, way.call(held ? "&wait=" + wait / 1000 : ""), function (ending, text) {
      if (!take(parse(text) || {}, until)) {
        sink.end(ending);
      }
    });
  }

  /**
   * @param {any} answer
   * @param {number} until how long it might have been held
   * @returns {boolean} whether it was an answer
   */
  function take(answer, until) {
    var point = parseCursor(answer.cursor);
    var items = answer.items;
    var moved = cursor !== answer.cursor;
    if (!point || !items) {
      if (sockets && answer.bye) {
        sink.object(answer);
        return true;
      }
      return false;
    }
    cursor = answer.cursor;
    // Whose first page is full cannot ask for the same as everybody: it would never see the next.
    way.paged = way.paged || answer.more;
    if (sockets) {
      way.laden = false;
    }
    sink.watch(0);
    clearTimeout(timer);
    timer = setTimeout(
      again,
      // A held one that ended early with nothing: the gateway spreads those who come back.
      (items.length ? moved && (answer.more || held) : held && until - now() < 500)
        ? 0
        : ((!held && way.poll_ms) || answer.poll_ms || 5000) * (0.9 + Math.random() * 0.2)
    );
    sink.object({
      offer: answer.offer,
      hello: epoch !== point.epoch && hello(answer, point.epoch)
    });
    epoch = point.epoch;
    if (sockets && answer.ack) {
      sink.object({ ack: answer.ack });
    }
    each(items, sink.object);
    if (!answer.more) {
      sink.object({ live: { cursor: cursor } });
    }
    return true;
  }

  /**
   * @param {any} answer
   * @param {string} epoch
   */
  function hello(answer, epoch) {
    var value = { cursor: cursor, epoch: epoch, offer: answer.offer, ping_ms: 0 };
    return sockets ? extended(answer.hello || {}, value) : value;
  }

  ask();
  return {
    change: function () {
      cursor = ""; // What is new begins now, and not when something comes of it.
      ask();
    },
    take: function (answer) {
      if (cursor) {
        take(answer, 0);
      }
    },
    close: stop
  };
}
