// What goes wrong between two moments: each of these once lost a message, a connection, or the way back.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { blindly } from "../src/transports/old/blind.js";
import { client, clock, epoch, network, parameters, settle } from "./fakes.mjs";

for (const transport of ["sse", "stream"]) {
  test(`on ${transport} the gateway ends the older one of two before the newer one speaks: that goes on`, async (t) => {
    const time = clock(t);
    const net = network();
    const { follow, seen, seqs } = client(t, net, { transports: [transport, "poll"] });
    follow("a", "all");
    await time.pass(50);
    const old = net.last();
    old.stream?.();
    old.hello(10);
    old.prove();
    await settle();
    follow("b", "all");
    await time.pass(50);
    const fresh = net.last();
    old.send({ bye: { code: 4506, reason: "replaced" } });
    await settle();
    assert.equal(fresh.closed, false);
    fresh.stream?.();
    fresh.hello(0);
    fresh.message("b", 3, 0);
    await settle();
    assert.deepEqual(seqs(), [3]);
    assert.deepEqual(
      seen.states.map(({ state, cause }) => `${state} ${cause}`),
      ["connecting start", "open start", "connecting replaced", "open follow"],
    );
    assert.equal(net.all.length, 2);
  });
}

test("who is replaced by nobody that it knows asks again", async (t) => {
  const time = clock(t);
  const net = network();
  const { follow, seen } = client(t, net, { transports: ["websocket", "poll"] });
  follow("a", "all");
  await time.pass(50);
  net.last().hello(10);
  net.last().prove();
  net.last().send({ bye: { code: 4506, reason: "replaced" } });
  await time.pass(600);
  assert.deepEqual(net.kinds(), ["websocket", "websocket"]);
  assert.deepEqual(seen.errors, []);
});

test("a successor that fails, when the gateway has ended the older one, is followed by another", async (t) => {
  const time = clock(t);
  const net = network();
  const { follow, state } = client(t, net, { transports: ["sse"] });
  follow("a", "all");
  await time.pass(50);
  net.last().hello(10);
  net.last().prove();
  follow("b", "all");
  await time.pass(50);
  net.all[0].send({ bye: { code: 4506, reason: "replaced" } });
  net.last().die();
  assert.equal(state(), "waiting sse");
  await time.pass(1000);
  net.last().hello(10);
  assert.equal(state(), "open sse");
  assert.equal(net.all.length, 3);
});

test("a topic that is closed and followed again in the same turn is followed anew on an open WebSocket", async (t) => {
  const time = clock(t);
  const net = network();
  const { it, follow, seqs, seen } = client(t, net);
  const first = it.follow("a", () => assert.fail("it is closed"));
  await time.pass(50);
  const one = net.last();
  one.hello(10);
  one.prove();
  await time.pass(50);
  first.close();
  follow("a");
  await time.pass(50);
  const said = one.upstream.slice(1);
  assert.deepEqual(said, [
    { id: 0, unfollow: ["a"] },
    { id: "a", follow: [{ topic: "a", since: "now" }] },
  ]);
  one.message("a", 11, 0);
  one.send({ ack: { id: "a", at: `${epoch}-11` } });
  one.send({ live: { topic: "a", cursor: `${epoch}-11` } });
  one.message("a", 12, 11);
  assert.deepEqual(seqs(), [12]);
  assert.deepEqual(seen.errors, []);
  assert.equal(net.all.length, 1);
});

test("... and from an earlier place by a new connection, for what is under way is of the older follow", async (t) => {
  const time = clock(t);
  const net = network();
  const { it, follow, seqs } = client(t, net);
  const first = it.follow("a", () => {});
  await time.pass(50);
  const old = net.last();
  old.hello(10);
  old.prove();
  await time.pass(50);
  first.close();
  follow("a", "all");
  await time.pass(50);
  const fresh = net.last();
  assert.notEqual(fresh, old);
  fresh.hello(0);
  fresh.message("a", 2, 0);
  assert.deepEqual(seqs(), [2]);
});

test("a follow from now on is pinned down at once on a long poll, not by the first message, which would be lost", async (t) => {
  const time = clock(t);
  const net = network();
  const { follow, seen, seqs } = client(t, net, { transports: ["longpoll"] });
  follow("a", "now");
  await time.pass(50);
  net.last().answer(200, { cursor: `${epoch}-10`, items: [], more: false });
  await time.pass(50);
  assert.equal(parameters(net.last()).wait, "25");
  follow("b", "now");
  await time.pass(50);
  assert.deepEqual([parameters(net.last()).wait, parameters(net.last()).since], ["0", [`${epoch}-10`, "now"]]);
  net.last().answer(200, { cursor: `${epoch}-10`, items: [], more: false });
  await time.pass(50);
  assert.deepEqual(seen.live.at(-1), { topic: "b", cursor: `${epoch}-10` });
  assert.equal(parameters(net.last()).wait, "25");
  net.last().answer(200, { cursor: `${epoch}-11`, items: [{ topic: "b", seq: 11, prev: 0, time: 1, data: 1 }], more: false });
  await settle();
  assert.deepEqual(seqs(), [11]);
});

test("in a race the one that serves goes on when a better one that was still tried fails", async (t) => {
  const time = clock(t);
  const net = network();
  const { follow, seen, state } = client(t, net);
  follow("a", "all");
  await time.pass(400);
  const [socket, sse] = net.all;
  sse.hello(10);
  sse.prove();
  await time.pass(3000);
  assert.equal(socket.closed, true, "it never spoke");
  assert.equal(sse.closed, false);
  assert.equal(state(), "open sse");
  assert.equal(seen.states.filter((s) => s.state === "waiting").length, 0);
});

test("plain HTTP that stands in goes on when what it stands in for does not come back", async (t) => {
  const time = clock(t);
  const net = network();
  const { follow, state, it } = client(t, net, { transports: ["websocket", "poll"] });
  follow("a", "all");
  await time.pass(50);
  net.last().hello(10);
  net.last().prove();
  await time.pass(6000);
  net.last().die();
  await time.until(() => net.last().kind === "poll");
  const [socket] = net.open();
  net.last().answer(200, { cursor: `${epoch}-10`, items: [], more: false, poll_ms: 5000 });
  await settle();
  await time.until(() => socket.closed);
  await time.pass(100);
  assert.equal(state(), "open poll");
  assert.equal(it.diagnose().remembered, "websocket", "one failure is no verdict");
});

test("a long poll that ended early is asked again when the gateway says so, not at the interval of plain polls", async (t) => {
  const time = clock(t);
  const net = network();
  const { follow } = client(t, net, { transports: ["longpoll"], poll_ms: 60000 });
  follow("a", "all");
  await time.pass(50);
  net.last().answer(200, { cursor: `${epoch}-10`, items: [], more: false });
  await time.pass(50);
  net.last().answer(200, { cursor: `${epoch}-10`, items: [], more: false, poll_ms: 500 });
  await time.pass(600);
  assert.equal(net.all.length, 3);
});

test("a time to come back that no timer can hold is no reason to come back at once", async (t) => {
  const real = globalThis.setTimeout;
  const time = clock(t);
  const fake = globalThis.setTimeout;
  // As browsers have it, and the fake clock does not: more than 31 bits are no delay at all.
  globalThis.setTimeout = (fn, ms) => fake(fn, ms > 0x7fffffff || Number.isNaN(ms) ? 0 : ms);
  t.after(() => (globalThis.setTimeout = real));
  const net = network();
  const { follow, state } = client(t, net, { transports: ["poll"] });
  follow("a", "all");
  await time.pass(50);
  net.last().answer(503, "<html>Maintenance</html>", { "Retry-After": "2592000" });
  await time.pass(30000);
  assert.equal(net.all.length, 1);
  assert.equal(state(), "waiting poll");
  await time.pass(7200000);
  assert.ok(net.all.length > 1, "an hour is the most, whoever asks for more");
});

for (const rtt of ['"long"', "3e12", "-5", "null"]) {
  test(`a memory with a round trip of ${rtt} does no harm`, async (t) => {
    const real = globalThis.setTimeout;
    const time = clock(t);
    const fake = globalThis.setTimeout;
    globalThis.setTimeout = (fn, ms) => fake(fn, ms > 0x7fffffff || Number.isNaN(ms) ? 0 : ms);
    t.after(() => (globalThis.setTimeout = real));
    globalThis.localStorage = { getItem: () => `{"name":"sse","at":${Date.now()},"rtt":${rtt}}`, setItem() {} };
    t.after(() => delete globalThis.localStorage);
    const net = network();
    const { follow, it } = client(t, net, { share: false });
    follow("a", "all");
    await time.pass(250);
    assert.deepEqual(net.kinds(), ["sse"]);
    assert.equal(net.last().closed, false);
    await time.pass(6000);
    assert.deepEqual(net.kinds().slice(0, 2), ["sse", "websocket"]);
    await time.pass(60000);
    assert.ok(net.all[0].closed);
    const { rtt_ms } = it.diagnose();
    assert.ok(rtt_ms >= 0 && rtt_ms <= 5000, `${rtt_ms}`);
  });
}

test("a machine that sleeps while a ping is under way has no round trip of hours", async (t) => {
  const time = clock(t);
  const net = network();
  const { follow, it } = client(t, net);
  follow("a", "all");
  await time.pass(50);
  net.last().hello(10);
  mock.timers.setTime(Date.now() + 8 * 3600000);
  net.last().prove();
  assert.ok(it.diagnose().rtt_ms <= 5000, `${it.diagnose().rtt_ms}`);
});

test("a topic that the gateway does not let go over the open WebSocket goes over what is below", async (t) => {
  const time = clock(t);
  const net = network();
  const { follow, seen, seqs } = client(t, net, { transports: ["websocket", "poll"] });
  follow("a", "all");
  await time.pass(50);
  const one = net.last();
  one.hello(10);
  one.prove();
  one.message("a", 4, 0);
  await time.pass(10000);
  follow("scores/x", "all");
  await time.pass(50);
  const { id } = one.upstream.at(-1);
  one.send({ ack: { id, error: { code: "transport_off", status: 406, detail: "websocket is not allowed here" } } });
  await time.pass(50);
  assert.equal(net.last().kind, "poll");
  assert.deepEqual(parameters(net.last()).topic, ["a", "scores/x"]);
  net.last().answer(200, { cursor: `${epoch}-12`, items: [{ topic: "scores/x", seq: 12, prev: 0, time: 1 }], more: false });
  await settle();
  assert.deepEqual(seqs(), [4, 12]);
  assert.deepEqual(seen.errors, []);
});

test("... and is an error where there is nothing below", async (t) => {
  const time = clock(t);
  const net = network();
  const { follow, seen, state } = client(t, net, { transports: ["websocket"] });
  follow("a", "all");
  await time.pass(50);
  const one = net.last();
  one.hello(10);
  one.prove();
  follow("scores/x", "all");
  await time.pass(50);
  const { id } = one.upstream.at(-1);
  one.send({ ack: { id, error: { code: "transport_off", status: 406, detail: "websocket is not allowed here" } } });
  await time.pass(1000);
  assert.equal(seen.errors[0].topic, "scores/x");
  assert.equal(state(), "open websocket");
  assert.equal(net.all.length, 1);
});

test("a quiet connection that has lived on heartbeats is not to blame when the line goes dead", async (t) => {
  const time = clock(t);
  const net = network();
  const { follow, seen } = client(t, net);
  follow("a");
  await time.pass(50);
  const one = net.last();
  one.hello(10);
  one.prove();
  for (let n = 0; n < 30; n++) {
    await time.pass(20000);
    one.send({ ping: { cursor: `${epoch}-10` } });
  }
  await time.pass(34100);
  assert.equal(one.closed, true);
  assert.equal(seen.states.at(-1).state, "waiting");
  await time.pass(600);
  assert.equal(net.last().kind, "websocket");
});

test("close in a listener for states is for good: no timer stays, no connection comes", async (t) => {
  const time = clock(t);
  const net = network();
  const { it, follow } = client(t, net, { transports: ["websocket"] });
  it.on("state", ({ state }) => state === "waiting" && it.close());
  follow("a");
  await time.pass(50);
  net.last().die();
  await time.pass(1000);
  const set = mock.method(globalThis, "setTimeout");
  await time.pass(1000000);
  assert.equal(set.mock.callCount(), 0);
  assert.equal(net.all.length, 1);
});

test("use in a listener for states, and close soon after it", async (t) => {
  const time = clock(t);
  const net = network();
  const { it, follow } = client(t, net);
  let once = true;
  it.on("state", ({ state }) => {
    if (state === "connecting" && once) {
      once = false;
      it.use("sse");
      it.use(null);
    }
  });
  follow("a");
  await time.pass(100);
  it.close();
  const { length } = net.all;
  await time.pass(1000000);
  assert.equal(net.all.length, length);
  assert.deepEqual(net.open(), []);
});

/** Sets the clock back by two hours. The fake one does not go back by itself. */
function setBack(t) {
  const shifted = mock.method(Date.prototype, "valueOf", function () {
    return this.getTime() - 7200000;
  });
  t.after(() => shifted.mock.restore());
}

test("a clock that is set back does not keep a dead connection", async (t) => {
  const time = clock(t);
  const net = network();
  const { follow } = client(t, net);
  follow("a");
  await time.pass(50);
  const one = net.last();
  one.hello(10);
  one.prove();
  setBack(t);
  await time.pass(72000);
  assert.equal(one.closed, true);
});

test("a clock that is set back while a sign of life is awaited does not end a connection that gives it", async (t) => {
  const time = clock(t);
  const net = network();
  const { follow } = client(t, net);
  follow("a");
  await time.pass(50);
  const one = net.last();
  one.hello(10);
  one.prove();
  await time.pass(32100);
  assert.deepEqual(one.upstream.at(-1), { id: 0, ping: true });
  setBack(t);
  one.send({ ack: { id: 0 } });
  await time.pass(3000);
  assert.equal(one.closed, false);
});

test("what keeps all that it received asks for a new beginning until it gets one", () => {
  let asked = 0;
  const tell = blindly({ text() {}, renew: () => asked++, end: assert.fail });
  // The first may be refused: something better is being tried at that moment.
  for (let n = 0; n < 30; n++) tell("x".repeat(20000));
  assert.equal(asked, 2);
});

test("polls that everybody shares are not asked for a number of messages: they bring all there are", async (t) => {
  const time = clock(t);
  const net = network();
  const { it, follow, seqs } = client(t, net, { transports: ["poll"] });
  follow("a", `${epoch}-1`);
  await time.pass(50);
  const offer = { transports: ["poll"], shared: true };
  net.last().answer(200, { cursor: `${epoch}-9`, items: [], more: false, poll_ms: 1000, offer });
  await time.pass(1000);
  assert.deepEqual(parameters(net.last()), { topic: "a", transport: "poll" });
  const late = [];
  it.follow("b", (message) => late.push(message.seq), { since: "last:1" });
  await time.pass(50);
  assert.deepEqual(parameters(net.last()).since, [`${epoch}-9`, "last:1"]);
  const items = [{ topic: "b", seq: 8, prev: 7, time: 1, data: 1 }];
  net.last().answer(200, { cursor: `${epoch}-9`, items, more: false, poll_ms: 1000, offer });
  await time.pass(1100);
  assert.deepEqual(parameters(net.last()), { topic: ["a", "b"], transport: "poll" });
  assert.deepEqual([seqs(), late], [[], [8]]);
});

test("what serves and dies while what is better is being tried, in vain, does not wait for the end of that", async (t) => {
  const time = clock(t);
  const net = network();
  const { follow, state } = client(t, net);
  follow("a", "all");
  // A network that swallows everything but polls.
  await time.until(() => net.last()?.kind === "poll");
  const answer = () => net.last("poll").answer(200, { cursor: `${epoch}-10`, items: [], more: false, poll_ms: 1000 });
  answer();
  await settle();
  assert.equal(state(), "open poll");
  await time.until(() => net.last().kind === "websocket" && net.all.length > 5, async () => {
    await time.pass(50);
    if (!net.last("poll").closed) answer();
  });
  await time.until(() => !net.last("poll").closed);
  const { length } = net.all.filter((one) => one.kind === "poll");
  net.last("poll").answer(502, "<html>");
  await time.pass(1500);
  assert.ok(net.all.filter((one) => one.kind === "poll").length > length, "asked again within its back-off");
});

test("many signs of a network in a row begin no more attempts than one", async (t) => {
  const time = clock(t);
  const net = network();
  const listeners = {};
  globalThis.addEventListener = (type, fn) => (listeners[type] = fn);
  globalThis.removeEventListener = (type) => delete listeners[type];
  t.after(() => {
    delete globalThis.addEventListener;
    delete globalThis.removeEventListener;
  });
  const { it, follow, state } = client(t, net, { share: false });
  follow("a", "all");
  await time.pass(50);
  net.last().hello(10);
  net.last().prove();
  await time.pass(6000);
  net.last().die();
  for (let i = 0; i < 20; i++) {
    listeners.online({ type: "online" });
    await time.pass(10);
  }
  assert.equal(net.all.length, 2);
  net.last().hello(10);
  assert.equal(state(), "open websocket");
  it.close();
  assert.deepEqual(listeners, {});
});

test("after a long outage what is better is looked for as soon as after a short one", async (t) => {
  const time = clock(t);
  const net = network();
  const { follow, state } = client(t, net, { transports: ["websocket", "poll"] });
  follow("a", "all");
  await time.pass(50);
  net.last().hello(10);
  net.last().prove();
  await time.pass(6000);
  const refuse = (one) => one.die();
  net.open().forEach(refuse);
  for (let i = 0; i < 6000; i++) {
    await time.pass(100);
    net.open().forEach(refuse);
  }
  await time.until(() => {
    for (const one of net.open()) {
      if (one.kind === "poll") one.answer(200, { cursor: `${epoch}-10`, items: [], more: false, poll_ms: 60000 });
      else one.die();
    }
    return state() === "open poll";
  });
  const { length } = net.all;
  await time.pass(8000);
  assert.ok(net.all.slice(length).some((one) => one.kind === "websocket"));
});
