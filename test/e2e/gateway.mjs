// Starts the real gateway, publishes to it, takes it down and brings it back.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Where tests leave what a person may want to look at; not in git. */
export const out = fileURLToPath(new URL("out/", import.meta.url));

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

let binary = process.env.TIDINGS;

async function build() {
  if (!binary) {
    await mkdir(out, { recursive: true });
    await promisify(execFile)("go", ["build", "-o", `${out}tidings`, "./cmd/tidings"], { cwd: root });
    binary = `${out}tidings`;
  }
  return binary;
}

/** A port of 127.0.0.1 that nobody listens on now. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A gateway process on a port of its own, the same after every restart. */
export class Gateway {
  /** The gateway's base URL, without a slash at the end. */
  url;
  /** All that the process has printed, over all its lives. */
  log = "";

  #port;
  #line; // the command line at a port
  #settings; // of the environment
  #child;

  /** Starts a gateway with further arguments for `tidings serve` and waits until it answers. */
  static start(...args) {
    return Gateway.#begin({}, (port) => ["serve", "--listen", `127.0.0.1:${port}`, ...args]);
  }

  /** The same for `tidings exec`: settings of the environment, and flags and a program. */
  static exec(settings, ...args) {
    return Gateway.#begin(settings, (port) => ["exec", `--port=${port}`, ...args]);
  }

  static async #begin(settings, line) {
    await build();
    const gateway = new Gateway();
    gateway.#port = await freePort();
    gateway.#line = line;
    gateway.#settings = settings;
    await gateway.start();
    return gateway;
  }

  /** Starts the process again after stop or kill. */
  async start() {
    const child = spawn(binary, this.#line(this.#port), {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...this.#settings },
    });
    this.#child = child;
    running.add(child);
    child.once("exit", () => running.delete(child));

    let life = "";
    this.url = await new Promise((resolve, reject) => {
      const read = (chunk) => {
        life += chunk;
        this.log += chunk;
        // It says where it listens as soon as it does. What follows the address ends it, also inside a log line.
        const said = life.match(/http:\/\/127\.0\.0\.1:\d+(?=\D)/);
        if (said) resolve(said[0]);
      };
      child.stdout.setEncoding("utf8").on("data", read);
      child.stderr.setEncoding("utf8").on("data", read);
      child.once("error", reject);
      child.once("exit", (code, signal) => reject(new Error(`the gateway ended (${signal ?? code}):\n${life}`)));
    });
  }

  /** Ends the process by a signal and waits until it is gone: SIGTERM drains, SIGKILL does not. */
  async stop(signal = "SIGTERM") {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  /** Publishes a message with one POST and gives the receipt. */
  async publish(topic, body, { type, event } = {}) {
    const headers = {};
    if (type) headers["Content-Type"] = type;
    if (event) headers["Tidings-Event"] = event;
    const response = await fetch(`${this.url}/topics/${topic}`, { method: "POST", headers, body });
    if (response.status !== 201) throw new Error(`publish to ${topic}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}
