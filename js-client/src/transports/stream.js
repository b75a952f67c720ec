// NDJSON over one long answer: an object per line, read by fetch or XMLHttpRequest as it arrives.
import { explain, request } from "../http.js";

// XMLHttpRequest keeps all that it received: past this many characters the stream is begun anew.
var full = 8e6;

/**
 * @param {import("../link.js").Way} way
 * @param {import("../link.js").Sink} sink
 * @returns {import("../link.js").Handle}
 */
export function openStream(way, sink) {
  var rest = "";
  var size = 0;
  return {
    close: request(
      way.env,
      way.call(""),
      function (status, text, retryAfter) {
        sink.end(status === 200 ? { cause: "closed" } : explain(status, text, retryAfter));
      },
      function (text) {
        var lines = (rest + text).split("\n");
        rest = /** @type {string} */ (lines.pop());
        size += text.length;
        sink.heard();
        for (var i = 0; i < lines.length; i++) {
          sink.text(lines[i]);
        }
        if (size > full) {
          sink.end({ cause: "full" });
        }
      }
    )
  };
}
