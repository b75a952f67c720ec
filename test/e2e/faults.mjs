// A proxy between browser and gateway that does what proxies, antivirus boxes and bad links do: to each kind of request
// something else, until it is healed.

import { once } from "node:events";
import { createServer as createHTTP, request as forward } from "node:http";
import { connect, createServer } from "node:net";
import { bodyTells, kindOf } from "./kinds.mjs";
import { Line } from "./line.mjs";
import { Valve } from "./valve.mjs";

/** What can happen to a request or its answer. A "head" is that of an answer, or the 101 of an upgrade. */
export const faults = {
  silence: "accepted, never answered",
  kill: "cut 200 ms after the head",
  early: "cut right after the head",
  swallow: "the head, and nothing after it",
  strip: "the upgrade's headers are taken away",
  hold: "held back to the end",
  hold16: "held back until 16 KB have gathered",
  "delay-one": "each part held back until the next",
  reset: "the connection is reset",
  html: "502 and a page of HTML",
  html200: "200 and a page of HTML",
  slice: "1 to 7 bytes at a time",
};

const page = "<!doctype html><title>Blocked</title><p>Your administrator has blocked this page.</p>";

export class Faults {
  /** Every request so far: {at, kind, fault, method, url}; `at` is Date.now(). */
  log = [];

  #plan;
  #target;
  #delay;
  #http;
  #server;
  #lines = new Set();
  #onward = new Set();
  #valves = new Set();

  /**
   * Starts a proxy in front of a base URL. The plan gives kinds (kinds.mjs) a fault each; what it does not name passes.
   * delay: milliseconds that every byte is under way, one way; a new connection costs two more.
   */
  static async start(target, { plan = {}, delay = 0 } = {}) {
    const proxy = new Faults();
    proxy.set(plan);
    proxy.#delay = delay;
    proxy.#target = new URL(target);
    proxy.#http = createHTTP({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 60_000 })
      .on("request", (request, response) => proxy.#ask(request, response))
      .on("upgrade", (request, line, head) => proxy.#upgrade(request, line, head))
      .on("clientError", (_error, line) => line.destroy());
    proxy.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const line = new Line(socket, delay);
      proxy.#lines.add(line);
      line.on("error", () => line.destroy());
      line.once("close", () => proxy.#lines.delete(line));
      proxy.#http.emit("connection", line);
    }).listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Sets what happens to requests from now on. Those under way keep their fault. */
  set(plan) {
    for (const fault of Object.values(plan)) {
      if (!Object.hasOwn(faults, fault)) throw new Error(`no fault is called ${fault}`);
    }
    this.#plan = plan;
  }

  /** Lifts all faults: requests from now on pass, and what is held back arrives late. */
  heal() {
    this.#plan = {};
    for (const line of this.#lines) line.sliced = false;
    for (const valve of this.#valves) valve.heal();
  }

  /** Cuts every connection that is open now, without a word. New ones are taken. */
  cut() {
    for (const line of this.#lines) line.reset();
  }

  async close() {
    this.cut();
    for (const socket of this.#onward) socket.destroy();
    for (const valve of this.#valves) valve.close();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** Notes a request and says what happens to it. */
  #judge({ method, url, headers }, body) {
    const kind = kindOf({ method, url, headers, body });
    const fault = this.#plan[kind];
    this.log.push({ at: Date.now(), kind, fault, method, url });
    return fault;
  }

  #valve(fault, out) {
    const valve = new Valve(fault, out);
    this.#valves.add(valve);
    return valve;
  }

  #drop(valve) {
    valve?.close();
    this.#valves.delete(valve);
  }

  async #ask(request, response) {
    let body;
    if (bodyTells(request)) {
      body = Buffer.concat(await request.toArray().catch(() => []));
    }
    const fault = this.#judge(request, body);
    const line = request.socket;
    line.sliced = fault === "slice";
    switch (fault) {
      case "silence":
        request.resume();
        return;
      case "reset":
        line.reset();
        return;
      case "html":
      case "html200":
        request.resume();
        response.writeHead(fault === "html" ? 502 : 200, { "Content-Type": "text/html" }).end(page);
        return;
    }
    const { hostname, port } = this.#target;
    const onward = forward({ hostname, port, method: request.method, path: request.url, headers: request.headers });
    let valve;
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      // A box that holds an answer back holds its head back with it.
      if (!["hold", "hold16", "delay-one"].includes(fault)) response.flushHeaders();
      valve = this.#valve(fault, {
        write: (chunk) => response.write(chunk),
        end: () => response.end(),
        kill: () => line.end(),
      });
      answer.on("data", (chunk) => valve.write(chunk));
      answer.once("end", () => valve.end());
      answer.once("error", () => response.destroy());
    });
    onward.once("error", () => response.destroy());
    response.once("close", () => {
      this.#drop(valve);
      onward.destroy();
    });
    if (body) onward.end(body);
    else request.pipe(onward);
  }

  #upgrade(request, line, head) {
    const fault = this.#judge(request);
    line.sliced = fault === "slice";
    line.resume();
    switch (fault) {
      case "silence":
        return;
      case "reset":
        line.reset();
        return;
      case "html":
      case "html200":
        line.end(
          `HTTP/1.1 ${fault === "html" ? "502 Bad Gateway" : "200 OK"}\r\nContent-Type: text/html\r\n` +
            `Content-Length: ${page.length}\r\nConnection: close\r\n\r\n${page}`,
        );
        return;
    }
    const onward = connect(this.#target.port, this.#target.hostname).setNoDelay(true);
    this.#onward.add(onward);
    onward.write(headOf(request, fault === "strip"));
    onward.write(head);
    line.on("data", (chunk) => onward.write(chunk));
    line.once("end", () => onward.end());

    let seen = Buffer.alloc(0);
    let valve = null;
    const open = (status) => {
      // A refusal is no upgrade that could go wrong.
      valve = this.#valve(status === 101 ? fault : undefined, {
        write: (chunk) => line.write(chunk),
        end: () => line.end(),
        kill: () => line.end(),
      });
    };
    onward.on("data", (chunk) => {
      if (!valve) {
        seen = Buffer.concat([seen, chunk]);
        const end = seen.indexOf("\r\n\r\n") + 4;
        if (end < 4) return;
        line.write(seen.subarray(0, end));
        chunk = seen.subarray(end);
        open(Number(seen.subarray(9, 12).toString()));
      }
      if (chunk.length) valve.write(chunk);
    });
    onward.once("end", () => (valve ? valve.end() : line.end()));
    onward.on("error", () => onward.destroy());
    onward.once("close", () => {
      this.#onward.delete(onward);
      if (fault !== "swallow") line.end();
    });
    line.once("close", () => {
      this.#drop(valve);
      onward.destroy();
    });
  }
}

// A request's head as it came, or without what makes it an upgrade.
function headOf({ method, url, rawHeaders }, strip) {
  const lines = [`${method} ${url} HTTP/1.1`];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (!strip || !/^(connection|upgrade|sec-websocket-.*)$/i.test(rawHeaders[i])) {
      lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
    }
  }
  if (strip) lines.push("Connection: close");
  return `${lines.join("\r\n")}\r\n\r\n`;
}
