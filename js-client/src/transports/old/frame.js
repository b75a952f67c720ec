// A forever frame: a page that never ends loading, whose scripts hand over one object each. For browsers whose requests
// cannot be read before their end.
import { attempt, root } from "../../util.js";
import { blindly } from "./blind.js";
import { near, origin } from "./requests.js";

var frames = 0;

/**
 * @param {import("../../link.js").Way} way
 * @param {import("../../link.js").Sink} sink
 * @returns {import("../../link.js").Handle}
 */
export function openFrame(way, sink) {
  var page = way.env.document;
  var beside = near(way.base + "/");
  var name = "tidings_frame" + ++frames;
  var tell = blindly(sink);
  /** @type {any} */
  var frame;
  /** @type {any} */
  var timer;

  // What a frame hands over dies with it in Internet Explorer: the text of it does not.
  root[name] = function (/** @type {any} */ value) {
    tell(typeof value === "string" ? value : JSON.stringify(value));
  };

  function posted(/** @type {any} */ event) {
    // By ==: to Internet Explorer 8 a window is not identical with itself.
    if (event.source == frame.contentWindow) {
      tell(event.data);
    }
  }

  function ended() {
    if (!frame.readyState || frame.readyState === "complete") {
      sink.end({ cause: "died" });
    }
  }

  function begin() {
    // Put into a page that is still loading, it would keep the page's loading indicator going.
    if (page.readyState && page.readyState !== "complete") {
      timer = setTimeout(begin, 50);
      return;
    }
    if (beside) {
      attempt(function () {
        // A document of Internet Explorer's own, beside the page: without the click, and without the indicator.
        var holder = new root.ActiveXObject("htmlfile");
        holder.open();
        holder.write("<body>");
        holder.close();
        holder.parentWindow[name] = root[name];
        page = holder;
      });
    } else {
      root.addEventListener("message", posted, false);
    }
    frame = page.createElement("iframe");
    frame.style.display = "none";
    frame.src = way.url(beside ? "&callback=" + name : "&origin=" + encodeURIComponent(origin()), "iframe");
    frame.onload = frame.onreadystatechange = ended;
    page.body.appendChild(frame);
  }
  begin();
  return {
    close: function () {
      clearTimeout(timer);
      root[name] = function () {};
      if (!beside) {
        root.removeEventListener("message", posted, false);
      }
      if (frame) {
        frame.onload = frame.onreadystatechange = function () {};
        frame.parentNode.removeChild(frame);
      }
    }
  };
}
