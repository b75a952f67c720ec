// tidings.Socket as a page sees it: its arguments, its events, what moves it from one transport to another and what ends it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Socket } from "../src/socket.js";
import { clock, epoch, network, parameters } from "./fakes.mjs";
import { SocketGateway } from "./socketry.mjs";

const kinds = ["websocket", "sse", "stream", "longpoll", "poll"];

/** A socket on a fake network, and all that it has told. */
async function opened(t, { transports, protocols, url = "ws://gateway/echo", before = () => {}, options } = {}) {
  let ws;
  t.after(() => ws.own.talk.abort()); // Before the clock is the machine's again: nothing of it goes on.
  const time = clock(t, 0.5);
  const net = network();
  const gateway = new SocketGateway(net);
  before(gateway);
  ws = new Socket(url, protocols, { WebSocket: net.WebSocket, EventSource: net.EventSource, fetch: net.fetch, transports, ...options });
  const events = [];
  for (const type of ["open", "message", "error", "close"]) {
    ws.addEventListener(type, (event) => events.push(type === "message" ? event.data : type === "close" ? [event.code, event.reason, event.wasClean] : type));
  }
  const pass = async (ms = 0) => {
    const step = Math.max(50, ms / 50);
    await gateway.settle();
    for (let left = ms; left > 0; left -= step) {
      await time.pass(step);
      await gateway.settle();
    }
    await time.pass(1); // What has ended is told in a task of its own.
  };
  await time.pass(50);
  await pass();
  return { ws, net, gateway, events, pass, time, peer: () => [...gateway.sockets.values()][0] };
}

/** What of a DOMException or error is thrown. */
const thrown = (fn) => {
  try {
    fn();
  } catch (error) {
    return error.name;
  }
  return "";
};

describe("the constructor", () => {
  const none = { transports: [] };
  const cases = [
    ["a page's address", "http://host/path", undefined, ""],
    ["a secure one", "https://host/path?q#", undefined, "SyntaxError"],
    ["a fragment", "ws://host/#there", undefined, "SyntaxError"],
    ["an empty fragment", "ws://host/#", undefined, "SyntaxError"],
    ["no scheme of sockets", "ftp://host/", undefined, "SyntaxError"],
    ["mail", "mailto:me@host", undefined, "SyntaxError"],
    ["a space in the host", "ws://foo bar.com/", undefined, "SyntaxError"],
    ["a relative one without a page", "path", undefined, "SyntaxError"],
    ["a name and a password", "ws://me%40:word@host/", undefined, ""],
    ["one subprotocol", "ws://host/", "chat", ""],
    ["several", "ws://host/", ["chat", "superchat"], ""],
    ["none", "ws://host/", [], ""],
    ["an empty one", "ws://host/", "", "SyntaxError"],
    ["one with a space", "ws://host/", "a b", "SyntaxError"],
    ["one with a comma", "ws://host/", ["a,b"], "SyntaxError"],
    ["one with a newline", "ws://host/", ["a\nb"], "SyntaxError"],
    ["one beyond ASCII", "ws://host/", ["caf\u00e9"], "SyntaxError"],
    ["one twice", "ws://host/", ["a", "b", "a"], "SyntaxError"],
    ["one twice but for case", "ws://host/", ["a", "b", "A"], "SyntaxError"],
    ["one that begins another", "ws://host/", ["ab", "a"], ""],
  ];
  for (const [what, url, protocols, error] of cases) {
    test(`${error || "takes"}: ${what}`, () => assert.equal(thrown(() => new Socket(url, protocols, none)), error));
  }

  test("throws a TypeError without arguments, and without new", () => {
    assert.throws(() => new Socket(), TypeError);
    assert.throws(() => Socket("ws://host/"), TypeError);
  });

  test("shows the address as a browser would", () => {
    assert.equal(new Socket("http://HOST:80/a b?c d", [], none).url, "ws://host/a%20b?c%20d");
    assert.equal(new Socket("https://host", [], none).url, "wss://host/");
  });

  test("begins with what the standard says", () => {
    const ws = new Socket("ws://host/", [], none);
    assert.deepEqual(
      [ws.readyState, ws.bufferedAmount, ws.protocol, ws.extensions, ws.binaryType, ws.transport, ws.onopen, ws.onmessage, ws.onerror, ws.onclose],
      [0, 0, "", "", "blob", "", null, null, null, null],
    );
    assert.ok(ws instanceof Socket && ws instanceof EventTarget);
  });

  test("can be extended", () => {
    class Mine extends Socket {
      twice() {
        return this.readyState * 2;
      }
    }
    const ws = new Mine("ws://host/", [], none);
    assert.equal(ws.twice(), 0);
    assert.ok(ws instanceof Mine);
  });
});

describe("members", () => {
  test("constants can be neither changed nor removed", () => {
    for (const where of [Socket, Socket.prototype]) {
      for (const [value, name] of ["CONNECTING", "OPEN", "CLOSING", "CLOSED"].entries()) {
        assert.deepEqual(Object.getOwnPropertyDescriptor(where, name), { value, writable: false, enumerable: true, configurable: false });
      }
    }
  });

  test("attributes are accessors of the prototype", () => {
    for (const name of ["url", "readyState", "bufferedAmount", "protocol", "extensions", "binaryType", "onopen", "onclose"]) {
      const { get, set, configurable } = Object.getOwnPropertyDescriptor(Socket.prototype, name);
      assert.equal(typeof get, "function", name);
      assert.equal(typeof set, /^(on|binary)/.test(name) ? "function" : "undefined", name);
      assert.ok(configurable);
    }
  });

  test("a handler is called at the place where it was first set, objects are kept, all else is none", () => {
    const ws = new Socket("ws://host/", [], { transports: [] });
    const calls = [];
    ws.addEventListener("open", () => calls.push(1));
    ws.onopen = () => calls.push("replaced");
    ws.addEventListener("open", () => calls.push(3));
    ws.onopen = function (event) {
      calls.push(this === ws && event.target === ws && 2);
    };
    ws.dispatchEvent(new Event("open"));
    assert.deepEqual(calls, [1, 2, 3]);
    const object = { handleEvent: () => calls.push("never") };
    for (const [set, got] of [[1, null], [";", null], [undefined, null], [object, object], [null, null]]) {
      ws.onopen = set;
      assert.equal(ws.onopen, got);
    }
    ws.dispatchEvent(new Event("open"));
    assert.deepEqual(calls.slice(3), [1, 3]);
  });

  test("binaryType takes its two values only", () => {
    const ws = new Socket("ws://host/", [], { transports: [] });
    ws.binaryType = "arraybuffer";
    ws.binaryType = "text";
    assert.equal(ws.binaryType, "arraybuffer");
  });
});

describe("close and send", () => {
  test("a socket that connects refuses to send, and fails when it is closed", async (t) => {
    const { ws, events, pass } = await opened(t, { before: (gateway) => (gateway.holds = () => true) });
    assert.equal(thrown(() => ws.send("x")), "InvalidStateError");
    assert.throws(() => ws.send(), TypeError);
    ws.close();
    assert.equal(ws.readyState, 2);
    assert.deepEqual(events, []);
    await pass(50);
    assert.deepEqual(events, ["error", [1006, "", false]]);
    assert.equal(ws.readyState, 3);
  });

  const cases = [
    [[], "", 1005],
    [[1000], "", 1000],
    [[3000], "", 3000],
    [[4999, "x".repeat(123)], "", 4999],
    [[4999, "\u00e9".repeat(62)], "SyntaxError"],
    [[1000, "x".repeat(124)], "SyntaxError"],
    [[undefined, "why"], "", 1005],
    ...[0, 999, 1001, 1005, 1006, 2999, 5000, 65536 + 1000, NaN, null, "why"].map((code) => [[code], "InvalidAccessError"]),
  ];
  for (const [args, error, code] of cases) {
    test(`close(${args.map((arg) => String(arg).slice(0, 10))}) ${error}`, async (t) => {
      const { ws, events, pass, peer } = await opened(t, { transports: ["websocket"] });
      assert.equal(thrown(() => ws.close(...args)), error);
      assert.equal(ws.readyState, error ? 1 : 2);
      if (error) return;
      ws.close(3333);
      await pass(50);
      assert.equal(peer().got.at(-1).close.code, code);
      assert.deepEqual(events, ["open", [code, args[1] && code !== 1005 ? args[1] : "", true]]);
    });
  }

  test("what is sent after close counts, and goes nowhere", async (t) => {
    const { ws, pass, peer } = await opened(t);
    ws.close();
    ws.send("\u00e9");
    await pass(50);
    ws.send(new Uint8Array(3));
    assert.equal(ws.bufferedAmount, 5);
    assert.deepEqual(peer().got.map((one) => Object.keys(one)), [["close"]]);
  });

  test("no message is told after close", async (t) => {
    const { ws, pass, peer, events } = await opened(t);
    peer().say("early");
    await pass();
    ws.close();
    peer().say("late");
    await pass(50);
    assert.deepEqual(events, ["open", "early", [1005, "", true]]);
  });

  test("the gateway's close is answered with its code, and its reason is told", async (t) => {
    const { ws, pass, peer, events } = await opened(t);
    peer().close(4321, "enough");
    await pass(50);
    assert.deepEqual(events, ["open", [4321, "enough", true]]);
    assert.equal(peer().got.at(-1).close.code, 4321);
    assert.equal(ws.readyState, 3);
  });

  test("a close that is not answered is not waited for for ever", async (t) => {
    const { ws, pass, events } = await opened(t, { before: (gateway) => (gateway.handler = () => {}) });
    ws.close(1000);
    await pass(11000);
    assert.deepEqual(events, ["open", "error", [1006, "", false]]);
  });
});

for (const transport of kinds) {
  describe(`over ${transport}`, () => {
    const open = (t, more) => opened(t, { transports: [transport], ...more });

    test("text and bytes of all kinds arrive as they were sent, in order", async (t) => {
      const { ws, pass, peer, events } = await open(t, { protocols: ["one", "two"] });
      await pass(1000);
      assert.deepEqual([ws.protocol, ws.transport, ws.readyState], ["one", transport, 1]);
      ws.binaryType = "arraybuffer";
      const view = new Uint8Array([9, 1, 0, 255, 9]).subarray(1, 4);
      const long = "\u{1f600}".repeat(30000);
      const bytes = Buffer.alloc(200000, "bytes");
      const sent = ["a", "", "</script>\u0000\u2028", "\ud800x", long, null, 7, view, view.slice().buffer, new DataView(view.slice().buffer), bytes, new Blob([bytes]), new Blob([])];
      for (const data of sent) ws.send(data);
      view.fill(7); // After it was sent.
      await pass(8000);
      const whole = ["a", "", "</script>\u0000\u2028", "\ufffdx", long, "null", "7"];
      const binary = [[1, 0, 255], [1, 0, 255], [1, 0, 255], [...bytes], [...bytes], []];
      assert.deepEqual(peer().got.map((one) => (typeof one === "string" ? one : [...one])), [...whole, ...binary]);
      assert.deepEqual(events.slice(1).map((one) => (typeof one === "string" ? one : [...new Uint8Array(one)])), [...whole, ...binary]);
      assert.equal(ws.bufferedAmount, 0);
      ws.binaryType = "blob";
      ws.send(new Uint8Array([1, 2]));
      await pass(2000);
      assert.deepEqual([events.at(-1).constructor, await events.at(-1).text()], [Blob, "\u0001\u0002"]);
    });

    test("bufferedAmount counts bytes, and falls as they are acknowledged", async (t) => {
      const { ws, pass } = await open(t);
      await pass(1000);
      ws.send("x");
      ws.send("\u00e5");
      ws.send("\u5336");
      ws.send("\ud801\udc7e");
      assert.equal(ws.bufferedAmount, 10);
      ws.send(new Blob([new Uint8Array(1000000)]));
      assert.equal(ws.bufferedAmount, 1000010);
      const seen = [];
      for (let i = 0; i < 40; i++) {
        await pass(50);
        seen.push(ws.bufferedAmount);
      }
      assert.equal(seen.at(-1), 0);
      assert.deepEqual(seen, [...seen].sort((a, b) => b - a));
    });

    test("it resumes, and each side gets once what the other sent meanwhile", async (t) => {
      const { ws, net, pass, peer, events } = await open(t, { before: (gateway) => (gateway.handler = (socket, { close }) => close && socket.close(close.code)) });
      await pass(1000);
      ws.send("up 1");
      peer().say("down 1");
      await pass(1000);
      for (const one of net.open()) one.die();
      ws.send("up 2");
      peer().say("down 2");
      await pass(5000);
      assert.equal(ws.readyState, 1);
      assert.deepEqual(peer().got, ["up 1", "up 2"]);
      assert.deepEqual(events, ["open", "down 1", "down 2"]);
      assert.match(net.last(transport).url, new RegExp(`since=${epoch}-[12]`));
    });

    test("a gateway that refuses it for good ends it with one error", async (t) => {
      const { ws, pass, events } = await open(t, { before: (gateway) => (gateway.refusal = { status: 403, code: "socket_refused", bye: 4503 }) });
      await pass(50);
      assert.deepEqual(events, ["error", [1006, "", false]]);
      assert.equal(ws.readyState, 3);
    });

    test("a gateway that knows it no more ends it", async (t) => {
      const { net, gateway, pass, events } = await open(t);
      await pass(1000);
      gateway.sockets.clear();
      for (const one of net.open()) one.die();
      await pass(4000);
      assert.deepEqual(events, ["open", "error", [1006, "", false]]);
    });

    test("after an absence that is too long it has ended", async (t) => {
      const { ws, net, gateway, pass, events } = await open(t);
      await pass(1000);
      gateway.holds = (one) => (one.die(), true);
      for (const one of net.open()) one.die();
      await pass(25000);
      assert.equal(ws.readyState, 1);
      await pass(10000);
      assert.deepEqual(events, ["open", "error", [1006, "", false]]);
      const { length } = net.all;
      await pass(60000);
      assert.equal(net.all.length, length, "nothing is tried any more");
    });

    test("what the gateway ends for a broken protocol is told as an error, with its code", async (t) => {
      if (transport === "longpoll" || transport === "poll") return;
      const { pass, peer, events } = await open(t);
      peer().fail(1009, "too long");
      await pass(50);
      assert.deepEqual(events, ["open", "error", [1009, "too long", false]]);
    });
  });
}

describe("transports", () => {
  test("all are tried once, and then it has failed", async (t) => {
    const { net, pass, events } = await opened(t, { before: (gateway) => (gateway.holds = (one) => (one.die(), true)) });
    await pass(3000);
    assert.deepEqual(net.kinds(), kinds);
    assert.deepEqual(events, ["error", [1006, "", false]]);
  });

  test("the last that could be tried has long to speak", async (t) => {
    const { ws, gateway, pass, events } = await opened(t, { transports: ["websocket"], before: (gateway) => (gateway.holds = () => true) });
    await pass(20000);
    gateway.holds = () => false;
    await pass(50);
    assert.deepEqual([ws.readyState, ...events], [1, "open"]);
  });

  test("a WebSocket that is dead from the start is passed by", async (t) => {
    const { ws, net, pass, events } = await opened(t, { before: (gateway) => (gateway.holds = ({ kind }) => kind === "websocket") });
    await pass(1000);
    assert.deepEqual([ws.transport, ...events], ["sse", "open"]);
    assert.equal(new URL(net.all[0].url).searchParams.get("tidings"), new URL(net.all[1].url).searchParams.get("tidings"));
  });

  test("it moves to a WebSocket that works later, and what a request brought meanwhile is not sent twice or lost", async (t) => {
    const changes = [];
    const { ws, net, gateway, pass, peer } = await opened(t, { before: (gateway) => (gateway.holds = ({ kind }) => kind === "websocket") });
    await pass(1000);
    ws.addEventListener("transport", () => changes.push(ws.transport));
    assert.equal(ws.transport, "sse");
    await pass(3000);
    gateway.holds = () => false;
    const late = net.last("websocket");
    ws.send("one");
    await pass();
    // It has said hello, and has not proven itself yet: a request brings two, which is not sent on it again.
    await pass(4000);
    assert.equal(ws.transport, "websocket", late?.url);
    ws.send("three");
    await pass(50);
    assert.deepEqual(peer().got, ["one", "three"]);
    assert.deepEqual(changes, ["websocket"]);
  });

  test("frames that were acknowledged elsewhere after its hello keep their numbers on a WebSocket", async (t) => {
    let withheld = true;
    const { ws, net, gateway, pass, peer } = await opened(t, { before: (gateway) => (gateway.holds = ({ kind }) => withheld && kind === "websocket") });
    await pass(1000);
    withheld = false;
    // Its hello counts from 0 up; the proof waits.
    let proof = false;
    gateway.holds = (one) => one.kind === "websocket" && Boolean(one.socket) && !proof;
    for (let i = 0; i < 200 && !net.last("websocket").socket; i++) await pass(50);
    ws.send("by POST");
    await pass();
    assert.deepEqual([peer().got, ws.bufferedAmount, ws.transport], [["by POST"], 0, "sse"]);
    proof = true;
    await pass(50);
    assert.equal(ws.transport, "websocket");
    ws.send("by WebSocket");
    await pass(50);
    assert.deepEqual(peer().got, ["by POST", "by WebSocket"]);
  });

  for (const transport of ["sse", "stream"]) {
    test(`by ${transport}, where nothing that is sent beside it gets away it goes over to long poll`, async (t) => {
      const { ws, net, gateway, pass, peer, events } = await opened(t, { transports: [transport, ...(transport === "sse" ? ["stream"] : []), "longpoll", "poll"] });
      gateway.holds = ({ kind }) => kind === "/echo"; // Streams hold all the connections that the browser has for this host.
      peer().say("down");
      ws.send("up");
      await pass(2500);
      assert.deepEqual([ws.transport, peer().got], [transport, []]);
      await pass(1000);
      assert.deepEqual([ws.transport, peer().got, ws.bufferedAmount], ["longpoll", ["up"], 0]);
      assert.equal(net.open().filter(({ kind }) => kind === transport).length, 0, "it has left its connection to others");
      ws.send("more");
      await pass(60000);
      assert.deepEqual(peer().got, ["up", "more"]);
      assert.deepEqual(events, ["open", "down", "up", "more"]);
      assert.equal(ws.transport, "longpoll", "it would be the same again");
      gateway.holds = () => false;
      await pass(230000);
      await pass(20000);
      assert.equal(ws.transport, transport, "but not for ever");
    });
  }

  test("a large request has time on a slow line, and one that is answered is not late", async (t) => {
    const { ws, gateway, pass, peer } = await opened(t, { transports: ["sse", "longpoll"] });
    gateway.holds = ({ kind }) => kind === "/echo";
    ws.send("x".repeat(200000));
    await pass(9000);
    gateway.holds = () => false;
    await pass(50);
    assert.equal(peer().got[0]?.length, 200000);
    await pass(10000);
    assert.equal(ws.transport, "sse");
  });

  test("a stream is kept where there is nothing else", async (t) => {
    const { ws, gateway, pass, peer } = await opened(t, { transports: ["sse"] });
    gateway.holds = ({ kind }) => kind === "/echo";
    ws.send("up");
    await pass(10000);
    assert.equal(ws.transport, "sse");
    gateway.holds = () => false;
    await pass(50);
    assert.deepEqual(peer().got, ["up"]);
  });

  test("on long poll one connection does it all: what is sent ends the poll that is held, and goes with the next", async (t) => {
    const { ws, net, gateway, pass, peer, events } = await opened(t, { transports: ["longpoll"] });
    await pass(50);
    const held = net.last();
    assert.deepEqual([held.closed, held.init.method, parameters(held).wait], [false, "GET", "25"]);
    const before = net.all.length;
    ws.send("one");
    ws.send("two");
    await pass(50);
    assert.equal(held.closed, true);
    assert.deepEqual(
      net.all.slice(before).map((one) => [one.kind, one.init.method, parameters(one).wait]),
      [
        ["longpoll", "POST", "0"],
        ["longpoll", "GET", "25"],
      ],
    );
    assert.equal(net.open().length, 1);
    assert.deepEqual(events, ["open", "one", "two"]);
    // What is not taken goes up again, but not without a pause.
    peer().full = true;
    ws.send("three");
    await pass(2000);
    const tries = net.all.length - before;
    assert.ok(tries > 3 && tries < 12, `${tries} requests`);
    peer().full = false;
    gateway.holds = () => false;
    await pass(1000);
    assert.deepEqual(peer().got, ["one", "two", "three"]);
    assert.deepEqual(events, ["open", "one", "two", "three"]);
  });

  test("the address keeps its query, and ours comes last", async (t) => {
    const { net } = await opened(t, { url: "ws://gateway/chat/?room=a%20b&tidings=mine", transports: ["sse"], protocols: ["x", "y"] });
    assert.match(net.last().url, /^http:\/\/gateway\/chat\/\?room=a%20b&tidings=mine&tidings=[\w-]{16,64}&transport=sse&protocols=x%2Cy&n=\d+&tick=200&wrap=1$/);
  });

  test("a WebSocket offers ours in front", async (t) => {
    const { net } = await opened(t, { transports: ["websocket"], protocols: ["x", "y"] });
    assert.deepEqual(net.last().protocol, ["tidings.socket.v1", "x", "y"]);
    assert.match(net.last().url, /^ws:\/\/gateway\/echo\?tidings=[\w-]{16,64}&n=\d+&tick=200$/);
  });

  test("what is heard is acknowledged on a stream after a while, or much of it at once", async (t) => {
    const { net, pass, peer } = await opened(t, { transports: ["sse"] });
    const posts = () => net.all.filter(({ kind }) => kind === "/echo").map((one) => parameters(one).since);
    peer().say("one");
    await pass(9000);
    assert.deepEqual(posts(), []);
    await pass(2000);
    assert.deepEqual(posts(), [`${epoch}-1`]);
    for (let i = 0; i < 32; i++) peer().say("more");
    await pass();
    assert.deepEqual(posts(), [`${epoch}-1`, `${epoch}-33`]);
  });
});

describe("the page", () => {
  /** A window for one test. */
  function page(t) {
    const window = new EventTarget();
    const names = ["addEventListener", "removeEventListener"];
    for (const name of names) globalThis[name] = window[name].bind(window);
    globalThis.document = { hidden: false };
    t.after(() => {
      for (const name of [...names, "document"]) delete globalThis[name];
    });
    return (name, more = {}) => window.dispatchEvent(Object.assign(new Event(name), more));
  }

  test("put away and shown again within the time it goes on, with nothing lost", async (t) => {
    const fire = page(t);
    const { ws, net, pass, peer, events } = await opened(t);
    fire("pagehide", { persisted: true });
    assert.deepEqual(net.open(), []);
    ws.send("while away");
    peer().say("meanwhile");
    await pass(20000);
    fire("pageshow", { persisted: true });
    await pass(500);
    assert.deepEqual(peer().got, ["while away"]);
    assert.deepEqual(events, ["open", "meanwhile", "while away"]);
  });

  test("left for good it says so", async (t) => {
    const fire = page(t);
    const { net, pass, peer } = await opened(t, { transports: ["websocket"] });
    const { upstream } = net.last();
    fire("pagehide", { persisted: false });
    assert.deepEqual(upstream, [{ seq: 1, close: { code: 1001 } }]);
    assert.deepEqual(net.open(), []);
    await pass(50);
    assert.equal(peer().got.length, 0);
  });
});
