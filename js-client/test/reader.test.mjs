// One connection for all follows: when it steps down, when it does not, how it waits, how it moves.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { client, clock, epoch, network, parameters, settle } from "./fakes.mjs";

const streaming = ["websocket", "sse", "stream"];

describe("the first connection", () => {
  test("hello is success, and nothing before it", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow, state, seqs } = client(t, net);
    follow("a", "now");
    await time.pass(50);
    assert.deepEqual(net.kinds(), ["websocket"]);
    assert.equal(net.last().protocol, "tidings.v1");
    assert.equal(net.last().url, "ws://gateway/topics?topic=a&since=now&transport=websocket");
    net.last().message("a", 9, 8);
    assert.equal(state(), "connecting websocket");
    net.last().hello(10);
    assert.equal(state(), "open websocket");
    net.last().message("a", 12, 7);
    assert.deepEqual(seqs(), [12]);
  });

  test("steps down where there is no hello: at once when refused, after 5 s of silence", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow, seen, state } = client(t, net);
    follow("a", "all");
    await time.pass(50);
    net.last().die();
    assert.deepEqual(net.kinds(), ["websocket", "sse"]);
    assert.equal(net.last().url, "http://gateway/topics?topic=a&since=all&transport=sse&wrap=1");
    await time.pass(4900);
    assert.equal(net.all.length, 2);
    await time.pass(200);
    assert.deepEqual(net.kinds(), ["websocket", "sse", "stream"]);
    assert.equal(net.all[1].closed, true);
    net.last().answer(200, "<html>Please log in</html>");
    await settle();
    assert.equal(net.last().kind, "longpoll");
    assert.deepEqual(parameters(net.last().url), { topic: "a", since: "all", transport: "longpoll", wait: "0" });
    net.last().answer(200, "<html>Please log in</html>");
    await settle();
    assert.deepEqual(parameters(net.last().url), { topic: "a", since: "all", transport: "poll" });
    net.last().answer(200, { cursor: `${epoch}-5`, items: [], more: false });
    await settle();
    assert.equal(state(), "open poll");
    assert.deepEqual(
      seen.states.map((s) => [s.state, s.transport, s.cause]),
      [
        ["connecting", "websocket", "start"],
        ["connecting", "sse", "closed"],
        ["connecting", "stream", "no hello"],
        ["connecting", "longpoll", "closed"],
        ["connecting", "poll", "invalid"],
        ["open", "poll", "invalid"],
      ],
    );
    assert.deepEqual(seen.errors, []);
  });

  test("what the environment lacks is left out; an unknown transport throws", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow } = client(t, { ...net, WebSocket: undefined, EventSource: undefined, all: net.all });
    follow("a");
    await time.pass(50);
    assert.deepEqual(net.kinds(), ["stream"]);
    assert.throws(() => client(t, net, { transports: ["pigeon"] }), /no transport is called pigeon/);
  });

  test("when all have failed it waits, ever longer, with jitter anew each time, and begins again from the best", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow, seen } = client(t, net, { transports: ["websocket", "poll"] });
    const chances = [0.5, 0.25, 0.75, 0.5];
    const waits = [];
    follow("a");
    await time.pass(50);
    for (const chance of chances) {
      t.mock.method(Math, "random", () => chance);
      assert.equal(net.last().kind, "websocket");
      net.last().die();
      net.last().die();
      await settle();
      assert.equal(seen.states.at(-1).state, "waiting");
      const from = Date.now();
      const had = net.all.length;
      await time.until(() => net.all.length > had);
      waits.push(Date.now() - from);
    }
    assert.deepEqual(waits, [250, 250, 1500, 2000]); // 500, 1000, 2000, 4000 times the chance
  });

  test("errors of a server back off, and are never asked again without delay", async (t) => {
    const time = clock(t, 0);
    const net = network();
    const { follow } = client(t, net, { transports: ["poll"] });
    follow("a");
    await time.pass(50);
    for (let i = 1; i < 20; i++) {
      assert.equal(net.all.length, i);
      net.last().answer(500, "oh");
      await settle();
      assert.equal(net.all.length, i);
      await time.pass(50);
      assert.equal(net.all.length, i, "even when the chance is 0");
      await time.pass(50);
    }
  });

  test("Retry-After is obeyed, and is no fault of the transport", async (t) => {
    const time = clock(t, 0);
    const net = network();
    const { follow, seen } = client(t, net, { transports: ["stream", "longpoll", "poll"] });
    follow("a");
    await time.pass(50);
    net.last().answer(503, { code: "draining", status: 503 }, { "Retry-After": "7" });
    await time.pass(6900);
    assert.equal(net.all.length, 1);
    assert.equal(seen.states.at(-1).cause, "draining");
    await time.pass(150);
    assert.deepEqual(net.kinds(), ["stream", "stream"]);
  });

  test("a refusal of the gateway's own ends it; a proxy's does not", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow, seen, state } = client(t, net, { transports: ["stream", "poll"] });
    follow("$x");
    await time.pass(50);
    net.last().answer(403, "<h1>Forbidden</h1>");
    await settle();
    assert.equal(net.last().kind, "poll");
    net.last().answer(403, { code: "reserved_topic", status: 403, detail: "topics that begin with $ …" });
    await settle();
    assert.equal(state(), "closed poll");
    assert.equal(seen.errors.length, 1);
    assert.equal(seen.errors[0].code, 4503);
    assert.match(seen.errors[0].message, /topics that begin with \$/);
    await time.pass(60000);
    assert.equal(net.all.length, 2);
  });
});

describe("the end of a connection", () => {
  const opened = async (t, time, options, seq = 10) => {
    const net = network();
    const it = client(t, net, options);
    it.follow("a", "now");
    await time.pass(50);
    net.last().hello(seq);
    return { net, ...it };
  };

  test("after bye it comes back by the same transport, not before retry_ms", async (t) => {
    const time = clock(t, 0);
    const { net, seen } = await opened(t, time);
    net.last().message("a", 12, 10);
    net.last().send({ bye: { code: 4001, reason: "draining", retry_ms: 3000 } });
    assert.equal(net.last().closed, true);
    assert.deepEqual([seen.states.at(-1).state, seen.states.at(-1).cause], ["waiting", "draining"]);
    await time.pass(2950);
    assert.equal(net.all.length, 1);
    await time.pass(100);
    assert.deepEqual(net.kinds(), ["websocket", "websocket"]);
    assert.equal(parameters(net.last().url).since, `${epoch}-12`);
  });

  test("a close code says the same as bye", async (t) => {
    const time = clock(t, 0);
    const { net, seen, state } = await opened(t, time);
    net.last().die(4002, "slow");
    await time.pass(150);
    assert.deepEqual(net.kinds(), ["websocket", "websocket"]);
    net.last().hello(10);
    net.last().die(4507, "kicked");
    assert.equal(state(), "closed websocket");
    assert.equal(seen.errors[0].code, 4507);
    await time.pass(60000);
    assert.equal(net.all.length, 2);
  });

  test("4505 steps down and does not come back to that transport", async (t) => {
    const time = clock(t, 0);
    const { net, seen } = await opened(t, time);
    net.last().send({ bye: { code: 4505, reason: "transport_off" } });
    await time.pass(150);
    assert.deepEqual(net.kinds(), ["websocket", "sse"]);
    net.last().hello(10);
    for (let i = 0; i < 3; i++) {
      net.last("sse").send({ ping: { cursor: `${epoch}-1${i}` } });
      await time.pass(30000);
    }
    assert.deepEqual(net.kinds(), ["websocket", "sse"]);
    assert.deepEqual(seen.errors, []);
  });

  test("under pressure it goes where the offer says", async (t) => {
    const time = clock(t, 0);
    const { net } = await opened(t, time);
    net.last().send({ bye: { code: 4003, reason: "pressure", retry_ms: 500, offer: { transports: ["longpoll", "poll"] } } });
    await time.pass(600);
    assert.deepEqual(net.kinds(), ["websocket", "longpoll"]);
  });

  test("a transport that has spoken is not to blame when plain HTTP fails too", async (t) => {
    const time = clock(t, 0);
    const { net, state } = await opened(t, time);
    net.last().message("a", 11, 10);
    net.last().die();
    for (let i = 0; i < 5; i++) {
      await time.pass(150);
      assert.equal(net.last().kind, "websocket");
      net.last().die();
      await settle();
      assert.equal(net.last().kind, "poll");
      net.last().die();
      await settle();
      assert.equal(state(), "waiting websocket");
    }
    await time.pass(150);
    net.last("websocket").hello(11);
    assert.equal(state(), "open websocket");
    assert.ok(!net.kinds().includes("sse"));
  });

  test("it steps down when plain HTTP works and the transport fails twice", async (t) => {
    const time = clock(t, 0);
    const { net } = await opened(t, time);
    net.last().message("a", 11, 10);
    net.last().die();
    for (let i = 0; i < 2; i++) {
      await time.pass(150);
      assert.equal(net.last().kind, "websocket");
      net.last().die();
      net.last().answer(200, { cursor: `${epoch}-11`, items: [], more: false });
      await settle();
    }
    await time.pass(150);
    assert.equal(net.last().kind, "sse");
    assert.equal(parameters(net.last().url).since, `${epoch}-11`);
  });

  test("two young deaths step down; one, or one with a message, does not", async (t) => {
    const time = clock(t, 0);
    const { net } = await opened(t, time);
    net.last().die();
    await time.pass(150);
    net.last().hello(10);
    net.last().message("a", 11, 10);
    net.last().die();
    for (let i = 0; i < 2; i++) {
      await time.pass(150);
      assert.equal(net.last().kind, "websocket");
      net.last().hello(11);
      await time.pass(1000);
      net.last().die();
    }
    await time.pass(150);
    assert.equal(net.last().kind, "sse");
  });

  test("silence from the start steps down; silence after life does not", async (t) => {
    const time = clock(t, 0);
    const { net, seen } = await opened(t, time);
    net.last().send({ ping: { cursor: `${epoch}-20` } });
    await time.pass(31900);
    assert.equal(net.all.length, 1);
    await time.pass(300);
    assert.equal(seen.states.find((s) => s.state === "waiting").cause, "silent");
    assert.deepEqual(net.kinds(), ["websocket", "websocket"]);
    assert.equal(parameters(net.last().url).since, `${epoch}-10`, "what was not live is asked for from where it began");
    net.last().hello(10);
    await time.pass(32300);
    assert.deepEqual(net.kinds(), ["websocket", "websocket", "sse"]);
  });

  test("the position of a live follow moves with pings", async (t) => {
    const time = clock(t, 0);
    const { net } = await opened(t, time);
    net.last().send({ live: { topic: "a", cursor: `${epoch}-10` } });
    net.last().send({ ping: { cursor: `${epoch}-20` } });
    net.last().die();
    await time.pass(150);
    assert.equal(parameters(net.last().url).since, `${epoch}-20`);
  });
});

describe("moving", () => {
  test("the old one serves until the new one says hello; nothing is lost or doubled", async (t) => {
    const time = clock(t);
    const net = network();
    const { it, follow, seqs, seen, state } = client(t, net);
    follow("a/*", "all");
    await time.pass(50);
    const old = net.last();
    old.hello(10);
    old.message("a/x", 3, 0);
    old.send({ live: { topic: "a/*", cursor: `${epoch}-10` } });
    it.use("sse");
    const fresh = net.last();
    assert.equal(fresh.kind, "sse");
    assert.equal(parameters(fresh.url).since, `${epoch}-10`);
    assert.equal(old.closed, false);
    old.message("a/y", 11, 0);
    old.message("a/x", 12, 3);
    assert.equal(state(), "open websocket");
    fresh.hello(10);
    assert.equal(old.closed, true);
    old.send({ topic: "a/x", seq: 13, prev: 12, time: 1, data: "late" });
    fresh.message("a/y", 11, 0);
    fresh.message("a/x", 12, 3);
    fresh.message("a/x", 13, 12);
    assert.deepEqual(seqs(), [3, 11, 12, 13]);
    assert.equal(seen.messages.at(-1).data, "a/x 13");
    assert.deepEqual(
      { ...seen.states.at(-1) },
      { state: "open", transport: "sse", previous: "websocket", cause: "use", cursor: `${epoch}-10` },
    );
    assert.deepEqual(seen.errors, []);
    it.use(null);
    assert.equal(net.last().kind, "websocket");
  });

  test("a forced transport that fails is reported and tried again; the old one serves", async (t) => {
    const time = clock(t);
    const net = network();
    const { it, follow, seen, state } = client(t, net);
    follow("a");
    await time.pass(50);
    net.last().hello(10);
    it.use("sse");
    net.last("sse").die();
    assert.match(seen.errors[0].message, /sse failed/);
    assert.equal(state(), "open websocket");
    await time.pass(25000);
    net.last("websocket").send({ ping: { cursor: `${epoch}-10` } });
    await time.pass(20000);
    assert.equal(net.kinds().filter((kind) => kind === "sse").length, 2);
    assert.throws(() => it.use("pigeon"), /cannot be used/);
  });

  test("a page that lives long probes upward, ever more rarely, and moves when hello comes", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow, state, seqs } = client(t, net, { transports: ["websocket", "sse", "poll"], poll_ms: 10000 });
    const polls = async (ms) => {
      for (let left = ms; left > 0; left -= 500) {
        for (const one of net.open()) if (one.kind === "poll") one.answer(200, { cursor: `${epoch}-10`, items: [], more: false });
        await time.pass(500);
      }
    };
    follow("a", "all");
    await time.pass(50);
    net.last().die();
    net.last().die();
    await polls(500);
    assert.equal(state(), "open poll");
    const probes = [];
    const tries = () => net.kinds().filter((kind) => kind === "websocket").length;
    for (let i = 0; i < 7; i++) {
      const had = tries();
      const from = Date.now();
      await time.until(() => tries() > had, () => polls(500));
      probes.push(Math.round((Date.now() - from) / 10000) * 10);
      net.last("websocket").die();
      assert.equal(net.last().kind, "sse", "one turn tries all that are better");
      net.last("sse").die();
    }
    assert.deepEqual(probes, [30, 60, 120, 240, 300, 300, 300]);
    await time.until(() => tries() > 8, () => polls(500));
    const fresh = net.last("websocket");
    fresh.hello(10);
    fresh.message("a", 11, 9);
    assert.equal(state(), "open websocket");
    assert.deepEqual(seqs(), [11]);
    assert.deepEqual(net.open(), [fresh]);
  });

  test("a probe that dies young falls back at once", async (t) => {
    const time = clock(t, 0.5);
    const net = network();
    const { follow } = client(t, net, { transports: ["websocket", "sse"] });
    follow("a");
    await time.pass(50);
    net.last().die();
    net.last().hello(10);
    await time.pass(31000);
    assert.equal(net.last().kind, "websocket");
    net.last().hello(10);
    net.last().die();
    await time.pass(600);
    assert.equal(net.last().kind, "sse");
  });

  test("another epoch: covers are forgotten, a gap says so once, before what comes; late items of the old one are dropped", async (t) => {
    const time = clock(t, 0);
    const net = network();
    const { follow, seen, it } = client(t, net);
    const order = [];
    it.on("gap", (gap) => order.push(gap.reason));
    it.follow("a", (message) => order.push(message.cursor), { since: `${epoch}-100` });
    follow("b", `${epoch}-100`);
    await time.pass(50);
    const old = net.last();
    old.hello(100);
    old.message("a", 101, 90);
    old.die();
    await time.pass(150);
    const fresh = net.last();
    fresh.hello(4, { epoch: "newepoch" });
    old.send({ topic: "a", seq: 102, prev: 101, time: 1, data: "late" });
    fresh.send({ gap: { topic: "a", from: 0, to: 0, reason: "restart" } });
    fresh.message("a", 2, 1);
    fresh.message("a", 3, 2);
    assert.deepEqual(order, [`${epoch}-101`, "restart", "restart", "newepoch-2", "newepoch-3"]);
    assert.deepEqual(seen.gaps.map((gap) => gap.topic), ["a", "b"]);
    assert.deepEqual(seen.errors, []);
  });

  test("gaps are reported once, holes that no gap states are errors", async (t) => {
    const time = clock(t, 0);
    const net = network();
    const { follow, seen, seqs } = client(t, net);
    follow("a", `${epoch}-10`);
    await time.pass(50);
    const one = net.last();
    one.hello(10);
    one.send({ gap: { topic: "a", from: 11, to: 20, reason: "expired" } });
    one.send({ gap: { topic: "a", from: 11, to: 20, reason: "expired" } });
    one.message("a", 25, 20);
    one.message("a", 30, 28);
    one.message("a", 40, 38, { latest: true });
    assert.deepEqual(seqs(), [25, 30, 40]);
    assert.deepEqual(seen.gaps, [{ topic: "a", from: 11, to: 20, reason: "expired" }]);
    assert.equal(seen.errors.length, 1);
    assert.equal(seen.errors[0].cursor, `${epoch}-30`);
  });
});

test("a cursor ahead of the log: it is told, and what the log retains is taken", async (t) => {
  const time = clock(t, 0);
  const net = network();
  const { follow, seen, seqs } = client(t, net);
  follow("a", `${epoch}-900`);
  await time.pass(50);
  const one = net.last();
  one.hello(900);
  one.send({ gap: { topic: "a", from: 0, to: 0, reason: "unknown_cursor" } });
  one.message("a", 3, 2);
  one.message("a", 4, 3);
  assert.deepEqual(seqs(), [3, 4]);
  assert.deepEqual(seen.gaps.map((gap) => gap.reason), ["unknown_cursor"]);
  assert.deepEqual(seen.errors, []);
});

test("a follow that joins an overlapping one hears nothing from before, and that is no hole", async (t) => {
  const time = clock(t, 0);
  const net = network();
  const { follow, seen } = client(t, net);
  follow("a/*", "now");
  await time.pass(50);
  const one = net.last();
  one.hello(100);
  follow("a/x", `${epoch}-50`);
  await time.pass(50);
  one.send({ ack: { id: one.upstream[0].id, at: `${epoch}-50` } });
  one.message("a/x", 110, 95);
  assert.equal(seen.messages.length, 2);
  assert.deepEqual(seen.errors, []);
});

describe("what is followed", () => {
  test("follows of one turn share a request; later ones go up an open WebSocket", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow, seqs, seen } = client(t, net);
    const a = follow("a", "now");
    follow("b/*", `${epoch}-3`);
    await time.pass(50);
    const one = net.last();
    assert.deepEqual(parameters(one.url), { topic: ["a", "b/*"], since: ["now", `${epoch}-3`], transport: "websocket" });
    one.hello(10);
    follow("c", "all");
    await time.pass(50);
    assert.equal(net.all.length, 1);
    const [{ id, follow: items }] = one.upstream;
    assert.deepEqual(items, [{ topic: "c", since: "all" }]);
    one.message("c", 4, 0);
    assert.deepEqual(seqs(), [], "not before the ack");
    one.send({ ack: { id, at: `${epoch}-0` } });
    one.message("c", 4, 0);
    assert.deepEqual(seqs(), [4]);
    a.close();
    await time.pass(50);
    assert.deepEqual(one.upstream[1].unfollow, ["a"]);
    one.message("a", 11, 0);
    assert.deepEqual(seqs(), [4]);
    follow("$x", "now");
    await time.pass(50);
    one.send({ ack: { id: one.upstream[2].id, error: { code: "reserved_topic", status: 403, detail: "no" } } });
    assert.equal(seen.errors[0].topic, "$x");
    one.die();
    await time.pass(500);
    assert.deepEqual(parameters(net.last().url).topic, ["b/*", "c"]);
  });

  for (const transport of ["sse", "stream"]) {
    test(`on ${transport} a new request takes over with the cursors`, async (t) => {
      const time = clock(t);
      const net = network();
      const { follow, seqs } = client(t, net, { transports: [transport] });
      const start = async () => {
        net.last().stream?.();
        await settle();
      };
      follow("a", "now");
      await time.pass(50);
      const old = net.last();
      await start();
      old.hello(10);
      old.message("a", 12, 0);
      await settle();
      follow("b", "all");
      await time.pass(50);
      const fresh = net.last();
      assert.notEqual(fresh, old);
      assert.deepEqual([parameters(fresh.url).topic, parameters(fresh.url).since], [["a", "b"], [`${epoch}-12`, "all"]]);
      old.message("a", 13, 12);
      await settle();
      await start();
      fresh.hello(12);
      fresh.message("b", 2, 0);
      fresh.message("a", 13, 12);
      fresh.message("a", 14, 13);
      await settle();
      assert.deepEqual(seqs(), [12, 13, 2, 14]);
      assert.equal(old.closed, true);
    });
  }

  test("on long polls the held one is let go", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow, seen, seqs } = client(t, net, { transports: ["longpoll"] });
    follow("a", "now");
    await time.pass(50);
    assert.equal(parameters(net.last().url).wait, "0");
    net.last().answer(200, { cursor: `${epoch}-10`, items: [], more: false });
    await time.pass(50);
    assert.deepEqual(seen.live, [{ topic: "a", cursor: `${epoch}-10` }]);
    const held = net.last();
    assert.deepEqual([parameters(held.url).wait, parameters(held.url).since], ["25", `${epoch}-10`]);
    follow("b", "all");
    await time.pass(50);
    assert.equal(held.closed, true);
    assert.deepEqual(parameters(net.last().url).since, [`${epoch}-10`, "all"]);
    net.last().answer(200, {
      cursor: `${epoch}-12`,
      items: [
        { topic: "b", seq: 2, prev: 0, time: 1, data: 1 },
        { topic: "a", seq: 12, prev: 9, time: 1, data: 1 },
      ],
      more: true,
    });
    await time.pass(50);
    assert.deepEqual(seqs(), [2, 12]);
    assert.equal(parameters(net.last().url).since, `${epoch}-12`);
    assert.equal(seen.live.length, 1, "there is more of b");
    net.last().answer(200, { cursor: `${epoch}-13`, items: [], more: false });
    await time.pass(50);
    assert.deepEqual(seen.live.slice(1), [{ topic: "b", cursor: `${epoch}-13` }]);
  });

  test("the same topic twice: now joins, an earlier begin takes a new connection, and each hears its own", async (t) => {
    const time = clock(t);
    const net = network();
    const { it } = client(t, net);
    const got = { first: [], now: [], all: [] };
    const follow = (name, since) => it.follow("a", (message) => got[name].push(message.seq), { since });
    follow("first", `${epoch}-5`);
    await time.pass(50);
    const old = net.last();
    old.hello(5);
    old.send({ live: { topic: "a", cursor: `${epoch}-10` } });
    old.message("a", 11, 4);
    follow("now", "now");
    await time.pass(50);
    old.message("a", 12, 11);
    follow("all", "all");
    await time.pass(50);
    const fresh = net.last();
    assert.notEqual(fresh, old);
    assert.equal(parameters(fresh.url).since, "all");
    fresh.hello(12);
    for (const [seq, prev] of [[4, 0], [11, 4], [12, 11], [13, 12]]) fresh.message("a", seq, prev);
    assert.deepEqual(got, { first: [11, 12, 13], now: [12, 13], all: [4, 11, 12, 13] });
  });

  test("the last follow closes the connection, another opens it again", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow, state } = client(t, net);
    const f = follow("a");
    await time.pass(50);
    net.last().hello(10);
    f.close();
    await time.pass(50);
    assert.equal(state(), "closed websocket");
    assert.deepEqual(net.open(), []);
    follow("b");
    await time.pass(50);
    assert.equal(parameters(net.last().url).topic, "b");
  });

  test("too many topics for a URL: POST, or up the WebSocket, and not by SSE", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow } = client(t, net);
    const topics = Array.from({ length: 100 }, (_, i) => `some/rather/long/topic/${i}`);
    for (const topic of topics) follow(topic, "now");
    await time.pass(50);
    const socket = net.last();
    assert.equal(socket.url, "ws://gateway/topics?transport=websocket");
    socket.hello(10);
    assert.deepEqual(socket.upstream[0].follow.map((item) => item.topic), topics);
    socket.send({ ack: { id: socket.upstream[0].id, at: `${epoch}-10` } });
    socket.send({ bye: { code: 4505, reason: "transport_off" } });
    await time.pass(500);
    assert.deepEqual(net.kinds(), ["websocket", "/follow"]);
    const { init } = net.last();
    assert.equal(init.method, "POST");
    assert.equal(init.headers["Content-Type"], "text/plain");
    const body = JSON.parse(init.body);
    assert.equal(body.transport, "stream");
    assert.deepEqual(body.follow[7], { topic: "some/rather/long/topic/7", since: `${epoch}-10` });
  });

  test("the same topic twice among too many for a URL goes up once", async (t) => {
    const time = clock(t);
    const net = network();
    const { it, follow, seqs } = client(t, net, { transports: ["websocket"] });
    const now = [];
    it.follow("a", (message) => now.push(message.seq));
    for (let i = 0; i < 100; i++) follow(`some/rather/long/topic/${i}`, "now");
    follow("a", "all");
    await time.pass(50);
    const one = net.last();
    one.hello(10);
    const [{ id, follow: items }] = one.upstream;
    assert.deepEqual(items.filter((item) => item.topic === "a"), [{ topic: "a", since: "all" }]);
    one.send({ ack: { id, at: `${epoch}-0` } });
    one.message("a", 3, 0);
    one.send({ live: { topic: "a", cursor: `${epoch}-10` } });
    one.message("a", 11, 3);
    await time.pass(1000);
    assert.deepEqual(seqs(), [3, 11]);
    assert.deepEqual(now, [11], "now begins when the history has come");
    assert.deepEqual([net.all.length, one.upstream.length], [1, 1]);
  });

  test("binary data, and an application that throws", async (t) => {
    const time = clock(t);
    const net = network();
    const { it, seen, follow } = client(t, net);
    it.follow("a", () => {
      throw new Error("the application's own");
    });
    follow("a");
    await time.pass(50);
    net.last().hello(10);
    const thrown = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve));
    t.after(() => process.setUncaughtExceptionCaptureCallback(null));
    net.last().send({ topic: "a", seq: 11, prev: 0, time: 1, type: "image/png", data64: "AP+ACg==" });
    assert.deepEqual(seen.messages[0].data, Uint8Array.from([0, 255, 128, 10]));
    assert.equal(seen.messages[0].data64, "AP+ACg==");
    let error;
    try {
      await time.pass(50);
    } catch (caught) {
      error = caught; // The fake clock hands on what a timer throws.
    }
    assert.match((error ?? (await thrown)).message, /the application's own/);
  });

  for (const kind of streaming) {
    test(`close ends ${kind} for good`, async (t) => {
      const time = clock(t);
      const net = network();
      const { it, follow, seen, state } = client(t, net, { transports: [kind] });
      follow("a");
      await time.pass(50);
      net.last().stream?.();
      await settle();
      net.last().hello(1);
      await settle();
      assert.equal(state(), `open ${kind}`);
      it.close();
      assert.deepEqual(net.open(), []);
      assert.equal(seen.states.at(-1).state, "closed");
      await time.pass(60000);
      assert.equal(net.all.length, 1);
    });
  }

  test("a follow after close is an error, not silence", async (t) => {
    const time = clock(t);
    const net = network();
    const { it, follow, seen, state } = client(t, net);
    it.close();
    follow("a");
    await time.pass(60000);
    assert.deepEqual(net.all, []);
    assert.equal(state().split(" ")[0], "closed");
    assert.deepEqual(
      seen.errors.map((e) => [e.message, e.cause, e.topic]),
      [["tidings: followed after close", "close", "a"]],
    );
  });
});
