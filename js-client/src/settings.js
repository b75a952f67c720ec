// What a client or a socket has to work with, and is told to: its options, and what the environment has.
import { modern, roomy, sockets } from "./build.js";
import { makeLadder } from "./ladder.js";
import { attempt, failure, filter, names, place, root } from "./util.js";

// A page may put tidings.Socket in its place.
var nativeWebSocket = sockets && root.WebSocket;

/**
 * What there is to work with. Options come first: a test or an old Node brings its own.
 * @param {any} options
 * @returns {import("./http.js").Env}
 */
function environment(options) {
  // Without a way to abort it fetch would leave its connections behind; without one to read it is no better than what came before.
  var fetches = modern || (root.AbortController && root.ReadableStream && root.TextDecoder);
  /** @type {import("./http.js").Env} */
  var env = {
    websocket: options.WebSocket || (sockets ? nativeWebSocket : root.WebSocket),
    sse: options.EventSource || root.EventSource,
    fetch: fetches && (options.fetch || root.fetch)
  };
  if (!modern) {
    env.XMLHttpRequest = options.XMLHttpRequest || root.XMLHttpRequest;
    if (roomy) {
      env.XDomainRequest = options.XDomainRequest || root.XDomainRequest;
    }
    env.document = options.document || root.document;
  }
  env.stream = env.longpoll = env.poll = modern || env.fetch || env.XMLHttpRequest;
  if (!roomy) {
    env.stream = env.fetch;
  }
  return env;
}

/**
 * @param {any} given   the options
 * @param {string} base the address that is asked
 * @param {string} key  what to remember under what worked
 * @param {(type: string, value: any) => void} report
 * @returns {import("./link.js").Config}
 */
export function makeConfig(given, base, key, report) {
  var env = environment(given);
  var usable = filter(given.transports || names, function (name) {
    if (roomy && place(names, name) < 0) {
      throw failure("no transport is called " + name, {});
    }
    return /** @type {any} */ (env)[name];
  });

  /** @type {import("./link.js").Config} */
  var config = {
    env: env,
    base: base,
    poll_ms: given.poll_ms,
    token: "",
    // A browser that knows neither is one that opens no more than two connections to a host.
    line: [],
    frugal: roomy && (given.connections < 3 || (!modern && !given.connections && !env.websocket && !env.sse && !env.fetch)),
    ladder: makeLadder(usable, !!given.transports, key),
    report: report,
    authorize: function (expired, then) {
      /** @param {any} token */
      function use(token) {
        config.token = typeof token === "string" ? token : "";
        then();
      }
      var token = typeof given.token === "function" ? attempt(given.token, expired) : given.token;
      if (token && token.then) {
        token.then(use, use);
      } else {
        use(token);
      }
    }
  };
  return config;
}

/**
 * An address, absolute: a WebSocket needs it so. Where it is none it throws, in browsers that can tell.
 * @param {string} url
 * @returns {string}
 */
export function absolute(url) {
  var here = root.location;
  if (modern || (sockets && typeof root.URL === "function")) {
    return new URL(url, here).href;
  }
  return /^\w+:/.test(url) || !here ? url : here.protocol + (/^\/\//.test(url) ? "" : "//" + here.host) + url;
}
