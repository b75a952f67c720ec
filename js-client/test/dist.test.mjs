// What the built files promise to the places where they run.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { parse } from "acorn";
import { network, settle } from "./fakes.mjs";
import { SocketGateway } from "./socketry.mjs";

const read = (name) => readFile(new URL(`../dist/${name}`, import.meta.url), "utf8");

describe("tidings.js", () => {
  test("parses as ES3, and so does tidings-socket.js", async () => {
    for (const name of ["tidings.js", "tidings-socket.js"]) parse(await read(name), { ecmaVersion: 3, allowReserved: "never" });
  });

  /** A window without whatever is not of the time of IE 8. Timers without delay run at once, others never. */
  function oldWindow(more = {}) {
    const context = createContext({});
    context.self = context.window = context;
    runInContext(
      `(function (g) {
        var gone = ["Promise", "Map", "Set", "WeakMap", "WeakSet", "Symbol", "Proxy", "Reflect", "ArrayBuffer", "DataView",
          "Uint8Array", "BigInt", "WebAssembly", "globalThis", "console"];
        var i;
        delete Object.keys; delete Object.create; delete Object.assign; delete Date.now; delete Array.isArray;
        var late = ["forEach", "map", "filter", "indexOf", "some", "every", "reduce", "includes", "find", "fill", "at"];
        for (i = 0; i < late.length; i++) delete Array.prototype[late[i]];
        delete Function.prototype.bind; delete String.prototype.trim; delete String.prototype.startsWith;
        for (i = 0; i < gone.length; i++) delete g[gone[i]];
      })(this);`,
      context,
    );
    return Object.assign(context, { clearTimeout() {}, setTimeout: (fn, ms) => (ms ? 1 : (fn(), 2)) }, more);
  }

  test("loads where nothing newer than IE 8 exists, makes one global, and works by XMLHttpRequest", async () => {
    const requests = [];
    const context = oldWindow({
      XMLHttpRequest: class {
        open(method, url) {
          Object.assign(this, { method, url });
        }
        setRequestHeader() {}
        getResponseHeader() {
          return null;
        }
        send() {
          requests.push(this);
        }
        abort() {}
        answer(text) {
          Object.assign(this, { readyState: 4, status: 200, responseText: text });
          this.onreadystatechange();
        }
      },
    });
    const before = Object.keys(context);
    runInContext(await read("tidings.js"), context);
    assert.deepEqual(Object.keys(context).filter((name) => !before.includes(name)), ["tidings"]);
    runInContext(
      `var got = []; var t = tidings("http://gateway", { transports: ["longpoll"] });
       t.follow("a", function (m) { got.push(m.data64 || m.data); }, { since: "all" });
       var promised = t.publish("a", "text", function () {});`,
      context,
    );
    const poll = requests.find((one) => one.method === "GET");
    assert.match(poll.url, /transport=longpoll&topic=a&since=all&session=[\d-]+&n=\d+.*&wait=0$/);
    poll.answer(
      '{"cursor":"k3f9a2m1-2","more":false,"items":[{"topic":"a","seq":1,"prev":0,"data":"x"},{"topic":"a","seq":2,"prev":1,"data64":"AP8="}]}',
    );
    assert.equal(runInContext("got.join()", context), "x,AP8=");
    assert.equal(runInContext("typeof promised", context), "undefined");
  });

  test("streams there from another origin by XDomainRequest, and publishes by it", async () => {
    const requests = [];
    const context = oldWindow({
      location: { protocol: "http:", host: "page" },
      XMLHttpRequest: class {},
      XDomainRequest: class {
        responseText = "";
        open(method, url) {
          Object.assign(this, { method, url });
        }
        send(body) {
          this.body = body;
          requests.push(this);
        }
        abort() {
          this.aborted = true;
        }
        more(...objects) {
          this.responseText += objects.map((object) => `${JSON.stringify(object)}\n`).join("");
          this.onprogress();
        }
      },
    });
    runInContext(await read("tidings.js"), context);
    runInContext(
      `var got = [], states = []; var t = tidings("http://gateway");
       t.on("state", function (s) { states.push(s.state + " " + s.transport); });
       t.follow("a", function (m) { got.push(m.cursor); }, { since: "all" });`,
      context,
    );
    const [stream] = requests;
    assert.match(stream.url, /^http:\/\/gateway\/topics\?transport=stream&topic=a&since=all&.*&prelude=1&wrap=1&blind=1$/);
    stream.more({ hello: { epoch: "k3f9a2m1", cursor: "k3f9a2m1-0", ping_ms: 20000 } }, { topic: "a", seq: 1, prev: 0, data: "x" });
    assert.equal(runInContext("states.join() + got.join()", context), "connecting stream,open streamk3f9a2m1-1");
    runInContext(`var receipt; t.publish("a", { x: 1 }, function (error, it) { receipt = error || it; });`, context);
    const post = requests.at(-1);
    assert.deepEqual([post.method, post.body], ["POST", '{"x":1}']);
    assert.match(post.url, /^http:\/\/gateway\/topics\/a\?&idempotency_key=[\d-]+&type=application%2Fjson&blind=1$/);
    post.responseText = '{"topic":"a","cursor":"k3f9a2m1-2","seq":2,"prev":1}';
    post.onload();
    assert.equal(runInContext("receipt.cursor", context), "k3f9a2m1-2");
    runInContext("t.close()", context);
    assert.equal(stream.aborted, true);
  });

  test("is a CommonJS module", () => {
    const tidings = createRequire(import.meta.url)("../dist/tidings.js");
    assert.equal(tidings.tidings, tidings);
    assert.equal(tidings().state.state, "closed");
  });
});

test("names of members that browsers and the wire know are not shortened", async () => {
  const everywhere = `persisted steal signal method headers body idempotencyKey Authorization hello cursor epoch live gap deleted items more
    poll_ms ping_ms retry_ms head_ms offer transports data64 latest prev reason follow unfollow session`;
  const old = "ActiveXObject parentWindow multipart withCredentials ontimeout contentWindow onreadystatechange responseText";
  const sockets = `persisted hello cursor epoch offer transports ping_ms away_ms protocol protocols bufferedAmount binaryType wasClean CONNECTING CLOSED
    data data64 more ack close Socket transport`;
  for (const [file, words] of [
    ["tidings.mjs", everywhere],
    ["tidings.js", `${everywhere} ${old}`],
    ["tidings-socket.mjs", `${everywhere} ${sockets} sendBeacon`],
    ["tidings-socket.js", sockets],
  ]) {
    const text = await read(file);
    for (const word of words.split(/\s+/)) assert.match(text, new RegExp(`\\b${word}\\b`), `${word} in ${file}`);
  }
});

test("tidings.mjs is an ES module", async () => {
  const module = await import("../dist/tidings.mjs");
  assert.equal(module.default, module.tidings);
  assert.equal(module.tidings("http://gateway").state.state, "closed");
});

for (const file of ["tidings.js", "tidings.mjs"]) {
  test(`${file} speaks the wire over a WebSocket`, async (t) => {
    const { default: tidings } = await import(`../dist/${file}`);
    const net = network();
    const wait = () => new Promise((resolve) => setTimeout(resolve));
    const it = tidings("http://gateway", { WebSocket: net.WebSocket, transports: ["websocket"] });
    t.after(() => it.close());
    const seen = [];
    for (const event of ["state", "gap", "live", "deleted", "error"]) it.on(event, (value) => seen.push([event, value]));
    const note = (message) => seen.push(["message", message.cursor, message.data]);
    const first = it.follow("a", note, { since: "all" });
    await wait();
    await settle();
    const [socket] = net.all;
    assert.match(socket.url, /^ws:\/\/gateway\/topics\?transport=websocket&topic=a&since=all&session=[\d-]+&n=\d+&tick=200$/);
    socket.hello(5);
    assert.deepEqual(socket.upstream, [{ id: 0, ping: true }]);
    socket.prove();
    socket.message("a", 4, 0);
    socket.send({ live: { topic: "a", cursor: "k3f9a2m1-5" } });
    socket.send({ gap: { topic: "a", from: 6, to: 7, reason: "expired" } });
    socket.send({ deleted: { topic: "a", to: 8 } });
    it.follow("b", note, { since: "k3f9a2m1-2" });
    it.unfollow(first);
    await wait();
    assert.deepEqual(socket.upstream.slice(1), [{ id: 0, unfollow: ["a"] }, { id: "b", follow: [{ topic: "b", since: "k3f9a2m1-2" }] }]);
    socket.send({ ack: { id: "b", error: { code: "forbidden", status: 403, detail: "no" } } });
    socket.send({ bye: { code: 4001, reason: "draining", retry_ms: 60000 } });
    const [[, opened], ...rest] = seen.filter(([, { state }]) => state !== "connecting");
    assert.deepEqual(opened, { state: "open", transport: "websocket", previous: "", cause: "start", cursor: "k3f9a2m1-5" });
    assert.deepEqual(rest.slice(0, 4), [
      ["message", "k3f9a2m1-4", "a 4"],
      ["live", { topic: "a", cursor: "k3f9a2m1-5" }],
      ["gap", { topic: "a", from: 6, to: 7, reason: "expired" }],
      ["deleted", { topic: "a", to: 8 }],
    ]);
    const { topic, code, status, message } = rest[4][1];
    assert.deepEqual({ topic, code, status, message }, { topic: "b", code: "forbidden", status: 403, message: "tidings: b: no" });
    const { attempts, usable, transport, remembered } = it.diagnose();
    assert.deepEqual([usable, transport || remembered, attempts[0].transport, attempts[0].hello_ms >= 0], [["websocket"], "websocket", "websocket", true]);
  });
}

for (const file of ["tidings-socket.js", "tidings-socket.mjs"]) {
  test(`${file} follows topics, and has sockets`, async () => {
    const { default: tidings } = await import(`../dist/${file}`);
    const net = network();
    const gateway = new SocketGateway(net);
    const it = tidings("http://gateway", { WebSocket: net.WebSocket, transports: ["websocket"], share: false });
    const messages = [];
    it.follow("a", ({ data }) => messages.push(data), { since: "all" });
    await new Promise((resolve) => setTimeout(resolve, 5));
    net.last().hello(0);
    net.last().prove();
    net.last().message("a", 1, 0);
    it.close();
    assert.deepEqual(messages, ["a 1"]);

    const ws = new tidings.Socket("ws://gateway/echo", ["chat"], { WebSocket: net.WebSocket, transports: ["websocket"] });
    const seen = [];
    ws.binaryType = "arraybuffer";
    ws.addEventListener("open", () => seen.push(ws.protocol));
    ws.onmessage = ({ data, origin }) => seen.push(typeof data === "string" ? data : [...new Uint8Array(data)], origin);
    const closed = new Promise((resolve) => (ws.onclose = resolve));
    await gateway.settle();
    ws.send("text");
    ws.send(new Uint8Array([0, 255]));
    await gateway.settle();
    assert.throws(() => ws.close(NaN), { name: "InvalidAccessError" });
    ws.close(3000, "done");
    await gateway.settle();
    const { code, reason, wasClean } = await closed;
    assert.deepEqual(seen, ["chat", "text", "ws://gateway", [0, 255], "ws://gateway"]);
    assert.deepEqual([code, reason, wasClean, ws.readyState, ws.bufferedAmount], [3000, "done", true, 3, 0]);
  });
}
