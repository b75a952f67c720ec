// A conversation over connections that come and go: what is said is numbered, kept until it is acknowledged, and said again on
// the next connection; what is heard is taken once and in order (docs/wire.md, "Sockets").
import { roomy } from "./build.js";
import { bare, enveloped, payload, pieceEnd, read, sizeOf, unbare, whole } from "./frames.js";
import { ask } from "./http.js";
import { watchPage } from "./page.js";
import { makeRounds } from "./rounds.js";
import { attempt, backoff, each, filter, makeKey, now, parse, root } from "./util.js";

/**
 * @typedef {import("./frames.js").Frame} Frame
 * @typedef {import("./link.js").Link} Link
 *
 * What a socket shows of itself.
 * @typedef {object} Shown
 * @property {number} readyState
 * @property {number} bufferedAmount
 * @property {string} protocol
 * @property {string} transport
 * @property {string} binaryType
 * @property {string} origin     of its messages
 */

// What is under way at most, and in one request, in bytes. After how many bytes or frames what is heard is acknowledged at once, and after how
// long at the latest on a connection that has two ways. How long the answer to a close may take. How long the answer to a
// request that brings frames may take, beside what their size takes on a slow line. In ms, and bytes in a ms.
var room = 262144;
var load = 262144;
var many = 65536;
var few = 32;
var idle = 200;
var parting = 10000;
var due = 3000;
var pace = 20;

/**
 * @param {import("./link.js").Config} config
 * @param {string[]} protocols
 * @param {Shown} own what is kept up to date
 * @param {(type: string, init?: any) => void} tell fires an event
 */
export function makeTalk(config, protocols, own, tell) {
  var id = makeKey();
  var address = config.base + (/\?/.test(config.base) ? "&" : "?") + "tidings=" + id;
  var epoch = "";
  var away = 30000;
  var pause = 10000; // between acknowledgements on a connection that has one way
  /** Messages, or what is left of them. @type {{data: any, at: number, size: number, close?: any}[]} */
  var waiting = [];
  /** @type {Frame[]} that may have to be said again */
  var frames = [];
  var said = 0;
  var acked = 0;
  var carried = -1; // what was acknowledged when a request last took frames along
  var under = 0; // bytes that are said and not acknowledged
  var reading = false;
  /** @type {any} */
  var ours;
  /** @type {any} */
  var theirs;
  var heard = 0;
  /** @type {any[]} */
  var parts = [];
  var owed = 0;
  var posts = 0;
  var posting = 0; // the number of the request that is under way
  var failures = 0;
  var failing = 0;
  /** @type {any} */
  var owing;
  /** @type {any} */
  var overdue;
  /** @type {any} */
  var leaving;

  var rounds = makeRounds(config, dress, none, /** @type {any} */ (none), take, show, abort, lost);

  function none() {}

  /** @param {Link} link */
  function dress(link) {
    var ws = link.name === "websocket";
    link.protocols = ["tidings.socket.v1"].concat(protocols);
    link.url = function (more) {
      return query(ws ? "" : link.name, (ws ? "" : offered()) + link.common(link) + more);
    };
    link.call = function (more, post) {
      return { url: link.url(more), body: link.laden ? lines() : post ? "" : undefined, token: config.token };
    };
    if (ws) {
      link.text = function (data) {
        link.object(unbare(link, data));
      };
    }
  }

  /** @param {{state: string, transport: string, cursor?: string}} status */
  function show(status) {
    var transport = status.cursor ? status.transport : "";
    if (own.transport !== transport) {
      own.transport = transport;
      tell("transport");
    }
    if (status.cursor) {
      var link = /** @type {Link} */ (rounds.serving());
      link.sent = link.up;
      posting = 0; // What was sent before may never be answered.
      carried = -1;
      clearTimeout(leaving);
      leaving = 0;
    } else if (epoch && !leaving) {
      leaving = setTimeout(abort, away);
    }
  }

  function lost() {
    if (!epoch || theirs) {
      over();
    }
    return config.closed;
  }

  function abort() {
    over(); // Some pass arguments to what a timer calls.
  }

  /** The subprotocols, where a request may open the socket. */
  function offered() {
    return protocols.length && !epoch ? "&protocols=" + encodeURIComponent(protocols.join()) : "";
  }

  /**
   * @param {string} transport
   * @param {string} more
   */
  function query(transport, more) {
    return address + (transport && "&transport=" + transport) + (epoch && "&since=" + epoch + "-" + heard) + more;
  }

  /**
   * Ends it all.
   * @param {any} [failure] what the gateway says of it
   */
  function over(failure) {
    if (!config.closed) {
      config.closed = true;
      unwatch();
      rounds.halt("close");
      clearTimeout(owing);
      clearTimeout(overdue);
      clearTimeout(leaving);
      setTimeout(function () {
        var close = failure || theirs || { code: 1006 };
        var clean = !failure && !!theirs;
        own.readyState = 3;
        if (!clean) {
          tell("error");
        }
        tell("close", { wasClean: clean, code: close.code, reason: close.reason || "" });
      }, 0);
    }
  }

  /**
   * @param {Link} link
   * @param {any} value
   */
  function take(link, value) {
    var hello = value.hello;
    if (hello) {
      if (epoch && epoch !== link.epoch) {
        over(); // It is another one.
        return;
      }
      away = hello.away_ms || away;
      pause = hello.ping_ms / 2 || pause;
      settle(hello.ack);
      if (!epoch) {
        epoch = link.epoch;
        if (!own.readyState) {
          own.readyState = 1;
          own.protocol = hello.protocol || "";
          tell("open");
        }
      }
      pump();
    }
    if (value.ack) {
      settle(value.ack.seq);
      pump();
    }
    if (value.ping && link.handle.send) {
      acknowledge();
    }
    if (value.close && !value.seq) {
      over(value.close); // Here and now, for what this side has done.
    }
    if (value.seq > heard) {
      link.got = true;
      if (value.seq > heard + 1) {
        link.end({ cause: "missing" });
      } else {
        heard++;
        listen(link, value);
      }
    }
  }

  /**
   * @param {Link} link
   * @param {any} frame
   */
  function listen(link, frame) {
    if (frame.close) {
      theirs = frame.close;
      own.readyState = 2;
      waiting = [];
      close({ code: theirs.code });
      part();
      return;
    }
    var data = payload(frame);
    if (data === undefined) {
      over({ code: 1003, reason: "binary" });
      return;
    }
    owed += data.length + many / few;
    if (owed >= many) {
      acknowledge();
    } else if (!owing && (link.handle.send || !link.handle.change)) {
      owing = setTimeout(acknowledge, link.handle.send ? idle : pause);
    }
    parts.push(data);
    if (!frame.more) {
      data = parts;
      parts = [];
      if (own.readyState === 1) {
        tell("message", { data: whole(data, own.binaryType), origin: own.origin });
      }
    }
  }

  // Says up to where all is here. Polls do so by themselves.
  function acknowledge() {
    var link = rounds.serving();
    var send = link && link.handle.send;
    clearTimeout(owing);
    owing = 0;
    if (send) {
      owed = 0;
      send({ ack: { seq: heard } });
    } else {
      owed = owed || 1;
      pump();
    }
  }

  /**
   * What the other side has needs not be said again.
   * @param {number} seq
   */
  function settle(seq) {
    acked = Math.max(acked, seq || 0);
    frames = filter(frames, function (frame) {
      var kept = frame.seq > acked;
      if (!kept) {
        under -= frame.size;
        own.bufferedAmount -= frame.size;
      }
      return kept;
    });
    part();
  }

  // Both have closed, and know it.
  function part() {
    if (ours && ours.seq <= acked && !config.closed) {
      if (theirs) {
        acknowledge();
        over();
      } else if (!leaving) {
        leaving = setTimeout(abort, parting);
      }
    }
  }

  /** @param {any} end */
  function close(end) {
    if (!ours) {
      ours = { close: end };
      waiting.push(ours);
      pump();
    }
  }

  // Makes frames of what waits, as many as may be under way.
  function cut() {
    /** @param {any} data */
    function add(data) {
      var size = typeof data === "string" ? sizeOf(data) : data ? data.length : 0;
      under += size;
      frames.push({ seq: ++said, data: data, more: more, close: message.close, size: size });
      message.seq = said;
    }
    while (waiting[0] && under < room && !reading) {
      /** @type {any} */
      var message = waiting[0];
      var data = message.data;
      var at = message.at;
      var end = pieceEnd(data, at);
      var more = end < message.size;
      message.at = end;
      if (!more) {
        waiting.shift();
      }
      if (!data || data.subarray) {
        add(data && data.subarray(at, end));
      } else if (data.length >= 0) {
        add(data.slice(at, end));
      } else {
        reading = true;
        read(data.slice(at, end), function (bytes) {
          reading = false;
          if (bytes) {
            add(bytes);
            pump();
          } else {
            over();
          }
        });
      }
    }
  }

  // Says what is to be said.
  function pump() {
    var link = /** @type {any} */ (rounds.serving());
    if (config.closed) {
      return;
    }
    cut();
    if (link && link.handle.send) {
      // It counts from where it was at its hello: what was acknowledged elsewhere meanwhile is passed over.
      for (; link.sent < acked; link.sent++) {
        link.handle.send(0, "=");
      }
      each(frames, function (frame) {
        if (frame.seq > link.sent) {
          link.sent = frame.seq;
          link.handle.send(0, bare(frame));
        }
      });
    } else if (link && link.handle.change) {
      if (frames.length && !link.laden) {
        // The poll that is held ends, and another one takes them along: a browser has few connections, and all of them may be held.
        link.laden = true;
        setTimeout(
          function () {
            if (!link.over) {
              link.handle.change();
            }
          },
          acked > carried ? 0 : 500
        );
      }
    } else if (link && !posting && (frames.length || owed)) {
      post();
    }
  }

  /** What is not acknowledged, as lines. */
  function lines() {
    var text = "";
    var link = /** @type {any} */ (rounds.serving());
    clearTimeout(overdue);
    carried = acked;
    each(frames, function (frame) {
      if (text.length < load) {
        text += enveloped(frame) + "\n";
      }
    });
    overdue = setTimeout(
      function () {
        // Streams may hold all the connections that the browser has for this host: then nothing that is sent beside them leaves.
        if (carried === acked && link && link === rounds.serving() && (posting || link.laden)) {
          /** @type {any} */ (rounds).stuck();
        }
      },
      due + text.length / pace
    );
    return text;
  }

  function post() {
    var mine = (posting = ++posts);
    owed = 0;
    ask(
      config,
      false,
      query("", ""),
      lines(),
      function (ending, text) {
        var answer = parse(text) || {};
        function next() {
          if (mine === posting) {
            posting = 0;
          }
          pump();
        }
        if (answer.ack) {
          failing = 0;
          settle(answer.ack.seq);
        } else if (ending.code || now() - (failing = failing || now()) > away) {
          over();
        }
        if (acked > carried || !frames.length) {
          failures = 0;
          next();
        } else {
          setTimeout(next, Math.max(backoff(failures++, 500, 5000), ending.retry_ms || 0));
        }
      }
    );
  }

  // The page is put away.
  var unwatch = watchPage(function (leaves) {
    if (roomy && leaves && epoch) {
      // The page is left: what is still to be said goes with the goodbye.
      waiting = [];
      close({ code: 1001 });
      if (!(/** @type {any} */ (rounds.serving() || { handle: {} }).handle.send)) {
        attempt(function () {
          root.navigator.sendBeacon(query("", ""), lines());
        });
      }
    }
    if (rounds.halt("pagehide")) {
      rounds.tell("waiting", "", "pagehide");
    }
  }, rounds.wake);

  rounds.adapt();
  return {
    /** @param {any} data text, bytes or a Blob */
    send: function (data) {
      waiting.push({ data: data, at: 0, size: data.size === undefined ? data.length : data.size });
      pump();
    },
    close: close,
    abort: abort,
    diagnose: rounds.diagnose
  };
}
