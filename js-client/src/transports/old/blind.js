// For those who cannot see a status: the gateway says in the stream itself why it refuses one. And they keep all that they
// have received.
import { explain } from "../../http.js";

// Past this many characters a stream is begun anew.
var full = 250000;

/**
 * @param {import("../../link.js").Sink} sink
 * @returns {(text: string) => void} takes an object of the wire, or a refusal
 */
export function blindly(sink) {
  var size = 0;
  return function (text) {
    size += text.length;
    if (size > full) {
      size = 0; // Asked again after as much more, if it is not done now.
      sink.renew();
    }
    if (/^\{"error"/.test(text)) {
      sink.end(explain(200, text));
    } else {
      sink.text(text);
    }
  };
}
