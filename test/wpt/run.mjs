// Runs the web-platform-tests for WebSocket in Chromium, with the browser's own WebSocket or with tidings.Socket in its place:
//   node run.mjs --wpt DIR --program FILE [--mode native,websocket,…] [--only TEXT] [--out DIR] [--wss] [--pages N]

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { find } from "./tests.mjs";
import { stand } from "./modes.mjs";

const { chromium } = createRequire(new URL("../e2e/", import.meta.url))("playwright-core");

const { values: options } = parseArgs({
  options: {
    wpt: { type: "string" },
    program: { type: "string" },
    mode: { type: "string", default: "native" },
    only: { type: "string", default: "" },
    out: { type: "string", default: fileURLToPath(new URL("../e2e/out/wpt", import.meta.url)) },
    client: { type: "string", default: fileURLToPath(new URL("../../js-client/dist/tidings-socket.js", import.meta.url)) },
    wss: { type: "boolean", default: false },
    pages: { type: "string", default: "4" },
  },
});
if (!options.wpt || !options.program) {
  console.error("usage: node run.mjs --wpt DIR --program FILE [--mode native,…] [--only TEXT] [--out DIR] [--client FILE] [--wss] [--pages N]");
  process.exit(2);
}

// What testharness.js calls the ends of a test, and of a page.
const ends = ["PASS", "FAIL", "TIMEOUT", "NOTRUN", "PRECONDITION_FAILED"];
const pageEnds = ["OK", "ERROR", "TIMEOUT", "PRECONDITION_FAILED"];

/** Runs one mode and gives its lines. */
async function run(mode) {
  const tests = (await find(options.wpt, options)).filter((test) => test.path.includes(options.only));
  await mkdir(options.out, { recursive: true });
  const script = mode === "native" ? "" : stand(await readFile(options.client, "utf8"), mode);
  const client = join(options.out, `${mode}.js`);
  await writeFile(client, script);

  const program = spawn(options.program, ["-wpt", options.wpt, ...(script ? ["-client", client] : [])], { stdio: ["ignore", "pipe", "inherit"] });
  process.once("exit", () => program.kill());
  const [line] = await once(createInterface(program.stdout), "line");
  const ports = JSON.parse(line);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
    // The tests' names are this machine's, and no other is any: nothing is looked up elsewhere.
    args: [
      "--no-sandbox",
      "--disable-background-networking",
      "--disable-component-update",
      "--ignore-certificate-errors",
      "--host-resolver-rules=MAP web-platform.test 127.0.0.1, MAP *.web-platform.test 127.0.0.1, MAP not-web-platform.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
  });
  const reports = new Map();
  const queue = [...tests];
  try {
    await Promise.all(
      Array.from({ length: Number(options.pages) }, async () => {
        for (let test; (test = queue.shift()); ) reports.set(test, await runPage(browser, ports, test, script));
      }),
    );
    // Some tests measure time. Where one has failed beside others, what it does alone counts.
    for (const test of tests) if (!passes(reports.get(test))) reports.set(test, { ...(await runPage(browser, ports, test, script)), again: true });
  } finally {
    await browser.close();
    program.kill();
  }
  return tests.map((test) => ({ test, ...reports.get(test) }));
}

/** Whether a page and all tests in it have passed. */
function passes({ report }) {
  return report.status === 0 && report.tests.every((one) => one.status === 0);
}

/** Opens a test in a window of its own and waits for its report. */
async function runPage(browser, ports, test, script) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const started = Date.now();
  try {
    if (script) await context.addInitScript({ content: script });
    const page = await context.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    const origin = test.secure ? `https://web-platform.test:${ports.https}` : `http://web-platform.test:${ports.http}`;
    await page.goto(origin + test.url, { waitUntil: "commit" });
    // The harness gives up after 10 s, or 60 s where a test asks for that: this is for pages that it cannot end.
    const report = await page.waitForFunction(() => window.wptReport, undefined, { timeout: 75_000, polling: 50 }).then((handle) => handle.jsonValue());
    return { report, errors, ms: Date.now() - started };
  } catch (error) {
    return { report: { status: 1, message: `no report: ${error.message.split("\n")[0]}`, tests: [] }, errors: [], ms: Date.now() - started };
  } finally {
    await context.close();
  }
}

/** One line for a test: its end, its file, its name, and what is wrong. */
function lines({ test, report }) {
  const where = `${test.path}${test.variant}`;
  const plain = (text) => text.replace(/\s+/g, " ").trim();
  const found = report.tests.map((one) => [ends[one.status], where, plain(one.name), one.status === 0 ? "" : plain(one.message)].filter(Boolean).join(" | "));
  if (report.status !== 0) found.push(`PAGE ${pageEnds[report.status]} | ${where} | ${plain(report.message)}`);
  return found;
}

/** How many tests pass. */
function count(results) {
  const tests = results.flatMap(({ report }) => report.tests);
  return `${tests.filter((one) => one.status === 0).length} of ${tests.length}`;
}

let failed = false;
for (const mode of options.mode.split(",")) {
  const started = Date.now();
  const results = await run(mode);
  const all = results.flatMap(lines);
  await writeFile(join(options.out, `${mode}.txt`), all.join("\n") + "\n");
  await writeFile(join(options.out, `${mode}.json`), JSON.stringify(results, null, 1));
  const files = results.filter(passes);
  const yardstick = count(results.filter(({ test }) => test.yardstick));
  console.log(`${mode}: ${yardstick} of the yardstick, ${count(results)} of all; ${files.length} of ${results.length} files; ${Math.round((Date.now() - started) / 1000)} s`);
  for (const line of all) if (!line.startsWith("PASS")) console.log(`  ${line.slice(0, 300)}`);
  failed ||= all.length === 0;
}
process.exit(failed ? 1 : 0);
