// Finds the tests for WebSocket in a copy of the web-platform-tests.

import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

/** What is left out, and why. What is beside a test (frames, workers, windows) is no test. */
const left = [
  { path: /^stream\//, why: "of WebSocketStream, another interface" },
  { path: /^back-forward-cache-/, why: "needs scripts that the copy has not" },
];

/**
 * The yardstick: the scripts at the top of the folder that run in a page, over a connection without TLS. Those of the browser's list of ports and of
 * the interface's definition are many tests about one thing each, and stay beside it.
 */
const aside = /\/|\.html$|\.(window|worker)\.js$|^(Create-blocked-port|Create-on-worker-shutdown|basic-auth|idlharness|mixed-content)\./;

/**
 * The tests below root, as { path, url, variant, yardstick }: path as it is in the folder, url from the server's root. Of the variants of a test,
 * which do the same over other connections, one is run: the default one, or else that over TLS; `wss` prefers that one. HTTP/2 is never run.
 */
export async function find(root, { wss = false } = {}) {
  const folder = join(root, "websockets");
  const names = await readdir(folder, { recursive: true });
  const tests = [];
  for (const path of names.sort()) {
    if (left.some((rule) => rule.path.test(path))) continue;
    const script = /\.(any|window|worker)\.js$/.test(path);
    if (!script && !path.endsWith(".html")) continue;
    const text = await readFile(join(folder, path), "latin1");
    // A worker's script of its own loads the harness; one that a document starts does not.
    if (!script && !text.includes("testharness.js")) continue;
    const variants = [...text.matchAll(script ? /^\/\/ META: variant=(.*)$/gm : /<meta name="?variant"? content="([^"]*)">/g)].map((found) => found[1]);
    const usable = variants.filter((variant) => !variant.includes("h2"));
    if (variants.length > 0 && usable.length === 0) continue;
    const variant = (wss && usable.find((one) => one === "?wss")) || usable.find((one) => one === "?default") || usable[0] || "";
    tests.push({ path, variant, url: `/websockets/${path.replace(/\.js$/, ".html")}${variant}`, secure: path.includes(".https."), yardstick: !aside.test(path) });
  }
  return tests;
}
