// Publishing: one POST per message, without a preflight, resent under the same idempotency key until it is answered. Where
// the connection is a plain poll the answer brings what is new, too.
import { roomy } from "./build.js";
import { ask } from "./http.js";
import { backoff, binary, extended, failure, makeKey, now, parse } from "./util.js";
import { escapeTopic, followQuery } from "./wire.js";

// The gateway remembers a key for five minutes: later a resend could publish twice. In ms.
var lasting = 270000;

/**
 * @param {import("./link.js").Config} config
 * @param {string} topic
 * @param {any} data
 * @param {any} options
 * @param {(error: Error | null, receipt?: any) => void} done
 * @param {() => ({asked: Record<string, string>, take: (answer: any) => void} | null)} piggyback
 */
export function publish(config, topic, data, options, done, piggyback) {
  var failures = 0;
  var began = now();
  var expired = false;
  var url = config.base + "/topics/" + escapeTopic(topic) + "?";
  /** @type {any} */
  var query = { idempotencyKey: makeKey() };
  if (binary.test(query.toString.call(data))) {
    query.type = "application/octet-stream";
  } else if (typeof data !== "string") {
    query.type = "application/json";
    data = JSON.stringify(data === undefined ? null : data);
  }
  extended(query, options);
  for (var name in query) {
    if (query[name] !== undefined) {
      // idempotencyKey is idempotency_key on the wire.
      url += "&" + name.replace(/[A-Z]/, "_$&").toLowerCase() + "=" + encodeURIComponent(query[name]);
    }
  }

  /** @type {typeof done} */
  function finish(error, receipt) {
    if (roomy) {
      config.line = config.line.slice(1);
      if (config.frugal && config.line[0]) {
        config.line[0]();
      }
    }
    done(error, receipt);
  }

  function send() {
    var back = roomy && piggyback();
    ask(
      config,
      expired,
      url + (roomy && back ? followQuery("follow", back.asked) : ""),
      data,
      function (ending, text) {
        var receipt = parse(text) || {};
        var ms = Math.max(backoff(failures++, 500, 15000), ending.retry_ms || 0);
        expired = ending.code === 4004 && !expired;
        if (receipt.cursor) {
          if (roomy) {
            if (back && receipt.follow) {
              back.take(receipt.follow);
            }
            delete receipt.follow;
          }
          finish(null, receipt);
        } else if ((ending.passing || ending.status === 200 || expired) && !config.closed && now() + ms < began + lasting) {
          setTimeout(send, ms);
        } else {
          finish(
            failure(topic + ": " + (ending.detail || ending.cause), {
              status: ending.status,
              code: ending.cause,
              topic: topic
            })
          );
        }
      }
    );
  }
  if (roomy) {
    config.line = config.line.concat(send);
  }
  if (!roomy || !config.frugal || config.line.length < 2) {
    send(); // Else when those before it are done: there is one connection up.
  }
}
