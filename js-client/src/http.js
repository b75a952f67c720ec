// One HTTP request, whole or in chunks of text as they arrive, by the best that the browser has: fetch, or what came before
// (transports/old/requests.js). And what its end means.
import { modern, roomy } from "./build.js";
import { olderWay } from "./transports/old/requests.js";
import { now, parse } from "./util.js";

// How long an answer is waited for, in ms.
var patient = 30000;

/**
 * What the environment has; each may be absent. Under the name of each transport there is what it is made with.
 * @typedef {object} Env
 * @property {any} [fetch]
 * @property {any} [websocket]
 * @property {any} [sse]
 * @property {any} [stream]
 * @property {any} [longpoll]
 * @property {any} [poll]
 * @property {any} [XMLHttpRequest]
 * @property {any} [XDomainRequest]
 * @property {any} [document]
 */

/**
 * How a request or a connection ended.
 * @typedef {object} Ending
 * @property {string}  cause       a word: what the state event shows
 * @property {number}  [code]      a close code (docs/wire.md), where there is one
 * @property {number}  [status]    an HTTP status, 0 where there was no answer
 * @property {number}  [retry_ms]  do not come back earlier
 * @property {any}     [offer]
 * @property {string}  [detail]
 * @property {boolean} [passing]   the same request may well succeed later
 */

/**
 * @typedef {object} Call
 * @property {string} url
 * @property {any}    [body] makes it a POST
 * @property {string} [token]
 *
 * As fetch takes it; the others take it apart.
 * @typedef {{method: string, headers: Record<string, string>, body: any, signal?: AbortSignal}} Init
 *
 * Whoever makes a request tells how it went. `status` 0: no answer, or it was cut.
 * @typedef {(status: number, text: string, retryAfter?: string | null) => void} Finish
 *
 * A way to make a request. It takes chunks if they are wanted, and gives what cancels it.
 * @typedef {(env: Env, url: string, init: Init, finish: Finish, chunk: ((text: string) => void) | undefined) => () => void} Means
 */

/** @type {Means} */
function byFetch(env, url, init, finish, chunk) {
  var control = new AbortController();
  var fetch = env.fetch; // As a method of something else than the window it would throw.
  function fail() {
    finish(0, "");
  }
  init.signal = control.signal;
  fetch(url, init)
    .then(function (/** @type {any} */ response) {
      var reader = response.body.getReader();
      // One decoder for the whole answer: a character may be split across chunks.
      var decoder = new TextDecoder();
      var text = "";
      function read() {
        reader.read().then(function (/** @type {any} */ part) {
          var piece = decoder.decode(part.value, { stream: true });
          if (part.done) {
            finish(response.status, text, response.headers.get("Retry-After"));
          } else {
            if (chunk && response.status === 200) {
              chunk(piece);
            } else {
              text += piece;
            }
            read();
          }
        }, fail);
      }
      read();
    })
    .then(null, fail);
  return function () {
    control.abort();
  };
}

/**
 * Sends a request. Nothing is called after the returned function was, and nothing before it has returned.
 * @param {Env} env
 * @param {Call} call
 * @param {(ending: Ending, text: string) => void} done
 * @param {(text: string) => void} [chunk] takes the text of a 200 in pieces; `done` then gets none
 * @returns {() => void} cancels
 */
export function request(env, call, done, chunk) {
  var over = false;
  var cancel = function () {};
  /** @type {Init} */
  var init = {
    method: call.body === undefined ? "GET" : "POST",
    headers: { "Content-Type": "text/plain" }, // No other spares the preflight.
    body: call.body
  };
  if (call.token) {
    init.headers["Authorization"] = "Bearer " + call.token;
  }

  /** @type {Finish} */
  function finish(status, text, retryAfter) {
    if (!over) {
      over = true;
      cancel(); // Some leave things behind.
      done(explain(status, text, retryAfter), text);
    }
  }
  function start() {
    cancel = (modern || env.fetch ? byFetch : olderWay(env, call, chunk))(
      env,
      call.url,
      init,
      finish,
      chunk &&
        function (text) {
          if (!over) {
            chunk(text);
          }
        }
    );
  }

  if (modern) {
    start();
  } else {
    try {
      start();
    } catch (error) {
      // Refused at once (by the page's policy, say): said later like every other failure.
      setTimeout(function () {
        finish(0, "");
      }, 0);
    }
  }
  return function () {
    over = true;
    cancel();
  };
}

/**
 * Sends a request with the token of the moment, and does not wait for ever.
 * @param {import("./link.js").Config} config
 * @param {boolean} expired whether the last token was
 * @param {string} url
 * @param {any} body
 * @param {(ending: Ending, text: string) => void} done
 */
export function ask(config, expired, url, body, done) {
  config.authorize(expired, function () {
    var cancel = request(config.env, { url: url, body: body, token: config.token }, answered);
    var timer = setTimeout(function () {
      cancel();
      answered({ cause: "silent", status: 0, passing: true }, "");
    }, patient);

    /** @type {typeof done} */
    function answered(ending, text) {
      clearTimeout(timer);
      done(ending, text);
    }
  });
}

/**
 * What an answer means. Only a problem of the gateway's own gets a close code, and only where asking again
 * would not help: the 403 of a proxy is the transport's failure and no verdict.
 * @param {number} status
 * @param {string} text
 * @param {string | null} [retryAfter]
 * @returns {Ending}
 */
export function explain(status, text, retryAfter) {
  /** What a problem says is what there is to know: detail, offer, retry_ms. @type {any} */
  var ending = Object((status > 201 || !modern) && parse(text));
  if (!modern && roomy && ending.error) {
    ending = ending.error; // For those who cannot see a status.
    status = ending.status;
  }
  var code = ending.status === status && ending.code;
  ending.status = status;
  ending.passing = /^(0|408|429|5..)$/.test("" + status);
  ending.cause = code || (status === 200 ? (text ? "invalid" : "died") : status ? "status " + status : "unreachable");
  ending.code = !code || ending.passing ? 0 : code === "transport_off" ? 4505 : code === "token_expired" ? 4004 : 4500;
  if (retryAfter) {
    ending.retry_ms = +retryAfter * 1000 || (roomy ? Date.parse(retryAfter) - now() : 0);
  }
  return ending;
}
