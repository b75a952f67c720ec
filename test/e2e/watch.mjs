// A relay between browser and gateway that changes nothing and notes the head of every request.

import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Watch {
  /** What was asked so far, in order: {method, path, headers} with the headers' names in lower case. */
  requests = [];

  #server;
  #sockets = new Set();

  /** Starts a relay in front of a gateway's base URL. */
  static async start(gateway) {
    const watch = new Watch();
    const { hostname, port } = new URL(gateway);
    watch.#server = createServer((near) => {
      const far = connect(port, hostname);
      // No engine sends a request before the last one is answered, so each begins a chunk. What a WebSocket sends up
      // is masked, and looks like no head.
      near.on("data", (chunk) => watch.#note(chunk.toString("latin1")));
      near.pipe(far).pipe(near);
      for (const [one, other] of [[near, far], [far, near]]) {
        watch.#sockets.add(one);
        one.on("error", () => one.destroy());
        one.once("close", () => {
          watch.#sockets.delete(one);
          other.destroy();
        });
      }
    }).listen(0, "127.0.0.1");
    await once(watch.#server, "listening");
    return watch;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  async close() {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #note(text) {
    const found = text.match(/^([A-Z]+) (\S+) HTTP\/1\.[01]\r\n([^]*?)\r\n\r\n/);
    if (!found) return;
    const [, method, path, head] = found;
    const headers = {};
    for (const line of head.split("\r\n")) {
      const colon = line.indexOf(":");
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    this.requests.push({ method, path, headers });
  }
}
