// Builds and runs a Go program of the repository that serves HTTP, such as an example.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort, out } from "./gateway.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** Runs the program of a directory and gives its base URL, once it has said it, and a function that stops it. */
export async function run(directory, ...args) {
  await mkdir(out, { recursive: true });
  const binary = `${out}${basename(directory)}`;
  await promisify(execFile)("go", ["build", "-o", binary, directory], { cwd: root });
  const child = spawn(binary, ["-listen", `127.0.0.1:${await freePort()}`, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  let said = "";
  for await (const chunk of child.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    said += chunk;
    const url = said.match(/http:\/\/127\.0\.0\.1:\d+(?=\/)/)?.[0];
    if (url) {
      await answers(url);
      return { url, stop: () => stop(child) };
    }
  }
  throw new Error(`${directory} ended before it said where it listens: ${said}`);
}

/** Waits until something answers at a URL: programs say where they are going to listen. */
async function answers(url) {
  for (let i = 0; ; i++) {
    const ok = await fetch(url).then((answer) => answer.body.cancel().then(() => true), () => false);
    if (ok) return;
    if (i === 200) throw new Error(`nobody answers at ${url}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}
