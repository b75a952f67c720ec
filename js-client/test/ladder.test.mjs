// What may be used, and what is remembered.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { makeLadder } from "../src/ladder.js";
import { names } from "../src/util.js";

/** A localStorage for one test. */
function storage(t) {
  const kept = new Map();
  globalThis.localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, String(value)) };
  t.after(() => delete globalThis.localStorage);
  return kept;
}

test("the gateway's offer restricts and orders; who gave an order keeps it", () => {
  const free = makeLadder(["websocket", "sse", "poll"], false, "x");
  const ordered = makeLadder(["poll", "sse"], true, "x");
  assert.deepEqual(free.list(), ["websocket", "sse", "poll"]);
  for (const ladder of [free, ordered]) ladder.offer({ transports: ["longpoll", "sse", "websocket", "poll"] });
  assert.deepEqual(free.list(), ["sse", "websocket", "poll"]);
  assert.deepEqual(ordered.list(), ["poll", "sse"]);
  free.offer({ transports: ["stream"] });
  assert.deepEqual(free.list(), ["websocket", "sse", "poll"], "nobody is left without a way");
  assert.equal(free.force("stream"), false);
  assert.equal(free.force("poll"), true);
  assert.deepEqual(free.list(), ["poll"]);
  free.force(null);
  assert.equal(free.list().length, 3);
});

test("what worked is remembered for half an hour, per gateway", (t) => {
  storage(t);
  t.mock.timers.enable({ apis: ["Date"] });
  const ladder = makeLadder(names, false, "here");
  assert.equal(ladder.home(), "");
  ladder.rtt(40);
  ladder.keep("longpoll");
  assert.equal(makeLadder(names, false, "here").home(), "", "not before it is proven");
  ladder.keep("longpoll", true);
  assert.deepEqual([makeLadder(names, false, "here").home(), makeLadder(names, false, "here").rtt()], ["longpoll", 40]);
  assert.equal(makeLadder(names, false, "there").home(), "");
  assert.equal(makeLadder(["websocket"], false, "here").home(), "", "not where it cannot be used");
  t.mock.timers.tick(1799000);
  assert.equal(makeLadder(names, false, "here").home(), "longpoll");
  t.mock.timers.tick(2000);
  assert.equal(makeLadder(names, false, "here").home(), "");
});

test("a clock that was set back ends the memory", (t) => {
  storage(t);
  t.mock.timers.enable({ apis: ["Date"], now: 1e12 });
  makeLadder(names, false, "here").keep("poll", true);
  t.mock.timers.setTime(1e12 - 2000000);
  assert.equal(makeLadder(names, false, "here").home(), "");
});

test("it works where storage throws, lies, or is not there", (t) => {
  const kept = storage(t);
  for (const text of ["", "null", "{", "7", '{"name":"pigeon","at":0}', '{"at":"x"}']) {
    kept.set("here", text);
    assert.equal(makeLadder(names, false, "here").home(), "");
  }
  globalThis.localStorage = new Proxy({}, { get: () => assert.fail("SecurityError") });
  const ladder = makeLadder(names, false, "here");
  ladder.keep("sse", true);
  assert.equal(ladder.home(), "sse");
});
