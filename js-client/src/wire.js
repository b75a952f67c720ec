// Addresses to ask at, and messages as the application gets them (docs/wire.md).

// Longer addresses are cut or refused somewhere on the way.
var longest = 2000;

/**
 * A topic as a part of a URL: segments are escaped, the slashes between them stay.
 * @param {string} topic
 * @returns {string}
 */
export function escapeTopic(topic) {
  return encodeURIComponent(topic).replace(/%2F/g, "/");
}

/**
 * @param {string} base
 * @param {string} transport
 * @param {{topic: string, since: string}[]} list
 * @param {string} more further parameters
 * @returns {string} "" when it would be too long
 */
export function followAddress(base, transport, list, more) {
  var topics = "";
  var sinces = "";
  var same = true;
  for (var i = 0; i < list.length; i++) {
    topics += "topic=" + escapeTopic(list[i].topic) + "&";
    sinces += "since=" + encodeURIComponent(list[i].since) + "&";
    same = same && list[i].since === list[0].since;
  }
  if (same && list.length) {
    sinces = "since=" + encodeURIComponent(list[0].since) + "&";
  }
  var url = base + "/topics?" + topics + sinces + "transport=" + transport + (more && "&" + more);
  return url.length > longest ? "" : url;
}

/**
 * Completes a message for the application.
 * @param {any} value
 * @param {string} epoch
 */
export function message(value, epoch) {
  value.cursor = epoch + "-" + value.seq;
  if (value.data64 !== undefined && typeof Uint8Array !== "undefined" && typeof atob !== "undefined") {
    var bytes = atob(value.data64);
    value.data = new Uint8Array(bytes.length);
    for (var i = 0; i < bytes.length; i++) {
      value.data[i] = bytes.charCodeAt(i);
    }
  }
}
