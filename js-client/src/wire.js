// Addresses to ask at, and messages as the application gets them (docs/wire.md).
import { modern, roomy } from "./build.js";
import { root } from "./util.js";

/**
 * A topic as a part of a URL: segments are escaped, the slashes between them stay.
 * @param {string} topic
 * @returns {string}
 */
export function escapeTopic(topic) {
  return encodeURIComponent(topic).replace(/%2F/g, "/");
}

/**
 * What is followed, as a query.
 * @param {string} name of the parameter
 * @param {Record<string, string>} asked `since` per "/" + topic
 * @param {boolean} [shared] without since, the same for everybody
 * @returns {string} each parameter with an "&" in front
 */
export function followQuery(name, asked, shared) {
  var topics = "";
  var sinces = "";
  var since = "";
  for (var key in asked) {
    since = "&since=" + encodeURIComponent(asked[key]);
    topics += "&" + name + "=" + escapeTopic(key.slice(1));
    sinces += since;
  }
  // One since belongs to all: where nothing is left without the last one they are the same.
  return topics + (shared ? "" : !roomy || sinces.split(since).join("") ? sinces : since);
}

/**
 * Completes a message for the application.
 * @param {any} value
 * @param {string} epoch
 */
export function message(value, epoch) {
  value.cursor = epoch + "-" + value.seq;
  if (value.data64 !== undefined && (modern || (root.Uint8Array && root.atob))) {
    var bytes = atob(value.data64);
    if (modern) {
      value.data = Uint8Array.from(bytes, function (byte) {
        return byte.charCodeAt(0);
      });
      return;
    }
    value.data = new Uint8Array(bytes.length);
    for (var i = 0; i < bytes.length; i++) {
      value.data[i] = bytes.charCodeAt(i);
    }
  }
}
