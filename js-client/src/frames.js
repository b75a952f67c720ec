// A socket's messages in pieces, and their forms on the wire (docs/wire.md, "Sockets").
import { modern } from "./build.js";
import { parseCursor } from "./cover.js";
import { each, parse, root } from "./util.js";
import { message } from "./wire.js";

/**
 * A message, a piece of one, or the end of a direction.
 * @typedef {object} Frame
 * @property {number} seq
 * @property {string | Uint8Array} data
 * @property {boolean} [more]  the message goes on with the next frame
 * @property {{code: number, reason?: string}} [close]
 * @property {number} size     in bytes
 */

// The bytes of a frame, at most; and how many UTF-16 units never take more.
var most = 65536;
var units = 21845;

/**
 * A text with U+FFFD for lone surrogates.
 * @param {any} value
 * @returns {string}
 */
export function wellFormed(value) {
  return String(value).replace(/[\uD800-\uDBFF][\uDC00-\uDFFF]|[\uD800-\uDFFF]/g, function (found) {
    return found.charAt(1) ? found : "\uFFFD";
  });
}

/**
 * @param {string} text well-formed
 * @returns {number} its bytes in UTF-8
 */
export function sizeOf(text) {
  return modern ? new TextEncoder().encode(text).length : encodeURIComponent(text).replace(/%../g, "x").length;
}

/**
 * Where the piece of a message that begins at a place ends.
 * @param {any} data text, bytes or a Blob
 * @param {number} at
 * @returns {number}
 */
export function pieceEnd(data, at) {
  var text = typeof data === "string";
  var end = at + (text ? units : most);
  return text && /[\uD800-\uDBFF]/.test(data.charAt(end - 1)) ? end - 1 : end;
}

/**
 * @param {Blob} blob
 * @param {(bytes: Uint8Array | null) => void} done gets null where it cannot be read any more
 */
export function read(blob, done) {
  blob.arrayBuffer().then(
    function (buffer) {
      done(new Uint8Array(buffer));
    },
    function () {
      done(null);
    }
  );
}

/**
 * A frame as an object of the wire.
 * @param {Frame} frame
 * @returns {string}
 */
export function enveloped(frame) {
  var data = /** @type {any} */ (frame.data);
  /** @type {any} */
  var value = { seq: frame.seq, more: frame.more || undefined, close: frame.close };
  if (typeof data === "string") {
    value.data = data;
  } else if (data) {
    var bytes = "";
    for (var i = 0; i < data.length; i += 8192) {
      bytes += String.fromCharCode.apply(null, data.subarray(i, i + 8192));
    }
    value.data64 = btoa(bytes);
  }
  return JSON.stringify(value);
}

/**
 * A frame as one of a WebSocket.
 * @param {Frame} frame
 * @returns {string | Uint8Array}
 */
export function bare(frame) {
  var data = /** @type {any} */ (frame.data);
  if (frame.close) {
    return enveloped(frame);
  }
  if (typeof data === "string") {
    return (frame.more ? "+" : "=") + data;
  }
  var bytes = new Uint8Array(data.length + 1);
  bytes[0] = frame.more ? 1 : 0;
  bytes.set(data, 1);
  return bytes;
}

/**
 * Reads what a WebSocket brings, and counts it.
 * @param {import("./link.js").Link} link
 * @param {any} data
 * @returns {any} an object of the wire
 */
export function unbare(link, data) {
  var text = typeof data === "string";
  var bytes = text ? data : new Uint8Array(data);
  var head = text ? data.charAt(0) : bytes[0];
  if (head === "{") {
    var value = parse(data) || {};
    var point = value.hello && parseCursor(value.hello.cursor);
    if (point) {
      link.down = point.seq;
      link.up = value.hello.ack || 0;
    }
    link.down = value.seq || link.down;
    return value;
  }
  return {
    seq: ++(/** @type {any} */ (link).down),
    data: text ? data.slice(1) : bytes.subarray(1),
    more: head === "+" || head === 1
  };
}

/**
 * A frame's payload where it came in base64; undefined where there can be no bytes.
 * @param {any} value
 */
export function payload(value) {
  message(value, "");
  return value.data;
}

/**
 * @param {any[]} parts of one message
 * @param {string} binaryType
 */
export function whole(parts, binaryType) {
  if (typeof parts[0] === "string") {
    return parts.join("");
  }
  if (binaryType === "blob" && (modern || typeof root.Blob === "function")) {
    return new Blob(parts);
  }
  var size = 0;
  each(parts, function (part) {
    size += part.length;
  });
  var bytes = new Uint8Array(size);
  size = 0;
  each(parts, function (part) {
    bytes.set(part, size);
    size += part.length;
  });
  return bytes.buffer;
}
