// Browsers of old as far as a script sees them: which parts of the language there are, which globals, and how those
// behave that behave unlike today's. What a browser lacks is taken away, so that using it throws as it would there.
// Sources: the vendors' documentation of that time, and MDN's compatibility tables of today.

/** What ES3 has (ECMA-262, third edition, section 15), and so every browser. */
const es3 = {
  globals:
    "Object Function Array String Boolean Number Date RegExp Math Error EvalError RangeError ReferenceError SyntaxError " +
    "TypeError URIError NaN Infinity undefined parseInt parseFloat isNaN isFinite decodeURI decodeURIComponent encodeURI " +
    "encodeURIComponent escape unescape eval",
  Array: "",
  "Array.prototype": "constructor length toString toLocaleString concat join pop push reverse shift slice sort splice unshift",
  Date: "parse UTC",
  "Date.prototype":
    "constructor toString toDateString toTimeString toLocaleString toLocaleDateString toLocaleTimeString valueOf getTime " +
    "getFullYear getUTCFullYear getMonth getUTCMonth getDate getUTCDate getDay getUTCDay getHours getUTCHours getMinutes " +
    "getUTCMinutes getSeconds getUTCSeconds getMilliseconds getUTCMilliseconds getTimezoneOffset setTime setMilliseconds " +
    "setUTCMilliseconds setSeconds setUTCSeconds setMinutes setUTCMinutes setHours setUTCHours setDate setUTCDate setMonth " +
    "setUTCMonth setFullYear setUTCFullYear toUTCString",
  "Function.prototype": "constructor length name toString apply call",
  Math: "E LN10 LN2 LOG2E LOG10E PI SQRT1_2 SQRT2 abs acos asin atan atan2 ceil cos exp floor log max min pow random round sin sqrt tan",
  Number: "MAX_VALUE MIN_VALUE NaN NEGATIVE_INFINITY POSITIVE_INFINITY",
  Object: "",
  "Object.prototype": "constructor toString toLocaleString valueOf hasOwnProperty isPrototypeOf propertyIsEnumerable",
  String: "fromCharCode",
  "String.prototype":
    "constructor length toString valueOf charAt charCodeAt concat indexOf lastIndexOf localeCompare match replace search slice " +
    "split substr substring toLowerCase toLocaleLowerCase toUpperCase toLocaleUpperCase",
};

/** What came between ES3 and ES5, in the order in which browsers took it up. */
const extras = { "Array.prototype": "indexOf lastIndexOf forEach map filter some every" };
const json = { globals: "JSON" };
const dates = { Date: "now", "Date.prototype": "toISOString toJSON" };
const trim = { "String.prototype": "trim" };
const reduce = { "Array.prototype": "reduce reduceRight" };
const objects = {
  Object: "keys create defineProperty defineProperties getOwnPropertyNames getOwnPropertyDescriptor getPrototypeOf",
  Array: "isArray",
};
const frozen = { Object: "freeze isFrozen seal isSealed preventExtensions isExtensible" };
const bind = { "Function.prototype": "bind" };
const bytes = { globals: "ArrayBuffer Uint8Array" };

/**
 * By browser:
 * - language: what it knows beside ES3; quirks: "ie8" has the mistakes of JScript.
 * - events: the model of listeners, "attach" or "add".
 * - requests: "near" keeps XMLHttpRequest to the page's origin, and shows nothing of an answer before its end; "far" goes
 *   everywhere and shows it as it comes; "once" tells of it once and then no more; "parts" can also take a multipart answer apart.
 * - storage: "none", "works", or "throws" as soon as it is named.
 * - the rest: what there is, by name.
 */
export const profiles = {
  "IE 7": { quirks: "ie8", language: [], events: "attach", requests: "near", storage: "none", has: ["ActiveXObject"] },
  "IE 8": { quirks: "ie8", language: [json], events: "attach", requests: "near", storage: "works", has: ["ActiveXObject", "XDomainRequest", "postMessage"] },
  "IE 8, storage forbidden": { quirks: "ie8", language: [json], events: "attach", requests: "near", storage: "throws", has: ["ActiveXObject", "XDomainRequest", "postMessage"] },
  "IE 9": {
    language: [json, extras, dates, trim, reduce, objects, frozen, bind],
    events: "add", requests: "near", storage: "works", has: ["ActiveXObject", "XDomainRequest", "postMessage"],
  },
  "Firefox 3.6": { language: [json, extras, dates, trim, reduce], events: "add", requests: "parts", storage: "works", has: ["postMessage", "console"] },
  "Android 2.3": { language: [json, extras, dates, trim, reduce, objects], events: "add", requests: "far", storage: "works", has: ["postMessage", "console"] },
  // Its WebSocket speaks only the handshake of draft 76.
  "iOS 4": { language: [json, extras, dates, trim, reduce, objects], events: "add", requests: "far", storage: "throws", has: ["postMessage", "EventSource", "draft76", "console"] },
  "Opera 12": {
    language: [json, extras, dates, trim, reduce, objects, frozen, bind, bytes],
    events: "add", requests: "once", storage: "works", has: ["postMessage", "EventSource", "WebSocket", "console"],
  },
};

/** The names that a profile leaves, by where they are: {globals: Set, "Array.prototype": Set, …}. */
export function kept({ language }) {
  const result = {};
  for (const part of [es3, ...language]) {
    for (const [where, names] of Object.entries(part)) {
      result[where] ??= new Set();
      for (const name of names.split(" ").filter(Boolean)) result[where].add(name);
    }
  }
  return result;
}

/** Runs in a context: takes away all that is not kept, puts the mistakes of the time in, and takes time and chance into the test's hands. */
export const reduceLanguage = `(function (global, kept, quirks, now, random, names) {
  var real = Date, places = {}, where, i, own;
  for (where in kept) if (where !== "globals") places[where] = eval(where);
  places.globals = global;
  for (where in places) {
    own = names(places[where]);
    for (i = 0; i < own.length; i++) {
      if (!kept[where].has(own[i]) && own[i] !== "prototype") delete places[where][own[i]];
    }
  }
  // What is made of it is a Date like any other.
  global.Date = function (time) {
    return new real(arguments.length ? time : now());
  };
  global.Date.prototype = real.prototype;
  if (real.now) global.Date.now = now;
  Math.random = random;
  if (quirks === "ie8") {
    var splice = Array.prototype.splice, substr = String.prototype.substr, unshift = Array.prototype.unshift;
    Array.prototype.splice = function (from, count) {
      return arguments.length < 2 ? [] : splice.apply(this, arguments); // without a count it removes nothing
    };
    Array.prototype.unshift = function () {
      unshift.apply(this, arguments); // gives nothing
    };
    String.prototype.substr = function (from, count) {
      return substr.call(this, from < 0 ? 0 : from, count === undefined ? Infinity : count); // does not count from the end
    };
  }
})`;
