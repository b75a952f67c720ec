// What a connection is asked for where topics are followed, and how what is followed then is sent up.
import { roomy } from "./build.js";
import { askOf, asksOf, earlier } from "./cover.js";
import { each, place } from "./util.js";
import { followQuery } from "./wire.js";

/**
 * @typedef {import("./link.js").Link} Link
 * @typedef {import("./receive.js").Follow} Follow
 */

// Longer addresses are cut or refused somewhere on the way.
var longest = 2000;

/**
 * Gives a link the addresses of the topics.
 * @param {Link} link
 * @param {import("./link.js").Config} config
 * @param {(link: Link) => Follow[]} wanted what to follow now
 * @param {string} session
 */
export function addresses(link, config, wanted, session) {
  // What every request says beside what it asks for.
  function common() {
    return roomy && link.shared ? "" : "&session=" + session + link.common(link);
  }

  /**
   * What is asked now, each topic once.
   * @param {string} more
   * @param {string} [as]
   */
  function query(more, as) {
    link.follows = wanted(link);
    link.asked = asksOf(link.follows);
    link.fresh = false;
    each(link.follows, function (follow) {
      if (roomy) {
        link.fresh = link.fresh || follow.cover.at < 0;
      }
      follow.ready = follow.live || askOf(follow.cover) !== "now";
    });
    return "transport=" + (as || link.name) + followQuery("topic", link.asked, roomy && link.shared) + common() + more;
  }

  if (roomy) {
    link.bare = function () {
      link.follows = [];
      link.asked = {};
      return config.base + "/topics?transport=" + link.name + common();
    };
  }
  link.url = function (more, as) {
    var url = config.base + "/topics?" + query(more, as);
    return url.length > longest ? "" : url;
  };
  link.call = function (more, post) {
    var text = query(more);
    var posts = post || text.length > longest;
    return { url: config.base + (posts ? "/follow?" : "/topics?" + text), body: posts ? text : undefined, token: config.token };
  };
}

/**
 * Sends up a two-way link what was followed and closed since it was asked.
 * @param {Link} link
 * @param {Follow[]} follows
 * @param {(follow: Follow, cursor: string) => void} join called for each that begins where another one of its topic stands
 * @returns {boolean} false: it takes a new connection, nothing was sent
 */
export function extend(link, follows, join) {
  var send = link.handle.send;
  /** @type {Record<string, Follow>} */
  var there = {};
  /** @type {Record<string, string>} */
  var added = {};
  /** @type {Follow[]} */
  var joining = [];
  var fits = send;
  each(follows, function (follow) {
    var cover = follow.cover;
    var key = "/" + cover.pattern;
    var twin = there[key];
    var since = askOf(cover);
    if (place(link.follows, follow) < 0) {
      follow.live = false;
      follow.ready = since !== "now";
      // Also where all who had it asked for are gone in the same turn: nobody would tell from where on this one has it.
      if (!(key in link.asked) || (!follow.ready && (!twin || added[key]))) {
        added[key] = earlier(added[key] || since, since);
        follow.ready = false; // Before its ack, what comes is for others: what lies before it is still to come.
      } else if (twin && twin.live && (!follow.ready || (twin.cover.epoch === cover.epoch && twin.cover.at <= cover.at))) {
        joining.push(follow);
      } else if (follow.ready) {
        // The same topic from elsewhere: only a new connection can begin early enough for both.
        fits = undefined;
      }
    }
    there[key] = twin || follow;
  });
  if (fits) {
    link.follows = follows;
    for (var key in link.asked) {
      if (!there[key] || added[key]) {
        delete link.asked[key];
        fits({ id: 0, unfollow: [key.slice(1)] });
      }
    }
    for (key in added) {
      link.asked[key] = added[key];
      fits({ id: key.slice(1), follow: [{ topic: key.slice(1), since: added[key] }] });
    }
    each(joining, function (follow) {
      join(follow, askOf(there["/" + follow.cover.pattern].cover));
    });
  }
  return !!fits;
}
