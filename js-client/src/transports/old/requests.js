// Requests where there is no fetch, or none that streams: by XMLHttpRequest, XDomainRequest (IE 8 and 9), or a script (JSONP)
// where nothing else crosses origins (Opera before 12, WebKit before 2009).
import { roomy } from "../../build.js";
import { attempt, root } from "../../util.js";

/**
 * @typedef {import("../../http.js").Means} Means
 */

/** The page's own. */
export function origin() {
  return root.location.protocol + "//" + root.location.host;
}

/**
 * @param {string} url
 * @returns {boolean} whether it is of the page's origin
 */
export function near(url) {
  return !root.location || !url.indexOf(origin() + "/");
}

/**
 * @param {import("../../http.js").Env} env
 * @param {import("../../http.js").Call} call
 * @param {any} chunk whether the text is wanted as it arrives
 * @returns {Means}
 */
export function olderWay(env, call, chunk) {
  if (!roomy) {
    return byXHR;
  }
  var own = near(call.url);
  return "withCredentials" in new env.XMLHttpRequest() || (own && !chunk)
    ? byXHR
    : env.XDomainRequest && !(own && call.token) // It carries no token.
      ? byXDR
      : byScript;
}

/**
 * Of a text that grows, what has come since the last call.
 * @param {(text: string) => void} chunk
 * @returns {(text: string) => void}
 */
function piecemeal(chunk) {
  var seen = 0;
  return function (text) {
    var from = seen;
    seen = text.length; // Before the call, which may end in here again.
    if (seen > from) {
      chunk(text.slice(from));
    }
  };
}

/** @type {Means} */
export function byXHR(env, url, init, finish, chunk) {
  var xhr = new env.XMLHttpRequest();
  var take = roomy && chunk && piecemeal(chunk);
  // Gecko before 22 can take the parts of a multipart answer one by one, and so keeps none of them.
  var parts = roomy && chunk && "multipart" in xhr;
  function look() {
    var state = xhr.readyState;
    var text = "";
    // Which throws where nothing has been answered, or the line has broken.
    var status =
      (state > (roomy && chunk ? 2 : 3) &&
        attempt(function () {
          var status = xhr.status;
          text = xhr.responseText;
          return status;
        })) ||
      0;
    if (take && status === 200) {
      if (!parts) {
        take(text);
      } else if (state > 3) {
        return /** @type {any} */ (chunk)(text + "\n"); // A part is complete, and more may follow.
      }
      text = "";
    }
    if (state > 3) {
      finish(status, text, status ? xhr.getResponseHeader("Retry-After") : null);
    }
  }
  if (parts) {
    xhr.multipart = true;
    init.headers["Accept"] = "multipart/x-mixed-replace";
  }
  xhr.open(init.method, url, true);
  for (var name in init.headers) {
    xhr.setRequestHeader(name, init.headers[name]);
  }
  xhr.onreadystatechange = look;
  if (roomy && chunk) {
    xhr.onprogress = look; // Opera 12 tells the state 3 once.
    xhr.onerror = function () {
      finish(0, "");
    };
  }
  xhr.send(init.method === "GET" ? null : init.body);
  return function () {
    xhr.onreadystatechange = function () {};
    if (roomy) {
      xhr.onprogress = xhr.onreadystatechange;
    }
    xhr.abort();
  };
}

/** @type {Means} */
export function byXDR(env, url, init, finish, chunk) {
  var xdr = new env.XDomainRequest();
  var take = roomy && chunk && piecemeal(chunk);
  // Without a handler of every kind IE 9 drops requests that are under way.
  xdr.onprogress = function () {
    if (take) {
      take(xdr.responseText);
    }
  };
  xdr.onload = function () {
    xdr.onprogress();
    finish(200, take ? "" : xdr.responseText);
  };
  xdr.onerror = xdr.ontimeout = function () {
    finish(0, "");
  };
  xdr.open(init.method, url + "&blind=1");
  xdr.send(init.method === "GET" ? null : init.body);
  return function () {
    xdr.abort();
  };
}

var scripts = 0;

/**
 * It can only ask, and cannot be aborted: an answer that is not waited for any more finds an empty function.
 * @type {Means}
 */
export function byScript(env, url, init, finish, chunk) {
  var name = "tidings_" + ++scripts;
  var script = env.document.createElement("script");
  var parent = env.document.getElementsByTagName("head")[0];
  if (init.method !== "GET" || chunk) {
    throw 0;
  }
  root[name] = function (/** @type {any} */ value) {
    finish(200, JSON.stringify(value));
  };
  script.onerror = function () {
    finish(0, "");
  };
  script.src = url + "&callback=" + name;
  parent.insertBefore(script, parent.firstChild);
  return function () {
    root[name] = function () {};
    attempt(function () {
      parent.removeChild(script); // It is gone when this is called again.
    });
  };
}
