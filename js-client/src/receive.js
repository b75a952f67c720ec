// What a link brings after its hello: messages, gaps, positions, acks. Each moves covers and is reported.
import { advance, enter, forget, parseCursor, raise, settle, take } from "./cover.js";
import { ask, has } from "./link.js";
import { matches } from "./topic.js";
import { message } from "./wire.js";

/**
 * @typedef {import("./link.js").Link} Link
 * @typedef {import("./link.js").Follow} Follow
 * @typedef {(type: string, value: any) => void} Report
 */

/**
 * Calls into the application, whose mistakes are shown as such and stop nothing here.
 * @param {(value: any) => void} fn
 * @param {any} value
 */
export function safely(fn, value) {
  try {
    fn(value);
  } catch (error) {
    setTimeout(function () {
      throw error;
    }, 0);
  }
}

/**
 * @param {string} text
 * @param {any} details
 * @returns {Error}
 */
export function failure(text, details) {
  /** @type {any} */
  var error = new Error("tidings: " + text);
  for (var name in details) {
    error[name] = details[name];
  }
  return error;
}

/**
 * The log that the link reads has this epoch.
 * @param {Link} link
 * @param {string} epoch
 * @param {boolean} fromHere its follows begin at the position
 * @param {Report} report
 */
export function begin(link, epoch, fromHere, report) {
  /** @type {Record<string, boolean>} */
  var lost = {};
  link.epoch = epoch;
  for (var i = 0; i < link.follows.length; i++) {
    var cover = link.follows[i].cover;
    if (enter(cover, epoch)) {
      lost["/" + cover.pattern] = true;
    }
    if (fromHere) {
      settle(cover, link.cursor);
    }
  }
  for (var key in lost) {
    link.restarted = true;
    report("gap", { topic: key.slice(1), from: 0, to: 0, reason: "restart" });
  }
}

/**
 * One object of the wire, but hello and bye.
 * @param {Link} link
 * @param {any} value
 * @param {Report} report
 */
export function receive(link, value, report) {
  if (value.topic && value.seq) {
    deliver(link, value, report);
  } else if (value.gap) {
    lift(link, "gap", value.gap, report);
  } else if (value.deleted) {
    lift(link, "deleted", value.deleted, report);
  } else if (value.ping) {
    move(link, value.ping.cursor);
  } else if (value.live) {
    live(link, value.live, report);
  }
}

/**
 * @param {Link} link
 * @param {string} to
 */
function move(link, to) {
  var point = parseCursor(to);
  if (point && point.epoch === link.epoch && point.seq > link.seq) {
    link.seq = point.seq;
    link.cursor = to;
  }
}

/**
 * @param {Link} link
 * @param {any} value
 * @param {Report} report
 */
function deliver(link, value, report) {
  var takers = [];
  var isLive = false;
  // Something is missing only if it is for every follow: one that joined on an open connection hears nothing from before.
  var missing = true;
  var i;
  for (i = 0; i < link.follows.length; i++) {
    var follow = link.follows[i];
    if (link.ready[follow.id] && !follow.closed && matches(follow.cover.pattern, value.topic)) {
      var verdict = take(follow.cover, value);
      isLive = isLive || link.live["/" + follow.cover.pattern];
      missing = missing && verdict === 2;
      if (verdict) {
        takers.push(follow);
      }
    }
  }
  message(value, link.epoch);
  if (isLive) {
    // Only what is live moves the position: a catch-up may run ahead of the rest of the connection.
    move(link, value.cursor);
  }
  if (missing && takers.length) {
    report(
      "error",
      failure("messages are missing before " + value.cursor + " in " + value.topic, {
        topic: value.topic,
        cursor: value.cursor,
        cause: "missing"
      })
    );
  }
  for (i = 0; i < takers.length; i++) {
    if (!takers[i].closed) {
      safely(takers[i].fn, value);
    }
  }
}

/**
 * @param {Link} link
 * @param {string} type gap or deleted
 * @param {any} value
 * @param {Report} report
 */
function lift(link, type, value, report) {
  var news = !value.to;
  for (var i = 0; i < link.follows.length; i++) {
    var cover = link.follows[i].cover;
    if (link.ready[link.follows[i].id]) {
      if (value.reason === "unknown_cursor" && (cover.pattern === value.topic || matches(value.topic, cover.pattern))) {
        forget(cover); // What we thought to have is ahead of the log: what it retains comes with lower seqs.
      }
      news = raise(cover, value.topic, value.to) || news;
    }
  }
  // A restart was reported when the epoch changed.
  if (news && !(link.restarted && value.reason === "restart")) {
    report(type, value);
  }
}

/**
 * @param {Link} link
 * @param {{topic: string, cursor: string}} value
 * @param {Report} report
 */
function live(link, value, report) {
  link.live["/" + value.topic] = true;
  for (var i = 0; i < link.follows.length; i++) {
    if (link.follows[i].cover.pattern === value.topic) {
      caughtUp(link, link.follows[i], value.cursor);
    }
  }
  report("live", value);
}

/**
 * @param {Link} link
 * @param {Follow} follow
 * @param {string} cursor
 */
function caughtUp(link, follow, cursor) {
  enter(follow.cover, link.epoch);
  settle(follow.cover, cursor);
  link.ready[follow.id] = true;
}

/**
 * A poll's cursor, after its items. Where there is no more to come it says what `live` says on a stream.
 * @param {Link} link
 * @param {{cursor: string, more: boolean}} answer
 * @param {Report} report
 */
export function arrive(link, answer, report) {
  /** @type {Record<string, boolean>} */
  var fresh = {};
  move(link, answer.cursor);
  for (var i = 0; i < link.follows.length; i++) {
    var follow = link.follows[i];
    if (!answer.more) {
      caughtUp(link, follow, answer.cursor);
      if (!link.told[follow.id]) {
        link.told[follow.id] = fresh["/" + follow.cover.pattern] = true;
      }
    } else if (link.ready[follow.id]) {
      advance(follow.cover, answer.cursor);
    }
  }
  for (var key in fresh) {
    report("live", { topic: key.slice(1), cursor: answer.cursor });
  }
}

/**
 * Sends up a two-way link what was followed and closed since it was asked.
 * @param {Link} link
 * @param {Follow[]} follows
 * @param {() => number} number gives ids
 * @returns {boolean} false: it takes a new connection, nothing was sent
 */
export function upstream(link, follows, number) {
  var send = /** @type {any} */ (link.handle).send;
  /** @type {Record<string, boolean>} */
  var kept = {};
  /** @type {Follow[]} */
  var added = [];
  var joining = [];
  var items = [];
  var gone = [];
  var i;
  var id;
  var key;
  for (i = 0; i < follows.length; i++) {
    var follow = follows[i];
    key = "/" + follow.cover.pattern;
    if (!has(link.follows, follow)) {
      if (link.asked[key] === undefined && !kept[key]) {
        items.push({ topic: follow.cover.pattern, since: follow.cover.ask });
        added.push(follow);
      } else if (follow.cover.ask === "now" && link.live[key]) {
        joining.push(follow);
      } else {
        // The same topic from elsewhere: only a new connection can begin early enough for both.
        return false;
      }
    }
    kept[key] = true;
  }
  for (i = 0; i < joining.length; i++) {
    caughtUp(link, joining[i], link.cursor);
  }
  for (key in link.asked) {
    if (!kept[key]) {
      gone.push(key.slice(1));
    }
  }
  for (i = 0; i < gone.length; i++) {
    delete link.asked["/" + gone[i]];
    delete link.live["/" + gone[i]];
  }
  for (i = 0; i < items.length; i++) {
    link.asked["/" + items[i].topic] = items[i].since;
  }
  link.follows = follows.slice();
  if (gone.length) {
    send({ id: number(), unfollow: gone });
  }
  if (items.length) {
    id = number();
    link.sent[id] = added;
    send({ id: id, follow: items });
  }
  return true;
}

/**
 * Sends all that is followed up a two-way link that was opened without topics.
 * @param {Link} link
 * @param {Follow[]} follows
 * @param {number} id
 */
export function upstreamAll(link, follows, id) {
  var items = ask(link, follows);
  link.ready = {}; // Not before the ack.
  link.sent[id] = link.follows;
  /** @type {any} */ (link.handle).send({ id: id, follow: items });
}

/**
 * The answer to what went upstream.
 * @param {Link} link
 * @param {any} value
 * @param {Report} report
 * @param {(follow: Follow) => void} remove ends a follow that was refused
 */
export function acknowledge(link, value, report, remove) {
  var list = link.sent[value.id] || [];
  delete link.sent[value.id];
  for (var i = 0; i < list.length; i++) {
    var cover = list[i].cover;
    if (value.error) {
      remove(list[i]);
      report(
        "error",
        failure(cover.pattern + ": " + (value.error.detail || value.error.code), {
          topic: cover.pattern,
          code: value.error.code,
          status: value.error.status
        })
      );
    } else {
      var asked = link.asked["/" + cover.pattern];
      if (enter(cover, link.epoch)) {
        link.restarted = true;
        report("gap", { topic: cover.pattern, from: 0, to: 0, reason: "restart" });
      }
      if (asked === "now" && value.at) {
        settle(cover, value.at);
      }
      link.ready[list[i].id] = cover.ask !== "now" || asked === "now";
    }
  }
}
