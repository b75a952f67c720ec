// One connection on one transport, from the attempt to its end: what it was asked for, whether it has said hello,
// whether it is still alive. What it brings is receive.js's, what becomes of it reader.js's.
import { askOf, asksOf, earlier } from "./cover.js";
import { openPoll } from "./transports/poll.js";
import { openSSE } from "./transports/sse.js";
import { openStream } from "./transports/stream.js";
import { openWebSocket } from "./transports/websocket.js";
import { attempt, each, now, parse, place } from "./util.js";
import { followQuery } from "./wire.js";

/**
 * @typedef {import("./http.js").Ending} Ending
 * @typedef {import("./receive.js").Follow} Follow
 *
 * What a transport may know of what it is to fetch. Each call asks anew, from where the reader stands at that moment.
 * @typedef {object} Way
 * @property {string} name
 * @property {string} base
 * @property {import("./http.js").Env} env
 * @property {number | undefined} poll_ms
 * @property {boolean} [paged] more came than fits into one answer
 * @property {() => string} bare the address without topics
 * @property {(more: string, as?: string) => string} url the address with further parameters; "" when it would be too long
 * @property {(more: string, post?: boolean) => import("./http.js").Call} call a GET, or a POST where that is wanted, or would be too long
 *
 * What a transport tells. It never does so before its open function has returned.
 * @typedef {object} Sink
 * @property {(text: any) => void}    text   one object of the wire
 * @property {(value: any) => void}   object the same, read already
 * @property {() => void}             heard  bytes came
 * @property {(ms: number) => void}   watch  it is dead if nothing is heard for so long; 0: no limit
 * @property {() => void}             renew  it should be begun anew before long
 * @property {(ending: Ending) => void} end  it is over
 *
 * @typedef {object} Handle
 * @property {() => void} close               it tells nothing any more
 * @property {(value: object) => void} [send] where there is a way upstream
 * @property {() => void} [change]            ask anew at once, for other topics
 * @property {(answer: any) => void} [take]   an answer that came with something else
 * @property {boolean} [bare]                 it was opened without topics: they go upstream
 *
 * @typedef {object} Own
 * @property {Handle} handle
 * @property {Follow[]} follows               what it was asked for
 * @property {Record<string, string>} asked   `since` per topic or pattern. Keys are "/" + topic
 * @property {string} epoch
 * @property {any} entry                      of diagnose(): transport, why, at, hello_ms, ended_ms, cause
 * @property {number} [opened]                when the attempt began: a count
 * @property {number} [served]                when it came to serve: the same count
 * @property {number} [spoke]                 when it said hello
 * @property {boolean} [sure]                 the transport has proven itself before: no proof is asked for
 * @property {boolean} [spare]                it only stands in for what is remembered
 * @property {boolean} [fresh]                some were asked for by something else than a cursor
 * @property {boolean} [shared]               its answers are the same for everybody
 * @property {number} [asked_at]              when a ping was sent
 * @property {any} [got]                      it has brought a message
 * @property {any[]} [held]                   what it brought while it was not trusted yet
 * @property {string} [step]                  what it tells the gateway of the transport before it
 * @property {boolean} [over]
 * @property {number} [last]                  when it was heard last
 * @property {number} count                   how often it was heard: clocks are set back
 * @property {any} [dog]                      timer: silence
 * @property {any} [greet]                    timer: no hello, no proof
 *
 * @typedef {Way & Sink & Own} Link
 *
 * Whom a link tells.
 * @typedef {object} Host
 * @property {(link: Link) => Follow[]} wanted what to follow
 * @property {(link: Link) => string} common   what a request says beside: an "&" in front of each parameter
 * @property {(link: Link, value: any) => void} object
 * @property {(link: Link) => void} quiet      nothing was heard for too long
 * @property {(link: Link) => void} renew
 * @property {(link: Link, ending: Ending) => void} end
 *
 * @typedef {object} Config
 * @property {import("./http.js").Env} env
 * @property {string} base
 * @property {string} token
 * @property {boolean} [closed] nothing is sent again
 * @property {number | undefined} poll_ms
 * @property {(() => void)[]} line publishes that are under way, or wait for those before them
 * @property {boolean} frugal no more than two connections at a time, one down and one up
 * @property {ReturnType<typeof import("./ladder.js").makeLadder>} ladder
 * @property {(type: string, value: any) => void} report
 * @property {(expired: boolean, then: () => void) => void} authorize sees to it that the token is good
 */

// Longer addresses are cut or refused somewhere on the way.
var longest = 2000;

/** @type {Record<string, (way: Way, sink: Sink) => Handle>} */
var openers = {
  websocket: openWebSocket,
  sse: openSSE,
  stream: openStream,
  longpoll: openPoll,
  poll: openPoll
};

/**
 * @param {string} name
 * @param {Config} config
 * @param {Host} host
 * @returns {Link} which open() begins
 */
export function makeLink(name, config, host) {
  /**
   * What is asked now, each topic once.
   * @param {string} more
   * @param {string} [as]
   */
  function query(more, as) {
    link.follows = host.wanted(link);
    link.asked = asksOf(link.follows);
    link.fresh = false;
    each(link.follows, function (follow) {
      link.fresh = link.fresh || follow.cover.at < 0;
      follow.ready = follow.live || askOf(follow.cover) !== "now";
    });
    return "transport=" + (as || name) + followQuery("topic", link.asked, link.shared) + host.common(link) + more;
  }

  /** @type {Link} */
  var link = {
    name: name,
    base: config.base,
    env: config.env,
    poll_ms: config.poll_ms,
    follows: [],
    asked: {},
    epoch: "",
    count: 0,
    entry: { transport: name, at: now(), cause: "" },
    handle: /** @type {any} */ ({}),
    bare: function () {
      link.follows = [];
      link.asked = {};
      return config.base + "/topics?transport=" + name + host.common(link);
    },
    url: function (more, as) {
      var url = config.base + "/topics?" + query(more, as);
      return url.length > longest ? "" : url;
    },
    call: function (more, post) {
      var text = query(more);
      return post || text.length > longest
        ? { url: config.base + "/follow?", body: text, token: config.token }
        : { url: config.base + "/topics?" + text, token: config.token };
    },
    heard: function () {
      link.last = now();
      link.count++;
    },
    // Time is told by the clock on the wall: timers sleep with the machine.
    watch: function (ms) {
      function bark() {
        link.last = Math.min(/** @type {number} */ (link.last), now()); // The clock may have been set back.
        var left = link.last + ms - now();
        if (left <= 0) {
          host.quiet(link);
          left = ms;
        }
        if (ms && !link.over) {
          link.dog = setTimeout(bark, left);
        }
      }
      clearTimeout(link.dog);
      link.heard();
      if (ms) {
        bark();
      }
    },
    text: function (text) {
      link.object(parse(text));
    },
    object: function (value) {
      link.heard();
      if (value && !link.over) {
        host.object(link, value);
      }
    },
    renew: function () {
      host.renew(link);
    },
    end: function (ending) {
      host.end(link, ending);
    }
  };
  return link;
}

/** @param {Link} link */
export function open(link) {
  try {
    link.handle = openers[link.name](link, link);
  } catch (error) {
    setTimeout(function () {
      link.end({ cause: "refused" });
    }, 0);
  }
}

/**
 * Ends the link. Nothing that it brings counts any more.
 * @param {Link} link
 * @param {string} cause
 */
export function shut(link, cause) {
  link.over = true;
  clearTimeout(link.dog);
  clearTimeout(link.greet);
  link.entry.ended_ms = now() - link.entry.at;
  link.entry.cause = cause;
  attempt(link.handle.close);
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
