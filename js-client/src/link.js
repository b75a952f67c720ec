// One connection on one transport, from the attempt to its end: what it was asked for, whether it has said hello,
// whether it is still alive. What it brings is receive.js's, what becomes of it reader.js's.
import { advance, earlier } from "./cover.js";
import { parse } from "./http.js";
import { openPoll } from "./transports/poll.js";
import { openSSE } from "./transports/sse.js";
import { openStream } from "./transports/stream.js";
import { openWebSocket } from "./transports/websocket.js";
import { followAddress } from "./wire.js";

/**
 * @typedef {import("./http.js").Ending} Ending
 *
 * @typedef {object} Follow
 * @property {number} id
 * @property {import("./cover.js").Cover} cover
 * @property {(message: any) => void} fn
 * @property {boolean} closed
 *
 * What a transport may know of what it is to fetch. Each call asks anew, from where the reader stands at that moment.
 * @typedef {object} Way
 * @property {string} name
 * @property {string} base
 * @property {import("./http.js").Env} env
 * @property {number | undefined} poll_ms
 * @property {(more: string) => string} url the address with further parameters; "" when it would be too long
 * @property {(more: string) => string} need the same, and throws
 * @property {(more: string) => import("./http.js").Call} call a GET, or a POST where that would be too long
 *
 * What a transport tells. It never does so before its open function has returned.
 * @typedef {object} Sink
 * @property {(text: string) => void} text    one object of the wire
 * @property {(answer: any) => void}  answer  a poll's answer
 * @property {() => void}             heard   bytes came
 * @property {(ms: number) => void}   watch   it is dead if nothing is heard for so long; 0: no limit
 * @property {(ending: Ending) => void} end   it is over
 *
 * @typedef {object} Handle
 * @property {() => void} close               it tells nothing any more
 * @property {(value: object) => void} [send] where there is a way upstream
 * @property {() => void} [change]            ask anew at once, for other topics
 * @property {boolean} [bare]                 it was opened without topics: they go upstream
 *
 * @typedef {object} Link
 * @property {string} name
 * @property {string} why                     start, probe, use, follow, or how the one before it ended
 * @property {Follow[]} follows               what it was asked for
 * @property {Record<string, string>} asked   `since` per topic or pattern. Keys are "/" + topic here and below
 * @property {Record<string, boolean>} ready  ids of the follows that take its messages
 * @property {Record<string, boolean>} live   topics and patterns that have caught up on it
 * @property {Record<string, boolean>} told   ids of the follows whose catching up was reported, of polls
 * @property {Record<string, Follow[]>} sent  by id: what waits for an ack
 * @property {boolean} now                    it was asked for "now" and nothing else
 * @property {string} epoch
 * @property {string} cursor                  the position
 * @property {number} seq                     the position's
 * @property {boolean} restarted              it began with another epoch than the reader had
 * @property {number} spoke                   when it said hello, 0 before
 * @property {boolean} proven                 it has brought something after hello
 * @property {boolean} over
 * @property {number} heard
 * @property {number} limit
 * @property {any} dog                        timer: silence
 * @property {any} greet                      timer: no hello
 * @property {Handle | null} handle
 *
 * Whom a link tells.
 * @typedef {object} Host
 * @property {(link: Link) => {topic: string, since: string}[]} wanted notes in the link what it is asked for, and lists it
 * @property {(link: Link, hello: any) => void} hello   the first word
 * @property {(link: Link, value: any) => void} object  each object after it
 * @property {(link: Link, answer: any) => void} answer a poll's answer, the first included
 * @property {(link: Link, ending: Ending) => void} end
 *
 * @typedef {object} Config
 * @property {import("./http.js").Env} env
 * @property {string} base
 * @property {() => string} token
 * @property {number | undefined} poll_ms
 * @property {ReturnType<typeof import("./ladder.js").makeLadder>} ladder
 * @property {(type: string, value: any) => void} report
 */

/** @type {Record<string, (way: Way, sink: Sink) => Handle>} */
var openers = {
  websocket: openWebSocket,
  sse: openSSE,
  stream: openStream,
  longpoll: openPoll,
  poll: openPoll
};

export function now() {
  return +new Date();
}

/**
 * @param {string} name
 * @param {string} why
 * @returns {Link}
 */
export function makeLink(name, why) {
  return {
    name: name,
    why: why,
    follows: [],
    asked: {},
    ready: {},
    live: {},
    told: {},
    sent: {},
    now: false,
    epoch: "",
    cursor: "",
    seq: -1,
    restarted: false,
    spoke: 0,
    proven: false,
    over: false,
    heard: 0,
    limit: 0,
    dog: null,
    greet: null,
    handle: null
  };
}

/**
 * Begins the attempt.
 * @param {Link} link
 * @param {Config} config
 * @param {Host} host
 * @param {number} patience how long to wait for hello, in ms
 */
export function openLink(link, config, host, patience) {
  /** @param {string} more */
  function url(more) {
    return followAddress(config.base, link.name, host.wanted(link), more);
  }

  /** @type {Way} */
  var way = {
    name: link.name,
    base: config.base,
    env: config.env,
    poll_ms: config.poll_ms,
    url: url,
    need: function (more) {
      var address = url(more);
      if (!address) {
        throw new Error("too many topics for a URL");
      }
      return address;
    },
    call: function (more) {
      var token = config.token();
      var address = url(more);
      if (address) {
        return { url: address, token: token };
      }
      /** @type {any} */
      var body = { follow: host.wanted(link), transport: link.name };
      if (more) {
        body.wait = +more.slice("wait=".length);
      }
      return { method: "POST", url: config.base + "/follow", body: JSON.stringify(body), token: token };
    }
  };

  /** @type {Sink} */
  var sink = {
    heard: function () {
      link.heard = now();
    },
    watch: function (ms) {
      watch(link, ms, host);
    },
    text: function (text) {
      var value = typeof text === "string" && parse(text);
      link.heard = now();
      if (value && !link.over) {
        if (link.spoke) {
          host.object(link, value);
        } else if (value.hello) {
          host.hello(link, value.hello);
        }
      }
    },
    answer: function (value) {
      if (!link.over) {
        host.answer(link, value);
      }
    },
    end: function (ending) {
      host.end(link, ending);
    }
  };

  link.greet = setTimeout(function () {
    host.end(link, { cause: "no hello" });
  }, patience);
  try {
    link.handle = openers[link.name](way, sink);
  } catch (error) {
    setTimeout(function () {
      host.end(link, { cause: "refused" });
    }, 0);
  }
}

/**
 * The link is dead if nothing is heard on it for so long.
 * @param {Link} link
 * @param {number} ms 0: no limit
 * @param {Host} host
 */
export function watch(link, ms, host) {
  function bark() {
    var left = link.heard + link.limit - now();
    if (left > 0) {
      link.dog = setTimeout(bark, left);
    } else {
      host.end(link, { cause: "silent" });
    }
  }
  clearTimeout(link.dog);
  link.limit = ms;
  link.heard = now();
  if (ms && !link.over) {
    link.dog = setTimeout(bark, ms);
  }
}

/**
 * Ends the link. Nothing that it brings counts any more.
 * @param {Link | null} link
 */
export function shut(link) {
  if (link) {
    fold(link);
    link.over = true;
    clearTimeout(link.dog);
    clearTimeout(link.greet);
    if (link.handle) {
      try {
        link.handle.close();
      } catch (error) {
        // Nothing depends on it.
      }
    }
  }
}

/**
 * Notes in the link what it is asked for, and lists it, each topic once.
 * @param {Link} link
 * @param {Follow[]} follows
 * @returns {{topic: string, since: string}[]}
 */
export function ask(link, follows) {
  var list = [];
  var i;
  var cover;
  var key;
  link.follows = follows.slice();
  link.asked = {};
  link.ready = {};
  link.now = true;
  for (i = 0; i < follows.length; i++) {
    cover = follows[i].cover;
    key = "/" + cover.pattern;
    link.now = link.now && cover.ask === "now";
    if (link.asked[key] === undefined) {
      list.push({ topic: cover.pattern, since: "" });
      link.asked[key] = cover.ask;
    } else {
      link.asked[key] = earlier(link.asked[key], cover.ask);
    }
  }
  for (i = 0; i < follows.length; i++) {
    cover = follows[i].cover;
    // Who asked for "now" beside one that asked for more waits until that has come.
    link.ready[follows[i].id] = cover.ask !== "now" || link.asked["/" + cover.pattern] === "now";
  }
  for (i = 0; i < list.length; i++) {
    list[i].since = link.asked["/" + list[i].topic];
  }
  return list;
}

/**
 * A connection's position counts for everything that is live on it.
 * @param {Link} link
 */
export function fold(link) {
  for (var i = 0; i < link.follows.length; i++) {
    var cover = link.follows[i].cover;
    if (!link.over && link.ready[link.follows[i].id] && link.live["/" + cover.pattern]) {
      advance(cover, link.cursor);
    }
  }
}

/**
 * @param {Follow[]} list
 * @param {Follow} follow
 */
export function has(list, follow) {
  for (var i = 0; i < list.length; i++) {
    if (list[i] === follow) {
      return true;
    }
  }
  return false;
}

/**
 * Whether the link was asked for exactly these follows.
 * @param {Link} link
 * @param {Follow[]} follows
 */
export function serves(link, follows) {
  for (var i = 0; i < follows.length; i++) {
    if (!has(link.follows, follows[i])) {
      return false;
    }
  }
  return link.follows.length === follows.length;
}
