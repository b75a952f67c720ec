// What a connection brings: hello, messages, gaps, positions. Each moves covers and is told to those whom it concerns.
import { roomy } from "./build.js";
import { advance, askOf, enter, forget, parseCursor, raise, settle, take } from "./cover.js";
import { matches } from "./topic.js";
import { attempt, each, failure } from "./util.js";
import { message } from "./wire.js";

/**
 * A follow of this tab's, or what stands here for one of another tab's (tabs.js).
 * @typedef {object} Follow
 * @property {string} id
 * @property {string} tab    whose it is, "" for this one's
 * @property {import("./cover.js").Cover} cover
 * @property {((message: any) => void) | undefined} fn
 * @property {boolean} [closed]
 * @property {boolean} [ready]  takes messages: not before `live`, if it asked for "now" beside one that asked for more
 * @property {boolean} [live]   has caught up on the connection that serves
 *
 * @typedef {(type: string, value: any) => void} Report
 *
 * @typedef {object} Source
 * @property {string} epoch
 * @property {Follow[]} follows what it was asked for
 * @property {boolean} [shared] its answers are the same for everybody: they state no gaps
 */

/**
 * Takes in one object of the wire.
 * @param {Source} source
 * @param {any} value
 * @param {Report} report
 * @param {false | ((touched: Follow[]) => void)} [pass] is told whom it concerned before the application gets it, and may change it
 * @returns {Follow[]} whom it concerned
 */
export function receive(source, value, report, pass) {
  var hole = value.gap || value.deleted;
  var it = hole || value.live || value.ping || value;
  var point = parseCursor(it.cursor) || { seq: 0 };
  /** @type {Follow[]} */
  var touched = [];
  /** @type {Follow[]} */
  var takers = [];
  /** What is to be reported, each once, however many follow the same. @type {Record<string, any>} */
  var news = {};
  var moves = false;
  var whole = false;

  each(source.follows, function (follow) {
    var cover = follow.cover;
    var caught = value.live && (!it.topic || it.topic === cover.pattern);
    var concerns = caught || value.hello;
    /**
     * @param {string} name an event's, and what tells it from others of the kind
     * @param {any} what
     */
    function tell(name, what) {
      if (!roomy || !follow.tab) {
        news[name] = what;
      }
    }
    if (value.hello || (roomy && value.ack && value.ack.id === cover.pattern)) {
      follow.live = false;
      follow.ready = askOf(cover) !== "now";
    }
    if (follow.ready || caught) {
      follow.ready = true;
      if (enter(cover, source.epoch)) {
        tell("gap " + cover.pattern, { topic: cover.pattern, from: 0, to: 0, reason: "restart" });
      }
      if (caught) {
        settle(cover, point.seq);
        if (it.topic || !follow.live) {
          tell("live " + cover.pattern, { topic: cover.pattern, cursor: it.cursor });
        }
        follow.live = true;
      } else if (hole) {
        if (it.reason === "unknown_cursor" && matches(it.topic, cover.pattern)) {
          forget(cover); // What we thought to have is ahead of the log: what it retains comes with lower seqs.
        }
        // A restart was told when the epoch changed.
        concerns = raise(cover, it.topic, it.to) || (!it.to && it.reason !== "restart");
        if (concerns) {
          tell(value.gap ? "gap" : "deleted", it);
        }
      } else if (value.ping && follow.live) {
        advance(cover, point.seq);
      } else if (value.seq && matches(cover.pattern, it.topic) && !follow.closed) {
        concerns = true;
        moves = moves || !!follow.live;
        var verdict = take(cover, value);
        if (verdict && (!roomy || !follow.tab)) {
          takers.push(follow);
          whole = whole || verdict < 2;
        }
      }
    }
    if (concerns) {
      touched.push(follow);
    }
  });
  if (roomy && pass) {
    pass(touched);
  }
  for (var name in news) {
    report(name.split(" ")[0], news[name]);
  }
  // Only what is live moves the positions: a catch-up may run ahead of the rest of the connection.
  each(source.follows, function (follow) {
    if (moves && follow.live) {
      advance(follow.cover, value.seq);
    }
  });
  if (takers.length) {
    message(value, source.epoch);
    // Something is missing only if it is for every follow: one that joined on an open connection hears nothing from before.
    if (!whole) {
      if (roomy && source.shared) {
        report("gap", { topic: value.topic, from: 0, to: value.prev, reason: "expired" });
      } else {
        report("error", failure("messages are missing", { topic: value.topic, cursor: value.cursor, cause: "missing" }));
      }
    }
    each(takers, function (follow) {
      if (!follow.closed) {
        attempt(/** @type {(message: any) => void} */ (follow.fn), value, true);
      }
    });
  }
  return touched;
}
