// WebSocket, subprotocol tidings.v1: one object per text frame, both ways.

/**
 * @typedef {import("../link.js").Way} Way
 * @typedef {import("../link.js").Sink} Sink
 * @typedef {import("../link.js").Handle} Handle
 */

/**
 * @param {Way} way
 * @param {Sink} sink
 * @returns {Handle}
 */
export function openWebSocket(way, sink) {
  // What does not fit in a URL is followed upstream, once the connection stands.
  var url = way.url("");
  var socket = new way.env.WebSocket(
    (url || way.base + "/topics?transport=websocket").replace(/^http/, "ws"),
    "tidings.v1"
  );
  socket.onmessage = function (/** @type {MessageEvent} */ event) {
    sink.text(event.data);
  };
  socket.onclose = function (/** @type {CloseEvent} */ event) {
    sink.end({ cause: event.code >= 4000 ? event.reason || "closed" : "closed", code: event.code });
  };
  return {
    bare: !url,
    send: function (value) {
      socket.send(JSON.stringify(value));
    },
    close: function () {
      // Detached first: on a dead connection close() may take minutes, and nothing of it counts any more.
      socket.onmessage = socket.onclose = null;
      socket.close();
    }
  };
}
