// Chromium 64, of January 2018: no AbortController, no CSS beyond grid. No current driver speaks to it any more, so this
// is the DevTools protocol itself. The package was made for a server without a screen, and holds the program compressed.

import { spawn } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, rename } from "node:fs/promises";
import { once } from "node:events";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { createBrotliDecompress } from "node:zlib";
import WebSocket from "ws";
import { out } from "./gateway.mjs";

const packed = fileURLToPath(new URL("node_modules/chrome-aws-lambda/bin/chromium.br", import.meta.url));
const program = `${out}chromium64/chromium`;

async function unpack() {
  const there = await access(program).then(() => true, () => false);
  if (there) return;
  await mkdir(dirname(program), { recursive: true });
  // Renamed at the end, so that what is there is whole.
  const part = `${program}.${process.pid}`;
  await pipeline(createReadStream(packed), createBrotliDecompress(), createWriteStream(part, { mode: 0o755 }));
  await rename(part, program);
}

/** Starts Chromium 64. It lives in one process: it was built for machines where it may not fork. */
export async function launchChromium64() {
  await unpack();
  const child = spawn(program, ["--headless", "--no-sandbox", "--single-process", "--no-zygote", "--disable-gpu", "--remote-debugging-port=0"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const kill = () => child.kill("SIGKILL");
  process.on("exit", kill);
  const port = await new Promise((resolve, reject) => {
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (chunk) => {
      said += chunk;
      const found = said.match(/DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)\//);
      if (found) resolve(found[1]);
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`Chromium 64 ended:\n${said}`)));
  });
  const ask = async (path) => (await fetch(`http://127.0.0.1:${port}/json/${path}`)).text();
  return {
    open: async (url, size) => {
      const target = JSON.parse(await ask("new?about:blank"));
      const tab = await Tab.connect(target.webSocketDebuggerUrl, () => ask(`close/${target.id}`));
      await tab.show(url, size);
      return tab;
    },
    close: async () => {
      process.off("exit", kill);
      const gone = once(child, "exit");
      kill();
      await gone;
    },
  };
}

class Tab {
  #socket;
  #close;
  #number = 0;
  #asked = new Map(); // id → { resolve, reject }
  #errors = [];
  #loaded = () => {};

  static async connect(address, close) {
    const tab = new Tab();
    tab.#close = close;
    tab.#socket = new WebSocket(address, { perMessageDeflate: false });
    tab.#socket.on("message", (data) => tab.#heard(JSON.parse(data)));
    tab.#socket.on("close", () => tab.#asked.forEach(({ reject }) => reject(new Error("Chromium 64 is gone"))));
    await once(tab.#socket, "open");
    for (const domain of ["Page", "Runtime", "Log"]) await tab.#call(`${domain}.enable`);
    return tab;
  }

  #call(method, params = {}) {
    return new Promise((resolve, reject) => {
      this.#asked.set(++this.#number, { resolve, reject });
      this.#socket.send(JSON.stringify({ id: this.#number, method, params }));
    });
  }

  #heard({ id, result, error, method, params }) {
    if (id) {
      const { resolve, reject } = this.#asked.get(id);
      this.#asked.delete(id);
      if (error) reject(new Error(error.message));
      else resolve(result);
    }
    if (method === "Page.loadEventFired") this.#loaded();
    if (method === "Runtime.exceptionThrown") this.#errors.push(thrown(params.exceptionDetails));
    if (method === "Runtime.consoleAPICalled" && params.type === "error") this.#errors.push(params.args.map((arg) => arg.value ?? arg.description).join(" "));
    if (method === "Log.entryAdded" && params.entry.level === "error") this.#errors.push(`${params.entry.text} ${params.entry.url ?? ""}`);
  }

  async show(url, { width, height }) {
    await this.#call("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
    const loaded = new Promise((resolve) => (this.#loaded = resolve));
    await this.#call("Page.navigate", { url });
    await loaded;
  }

  async evaluate(expression) {
    const { result, exceptionDetails } = await this.#call("Runtime.evaluate", { expression: `JSON.stringify(${expression})` });
    if (exceptionDetails) throw new Error(thrown(exceptionDetails));
    return result.value === undefined ? null : JSON.parse(result.value);
  }

  async picture() {
    const { data } = await this.#call("Page.captureScreenshot");
    return Buffer.from(data, "base64");
  }

  errors() {
    return this.#errors.slice();
  }

  async close() {
    await this.#close();
    this.#socket.terminate();
  }
}

const thrown = (details) => details.exception?.description ?? details.text;
