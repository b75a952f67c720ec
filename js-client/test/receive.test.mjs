// What a connection brings, to whom it goes, and what is reported of it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { askOf, makeCover } from "../src/cover.js";
import { receive } from "../src/receive.js";

const E = "k3f9a2m1";

/** Follows of a connection that has said hello, and what they got. */
function connection(list, more = {}) {
  const got = [];
  const follows = list.map(([pattern, since, tab = ""], i) => ({
    id: String(i),
    tab,
    cover: makeCover(pattern, since),
    fn: (message) => got.push([i, message.seq]),
    closed: false,
    ready: false,
    live: false,
  }));
  const source = { epoch: E, follows, ...more };
  const reports = [];
  const say = (value) => receive(source, value, (type, it) => reports.push([type, it]));
  say({ hello: { epoch: E, cursor: `${E}-10` } });
  return { source, follows, got, reports, say, live: (topic, seq) => say({ live: { topic, cursor: `${E}-${seq}` } }) };
}

const message = (topic, seq, prev, more) => ({ topic, seq, prev, data: 1, ...more });

describe("receive", () => {
  test("a message goes to each follow that it is new for, with its cursor", () => {
    const { say, got, follows } = connection([["a/*", `${E}-10`], ["a/x", `${E}-20`], ["b", `${E}-10`]]);
    const value = message("a/x", 15, 9);
    assert.deepEqual(say(value), [follows[0], follows[1]]);
    assert.deepEqual(got, [[0, 15]]);
    assert.equal(value.cursor, `${E}-15`);
  });

  test("base64 is bytes", () => {
    const { say } = connection([["a", `${E}-10`]]);
    const value = message("a", 15, 9, { data: undefined, data64: "AP8=" });
    say(value);
    assert.deepEqual(value.data, Uint8Array.from([0, 255]));
  });

  test("a follow from now on takes nothing before it is live", () => {
    const { say, got, live } = connection([["a", "now"], ["a", "all"]]);
    say(message("a", 5, 0));
    live("a", 12);
    say(message("a", 13, 5));
    assert.deepEqual(got, [[1, 5], [0, 13], [1, 13]]);
  });

  test("what is live moves all that is live, and a catch-up nobody else", () => {
    const { say, live, follows } = connection([["a", `${E}-10`], ["b", `${E}-10`], ["c", `${E}-5`]]);
    live("a", 10);
    live("b", 10);
    say(message("c", 8, 0));
    assert.deepEqual(follows.map(({ cover }) => askOf(cover)), [`${E}-10`, `${E}-10`, `${E}-8`]);
    say(message("a", 30, 0));
    assert.deepEqual(follows.map(({ cover }) => askOf(cover)), [`${E}-30`, `${E}-30`, `${E}-8`]);
    say({ ping: { cursor: `${E}-40` } });
    assert.deepEqual(follows.map(({ cover }) => askOf(cover)), [`${E}-40`, `${E}-40`, `${E}-8`]);
  });

  test("another log is told once per topic, and never again by the gateway's own gap", () => {
    const { source, say, reports, got } = connection([["a", `${E}-10`], ["a", `${E}-12`], ["b", `${E}-10`]]);
    source.epoch = "newepoch";
    say({ hello: { epoch: "newepoch", cursor: "newepoch-0" } });
    say({ gap: { topic: "a", from: 0, to: 0, reason: "restart" } });
    say(message("a", 3, 2));
    assert.deepEqual(reports, ["a", "b"].map((topic) => ["gap", { topic, from: 0, to: 0, reason: "restart" }]));
    assert.deepEqual(got, [[0, 3], [1, 3]]);
  });

  test("a gap is told once, a deletion as such, one of unknown extent always", () => {
    const { say, reports } = connection([["a/*", `${E}-10`], ["a/x", `${E}-10`]]);
    const gap = { topic: "a/x", from: 11, to: 15, reason: "expired" };
    const unknown = { topic: "a/x", from: 0, to: 0, reason: "limit" };
    say({ gap });
    say({ gap });
    say({ gap: unknown });
    say({ deleted: { topic: "a/x", to: 20 } });
    say(message("a/x", 21, 20));
    assert.deepEqual(reports, [["gap", gap], ["gap", unknown], ["deleted", { topic: "a/x", to: 20 }]]);
  });

  test("after an unknown cursor what is retained is taken", () => {
    const { say, got, reports } = connection([["a", `${E}-90`]]);
    say({ gap: { topic: "a", from: 0, to: 0, reason: "unknown_cursor" } });
    say(message("a", 3, 2));
    assert.deepEqual(got, [[0, 3]]);
    assert.deepEqual(reports.map(([type, { reason }]) => [type, reason]), [["gap", "unknown_cursor"]]);
  });

  test("what is missing for all without a word is an error, behind a shared answer a gap", () => {
    const alone = connection([["a", `${E}-10`]]);
    alone.say(message("a", 20, 15));
    assert.equal(alone.reports[0][0], "error");
    const { topic, cursor, cause } = alone.reports[0][1];
    assert.deepEqual({ topic, cursor, cause }, { topic: "a", cursor: `${E}-20`, cause: "missing" });
    const shared = connection([["a", `${E}-10`]], { shared: true });
    shared.say(message("a", 20, 15));
    assert.deepEqual(shared.reports, [["gap", { topic: "a", from: 0, to: 15, reason: "expired" }]]);
    const both = connection([["a", `${E}-10`], ["a/**", `${E}-16`]]);
    both.say(message("a", 20, 15));
    assert.deepEqual([both.reports, both.got.length], [[], 2]);
  });

  test("live is told once per topic that is named, and once when all are", () => {
    const { say, live, reports } = connection([["a", "all"], ["a", "all"], ["b", "all"]]);
    live("a", 12);
    say({ live: { cursor: `${E}-13` } });
    say({ live: { cursor: `${E}-14` } });
    assert.deepEqual(reports, [["live", { topic: "a", cursor: `${E}-12` }], ["live", { topic: "b", cursor: `${E}-13` }]]);
  });

  test("of another tab's follow nothing is told here, and all is kept", () => {
    const { say, got, reports, follows, live } = connection([["a", `${E}-10`, "other"]]);
    const value = message("a", 20, 15);
    assert.deepEqual(say(value), follows);
    say({ gap: { topic: "a", from: 21, to: 22, reason: "expired" } });
    live("a", 20);
    assert.deepEqual([got, reports], [[], []]);
    assert.equal(askOf(follows[0].cover), `${E}-20`);
  });

  test("a follow that is closed by another's message gets it no more", () => {
    const { say, follows, got } = connection([["a", `${E}-10`], ["a", `${E}-10`]]);
    follows[0].fn = () => (follows[1].closed = true);
    say(message("a", 20, 9));
    assert.deepEqual(got, []);
  });
});
