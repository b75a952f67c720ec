// What happens to the page: it is put away and comes back, the network changes, the clock jumps, the tab is shown again.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { client, clock, epoch, network, parameters, settle } from "./fakes.mjs";

/** A window for one test. What a document tells passes through it on its way down. */
function page(t) {
  const window = new EventTarget();
  const names = ["addEventListener", "removeEventListener"];
  for (const name of names) globalThis[name] = window[name].bind(window);
  globalThis.document = { hidden: false };
  t.after(() => {
    for (const name of [...names, "document"]) delete globalThis[name];
  });
  const fire = (name, more = {}) => window.dispatchEvent(Object.assign(new Event(name), more));
  return { fire, show: () => fire("visibilitychange") };
}

const opened = async (t, options) => {
  const it = page(t);
  const time = clock(t, 0.5);
  const net = network();
  const one = client(t, net, { share: false, ...options });
  one.follow("a", "all");
  await time.pass(50);
  net.last().stream?.();
  await settle();
  net.last().hello(10);
  net.last().prove();
  await settle();
  return { ...it, time, net, ...one };
};

test("bfcache: nothing is held while the page is put away, and it begins anew when it is shown, with its cursors", async (t) => {
  const { fire, net, state, time, seqs } = await opened(t);
  net.last().message("a", 11, 10);
  fire("pagehide");
  assert.deepEqual(net.open(), []);
  assert.equal(state(), "waiting websocket");
  await time.pass(600000);
  assert.equal(net.all.length, 1);
  fire("pageshow", { persisted: false });
  assert.equal(net.all.length, 1, "the page's first showing is no return");
  fire("pageshow", { persisted: true });
  await time.pass(50);
  assert.equal(parameters(net.last()).since, `${epoch}-11`);
  net.last().hello(11);
  net.last().message("a", 12, 11);
  assert.deepEqual(seqs(), [11, 12]);
});

test("online: an open connection must give a sign of life within two seconds", async (t) => {
  const { fire, net, state, time } = await opened(t);
  await time.pass(3000);
  fire("online");
  const dead = net.last();
  assert.deepEqual(dead.upstream.at(-1), { id: 0, ping: true });
  await time.pass(1900);
  assert.equal(dead.closed, false);
  await time.pass(700);
  assert.equal(dead.closed, true, "it is left, not waited for");
  assert.ok(net.all.length > 1);
  assert.match(state(), /connecting|waiting/);
});

test("online: what answers goes on", async (t) => {
  const { fire, net, state, time } = await opened(t);
  await time.pass(3000);
  fire("online");
  net.last().send({ ack: { id: 0 } });
  await time.pass(10000);
  assert.equal(state(), "open websocket");
  assert.equal(net.all.length, 1);
});

test("online ends a wait, and races anew", async (t) => {
  const { fire, net, time } = await opened(t);
  net.last().message("a", 11, 10);
  await time.pass(6000);
  net.last().die();
  assert.equal(net.open().length, 0);
  fire("online");
  assert.equal(net.open().length, 1);
  await time.pass(300);
  assert.deepEqual(net.open().map((one) => one.kind), ["websocket", "sse"], "with the short head start: the network is another");
});

test("looking at the page ends a wait, but not one that the gateway has asked for", async (t) => {
  const { show, net, state, time } = await opened(t);
  net.last().message("a", 11, 10);
  await time.pass(6000);
  net.last().die();
  assert.equal(state(), "waiting websocket");
  show();
  await settle();
  assert.equal(net.open().length, 1);
  net.last().hello(11);
  net.last().send({ bye: { code: 4001, reason: "draining", retry_ms: 9000 } });
  show();
  await time.pass(8000);
  assert.equal(net.open().length, 0);
  await time.pass(6000);
  assert.equal(net.open().length, 1);
});

test("online on a lesser transport probes upward at once", async (t) => {
  const { fire, net } = await opened(t, { transports: ["sse", "poll"] });
  net.last().die();
  await settle();
  assert.equal(net.last().kind, "poll");
  net.last().answer(200, { cursor: `${epoch}-10`, items: [], more: false });
  await settle();
  fire("online");
  await settle();
  assert.deepEqual(net.open().map((one) => one.kind), ["sse", "poll"], "and asks what it has for a sign of life");
});

for (const kind of ["sse", "stream"]) {
  test(`${kind} shown again after a while is renewed, and the old one serves until the new one speaks`, async (t) => {
    const { net, seqs, show, time } = await opened(t, { transports: [kind] });
    const old = net.last();
    await time.pass(1000);
    show();
    assert.equal(net.all.length, 1, "it was heard of just now");
    await time.pass(5000);
    show();
    assert.equal(net.all.length, 2);
    old.message("a", 11, 10);
    await settle();
    const fresh = net.last();
    fresh.stream?.();
    await settle();
    fresh.hello(10);
    await settle();
    fresh.message("a", 11, 10);
    fresh.message("a", 12, 11);
    await settle();
    assert.deepEqual(seqs(), [11, 12]);
    assert.deepEqual(net.open(), [fresh]);
  });
}

test("after a night's sleep the clock on the wall counts, not the timers", async (t) => {
  const { net, time } = await opened(t);
  mock.timers.setTime(Date.now() + 8 * 3600 * 1000);
  await time.pass(100);
  assert.deepEqual(net.last("websocket").upstream.at(-1), { id: 0, ping: true });
  await time.pass(2600);
  assert.ok(net.all.length > 1);
});

test("ten thousand clients come back from one restart with at most 1.1 attempts each", async (t) => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.after(() => mock.timers.reset());
  const clients = 500; // What one does, all do: their chances are independent.
  const nets = [];
  for (let i = 0; i < clients; i++) {
    const net = network();
    client(t, net).follow("a", "all");
    nets.push(net);
  }
  const pass = async (ms) => {
    for (let left = ms; left > 0; left -= 50) {
      mock.timers.tick(50);
      await settle();
    }
  };
  await pass(50);
  for (const net of nets) {
    net.last().hello(10);
    net.last().prove();
  }
  await pass(6000);
  const before = nets.reduce((sum, net) => sum + net.all.length, 0);
  // As the gateway says goodbye: each is told a time of its own (transport.RetryMS).
  for (const net of nets) net.last().send({ bye: { code: 4001, reason: "draining", retry_ms: 500 + Math.floor(Math.random() * 2500) } });
  const back = Date.now() + 500;
  for (let i = 0; i < 200; i++) {
    await pass(50);
    for (const net of nets) {
      for (const one of net.open()) {
        if (one.seen) continue;
        one.seen = true;
        if (Date.now() < back) one.die();
        else one.hello(10);
      }
    }
  }
  const attempts = nets.reduce((sum, net) => sum + net.all.length, 0) - before;
  assert.ok(attempts >= clients && attempts <= 1.1 * clients, `${attempts} attempts of ${clients} clients`);
});
