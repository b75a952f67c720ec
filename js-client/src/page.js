// What becomes of the page, and of its network.
import { roomy, sockets } from "./build.js";
import { each, root } from "./util.js";

/**
 * @param {(leaves: boolean) => void} sleep the page is put away; for good, as far as can be known
 * @param {(network: boolean) => void} wake it is back, or shown again, or the network has changed
 * @returns {() => void} ends it
 */
export function watchPage(sleep, wake) {
  /** @param {any} event */
  function happen(event) {
    var seen = event.type === "visibilitychange";
    if (/hide|freeze/.test(event.type)) {
      sleep(sockets && event.persisted === false);
    } else if (event.persisted !== false && !(seen && document.hidden)) {
      wake(!seen);
    }
  }

  /** @param {"addEventListener" | "removeEventListener"} method */
  function listen(method) {
    var line = roomy && (root.navigator || {}).connection;
    each(["pagehide", "freeze", "pageshow", "resume", "online", "visibilitychange"], function (type) {
      if (root[method]) {
        root[method](type, happen, true); // So that it hears what is the document's, too.
      }
    });
    if (line && line[method]) {
      line[method]("change", happen);
    }
  }

  listen("addEventListener");
  return function () {
    listen("removeEventListener");
  };
}
