// Server-sent events through the browser's EventSource, enveloped. Its own reconnecting is not used: it would ask again
// for the same URL, and hides why it failed.

/**
 * @param {import("../link.js").Way} way
 * @param {import("../link.js").Sink} sink
 * @returns {import("../link.js").Handle}
 */
export function openSSE(way, sink) {
  var url = way.url("&wrap=1");
  if (!url) {
    throw 0; // Too many topics: it has no other way to name them.
  }
  var source = new way.env.sse(url);
  source.onmessage = function (/** @type {MessageEvent} */ event) {
    sink.text(event.data);
  };
  source.onerror = function () {
    sink.end({ cause: "died" });
  };
  return {
    close: function () {
      source.close();
    }
  };
}
