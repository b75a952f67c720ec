// Small things that every other module needs, and old browsers lack.
import { modern } from "./build.js";

/** All transports, best first. */
export var names = ["websocket", "sse", "stream", "longpoll", "poll"];

/** What goes as it is, by its class: a Blob, an ArrayBuffer, a view of one. */
export var binary = /Blob|File|Buffer|View|\dArray|Clamped/;

/** The global object: a name that may not exist is asked for as its member. @type {any} */
export var root = modern || typeof self === "undefined" ? globalThis : self;

/** The time, in ms since 1970. */
export function now() {
  return +new Date();
}

/**
 * @param {readonly any[]} list
 * @param {any} value
 * @returns {number} its place, -1 if it is not there
 */
export function place(list, value) {
  if (modern) {
    return list.indexOf(value);
  }
  for (var i = 0; i < list.length; i++) {
    if (list[i] === value) {
      return i;
    }
  }
  return -1;
}

/**
 * @template T
 * @param {readonly T[]} list
 * @param {(value: T) => void} fn
 */
export function each(list, fn) {
  if (modern) {
    list.forEach(fn);
  } else {
    for (var i = 0; i < list.length; i++) {
      fn(list[i]);
    }
  }
}

/**
 * @template T
 * @param {readonly T[]} list
 * @param {(value: T) => any} wanted
 * @returns {T[]}
 */
export function filter(list, wanted) {
  if (modern) {
    return list.filter(wanted);
  }
  /** @type {T[]} */
  var result = [];
  each(list, function (value) {
    if (wanted(value)) {
      result.push(value);
    }
  });
  return result;
}

/**
 * Runs what may fail, and goes on.
 * @template T
 * @param {(value?: any) => T} fn
 * @param {any} [value] what it is given
 * @param {boolean} [aloud] it is the application's: a mistake in it is shown as such
 * @returns {T | undefined}
 */
export function attempt(fn, value, aloud) {
  try {
    return fn(value);
  } catch (error) {
    if (aloud) {
      setTimeout(function () {
        throw error;
      }, 0);
    }
    return undefined;
  }
}

/**
 * Reads a JSON text; undefined if it is none.
 * @param {any} text
 * @returns {any}
 */
export function parse(text) {
  return attempt(function () {
    return root.JSON.parse(text); // IE 7 has not even the name.
  });
}

/**
 * @template T
 * @param {T} object
 * @param {any} members
 * @returns {T & any} the same object with the members
 */
export function extended(object, members) {
  if (modern) {
    return Object.assign(/** @type {any} */ (object), members);
  }
  for (var name in members) {
    /** @type {any} */ (object)[name] = members[name];
  }
  return object;
}

/**
 * @param {string} text
 * @param {any} details become its members
 * @returns {Error}
 */
export function failure(text, details) {
  return extended(new Error("tidings: " + text), details);
}

/** A name that nobody else has, of digits: 128 random bits. */
export function makeKey() {
  if (modern || (root.crypto && root.crypto.getRandomValues)) {
    return [].join.call(crypto.getRandomValues(new Uint32Array(4)), "-"); // PhantomJS has such arrays without join.
  }
  return (Math.random() + "-" + Math.random() + "-" + Math.random()).replace(/0\./g, "");
}

/**
 * Full jitter: anything from 0 to the limit, which doubles with every failure, computed anew each time. A tenth of a second is
 * the least, so that nothing loops without delay.
 * @param {number} failures in a row so far
 * @param {number} base     limit after the first failure, in ms
 * @param {number} cap      highest limit, in ms
 * @returns {number} milliseconds
 */
export function backoff(failures, base, cap) {
  return Math.max(100, Math.random() * Math.min(cap, base * Math.pow(2, failures)));
}
