// What a reader keeps (docs/wire.md): one cover per followed topic, and the cursor to ask with when the connection has gone.
// Pure bookkeeping: no clocks, no network. Each follow() has a cover of its own, so that two follows of overlapping topics
// that began at different places judge the same message apart.
import { matches } from "./topic.js";

/**
 * @typedef {object} Cover
 * @property {string} pattern the topic or pattern as it was asked for
 * @property {string} ask     what to send as `since`: what the user asked at first, later a cursor
 * @property {string} epoch   the log that the numbers below belong to, "" while unknown
 * @property {number} began   the seq at which the follow began, -1 while there is none ("no cover")
 * @property {Record<string, number>} seqs   per topic: the last seq, raised by gaps. Keys are "/" + topic: a topic may be
 *                                           called "__proto__"
 * @property {Record<string, boolean>} met   the topics that have brought a message
 * @property {Record<string, number>} told   `to` of the gaps that were told for patterns
 */

/**
 * Splits a cursor `<epoch>-<seq>(.<seq>)*`; null for anything else ("now", "all", "10m", a time).
 * @param {unknown} text
 * @returns {{epoch: string, seq: number} | null}
 */
export function parseCursor(text) {
  var parts = /^([a-z0-9]{8,16})-(\d+)(\.\d+)*$/.exec(String(text));
  return parts && { epoch: parts[1], seq: +parts[2] };
}

/**
 * @param {string} pattern
 * @param {string} since
 * @returns {Cover}
 */
export function makeCover(pattern, since) {
  var point = parseCursor(since);
  return {
    pattern: pattern,
    ask: since,
    epoch: point ? point.epoch : "",
    began: point ? point.seq : -1,
    seqs: {},
    met: {},
    told: {}
  };
}

/**
 * The cover of a topic, -1 when it has none (rule 4).
 * @param {Cover} cover
 * @param {string} topic
 * @returns {number}
 */
export function coverOf(cover, topic) {
  var key = "/" + topic;
  var seq = cover.seqs[key];
  // A gap may come before the follow is live: then whichever reaches further counts.
  return cover.met[key] ? seq : Math.max(seq || -1, cover.began);
}

/**
 * Judges a message and takes it in (rules 1 to 4).
 * @param {Cover} cover
 * @param {{topic: string, seq: number, prev: number, latest?: boolean}} message
 * @returns {number} 0 drop it; 1 take it; 2 take it, but something before it is missing that no gap stated
 */
export function take(cover, message) {
  var key = "/" + message.topic;
  var seq = coverOf(cover, message.topic);
  // A topic without a message and without a begin has nothing that `prev` could be compared with.
  var whole = message.latest || (!cover.met[key] && cover.began < 0) || message.prev <= seq;
  if (message.seq <= seq) {
    return 0;
  }
  for (var pattern in cover.told) {
    // A gap for a pattern raises no cover, but it did state what is missing up to its end.
    whole = whole || (message.prev <= cover.told[pattern] && matches(pattern.slice(1), message.topic));
  }
  cover.seqs[key] = message.seq;
  cover.met[key] = true;
  advance(cover, cover.epoch + "-" + message.seq);
  return whole ? 1 : 2;
}

/**
 * Takes in a gap or `deleted` (rule 3).
 * @param {Cover} cover
 * @param {string} topic or a pattern, whose gap raises nothing: what is retained of its topics may be older than the gap's end
 * @param {number} to    0 raises nothing
 * @returns {boolean} whether it is news: if not, the reader had all of it, or was told before
 */
export function raise(cover, topic, to) {
  var key = "/" + topic;
  if (topic.indexOf("*") >= 0) {
    if (to <= (cover.told[key] || 0)) {
      return false;
    }
    cover.told[key] = to;
    return true;
  }
  if (!matches(cover.pattern, topic) || to <= Math.max(coverOf(cover, topic), 0)) {
    return false;
  }
  cover.seqs[key] = to;
  return true;
}

/**
 * Forgets all covers: what comes next is taken as it comes (rule 6, and a cursor that is ahead of the log).
 * @param {Cover} cover
 */
export function forget(cover) {
  cover.began = -1;
  cover.seqs = {};
  cover.met = {};
  cover.told = {};
}

/**
 * The follow has begun at this cursor, or is `live` at it: from now on topics without a message have a cover (rule 4).
 * It changes nothing in a follow that had a begin.
 * @param {Cover} cover
 * @param {string} cursor
 */
export function settle(cover, cursor) {
  var point = parseCursor(cursor);
  if (point && cover.began < 0) {
    cover.epoch = point.epoch;
    cover.began = point.seq;
  }
  advance(cover, cursor);
}

/**
 * Everything of this follow up to the cursor is here: ask from there the next time (rule 5). Never goes back within an epoch.
 * @param {Cover} cover
 * @param {string} cursor
 */
export function advance(cover, cursor) {
  var to = parseCursor(cursor);
  var from = parseCursor(cover.ask);
  if (to && !(from && from.epoch === to.epoch && from.seq >= to.seq)) {
    cover.ask = cursor;
  }
}

/**
 * The connection says that the log is this one (rule 6).
 * @param {Cover} cover
 * @param {string} epoch
 * @returns {boolean} true if it was another one before: all covers are forgotten, and the caller reports a gap `restart`
 */
export function enter(cover, epoch) {
  var restarted = cover.epoch !== "" && cover.epoch !== epoch;
  if (restarted) {
    forget(cover);
  }
  cover.epoch = epoch;
  return restarted;
}

/**
 * What to ask for one topic that two follows began at different places: the one that brings more. The other drops by its cover.
 * @param {string} a
 * @param {string} b
 * @returns {string}
 */
export function earlier(a, b) {
  var x = parseCursor(a);
  var y = parseCursor(b);
  if (x && y && x.epoch === y.epoch) {
    return x.seq < y.seq ? a : b;
  }
  return a === "all" || b === "now" || (y && a !== "now" && !x) ? a : b;
}
