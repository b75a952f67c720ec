// Server-sent events through the browser's EventSource, enveloped. Its own reconnecting is not used: it would ask again
// for the same URL, and hides why it failed.

/**
 * @param {import("../link.js").Way} way
 * @param {import("../link.js").Sink} sink
 * @returns {import("../link.js").Handle}
 */
export function openSSE(way, sink) {
  var source = new way.env.EventSource(way.need("wrap=1"));
  source.onmessage = function (/** @type {MessageEvent} */ event) {
    // A heartbeat may come as an event without data.
    if (event.data) {
      sink.text(event.data);
    }
  };
  source.onerror = function () {
    sink.end({ cause: "closed" });
  };
  return {
    close: function () {
      source.onmessage = source.onerror = null;
      source.close();
    }
  };
}
