// Publishing: one POST per message, without a preflight, resent under the same idempotency key until it is answered.
import { explain, parse, request } from "./http.js";
import { backoff } from "./ladder.js";
import { failure } from "./receive.js";
import { escapeTopic } from "./wire.js";

// In ms. The gateway remembers a key for five minutes: later a resend could publish twice.
var lasting = 270000;
var patient = 30000;

/** A key that nobody else has. */
function makeKey() {
  var key = "";
  var random = typeof crypto !== "undefined" && crypto.getRandomValues && crypto.getRandomValues(new Uint8Array(16));
  for (var i = 0; i < 16; i++) {
    key += ((random ? random[i] : Math.floor(Math.random() * 256)) + 256).toString(16).slice(1);
  }
  return key;
}

/** @param {any} data */
function isBinary(data) {
  return (
    (typeof ArrayBuffer !== "undefined" && (data instanceof ArrayBuffer || data.buffer instanceof ArrayBuffer)) ||
    (typeof Blob !== "undefined" && data instanceof Blob)
  );
}

/**
 * @param {import("./link.js").Config} config
 * @param {string} topic
 * @param {any} data
 * @param {any} options
 * @param {(error: Error | null, receipt?: any) => void} done
 * @param {() => boolean} closed nothing is resent any more
 */
export function publish(config, topic, data, options, done, closed) {
  var type = options.type;
  var failures = 0;
  var began = +new Date();
  if (typeof data !== "string") {
    if (data !== null && data !== undefined && isBinary(data)) {
      type = type || "application/octet-stream";
    } else {
      data = JSON.stringify(data === undefined ? null : data);
      type = type || "application/json";
    }
  }
  var url = config.base + "/topics/" + escapeTopic(topic) + "?idempotency_key=";
  url += encodeURIComponent(options.idempotencyKey || makeKey());
  /** @type {[string, any][]} */
  var rest = [
    ["type", type],
    ["event", options.event],
    ["key", options.key],
    ["ttl", options.ttl],
    ["if_match", options.ifMatch]
  ];
  for (var i = 0; i < rest.length; i++) {
    if (rest[i][1] !== undefined) {
      url += "&" + rest[i][0] + "=" + encodeURIComponent(rest[i][1]);
    }
  }

  function send() {
    /**
     * @param {number} status
     * @param {string} text
     * @param {string | null} retryAfter
     */
    function answered(status, text, retryAfter) {
      var receipt = parse(text);
      var ending = explain(status, text, retryAfter);
      var ms = Math.max(backoff(failures++, 500, 15000), ending.retry_ms || 0);
      cancel();
      clearTimeout(timer);
      if ((status === 200 || status === 201) && receipt && receipt.cursor) {
        done(null, receipt);
      } else if (
        (status === 0 || status === 429 || status >= 500 || status === 200) &&
        !closed() &&
        +new Date() + ms < began + lasting
      ) {
        setTimeout(send, ms);
      } else {
        done(failure("publish to " + topic + ": " + (ending.detail || ending.cause), {
          status: status,
          code: (receipt && receipt.code) || ending.cause,
          topic: topic
        }));
      }
    }
    var timer = setTimeout(function () {
      answered(0, "", null);
    }, patient);
    var cancel = request(config.env, { method: "POST", url: url, body: data, token: config.token() }, answered);
  }
  send();
}
