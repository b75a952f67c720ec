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
    assert.match(net.last().url, /^ws:\/\/gateway\/topics\?/);
    assert.deepEqual(parameters(net.last()), { topic: "a", since: "now", transport: "websocket" });
    net.last().message("a", 9, 8);
    assert.equal(state(), "connecting websocket");
    net.last().hello(10);
    assert.equal(state(), "open websocket");
    net.last().message("a", 12, 7);
    assert.deepEqual(seqs(), [12]);
  });

  test("races: the next one begins when the one before it fails, or after its head start", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow, seen, state } = client(t, net);
    follow("a", "all");
    await time.pass(50);
    net.last().die();
    assert.deepEqual(net.kinds(), ["websocket", "sse"], "at once when refused");
    assert.deepEqual(parameters(net.last()), { topic: "a", since: "all", transport: "sse", wrap: "1" });
    await time.pass(250);
    assert.equal(net.all.length, 2);
    await time.pass(100);
    assert.deepEqual(net.kinds(), ["websocket", "sse", "stream"]);
    assert.equal(net.all[1].closed, false, "it may yet speak");
    net.last().answer(200, "<html>Please log in</html>");
    await settle();
    assert.equal(net.last().kind, "longpoll");
    assert.deepEqual(parameters(net.last()), { topic: "a", since: "all", transport: "longpoll", wait: "0" });
    net.last().answer(200, "<html>Please log in</html>");
    await settle();
    assert.deepEqual(parameters(net.last()), { topic: "a", since: "all", transport: "poll" });
    assert.deepEqual([parameters(net.last(), true).from, parameters(net.last(), true).cause], ["longpoll", "invalid"]);
    net.last().answer(200, { cursor: `${epoch}-5`, items: [], more: false });
    await settle();
    assert.equal(state(), "open poll");
    assert.deepEqual(
      seen.states.map((s) => [s.state, s.transport]),
      [
        ["connecting", "websocket"],
        ["connecting", "sse"],
        ["connecting", "stream"],
        ["connecting", "longpoll"],
        ["connecting", "poll"],
        ["open", "poll"],
      ],
    );
    assert.deepEqual(seen.errors, []);
    assert.equal(net.all[1].closed, false, "a better one goes on trying");
    await time.pass(3000);
    assert.equal(net.all[1].closed, true, "but not for ever");
  });

  test("never are there more than two attempts, and who waits longest goes first", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow } = client(t, net);
    follow("a");
    for (const n of [1, 2, 2, 2, 2]) {
      await time.pass(n === 1 ? 50 : 300);
      assert.equal(net.open().length, n);
    }
    assert.deepEqual(net.kinds(), ["websocket", "sse", "stream", "longpoll", "poll"]);
    assert.deepEqual(net.open().map((one) => one.kind), ["longpoll", "poll"]);
  });

  test("what was slower takes over when it has proven itself, and is asked again if it began at another now", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow, state, seqs } = client(t, net);
    follow("a", "now");
    await time.pass(400);
    const [socket, sse] = net.all;
    sse.hello(10);
    sse.message("a", 11, 10);
    assert.equal(state(), "open sse");
    assert.equal(socket.closed, false);
    socket.hello(12);
    assert.equal(socket.closed, true, "what came before 12 would be missing");
    const again = net.last("websocket");
    assert.notEqual(again, socket);
    assert.equal(parameters(again).since, `${epoch}-11`);
    again.hello(11);
    again.message("a", 12, 11);
    assert.equal(state(), "open sse", "nothing is proven yet");
    sse.message("a", 12, 11);
    again.prove();
    assert.equal(state(), "open websocket");
    again.message("a", 13, 12);
    assert.deepEqual(seqs(), [11, 12, 13]);
    assert.equal(sse.closed, true);
  });

  test("who says hello and nothing more is held back: it steps down", async (t) => {
    const time = clock(t);
    for (const kind of ["websocket", "sse"]) {
      const net = network();
      const { follow, it } = client(t, net, { transports: [kind, "poll"] });
      follow("a", "all");
      await time.pass(50);
      net.last().hello(10);
      await time.pass(2100);
      assert.equal(net.last().kind, "poll");
      net.last().answer(200, { cursor: `${epoch}-10`, items: [], more: false });
      await settle();
      assert.equal(it.state.transport, "poll");
      assert.equal(it.state.cause, "buffered");
      it.close();
    }
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
    assert.deepEqual(waits, [500, 500, 3000, 4000]); // 1000, 2000, 4000, 8000 times the chance
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

  test("under pressure it goes at once where the offer says, whether it is told by a status or in a stream", async (t) => {
    const time = clock(t, 0);
    const offer = { transports: ["poll"] };
    const problem = { code: "pressure", status: 503, offer };
    for (const tell of [
      (net) => net.last("sse").send({ bye: { code: 4003, reason: "pressure", retry_ms: 5000, offer } }),
      (net) => (net.last("sse").die(), net.last("stream").answer(503, problem, { "Retry-After": "5" })),
    ]) {
      const net = network();
      const { it, follow, state } = client(t, net, { transports: ["sse", "stream", "poll"] });
      follow("a");
      await time.pass(50);
      tell(net);
      await time.pass(50);
      assert.equal(net.last().kind, "poll");
      net.last().answer(200, { cursor: `${epoch}-10`, items: [], more: false, offer });
      await settle();
      assert.equal(state(), "open poll");
      it.close();
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
    assert.deepEqual([seen.errors[0].code, seen.errors[0].status], [4500, 403]);
    assert.match(seen.errors[0].message, /topics that begin with \$/);
    await time.pass(60000);
    assert.equal(net.all.length, 2);
  });
});

describe("where no more than two connections are to be had", () => {
  test("there is one down and one up, whatever is tried and published", async (t) => {
    const time = clock(t);
    const net = network();
    const { it, follow, seqs, state } = client(t, net, { transports: ["sse", "stream", "poll"], connections: 2 });
    const down = () => net.open().filter((one) => one.init?.method !== "POST" || one.url.includes("/follow"));
    const up = () => net.open().filter((one) => one.init?.method === "POST" && !one.url.includes("/follow"));
    const watch = async (ms) => {
      for (let left = ms; left > 0; left -= 50) {
        assert.ok(down().length <= 1 && up().length <= 1, net.open().map((one) => one.url).join());
        await time.pass(50);
      }
    };
    follow("a", "all");
    await watch(350);
    assert.deepEqual(net.kinds(), ["sse", "stream"], "the first gave way to the second");
    await watch(300);
    net.last().answer(200, { cursor: `${epoch}-10`, items: [], more: false });
    await watch(100);
    assert.equal(state(), "open poll");
    const receipts = [1, 2, 3].map((n) => it.publish("a", n));
    await watch(200);
    for (const n of [1, 2, 3]) {
      assert.equal(up().length, 1);
      assert.equal(up()[0].init.body, String(n), "in order");
      up()[0].answer(201, { topic: "a", cursor: `${epoch}-${10 + n}`, seq: 10 + n });
      await watch(50);
    }
    assert.deepEqual((await Promise.all(receipts)).map((receipt) => receipt.seq), [11, 12, 13]);
    await time.until(() => net.open().some((one) => one.kind === "sse"), () => watch(50)); // Probes upward break before they make.
    net.last("sse").hello(10);
    net.last("sse").message("a", 11, 10);
    assert.equal(state(), "open sse");
    assert.deepEqual(seqs(), [11]);
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
    assert.equal(parameters(net.last()).since, `${epoch}-12`);
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
    net.last().send({ bye: { code: 4505, reason: "transport_off", offer: { transports: ["sse", "poll"] } } });
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
    net.last().prove();
    net.last().die();
    for (let i = 0; i < 5; i++) {
      await time.pass(150);
      assert.equal(net.last().kind, "websocket");
      net.last().die();
      await settle();
      if (i) {
        assert.equal(net.last().kind, "poll");
        net.last().die();
        await settle();
      }
      assert.equal(state(), "waiting websocket");
    }
    await time.pass(150);
    net.last("websocket").hello(11);
    assert.equal(state(), "open websocket");
    assert.ok(!net.kinds().includes("sse"));
  });

  test("when plain HTTP works and the transport does not, it serves, and the best of the others is found", async (t) => {
    const time = clock(t, 0);
    const { net, state } = await opened(t, time);
    net.last().message("a", 11, 10);
    net.last().prove();
    net.last().die();
    for (let i = 0; i < 2; i++) {
      await time.pass(150);
      net.last("websocket").die();
    }
    net.last("poll").answer(200, { cursor: `${epoch}-11`, items: [], more: false });
    await settle();
    assert.equal(state(), "open poll");
    await time.pass(2100);
    assert.equal(net.last().kind, "websocket", "a probe: one refusal is no proof");
    net.last().die();
    assert.equal(net.last().kind, "sse");
    assert.equal(parameters(net.last()).since, `${epoch}-11`);
    net.last().hello(11);
    net.last().prove();
    assert.equal(state(), "open sse");
  });

  test("a young death without a message steps aside at once; with one, the second does", async (t) => {
    const time = clock(t, 0);
    const { net, state } = await opened(t, time);
    net.last().prove();
    net.last().die();
    assert.equal(net.last().kind, "sse");
    net.last().hello(10);
    net.last().prove();
    assert.equal(state(), "open sse");
    await time.pass(2100);
    net.last("websocket").hello(10);
    net.last("websocket").message("a", 11, 10);
    await time.pass(6000);
    net.last("websocket").die();
    await time.pass(150);
    assert.equal(net.last().kind, "websocket");
    net.last().hello(11);
    net.last().message("a", 12, 11);
    net.last().die();
    await time.pass(150);
    assert.equal(net.last().kind, "websocket", "it had brought something");
    net.last().hello(12);
    net.last().message("a", 13, 12);
    net.last().die();
    assert.equal(net.last().kind, "sse");
  });

  test("silence: it is asked for a sign of life, and two seconds later it is dead", async (t) => {
    const time = clock(t, 0);
    const { net, seen } = await opened(t, time);
    net.last().prove();
    net.last().message("a", 11, 10);
    net.last().send({ ping: { cursor: `${epoch}-20` } });
    await time.pass(31900);
    assert.equal(net.last("websocket").upstream.length, 1);
    await time.pass(300);
    assert.deepEqual(net.last("websocket").upstream[1], { id: 0, ping: true });
    net.last("websocket").send({ ack: { id: 0 } });
    await time.pass(31500);
    assert.equal(net.all.length, 1);
    await time.pass(2900);
    assert.equal(seen.states.find((s) => s.state === "waiting").cause, "silent");
    assert.deepEqual(net.kinds(), ["websocket", "websocket"]);
  });

  test("the position of a live follow moves with pings", async (t) => {
    const time = clock(t, 0);
    const { net } = await opened(t, time);
    net.last().send({ live: { topic: "a", cursor: `${epoch}-10` } });
    net.last().send({ ping: { cursor: `${epoch}-20` } });
    net.last().die();
    await time.pass(150);
    assert.equal(parameters(net.last()).since, `${epoch}-20`);
  });
});

describe("moving", () => {
  test("polls that everybody shares name no place, until there is more than one answer holds", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow, seqs, seen } = client(t, net, { transports: ["poll"], poll_ms: 1000 });
    const offer = { transports: ["poll"], shared: true };
    const item = (seq, prev) => ({ topic: "a", seq, prev, time: 1, data: seq });
    follow("a", "now");
    await time.pass(50);
    net.last().answer(200, { cursor: `${epoch}-10`, items: [], more: false, offer });
    await time.pass(1200);
    assert.equal(net.last().url, "http://gateway/topics?transport=poll&topic=a");
    net.last().answer(200, { cursor: `${epoch}-11`, items: [item(9, 0), item(11, 9)], more: false, offer });
    await time.pass(1200);
    net.last().answer(200, { cursor: `${epoch}-12`, items: [item(9, 0), item(11, 9), item(12, 11)], more: false, offer });
    await time.pass(1200);
    assert.deepEqual(seqs(), [11, 12], "what it has is dropped");
    net.last().answer(200, { cursor: `${epoch}-20`, items: [item(18, 17), item(20, 18)], more: false, offer });
    await time.pass(1200);
    assert.deepEqual(seqs(), [11, 12, 18, 20]);
    assert.deepEqual(seen.gaps, [{ topic: "a", from: 0, to: 17, reason: "expired" }], "such an answer states no gaps: the client does");
    net.last().answer(200, { cursor: `${epoch}-9`, items: [item(9, 0)], more: true, offer });
    await time.pass(1200);
    assert.equal(parameters(net.last()).since, `${epoch}-20`);
    assert.deepEqual(seen.errors, []);
  });

  test("when the gateway offers what is better again, it is found", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow, state } = client(t, net, { transports: ["websocket", "poll"], poll_ms: 10000 });
    const answer = (offer) => {
      for (const one of net.open()) if (one.kind === "poll") one.answer(200, { cursor: `${epoch}-10`, items: [], more: false, offer });
    };
    follow("a", "all");
    await time.pass(50);
    net.last().hello(10);
    net.last().prove();
    net.last().send({ bye: { code: 4003, reason: "pressure", retry_ms: 500, offer: { transports: ["poll"] } } });
    await time.until(() => net.open().length > 0);
    answer({ transports: ["poll"] });
    await settle();
    assert.equal(state(), "open poll");
    for (let i = 0; i < 100; i++) {
      answer({ transports: ["poll"] });
      await time.pass(1000);
    }
    assert.equal(net.kinds().filter((kind) => kind === "websocket").length, 1);
    await time.until(
      () => net.last("websocket") !== net.all[0],
      async () => {
        answer({ transports: ["websocket", "poll"] });
        await time.pass(1000);
      },
    );
    net.last("websocket").hello(10);
    assert.equal(state(), "open websocket");
  });

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
    assert.equal(parameters(fresh).since, `${epoch}-10`);
    assert.equal(old.closed, false);
    old.message("a/y", 11, 0);
    old.message("a/x", 12, 3);
    assert.equal(state(), "open websocket");
    fresh.hello(10);
    fresh.message("a/y", 11, 0);
    assert.equal(old.closed, false, "not before it is proven that it is not held back");
    fresh.prove();
    assert.equal(old.closed, true);
    old.send({ topic: "a/x", seq: 13, prev: 12, time: 1, data: "late" });
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
    net.last().prove();
    it.use("sse");
    net.last("sse").die();
    assert.match(seen.errors[0].message, /use failed/);
    assert.equal(state(), "open websocket");
    await time.pass(6100);
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
      probes.push(Math.round((Date.now() - from) / 1000));
      net.last("websocket").die();
      assert.equal(net.last().kind, "sse", "one turn tries all that are better");
      net.last("sse").die();
    }
    assert.deepEqual(probes, [4, 8, 16, 32, 64, 128, 256]);
    await time.until(() => tries() > 8, () => polls(500));
    const fresh = net.last("websocket");
    fresh.hello(10);
    fresh.message("a", 11, 9);
    assert.equal(state(), "open poll");
    fresh.prove();
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
    net.last().prove();
    await time.pass(4100);
    assert.equal(net.last().kind, "websocket");
    net.last().hello(10);
    net.last().prove();
    net.last().die();
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
  one.send({ ack: { id: one.upstream.at(-1).id, at: `${epoch}-50` } });
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
    assert.deepEqual(parameters(one), { topic: ["a", "b/*"], since: ["now", `${epoch}-3`], transport: "websocket" });
    one.hello(10);
    follow("c", "all");
    await time.pass(50);
    assert.equal(net.all.length, 1);
    const [, { id, follow: items }] = one.upstream;
    assert.deepEqual(items, [{ topic: "c", since: "all" }]);
    one.send({ ack: { id, at: `${epoch}-0` } });
    one.message("c", 4, 0);
    assert.deepEqual(seqs(), [4]);
    a.close();
    await time.pass(50);
    assert.deepEqual(one.upstream[2].unfollow, ["a"]);
    one.message("a", 11, 0);
    assert.deepEqual(seqs(), [4]);
    follow("$x", "now");
    await time.pass(50);
    one.send({ ack: { id: one.upstream[3].id, error: { code: "reserved_topic", status: 403, detail: "no" } } });
    assert.equal(seen.errors[0].topic, "$x");
    one.prove();
    one.message("b/z", 12, 0);
    one.die();
    await time.pass(500);
    assert.deepEqual(parameters(net.last()).topic, ["b/*", "c"]);
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
      assert.deepEqual([parameters(fresh).topic, parameters(fresh).since], [["a", "b"], [`${epoch}-12`, "all"]]);
      old.message("a", 13, 12);
      await settle();
      await start();
      fresh.hello(12);
      await settle();
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
    assert.equal(parameters(net.last()).wait, "0");
    net.last().answer(200, { cursor: `${epoch}-10`, items: [], more: false });
    await time.pass(50);
    assert.deepEqual(seen.live, [{ topic: "a", cursor: `${epoch}-10` }]);
    const held = net.last();
    assert.deepEqual([parameters(held).wait, parameters(held).since], ["25", `${epoch}-10`]);
    follow("b", "all");
    await time.pass(50);
    assert.equal(held.closed, true);
    assert.deepEqual(parameters(net.last()).since, [`${epoch}-10`, "all"]);
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
    assert.deepEqual(parameters(net.last()).since, [`${epoch}-12`, `${epoch}-2`], "there may be more of b behind what came last");
    assert.equal(seen.live.length, 1);
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
    assert.equal(parameters(fresh).since, "all");
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
    assert.equal(parameters(net.last()).topic, "b");
  });

  test("too many topics for a URL: POST, or up the WebSocket, and not by SSE", async (t) => {
    const time = clock(t);
    const net = network();
    const { follow } = client(t, net);
    const topics = Array.from({ length: 100 }, (_, i) => `some/rather/long/topic/${i}`);
    for (const topic of topics) follow(topic, "now");
    await time.pass(50);
    const socket = net.last();
    assert.deepEqual(parameters(socket), { transport: "websocket" });
    socket.hello(10);
    const asked = socket.upstream.filter((one) => one.follow);
    assert.deepEqual(asked.map((one) => one.follow[0].topic), topics);
    for (const { id } of asked) {
      socket.send({ ack: { id, at: `${epoch}-10` } });
      socket.send({ live: { topic: id, cursor: `${epoch}-10` } });
    }
    socket.send({ bye: { code: 4505, reason: "transport_off", offer: { transports: ["sse", "stream", "poll"] } } });
    await time.pass(200);
    assert.deepEqual(net.kinds(), ["websocket", "stream"]);
    const { init } = net.last();
    assert.equal(init.method, "POST");
    assert.equal(init.headers["Content-Type"], "text/plain");
    const body = parameters(net.last());
    assert.equal(body.transport, "stream");
    assert.equal(body.topic[7], "some/rather/long/topic/7");
    assert.equal(body.since, `${epoch}-10`, "one belongs to all");
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
    const asked = one.upstream.filter((one) => one.id === "a");
    assert.deepEqual(asked.map((one) => one.follow), [[{ topic: "a", since: "all" }]]);
    const [{ id }] = asked;
    one.send({ ack: { id, at: `${epoch}-0` } });
    one.message("a", 3, 0);
    one.send({ live: { topic: "a", cursor: `${epoch}-10` } });
    one.message("a", 11, 3);
    await time.pass(1000);
    assert.deepEqual(seqs(), [3, 11]);
    assert.deepEqual(now, [11], "now begins when the history has come");
    assert.equal(net.all.length, 1);
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
