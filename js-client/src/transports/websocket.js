// WebSocket, subprotocol tidings.v1: one object per text frame, both ways. A socket's has a subprotocol and frames of its own (talk.js).
import { roomy, sockets } from "../build.js";

/**
 * @param {import("../link.js").Way} way
 * @param {import("../link.js").Sink} sink
 * @returns {import("../link.js").Handle}
 */
export function openWebSocket(way, sink) {
  // What does not fit in a URL is followed upstream, once the connection stands.
  var url = way.url("");
  var socket = new way.env.websocket((url || (roomy ? way.bare() : "")).replace(/^http/, "ws"), (sockets && way.protocols) || "tidings.v1");
  if (sockets) {
    socket.binaryType = "arraybuffer";
  }
  socket.onmessage = function (/** @type {MessageEvent} */ event) {
    sink.text(event.data);
  };
  socket.onerror = function () {}; // In Node the package ws throws what nobody hears. What there is to know is said at the close.
  socket.onclose = function (/** @type {CloseEvent} */ event) {
    sink.end({ cause: event.reason || "died", code: event.code });
  };
  return {
    bare: roomy && !url,
    send: function (value, raw) {
      socket.send((sockets && raw) || JSON.stringify(value));
    },
    close: function () {
      socket.close(); // On a dead connection that may take minutes: nothing of it counts any more.
    }
  };
}
