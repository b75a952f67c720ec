// Measures how soon a page has its first message when a network breaks transports, and what it loses on the way: Tidings, and
// beside it Socket.IO and SockJS. Writes fallback-table.json and the table in docs/fallback.md. Not a test: it asserts nothing.
//
//   node fallback-table.mjs [--clients tidings,socket.io,sockjs] [--rows REGEXP] [--runs N] [--print]
//
// Of N runs of a row (1) that with the median time to the first message counts, and what went wrong in any. A client that is not
// run keeps the figures that it has; with --rows nothing is written; --print only makes the table anew.

import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { launch } from "./browser.mjs";
import { faults } from "./faults.mjs";
import { Gateway } from "./gateway.mjs";
import { measure, middle, pace } from "./measure.mjs";
import { transports } from "./pages.mjs";
import { rowsOf } from "./plans.mjs";
import { rowName, withTable } from "./table.mjs";

const results = new URL("fallback-table.json", import.meta.url);
const page = new URL("../../docs/fallback.md", import.meta.url);

// The library's name, version and default options are all that differs; the last is what it calls its best transport.
const contestants = {
  tidings: async () => {
    const gateway = await Gateway.start();
    let topics = 0;
    let topic;
    return {
      version: "",
      url: gateway.url,
      script: "/tidings.js",
      boot: (base, { start, topic }) => {
        const all = ["websocket", "sse", "stream", "longpoll", "poll"];
        // Only a client that is to begin further down is told so.
        const options = start === all[0] ? {} : { transports: all.slice(all.indexOf(start)) };
        const client = window.tidings(base, options);
        let use = "";
        client.on("state", ({ state, transport }) => (use = state === "open" ? transport : ""));
        client.on("gap", () => window.seen.gaps++);
        client.follow(topic, ({ data }) => window.ticked(data), { since: "last:1" });
        return () => use;
      },
      best: ({ start }) => start,
      next: () => (topic = `table/${++topics}`),
      get topic() {
        return topic;
      },
      tick: (value) => gateway.publish(topic, JSON.stringify(value), { type: "application/json" }),
      close: () => gateway.stop(),
      rows: () => true,
    };
  },
  "socket.io": () => other("socketIO", "socket.io", "websocket"),
  sockjs: () => other("sockJS", "sockjs-client", "websocket"),
};

async function other(server, name, best) {
  const compare = await import("../compare/servers.mjs");
  return {
    version: await compare.version(name),
    ...(await compare[server]()),
    best: () => best,
    next: () => {},
    // They begin as they do.
    rows: ({ start }) => start === transports[0],
  };
}

async function run(name, browser, wanted, runs) {
  const contestant = await contestants[name]();
  const all = rowsOf(Object.keys(faults)).filter(contestant.rows);
  const once = (row) => {
    contestant.next();
    return measure(browser, contestant, row);
  };
  const rows = {};
  try {
    await once(all[0]); // A browser's first page is slower than all that follow.
    for (const row of all.filter((row) => wanted.test(rowName(row)))) {
      const got = [];
      while (got.length < runs) got.push(await once(row));
      rows[rowName(row)] = middle(got);
      console.log(name, "|", rowName(row), "|", JSON.stringify(rows[rowName(row)]));
    }
  } finally {
    await contestant.close();
  }
  return { version: contestant.version, rows };
}

const { values: flags } = parseArgs({
  options: {
    clients: { type: "string", default: Object.keys(contestants).join(",") },
    rows: { type: "string" },
    runs: { type: "string", default: "1" },
    print: { type: "boolean", default: false },
  },
});

const kept = existsSync(results) ? JSON.parse(await readFile(results, "utf8")) : { clients: {} };
if (!flags.print) {
  const browser = await launch("chromium");
  try {
    for (const name of flags.clients.split(",")) {
      kept.clients[name] = await run(name, browser, new RegExp(flags.rows ?? ""), Number(flags.runs));
    }
    Object.assign(kept, { browser: browser.version, pace });
  } finally {
    await browser.close();
  }
}
if (!flags.rows) {
  await writeFile(results, `${lines(kept)}\n`);
  await writeFile(page, withTable(existsSync(page) ? await readFile(page, "utf8") : "", kept));
}

// A row a line, so that a later run can be compared with this one.
function lines({ clients, ...rest }) {
  const all = Object.entries(clients).map(([name, { version, rows }]) => {
    const each = Object.entries(rows).map(([row, got]) => `      ${JSON.stringify(row)}: ${JSON.stringify(got)}`);
    const what = `      "version": ${JSON.stringify(version)},\n      "rows": {\n${each.join(",\n")}\n      }`;
    return `    ${JSON.stringify(name)}: {\n${what}\n    }`;
  });
  const others = Object.entries(rest).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},\n`);
  return `{\n${others.join("")}  "clients": {\n${all.join(",\n")}\n  }\n}`;
}
