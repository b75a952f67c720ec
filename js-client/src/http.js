// One HTTP request, by fetch or by XMLHttpRequest, whole or in chunks of text as they arrive.

/**
 * What the environment has; each may be absent.
 * @typedef {object} Env
 * @property {any} [fetch]
 * @property {any} [WebSocket]
 * @property {any} [EventSource]
 * @property {any} [XMLHttpRequest]
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
 */

/**
 * @typedef {object} Call
 * @property {string} url
 * @property {string} [method] GET if absent
 * @property {any}    [body]
 * @property {string} [token]
 */

/** @param {Env} env */
export function canStream(env) {
  // Where XMLHttpRequest cannot cross origins (IE 8 and 9) it cannot be read before its end either.
  return canFetchStream(env) || (!!env.XMLHttpRequest && "withCredentials" in new env.XMLHttpRequest());
}

/** @param {Env} env */
function canFetchStream(env) {
  return !!env.fetch && typeof TextDecoder !== "undefined" && typeof ReadableStream !== "undefined";
}

/**
 * Sends a request. Nothing is called after the returned function was.
 * @param {Env} env
 * @param {Call} call
 * @param {(status: number, text: string, retryAfter: string | null) => void} done status 0: no answer, or it was cut
 * @param {(text: string) => void} [chunk] takes the text of a 200 in pieces; `done` then gets none
 * @returns {() => void} cancels
 */
export function request(env, call, done, chunk) {
  var over = false;
  /** @type {any} */
  var handle = null;

  /**
   * @param {number} status
   * @param {string} text
   * @param {string | null} retryAfter
   */
  function finish(status, text, retryAfter) {
    if (!over) {
      over = true;
      done(status, text, retryAfter);
    }
  }

  function byFetch() {
    /** @type {Record<string, string>} */
    var headers = {};
    if (call.body !== undefined) {
      headers["Content-Type"] = "text/plain";
    }
    if (call.token) {
      headers.Authorization = "Bearer " + call.token;
    }
    if (typeof AbortController !== "undefined") {
      handle = new AbortController();
    }
    function fail() {
      finish(0, "", null);
    }
    var fetch = env.fetch; // As a method of something else than the window it would throw.
    fetch(call.url, {
      method: call.method || "GET",
      headers: headers,
      body: call.body,
      signal: handle ? handle.signal : undefined
    }).then(
      /** @param {Response} response */
      function (response) {
        var retryAfter = response.headers.get("Retry-After");
        var reader = chunk && response.status === 200 && response.body && response.body.getReader();
        if (!reader) {
          response.text().then(function (text) {
            finish(response.status, text, retryAfter);
          }, fail);
          return;
        }
        // One decoder for the whole stream: a character may be split across chunks.
        var decoder = new TextDecoder();
        function read() {
          /** @type {ReadableStreamDefaultReader<Uint8Array>} */ (reader).read().then(function (part) {
            if (over) {
              return;
            }
            if (part.done) {
              finish(200, "", retryAfter);
              return;
            }
            /** @type {(text: string) => void} */ (chunk)(decoder.decode(part.value, { stream: true }));
            read();
          }, fail);
        }
        read();
      },
      fail
    );
  }

  function byXHR() {
    var seen = 0;
    handle = new env.XMLHttpRequest();
    handle.open(call.method || "GET", call.url, true);
    if (call.body !== undefined) {
      // Said even for text: old WebKit would add a charset, and so ask for a preflight.
      handle.setRequestHeader("Content-Type", "text/plain");
    }
    if (call.token) {
      handle.setRequestHeader("Authorization", "Bearer " + call.token);
    }
    handle.onreadystatechange = function () {
      var state = handle.readyState;
      if (over || state < 3) {
        return;
      }
      var text = "";
      if (state === 4 || chunk) {
        text = handle.responseText;
      }
      if (chunk && handle.status === 200 && text.length > seen) {
        var piece = text.slice(seen);
        seen = text.length;
        chunk(piece);
      }
      if (state === 4) {
        finish(handle.status, text, handle.status ? handle.getResponseHeader("Retry-After") : null);
      }
    };
    handle.send(call.body === undefined ? null : call.body);
  }

  try {
    if (env.fetch && (!chunk || canFetchStream(env) || !env.XMLHttpRequest)) {
      byFetch();
    } else {
      byXHR();
    }
  } catch (error) {
    // Refused at once (by the page's policy, say): said later like every other failure.
    setTimeout(function () {
      finish(0, "", null);
    }, 0);
  }
  return function () {
    if (!over) {
      over = true;
      if (handle) {
        handle.abort();
      }
    }
  };
}

/**
 * Reads a JSON text; undefined if it is none.
 * @param {string} text
 * @returns {any}
 */
export function parse(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    return undefined;
  }
}

/**
 * What an answer without success means. Only a problem of the gateway's own gets a close code, and only where asking again
 * would not help: the 403 of a proxy is the transport's failure and no verdict.
 * @param {number} status
 * @param {string} text
 * @param {string | null} retryAfter
 * @returns {Ending}
 */
export function explain(status, text, retryAfter) {
  var problem = parse(text) || {};
  var wait = retryAfter === null || retryAfter === undefined ? NaN : +retryAfter * 1000;
  if (retryAfter && isNaN(wait)) {
    wait = Date.parse(retryAfter) - +new Date();
  }
  /** @type {Ending} */
  var ending = { cause: status ? "status " + status : "unreachable", status: status, detail: problem.detail };
  if (problem.code && problem.status === status) {
    ending.cause = problem.code;
    if (problem.code === "transport_off") {
      ending.code = 4505;
    } else if (problem.code === "token_expired") {
      ending.code = 4004;
    } else if (status < 500 && status !== 408 && status !== 429) {
      ending.code = status === 401 ? 4501 : status === 403 ? 4503 : 4500;
    }
  }
  if (wait >= 0) {
    ending.retry_ms = wait;
  }
  return ending;
}
