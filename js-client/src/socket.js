// tidings.Socket: the browser's WebSocket (https://websockets.spec.whatwg.org/), over any transport, and through short absences.
import { modern } from "./build.js";
import { sizeOf, wellFormed } from "./frames.js";
import { absolute, makeConfig } from "./settings.js";
import { makeTalk } from "./talk.js";
import { attempt, binary, each, extended, filter, root } from "./util.js";

/** @typedef {any} Self */

// Browsers that let others make what takes events. In the others what would be accessors are plain members.
var able =
  modern ||
  attempt(function () {
    return new EventTarget();
  });

/**
 * @param {string} name
 * @param {any} text
 */
function exception(name, text) {
  return able ? new DOMException(text, name) : extended(new Error(text), { name: name });
}

/**
 * @constructor
 * @this {Self}
 * @param {string} url
 * @param {string | string[]} [protocols]
 * @param {any} [options]
 */
export function Socket(url, protocols, options) {
  if (!(this instanceof Socket) || !arguments.length) {
    throw new TypeError();
  }
  /** @type {Self} */
  var self = able ? Object.setPrototypeOf(new EventTarget(), Object.getPrototypeOf(this)) : this;
  /** @type {any} */
  var listed = protocols === undefined ? [] : protocols;
  var href =
    attempt(function () {
      return absolute(String(url)).replace(/^http/, "ws");
    }) || "";
  var origin = /^wss?:\/\/[^\/?#]+/.exec(href);
  // Chromium makes %20 of a space in a host.
  if (!origin || /#/.test(href) || /%[^@]*$/.test(origin[0])) {
    throw exception("SyntaxError", url);
  }
  listed = typeof listed === "object" && listed && listed.length >= 0 ? [].slice.call(listed) : [String(listed)];
  each(listed, function (name) {
    if (!/^[!#-'*+\-.0-9A-Z^-z|~]+$/.test(name) || /(^|,)(.+),(.*,)?\2(,|$)/i.test(listed)) {
      throw exception("SyntaxError", listed); // No token (RFC 9110 section 5.6.2), or one that is there twice.
    }
  });

  var from = origin[0];
  var base = href.replace(/^ws/, "http");
  var config = makeConfig(options || {}, base, "tidings " + from.replace(/^ws/, "http"), function () {});
  /** @type {any} */
  var own = (self.own = able ? {} : self);
  own.url = href;
  own.readyState = own.bufferedAmount = 0;
  own.protocol = own.extensions = own.transport = "";
  own.binaryType = "blob";
  own.origin = from;

  own.talk = makeTalk(config, listed, own, function (type, init) {
    if (!able) {
      self.dispatchEvent(extended({ type: type, target: self, currentTarget: self }, init));
      return;
    }
    var make = root[type === "message" ? "MessageEvent" : type === "close" ? "CloseEvent" : "Event"];
    self.dispatchEvent(make ? new make(type, init) : extended(new Event(type), init)); // Node 20 has no CloseEvent.
  });
  return self;
}

var states = 0;
var handlers = ["onopen", "onmessage", "onerror", "onclose"];

/** @type {any} */
var face = able
  ? Object.create(EventTarget.prototype)
  : {
      /**
       * @this {Self}
       * @param {string} type
       * @param {any} fn
       */
      addEventListener: function (type, fn) {
        this.own["/" + type] = (this.own["/" + type] || []).concat(fn);
      },
      /**
       * @this {Self}
       * @param {string} type
       * @param {any} fn
       */
      removeEventListener: function (type, fn) {
        this.own["/" + type] = filter(this.own["/" + type] || [], function (one) {
          return one !== fn;
        });
      },
      /**
       * @this {Self}
       * @param {any} event
       */
      dispatchEvent: function (event) {
        var self = this;
        each([self["on" + event.type]].concat(self.own["/" + event.type] || []), function (fn) {
          if (fn) {
            attempt(
              function () {
                fn.call(self, event);
              },
              0,
              true
            );
          }
        });
      }
    };

face.constructor = Socket;
Socket.prototype = face;
each(["CONNECTING", "OPEN", "CLOSING", "CLOSED"], function (name) {
  each([face, Socket], function (/** @type {any} */ where) {
    if (able) {
      Object.defineProperty(where, name, { value: states, enumerable: true });
    } else {
      where[name] = states;
    }
  });
  states++;
});

/**
 * @param {string} name
 * @param {(this: Self, value: any) => void} [set]
 */
function expose(name, set) {
  Object.defineProperty(face, name, {
    get: function () {
      var value = this.own[name];
      return value === undefined ? null : value;
    },
    set: set,
    enumerable: true,
    configurable: true
  });
}

if (able) {
  Object.setPrototypeOf(Socket, EventTarget);
  each(["url", "readyState", "bufferedAmount", "protocol", "extensions", "transport"], function (name) {
    expose(name);
  });
  expose("binaryType", function (value) {
    if (/^(blob|arraybuffer)$/.test(value)) {
      this.own.binaryType = value;
    }
  });
  each(handlers, function (name) {
    expose(name, function (fn) {
      var self = this;
      if (!self.own["/" + name]) {
        // Among the listeners it has the place of its first setting.
        self.own["/" + name] = true;
        self.addEventListener(name.slice(2), function (/** @type {Event} */ event) {
          var now = self.own[name];
          if (typeof now === "function") {
            now.call(self, event);
          }
        });
      }
      self.own[name] = /^(object|function)$/.test(typeof fn) ? fn : null;
    });
  });
}

/**
 * @this {Self}
 * @param {any} data
 */
face.send = function (data) {
  var own = this.own;
  if (!arguments.length) {
    throw new TypeError();
  }
  var bytes = binary.test({}.toString.call(data));
  var size = bytes && data.size; // a Blob has one
  if (!own.readyState) {
    throw exception("InvalidStateError", "CONNECTING");
  }
  if (!bytes) {
    data = wellFormed(data);
    size = sizeOf(data);
  } else if (size === undefined) {
    // A copy: what becomes of it now is not sent.
    data = new Uint8Array(data.buffer ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data));
    size = data.length;
  }
  own.bufferedAmount += size;
  if (own.readyState === 1) {
    own.talk.send(data);
  }
};

/**
 * @this {Self}
 * @param {number} [code]
 * @param {string} [reason]
 */
face.close = function (code, reason) {
  var own = this.own;
  var why = reason === undefined ? "" : wellFormed(reason);
  if (code === undefined) {
    code = 1005;
  } else if ((code = Math.round(code)) !== 1000 && !(code >= 3000 && code < 5000)) {
    throw exception("InvalidAccessError", code);
  }
  if (sizeOf(why) > 123) {
    throw exception("SyntaxError", reason);
  }
  if (own.readyState < 2) {
    if (own.readyState) {
      own.talk.close({ code: code, reason: code === 1005 ? "" : why });
    } else {
      own.talk.abort();
    }
    own.readyState = 2;
  }
};

/**
 * What was tried, as tidings().diagnose() tells it.
 * @this {Self}
 */
face.diagnose = function () {
  return this.own.talk.diagnose();
};
