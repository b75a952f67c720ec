// NDJSON over one long answer: an object per line, read as it arrives. It is asked for with a POST: there are proxies that
// hold what answers a GET until it is complete, and pass this.
import { modern, roomy } from "../build.js";
import { request } from "../http.js";
import { each } from "../util.js";
import { blindly } from "./old/blind.js";
import { openFrame } from "./old/frame.js";

/**
 * @param {import("../link.js").Way} way
 * @param {import("../link.js").Sink} sink
 * @returns {import("../link.js").Handle}
 */
export function openStream(way, sink) {
  var rest = "";
  var fetches = modern || !roomy || way.env.fetch;
  var tell = fetches ? sink.text : blindly(sink);
  if (!fetches && !(way.env.XDomainRequest || "withCredentials" in new way.env.XMLHttpRequest())) {
    return openFrame(way, sink);
  }
  return {
    close: request(
      way.env,
      // What has no fetch needs 2 KB before it shows anything; XDomainRequest names no content type, and so cannot POST.
      way.call(fetches ? "" : "&prelude=1&wrap=1", fetches),
      sink.end,
      function (text) {
        var lines = (rest + text).split("\n");
        rest = /** @type {string} */ (lines.pop());
        sink.heard();
        each(lines, tell);
      }
    )
  };
}
