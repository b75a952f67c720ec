// One connection on one transport, from the attempt to its end: whether it has said hello, whether it is still alive. What it is asked
// for and brings is its user's, what becomes of it rounds.js's.
import { openPoll } from "./transports/poll.js";
import { openSSE } from "./transports/sse.js";
import { openStream } from "./transports/stream.js";
import { openWebSocket } from "./transports/websocket.js";
import { attempt, now, parse } from "./util.js";

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
 * @property {boolean} [laden] of a socket's polls: the next request takes frames along, or the last one has
 * @property {string[]} [protocols] of a socket's WebSocket
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
 * @property {(value: object, raw?: any) => void} [send] where there is a way upstream; raw: it goes as it is instead
 * @property {() => void} [change]            ask anew at once, for other topics
 * @property {(answer: any) => void} [take]   an answer that came with something else
 * @property {boolean} [bare]                 it was opened without topics: they go upstream
 *
 * @typedef {object} Own
 * @property {Handle} handle
 * @property {Follow[]} follows               what it was asked for
 * @property {Record<string, string>} asked   `since` per topic or pattern. Keys are "/" + topic
 * @property {string} epoch
 * @property {(link: Link) => string} common what every request on it says
 * @property {any} entry                      of diagnose(): transport, why, at, hello_ms, ended_ms, cause
 * @property {number} [opened]                when the attempt began: a count
 * @property {number} [served]                when it came to serve: the same count
 * @property {number} [spoke]                 when it said hello
 * @property {boolean} [sure]                 the transport has proven itself before: no proof is asked for
 * @property {boolean} [spare]                it only stands in for what is remembered
 * @property {boolean} [fresh]                some were asked for by something else than a cursor
 * @property {boolean} [shared]               its answers are the same for everybody
 * @property {number} [asked_at]              when a ping was sent
 * @property {number} [down]                 of a socket's WebSocket: the frame that came last
 * @property {number} [up]                   ... and the last that the gateway had when it said hello
 * @property {number} [sent]                 ... and the last that was sent
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
 * @property {(link: Link) => string} common   what every request says: an "&" in front of each parameter
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
  var link = /** @type {Link} */ ({
    name: name,
    base: config.base,
    env: config.env,
    poll_ms: config.poll_ms,
    epoch: "",
    count: 0,
    entry: { transport: name, at: now(), cause: "" },
    handle: /** @type {any} */ ({}),
    common: host.common,
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
  });
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
