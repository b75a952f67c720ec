// What a reader keeps (docs/wire.md): one cover per followed topic, and the cursor to ask with when the connection has gone.
// Pure bookkeeping: no clocks, no network. Each follow() has a cover of its own, so that two follows of overlapping topics
// that began at different places judge the same message apart. It is plain data: tabs hand it to each other as JSON.
import { matches } from "./topic.js";
import { each } from "./util.js";

/**
 * @typedef {object} Cover
 * @property {string} pattern the topic or pattern as it was asked for
 * @property {string} since   what to ask with as long as there is no position in this epoch
 * @property {string} epoch   the log that the numbers below belong to, "" while unknown
 * @property {number} at      the position: everything up to this seq is here; -1 while there is none
 * @property {number} began   the seq at which the follow began, -1 while there is none ("no cover")
 * @property {Record<string, number>} seqs per topic that has brought a message: its last seq, raised by gaps. Keys are
 *                                         "/" + topic: a topic may be called "__proto__"
 * @property {Record<string, number>} told `to` of gaps told for patterns, and for topics without a message
 */

/**
 * Splits a cursor `<epoch>-<seq>(.<seq>)*`; null for anything else ("now", "all", "10m", a time).
 * @param {unknown} text
 * @returns {{epoch: string, seq: number} | null}
 */
export function parseCursor(text) {
  var parts = /^([a-z0-9]{8,16})-(\d+)(\.\d+)*$/.exec(/** @type {any} */ (text));
  return parts && { epoch: parts[1], seq: +parts[2] };
}

/**
 * @param {string} pattern
 * @param {string} since
 * @returns {Cover}
 */
export function makeCover(pattern, since) {
  var point = parseCursor(since) || { epoch: "", seq: -1 };
  return { pattern: pattern, since: since, epoch: point.epoch, at: point.seq, began: point.seq, seqs: {}, told: {} };
}

/**
 * What to send as `since` (rule 5).
 * @param {Cover} cover
 * @returns {string}
 */
export function askOf(cover) {
  return cover.at < 0 ? cover.since : cover.epoch + "-" + cover.at;
}

/**
 * The cover of a topic, -1 when it has none (rule 4).
 * @param {Cover} cover
 * @param {string} topic
 * @returns {number}
 */
export function coverOf(cover, topic) {
  var key = "/" + topic;
  // A gap may come before the follow is live: then whichever reaches further counts.
  return cover.seqs[key] || Math.max(cover.told[key] || -1, cover.began);
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
  var whole = message.latest || (!cover.seqs[key] && cover.began < 0) || message.prev <= seq;
  if (message.seq <= seq) {
    return 0;
  }
  for (var pattern in cover.told) {
    // A gap for a pattern raises no cover, but it did state what is missing up to its end.
    whole = whole || (message.prev <= cover.told[pattern] && matches(pattern, key));
  }
  cover.seqs[key] = message.seq;
  advance(cover, message.seq);
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
  var news = to > Math.max(coverOf(cover, topic), 0) && matches(cover.pattern, topic);
  if (news) {
    (cover.seqs[key] ? cover.seqs : cover.told)[key] = to;
  }
  return news;
}

/**
 * Forgets all covers: what comes next is taken as it comes (rule 6, and a cursor that is ahead of the log).
 * @param {Cover} cover
 */
export function forget(cover) {
  cover.since = askOf(cover);
  cover.at = cover.began = -1;
  cover.seqs = {};
  cover.told = {};
}

/**
 * The follow has caught up at this seq: from now on topics without a message have a cover (rule 4).
 * It changes nothing in a follow that had a begin.
 * @param {Cover} cover
 * @param {number} seq
 */
export function settle(cover, seq) {
  if (cover.began < 0) {
    cover.began = seq;
  }
  advance(cover, seq);
}

/**
 * Everything of this follow up to the seq is here: ask from there the next time (rule 5). Never goes back within an epoch.
 * @param {Cover} cover
 * @param {number} seq
 */
export function advance(cover, seq) {
  cover.at = Math.max(cover.at, seq);
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
 * What to ask for follows, each topic once.
 * @param {readonly {cover: Cover}[]} follows
 * @returns {Record<string, string>} `since` per "/" + topic
 */
export function asksOf(follows) {
  /** @type {Record<string, string>} */
  var asked = {};
  each(follows, function (follow) {
    var key = "/" + follow.cover.pattern;
    asked[key] = earlier(asked[key] || askOf(follow.cover), askOf(follow.cover));
  });
  return asked;
}

/**
 * What to ask for one topic that two follows began at different places: the one that brings more. The other drops by its cover.
 * @param {string} a
 * @param {string} b
 * @returns {string}
 */
export function earlier(a, b) {
  return order(a) < order(b) ? a : b;
}

/**
 * Less for what brings more. What a number or a time of messages brings may be more than what is behind any cursor.
 * @param {string} since
 * @returns {number}
 */
function order(since) {
  var point = parseCursor(since);
  return point ? point.seq : since === "all" ? -2 : since === "now" ? 1 / 0 : -1;
}
