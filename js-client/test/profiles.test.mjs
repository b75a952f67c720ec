// The built script in browsers of old: it loads without touching anything that they lack, and follows and publishes by
// what they have.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { profiles } from "./profiles.mjs";
import { World } from "./world.mjs";

const script = await readFile(process.env.TIDINGS_JS ?? new URL("../dist/tidings.js", import.meta.url), "utf8");

const page = "http://page.example";
const gateways = { near: page, far: "http://gateway.example" };

/**
 * What each profile follows by: near, where the gateway has the page's origin, and far, where it has another. The first is
 * what it finds by itself. IE 7 has no JSON: there it only loads.
 */
const expected = {
  "IE 8": { near: ["stream", "longpoll", "poll"], far: ["stream", "longpoll", "poll"] },
  "IE 8, storage forbidden": { near: ["stream", "longpoll", "poll"], far: ["stream", "longpoll", "poll"] },
  "IE 9": { near: ["stream", "longpoll", "poll"], far: ["stream", "longpoll", "poll"] },
  "Firefox 3.6": { near: ["stream", "longpoll", "poll"], far: ["stream", "longpoll", "poll"] },
  "Android 2.3": { near: ["stream", "longpoll", "poll"], far: ["stream", "longpoll", "poll"] },
  "iOS 4": { near: ["sse", "stream", "longpoll", "poll"], far: ["stream", "longpoll", "poll"] },
  "Opera 12": { near: ["websocket", "sse", "stream", "longpoll", "poll"], far: ["websocket", "stream", "longpoll", "poll"] },
};

test("what a browser lacks is gone, what it has is there", () => {
  const lacks = {
    "IE 7": "JSON localStorage console postMessage Promise globalThis Object.keys [].indexOf Date.now ''.trim encodeURI.bind document.addEventListener",
    "IE 8": "console fetch Uint8Array WebSocket EventSource Symbol [].forEach [].map Date.now ''.trim new(Date)().toISOString Array.isArray addEventListener",
    "IE 9": "WebSocket EventSource fetch Uint8Array Promise ''.startsWith [].find Object.assign Math.sign attachEvent",
    "Firefox 3.6": "WebSocket EventSource XDomainRequest Object.keys Array.isArray encodeURI.bind",
    "Android 2.3": "WebSocket EventSource XDomainRequest encodeURI.bind Map",
    "iOS 4": "XDomainRequest encodeURI.bind Uint8Array",
    "Opera 12": "XDomainRequest fetch Promise Map WeakMap ''.includes",
  };
  for (const [name, list] of Object.entries(lacks)) {
    const world = new World(profiles[name], page);
    for (const one of list.split(" ")) {
      const text = one.replace("new(Date)()", "new Date()");
      assert.equal(world.run(`typeof ${text}`), "undefined", `${name} has ${text}`);
    }
    assert.equal(world.run("[3, 1, 2].sort().join() + 'abc'.slice(1) + new Date().getTime()"), "1,2,3bc1700000000000");
  }
  const old = new World(profiles["IE 8, storage forbidden"], page);
  assert.throws(() => old.run("localStorage"), /denied/);
  assert.throws(() => old.run(`new XMLHttpRequest().open("GET", "${gateways.far}/")`), /denied/);
  assert.equal(old.run("var list = [1, 2, 3]; list.splice(1); list.join() + 'abc'.substr(-1)"), "1,2,3abc");
});

for (const [name, profile] of Object.entries(profiles)) {
  describe(name, () => {
    test("loading makes one global and begins nothing", () => {
      const world = new World(profile, page);
      const before = world.globals();
      world.run(script);
      assert.deepEqual(world.globals().filter((name) => !before.includes(name)), ["tidings"]);
      assert.equal(world.run("typeof tidings"), "function");
      assert.deepEqual(world.clock.timers, []);
      assert.deepEqual(world.listeners, []);
    });

    for (const [where, url] of Object.entries(expected[name] ? gateways : {})) {
      const transports = expected[name][where];
      test(`with a gateway that is ${where} it follows by ${transports.join(", ")}, and loses nothing between them`, () => {
        const world = begin(profile, url);
        const published = [];
        const publish = () => {
          published.push(`message ${published.length}`);
          world.gateway.publish("a", published.at(-1));
        };
        publish();
        let state;
        for (const transport of transports) {
          if (state) world.run(`t.use("${transport}")`);
          world.clock.pass(60_000);
          state = world.run("t.state");
          assert.equal(`${state.state} ${state.transport}`, `open ${transport}`);
          for (let i = 0; i < 3; i++) {
            publish();
            world.clock.pass(i ? 10_000 : 1);
          }
        }
        world.clock.pass(10_000);
        assert.equal(world.run("got.join()"), published.join());
        assert.equal(world.run("wrong.join()"), "");
        world.run("t.close()");
        world.clock.pass(60_000);
        assert.deepEqual(world.listeners, []);
      });

      test(`with a gateway that is ${where} it publishes`, () => {
        const world = begin(profile, url);
        world.run('var receipt; t.publish("a", "said here", function (error, value) { receipt = error ? String(error) : value.seq; })');
        world.clock.pass(10_000);
        assert.equal(world.run("receipt"), 1);
        assert.equal(world.run("got.join()"), "said here");
        const post = world.gateway.requests.find((one) => one.method === "POST" && one.url.includes("/topics/a"));
        // Anything else would ask for leave first, with a preflight, where the gateway is far.
        for (const [header, value] of Object.entries(post.headers)) assert.ok(header === "accept" || (header === "content-type" && value === "text/plain"), header);
      });
    }
  });
}

/** A world in which a client follows a topic since all, into `got`; errors go into `wrong`. */
function begin(profile, url) {
  const world = new World(profile, page);
  world.run(script);
  world.run(`var got = [], wrong = [];
    var t = tidings("${url}", { poll_ms: 2000 });
    t.on("error", function (error) { wrong.push(String(error)); });
    t.follow("a", function (message) { got.push(message.data); }, { since: "all" });`);
  return world;
}
