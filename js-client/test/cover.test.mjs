// What a reader keeps, rule by rule (docs/wire.md).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { advance, askOf, coverOf, earlier, enter, makeCover, parseCursor, raise, settle, take } from "../src/cover.js";
import { matches } from "../src/topic.js";

const E = "k3f9a2m1";
const drop = 0;
const yes = 1;
const hole = 2;

/** Runs steps on a cover: [what, ...arguments, expected]. */
function run(pattern, since, steps) {
  const cover = makeCover(pattern, since);
  enter(cover, E);
  for (const [what, ...rest] of steps) {
    const label = JSON.stringify([what, ...rest]);
    if (what === "message") {
      const [topic, seq, prev, expected, latest] = rest;
      assert.equal(take(cover, { topic, seq, prev, latest }), expected, label);
    } else if (what === "gap") {
      const [topic, to, expected] = rest;
      assert.equal(raise(cover, topic, to), expected, label);
    } else if (what === "live") {
      settle(cover, rest[0]);
    } else if (what === "cover") {
      assert.equal(coverOf(cover, rest[0]), rest[1], label);
    } else if (what === "ask") {
      assert.equal(askOf(cover), rest[0], label);
    } else if (what === "epoch") {
      assert.equal(enter(cover, rest[0]), rest[1], label);
    }
  }
}

const table = {
  "1: a message at or below the cover of its topic is dropped": [
    ["a/*", `${E}-10`],
    ["message", "a/x", 12, 9, yes],
    ["message", "a/x", 12, 9, drop],
    ["message", "a/x", 11, 9, drop],
    ["message", "a/x", 13, 12, yes],
  ],
  "1: never by another topic's seq": [
    ["a/*", `${E}-10`],
    ["message", "a/x", 90, 0, yes],
    ["message", "a/y", 50, 10, yes],
    ["message", "a/y", 9, 0, drop],
  ],
  "2: prev is compared, not equated": [
    ["a", `${E}-10`],
    ["message", "a", 20, 0, yes],
    ["message", "a", 30, 15, yes],
    ["message", "a", 40, 30, yes],
    ["message", "a", 60, 50, hole],
    ["message", "a", 61, 60, yes],
  ],
  "2: latest excuses a jump": [
    ["a", `${E}-10`],
    ["message", "a", 20, 15, yes, true],
    ["message", "a", 40, 30, hole, false],
  ],
  "3: a gap raises the cover of its topic and never lowers it": [
    ["a", `${E}-10`],
    ["gap", "a", 20, true],
    ["cover", "a", 20],
    ["gap", "a", 15, false],
    ["cover", "a", 20],
    ["message", "a", 18, 10, drop],
    ["message", "a", 25, 20, yes],
    ["gap", "a", 24, false],
    ["gap", "a", 27, true],
    ["cover", "a", 27],
    ["message", "a", 30, 27, yes],
  ],
  "3: a gap for a pattern raises no cover, but states what is missing up to its end": [
    ["a/**", `${E}-10`],
    ["message", "a/x", 12, 0, yes],
    ["gap", "a/*", 20, true],
    ["gap", "a/*", 20, false],
    ["gap", "a/*", 15, false],
    ["cover", "a/x", 12],
    ["cover", "a/new", 10],
    ["message", "a/x", 14, 12, yes],
    ["message", "a/new", 33, 20, yes],
    ["message", "a/other", 34, 21, hole],
    ["message", "a/y/z", 35, 20, hole],
  ],
  "3: a gap of unknown extent raises nothing": [
    ["a", `${E}-10`],
    ["gap", "a", 0, false],
    ["cover", "a", 10],
  ],
  "3: another follow's topic is not touched": [
    ["a/*", `${E}-10`],
    ["gap", "b", 20, false],
  ],
  "4: with a cursor the follow has a cover from the start, and live does not move it": [
    ["a/*", `${E}-10`],
    ["cover", "a/x", 10],
    ["live", 50],
    ["cover", "a/x", 10],
    ["message", "a/x", 60, 11, hole],
  ],
  "4: without a cursor the first message of a topic is taken as it comes, until live": [
    ["a/*", "last:2"],
    ["message", "a/x", 30, 29, yes],
    ["message", "a/x", 33, 31, hole],
    ["message", "a/y", 34, 20, yes],
    ["live", 40],
    ["cover", "a/z", 40],
    ["cover", "a/x", 33],
    ["message", "a/z", 45, 38, yes],
    ["message", "a/w", 46, 41, hole],
  ],
  "4: a gap before live does not make a first message a hole": [
    ["a/*", "10m"],
    ["gap", "a/x", 20, true],
    ["message", "a/x", 19, 0, drop],
    ["message", "a/x", 30, 25, yes],
    ["message", "a/x", 40, 35, hole],
  ],
  "4: now begins at the cursor of hello": [
    ["a", "now"],
    ["live", 10],
    ["message", "a", 10, 9, drop],
    ["message", "a", 12, 8, yes],
  ],
  "5: asks with what it asked at first until there is something": [
    ["a", "last:5"],
    ["ask", "last:5"],
    ["message", "a", 7, 3, yes],
    ["ask", `${E}-7`],
    ["live", 9],
    ["ask", `${E}-9`],
    ["message", "a", 8, 7, yes],
    ["ask", `${E}-9`],
  ],
  "6: another epoch forgets all covers, takes what comes, and asks with the old cursor until something has come": [
    ["a/*", `${E}-10`],
    ["message", "a/x", 90, 0, yes],
    ["gap", "a/*", 100, true],
    ["epoch", E, false],
    ["epoch", "newepoch", true],
    ["cover", "a/x", -1],
    ["ask", `${E}-90`],
    ["message", "a/x", 3, 2, yes],
    ["ask", "newepoch-3"],
    ["message", "a/x", 3, 2, drop],
    ["epoch", "newepoch", false],
  ],
  "6: a cursor of another epoch is one at the first hello already": [
    ["a", "otherepoch-5"],
    ["cover", "a", -1],
    ["message", "a", 1, 0, yes],
  ],
  "topics may be called like members of an object": [
    ["**", `${E}-10`],
    ["message", "__proto__", 12, 0, yes],
    ["message", "__proto__", 12, 0, drop],
    ["message", "constructor", 13, 0, yes],
    ["gap", "toString", 20, true],
    ["cover", "toString", 20],
    ["cover", "valueOf", 10],
  ],
};

describe("cover", () => {
  for (const [name, [[pattern, since], ...steps]] of Object.entries(table)) {
    test(name, () => run(pattern, since, steps));
  }
});

test("enter says when the log is another one", () => {
  assert.equal(enter(makeCover("a", "otherepoch-5"), E), true);
  assert.equal(enter(makeCover("a", `${E}-5`), E), false);
  assert.equal(enter(makeCover("a", "now"), E), false);
});

test("advance never goes back", () => {
  const cover = makeCover("a", `${E}-10`);
  advance(cover, 9);
  assert.equal(askOf(cover), `${E}-10`);
  advance(cover, 11);
  assert.equal(askOf(cover), `${E}-11`);
});

test("a cover is plain data: tabs hand it to each other", () => {
  const cover = makeCover("a/*", "all");
  enter(cover, E);
  take(cover, { topic: "a/x", seq: 5, prev: 0 });
  raise(cover, "a/y", 7);
  const copy = JSON.parse(JSON.stringify(cover));
  assert.deepEqual(copy, cover);
  assert.equal(take(copy, { topic: "a/x", seq: 5, prev: 0 }), drop);
  assert.equal(take(copy, { topic: "a/y", seq: 7, prev: 5 }), drop);
});

test("cursors", () => {
  assert.deepEqual(parseCursor(`${E}-42`), { epoch: E, seq: 42 });
  assert.deepEqual(parseCursor(`${E}-42.7.9`), { epoch: E, seq: 42 });
  for (const text of ["now", "all", "last:3", "10m", "2026-01-01T00:00:00Z", `${E}-`, `${E}-4a`, `K3F9A2M1-4`, "short-4", "", null, undefined]) {
    assert.equal(parseCursor(text), null, String(text));
  }
});

test("of two places to begin the one that brings more is asked for", () => {
  const cases = [
    [`${E}-5`, `${E}-9`, `${E}-5`],
    ["now", `${E}-9`, `${E}-9`],
    ["now", "last:3", "last:3"],
    ["all", `${E}-0`, "all"],
    ["all", "10m", "all"],
    ["latest", `${E}-9`, "latest"],
    ["now", "now", "now"],
  ];
  for (const [a, b, expected] of cases) {
    assert.equal(earlier(a, b), expected, `${a}, ${b}`);
    assert.equal(earlier(b, a), expected, `${b}, ${a}`);
  }
});

test("patterns", () => {
  const cases = [
    ["a", "a", true],
    ["a", "b", false],
    ["a/*", "a/b", true],
    ["a/*", "a", false],
    ["a/*", "a/b/c", false],
    ["*/b", "a/b", true],
    ["*", "a", true],
    ["a/**", "a", true],
    ["a/**", "a/b/c", true],
    ["a/**", "ab", false],
    ["**", "a/b", true],
    ["**", "$sys/a", false],
    ["*/a", "$sys/a", false],
    ["a/*/c", "a/b/c", true],
    ["a/*/c", "a/b/d", false],
    ["a*", "ab", false],
  ];
  for (const [pattern, topic, expected] of cases) assert.equal(matches(pattern, topic), expected, `${pattern} ${topic}`);
});
