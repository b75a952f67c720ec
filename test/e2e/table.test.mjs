// What fallback-table.mjs makes of what it measured.

import assert from "node:assert/strict";
import { test } from "node:test";
import { faults } from "./faults.mjs";
import { account, middle } from "./measure.mjs";
import { planOf, rowsOf } from "./plans.mjs";
import { bound, rowName, withTable } from "./table.mjs";

const ticks = (...numbers) => numbers.map((n) => [n, 0]);

test("ticks are accounted for", () => {
  const right = { owed: 3, lost: 0, doubled: 0, disordered: 0 };
  assert.deepEqual(account(null, ticks(4, 5, 6), 6), right);
  assert.deepEqual(account(3, ticks(4, 5, 6), 6), right);
  assert.deepEqual(account(3, ticks(3, 4, 5, 6), 6), right); // What the newest said comes again.
  assert.deepEqual(account(3, ticks(4, 6), 7), { ...right, owed: 4, lost: 2 });
  assert.deepEqual(account(3, ticks(4, 5, 5, 6), 6), { ...right, doubled: 1 });
  assert.deepEqual(account(3, ticks(5, 4, 6), 6), { ...right, disordered: 1 });
  assert.deepEqual(account(null, [], 6), { ...right, owed: 0 });
});

test("of several runs the middle one counts, and all that went wrong", () => {
  const run = (first, lost) => ({ first, owed: 9, lost, doubled: 0, disordered: 0, garbled: 0, gaps: 0 });
  assert.deepEqual(middle([run(300, 0), run(null, 1), run(100, 2)]), { ...run(300, 3), owed: 27 });
  assert.deepEqual(middle([run(null, 0)]), run(null, 0));
});

test("rows break the start transport, then two, then all but polling", () => {
  const rows = rowsOf(Object.keys(faults));
  assert.equal(new Set(rows.map(rowName)).size, rows.length);
  const silent = rows.filter(({ fault }) => fault === "silence");
  assert.deepEqual(silent.map(({ start, broken, finds, behind }) => [start, broken.length, finds, behind]), [
    ["websocket", 1, "sse", 1],
    ["websocket", 2, "stream", 2],
    ["websocket", 3, "longpoll", 3],
    ["sse", 1, "stream", 1],
    ["sse", 2, "longpoll", 2],
    ["stream", 1, "longpoll", 1],
    ["longpoll", 1, "poll", 1],
    ["websocket", 1, "websocket", 0], // polls alone
  ]);
  assert.deepEqual(planOf("strip", ["websocket", "stream"]), { websocket: "strip", "get-stream": "hold", "post-stream": "hold" });
  assert.equal(bound({ behind: 2 }, { rtt: 45 }), 690);
});

test("the table takes its place in the page, again and again", () => {
  const one = { rtt: 45, use: "sse", healed: "websocket", late: 20, lost: 0, doubled: 2, disordered: 0, garbled: 0, gaps: 0 };
  const results = (first) => ({
    browser: "1",
    pace: {},
    clients: { tidings: { version: "", rows: { "reset on websocket from websocket": { ...one, first } } } },
  });
  const once = withTable("# Fallback\n\nWhy.\n", results(395));
  assert.match(once, /^# Fallback\n\nWhy\.\n\n## Measured under faults\n/);
  assert.match(once, /\| reset \| websocket \| 390 \| \*\*395\*\*: sse → websocket, 2 doubled \|/);
  const again = withTable(`${once}\n## More\n`, results(380));
  assert.match(again, /\| 380: sse → websocket, 2 doubled \|/);
  assert.ok(again.endsWith("\n## More\n"));
  assert.equal(again.match(/Measured under faults/g).length, 1);
});
