// A proxy between browser and gateway that does what proxies, antivirus boxes and bad links do.

import { once } from "node:events";
import { createServer, request as forward } from "node:http";
import { connect } from "node:net";

/**
 * What may happen to an upgrade: "pass" it on, "refuse" it with 502, let it fall into a "hole" without an answer, or
 * let it through and then be "silent". What may happen to an answer: "pass" it on as it comes, or "hold" it until it
 * is complete.
 */
export class Faults {
  upgrades = "pass";
  answers = "pass";

  #server;
  #sockets = new Set();
  #target;

  /** Starts a proxy in front of a gateway's base URL. */
  static async start(gateway, { upgrades = "pass", answers = "pass" } = {}) {
    const faults = new Faults();
    Object.assign(faults, { upgrades, answers });
    faults.#target = new URL(gateway);
    faults.#server = createServer((request, response) => faults.#answer(request, response))
      .on("upgrade", (request, socket, head) => faults.#upgrade(request, socket, head))
      .on("connection", (socket) => faults.#keep(socket))
      .listen(0, "127.0.0.1");
    await once(faults.#server, "listening");
    return faults;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Cuts every connection that is open now, without a word. New ones are taken. */
  cut() {
    for (const socket of this.#sockets) {
      // One that was ended cannot be reset any more: Node 20 would never let go of it, and spin at its exit.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  async close() {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #keep(socket) {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  }

  #answer(request, response) {
    const { hostname, port } = this.#target;
    const onward = forward({ hostname, port, method: request.method, path: request.url, headers: request.headers });
    onward.on("response", (answer) => {
      if (this.answers === "pass") {
        response.writeHead(answer.statusCode, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
        answer.once("error", () => response.destroy());
        return;
      }
      const held = [];
      answer.on("data", (chunk) => held.push(chunk));
      answer.once("error", () => response.destroy());
      answer.once("end", () => response.writeHead(answer.statusCode, answer.headers).end(Buffer.concat(held)));
    });
    onward.once("error", () => response.destroy());
    response.once("close", () => onward.destroy());
    request.pipe(onward);
  }

  #upgrade(request, socket, head) {
    if (this.upgrades === "refuse") {
      socket.end("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      return;
    }
    if (this.upgrades === "hole") {
      socket.resume();
      return;
    }
    const onward = connect(this.#target.port, this.#target.hostname, () => {
      const lines = [`${request.method} ${request.url} HTTP/1.1`];
      for (let i = 0; i < request.rawHeaders.length; i += 2) {
        lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
      }
      onward.write(`${lines.join("\r\n")}\r\n\r\n`);
      onward.write(head);
      socket.pipe(onward);
    });
    this.#keep(onward);
    const silent = this.upgrades === "silent";
    let seen = Buffer.alloc(0);
    let open = false;
    onward.on("data", (chunk) => {
      if (!silent) {
        socket.write(chunk);
        return;
      }
      // The head of the answer is let through, and nothing of what follows.
      if (open) return;
      seen = Buffer.concat([seen, chunk]);
      const end = seen.indexOf("\r\n\r\n");
      if (end >= 0) {
        open = true;
        socket.write(seen.subarray(0, end + 4));
      }
    });
    onward.once("close", () => socket.destroy());
    socket.once("close", () => onward.destroy());
  }
}
