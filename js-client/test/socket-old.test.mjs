// tidings.Socket of the built script in browsers of old: by polls, held and plain, and requests up.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { profiles } from "./profiles.mjs";
import { World } from "./world.mjs";

const script = await readFile(new URL("../dist/tidings-socket.js", import.meta.url), "utf8");
const page = "http://page.example";
const gateways = { near: "ws://page.example", far: "ws://gateway.example" };
const epoch = "k3f9a2m1";

/** Echoes what one socket sends, on polls. */
function echo(world) {
  const down = [];
  let taken = 0;
  const waiting = new Set();
  const reply = (exchange, value) => {
    exchange.answer(200);
    exchange.write(JSON.stringify(value));
    exchange.end();
  };
  const put = (line) => {
    const { seq, ...frame } = JSON.parse(line);
    if (seq !== taken + 1) return;
    taken = seq;
    down.push({ seq, ...frame });
  };
  return (exchange, query) => {
    const since = query.get("since");
    for (const line of (exchange.body ?? "").split("\n").filter(Boolean)) put(line);
    for (const wake of [...waiting]) wake();
    if (!query.has("transport")) {
      reply(exchange, { ack: { seq: taken } });
      return;
    }
    if (!/poll/.test(query.get("transport"))) {
      exchange.answer(404);
      exchange.end();
      return;
    }
    const from = since ? Number(since.split("-")[1]) : 0;
    const answer = () => {
      waiting.delete(answer);
      world.clock.clear(timer);
      const hello = since ? undefined : { epoch, cursor: `${epoch}-0`, ack: taken, protocol: query.get("protocols") ?? "" };
      reply(exchange, { cursor: `${epoch}-${down.length}`, items: down.slice(from), more: false, poll_ms: 1000, ack: { seq: taken }, hello });
    };
    const timer = world.clock.set(answer, Number(query.get("wait") ?? 0) * 1000);
    waiting.add(answer);
    if (down.length > from) answer();
  };
}

for (const [name, profile] of Object.entries(profiles)) {
  describe(name, () => {
    test("loading makes one global and begins nothing", () => {
      const world = new World(profile, page);
      const before = world.globals();
      world.run(script);
      assert.deepEqual(world.globals().filter((one) => !before.includes(one)), ["tidings"]);
      assert.equal(world.run("typeof tidings.Socket + tidings.Socket.CLOSED + tidings.Socket.prototype.OPEN"), "function31");
      assert.deepEqual(world.clock.timers, []);
      assert.deepEqual(world.listeners, []);
    });

    if (name === "IE 7") return; // It has no JSON.

    // What takes XDomainRequest is not in this file.
    const places = Object.entries(gateways).filter(([place]) => place === "near" || profile.requests !== "near");
    for (const [place, base] of places) {
      for (const transport of ["longpoll", "poll"]) {
        test(`${place}, by ${transport}: text comes back as it was sent, and it closes`, () => {
          const world = new World(profile, page);
          world.gateway.socket = echo(world);
          world.run(script);
          world.run(`
            var seen = [];
            var socket = new tidings.Socket("${base}/echo?x=1", "chat", { transports: ["${transport}"] });
            function note(event) { seen.push(event.type + " " + (event.data || event.code || socket.readyState)); }
            socket.onopen = function () { note({ type: "open" }); socket.send("one"); socket.send("tw\\u00f6 </script>"); };
            socket.addEventListener("message", note, false);
            socket.onmessage = function (event) { if (event.data !== "one" && event.target === socket) socket.close(3001, "done"); };
            socket.onclose = note;
            socket.onerror = note;
          `);
          world.clock.pass(10000);
          assert.equal(world.run("seen.join()"), "open 1,message one,message tw\u00f6 </script>,close 3001");
          assert.equal(world.run("socket.readyState + socket.protocol + socket.bufferedAmount + socket.url"), `3chat0${base}/echo?x=1`);
          assert.deepEqual(world.listeners, []);
        });
      }
    }

    if (places.length < 2) {
      test("a gateway of another origin cannot be asked, and that is an error", () => {
        const world = new World(profile, page);
        world.run(script);
        world.run(`
          var seen = [];
          var socket = new tidings.Socket("${gateways.far}/echo");
          socket.onerror = socket.onclose = function (event) { seen.push(event.type + (event.code || "")); };
        `);
        world.clock.pass(10000);
        assert.equal(world.run("seen.join()"), "error,close1006");
      });
    }

    test("a gateway that is not there ends it with one error", () => {
      const world = new World(profile, page);
      world.gateway.socket = (exchange) => {
        exchange.answer(502);
        exchange.end();
      };
      world.run(script);
      world.run(`
        var seen = [];
        var socket = new tidings.Socket("${gateways.near}/echo");
        socket.onerror = socket.onclose = function (event) { seen.push(event.type + (event.code || "")); };
      `);
      world.clock.pass(60000);
      assert.equal(world.run("seen.join()"), "error,close1006");
      assert.deepEqual(world.clock.timers, []);
    });
  });
}

test("bytes end it where there are none", () => {
  const world = new World(profiles["IE 9"], page);
  world.gateway.socket = (exchange) => {
    exchange.answer(200);
    exchange.write(JSON.stringify({ cursor: `${epoch}-1`, items: [{ seq: 1, data64: "AP8=" }], more: false, hello: { epoch, cursor: `${epoch}-0`, ack: 0 } }));
    exchange.end();
  };
  world.run(script);
  world.run(`
    var seen = [];
    var socket = new tidings.Socket("${gateways.near}/echo");
    socket.onerror = socket.onclose = function (event) { seen.push(event.type + (event.code ? event.code + event.reason : "")); };
  `);
  world.clock.pass(5000);
  assert.equal(world.run("seen.join()"), "error,close1003binary");
});
