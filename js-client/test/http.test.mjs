// The built files against a server that speaks the wire over real HTTP.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { EventSource, Gateway } from "./gateway.mjs";

const files = { "tidings.js": createRequire(import.meta.url)("../dist/tidings.js"), "tidings.mjs": (await import("../dist/tidings.mjs")).default };

/** A client that follows, and notes; `until` waits for what its events bring. */
async function start(t, options = {}, tidings = files["tidings.js"]) {
  const gateway = await Gateway.start();
  const it = tidings(gateway.url, { EventSource, poll_ms: 20, ...options });
  t.after(async () => {
    it.close();
    await gateway.stop();
  });
  const seen = { messages: [], states: [], gaps: [], errors: [] };
  let wake = () => {};
  const note = (list) => (value) => {
    list.push(value);
    wake();
  };
  it.on("state", note(seen.states)).on("gap", note(seen.gaps)).on("error", note(seen.errors));
  return {
    gateway,
    it,
    seen,
    follow: (topic, since) => it.follow(topic, note(seen.messages), { since }),
    async until(ready) {
      while (!ready()) await new Promise((resolve) => (wake = resolve));
    },
    open: (transport) => () => it.state.state === "open" && it.state.transport === transport,
    data: () => seen.messages.map((message) => message.data),
  };
}

for (const [file, transport] of Object.keys(files).flatMap((file) => ["sse", "stream", "longpoll", "poll"].map((one) => [file, one]))) {
  describe(`${file}, ${transport}`, () => {
    test("brings history and what is new, in order, once", async (t) => {
      const { gateway, follow, until, open, data, seen } = await start(t, { transports: [transport] }, files[file]);
      gateway.publish("a/x", 1);
      gateway.publish("b", "another");
      gateway.publish("a/y", 2);
      follow("a/*", "all");
      await until(open(transport));
      gateway.publish("a/x", "三");
      gateway.publish("a/y", { four: [4] });
      await until(() => data().length >= 4);
      assert.deepEqual(data(), [1, 2, "三", { four: [4] }]);
      assert.deepEqual(seen.errors, []);
    });

    test("comes back after a cut with nothing lost or doubled", async (t) => {
      const { gateway, follow, until, open, data, seen } = await start(t, { transports: [transport] }, files[file]);
      gateway.publish("a", 1);
      follow("a", "all");
      await until(() => data().length === 1);
      gateway.cut();
      gateway.publish("a", 2);
      gateway.publish("a", 3);
      await until(() => data().length >= 3);
      await until(open(transport));
      gateway.publish("a", 4);
      await until(() => data().length >= 4);
      assert.deepEqual(data(), [1, 2, 3, 4]);
      assert.deepEqual([seen.gaps, seen.errors], [[], []]);
    });

    test("another log: one gap first, then all that it has", async (t) => {
      const { gateway, follow, until, data, seen } = await start(t, { transports: [transport] }, files[file]);
      for (const i of [1, 2, 3]) gateway.publish("a", i);
      follow("a", "all");
      await until(() => data().length === 3);
      gateway.restart();
      gateway.publish("a", "new");
      await until(() => data().length >= 4);
      assert.deepEqual(data(), [1, 2, 3, "new"]);
      assert.deepEqual(seen.gaps, [{ topic: "a", from: 0, to: 0, reason: "restart" }]);
      assert.deepEqual(seen.errors, []);
    });
  });
}

test("characters that are split across chunks stay whole", async (t) => {
  const { gateway, follow, until, open, data } = await start(t, { transports: ["stream"] });
  gateway.slice = 1;
  follow("a");
  await until(open("stream"));
  gateway.publish("a", "Žluťoučký kůň, 東京, 🙂");
  await until(() => data().length === 1);
  assert.deepEqual(data(), ["Žluťoučký kůň, 東京, 🙂"]);
});

test("steps down to what works, over errors, ends and foreign pages", async (t) => {
  const { gateway, follow, until, open, data, seen } = await start(t, { WebSocket: null });
  gateway.instead = (request, response, url) => {
    const transport = url.searchParams.get("transport");
    if (transport === "sse") response.writeHead(200, { "Content-Type": "text/event-stream" }).end("retry: 1000\n\n");
    else if (url.pathname === "/follow") response.writeHead(502).end("<h1>Bad Gateway</h1>");
    else if (transport === "longpoll") response.writeHead(200).end("<h1>Log in</h1>");
    else return false;
    return true;
  };
  follow("a", "all");
  await until(open("poll"));
  gateway.publish("a", 1);
  await until(() => data().length === 1);
  assert.deepEqual(
    seen.states.map((s) => s.transport).filter((name, i, all) => name !== all[i - 1]),
    ["sse", "stream", "longpoll", "poll"],
  );
});

test("moves through all transports in mid-stream without loss, doubles or errors", async (t) => {
  const { gateway, it, follow, until, open, data, seen } = await start(t, { WebSocket: null });
  const expected = [];
  follow("a/*", "all");
  await until(open("sse"));
  for (const transport of ["stream", "longpoll", "poll", "longpoll", "stream", "sse"]) {
    it.use(transport);
    for (let i = 0; i < 20; i++) {
      expected.push(gateway.publish(i % 2 ? "a/odd" : "a/even", expected.length).data);
      if (i % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(open(transport));
  }
  await until(() => data().length >= expected.length);
  assert.deepEqual(data(), expected);
  assert.deepEqual([seen.gaps, seen.errors], [[], []]);
});

describe("publish", () => {
  test("sends values as JSON, strings as text, bytes as they are, and needs no preflight", async (t) => {
    const { gateway, it } = await start(t);
    const receipt = await it.publish("a/ü", { x: 1 }, { event: "e", key: "k", ttl: 60, ifMatch: "k3f9a2m1-4" });
    assert.equal(receipt.topic, "a/ü");
    await it.publish("a", "text");
    await it.publish("a", Uint8Array.from([1, 2]));
    await it.publish("a", null, { type: "application/merge-patch+json", idempotencyKey: "mine" });
    const queries = gateway.requests.map(({ url }) => Object.fromEntries(url.searchParams));
    for (const query of queries.slice(0, 3)) assert.match(query.idempotency_key, /^(\d{1,10}-){3}\d{1,10}$/);
    assert.equal(new Set(queries.map((query) => query.idempotency_key)).size, 4);
    assert.deepEqual(
      queries.map(({ idempotency_key, ...rest }) => rest),
      [
        { type: "application/json", event: "e", key: "k", ttl: "60", if_match: "k3f9a2m1-4" },
        {},
        { type: "application/octet-stream" },
        { type: "application/merge-patch+json" },
      ],
    );
    assert.equal(queries[3].idempotency_key, "mine");
    for (const { headers } of gateway.requests) assert.equal(headers["content-type"], "text/plain");
    assert.deepEqual(gateway.messages.map((message) => message.data), ['{"x":1}', "text", "\u0001\u0002", "null"]);
  });

  test("is resent under the same key after a cut and a 503, and says what cannot be", async (t) => {
    const { gateway, it } = await start(t);
    let turn = 0;
    gateway.instead = (request, response) => {
      turn++;
      if (turn === 1) response.destroy();
      else if (turn === 2) response.writeHead(503, { "Retry-After": "0" }).end("{}");
      else return false;
      return true;
    };
    await it.publish("a", "once");
    assert.equal(new Set(gateway.requests.map(({ url }) => url.searchParams.get("idempotency_key"))).size, 1);
    assert.equal(gateway.requests.length, 3);

    gateway.instead = (request, response) => {
      response.writeHead(412).end(JSON.stringify({ code: "precondition_failed", status: 412, detail: "not the newest" }));
      return true;
    };
    await assert.rejects(it.publish("a", "x", { ifMatch: "k3f9a2m1-1" }), { status: 412, code: "precondition_failed" });
    const error = await new Promise((resolve) => it.publish("a", "x", (error) => resolve(error)));
    assert.match(error.message, /not the newest/);
  });

  test("options that the client does not know go to the gateway all the same", async (t) => {
    const { gateway, it } = await start(t);
    await it.publish("a", "x", { durability: "disk", ttl: undefined });
    const { idempotency_key, ...rest } = Object.fromEntries(gateway.requests[0].url.searchParams);
    assert.deepEqual(rest, { durability: "disk" });
  });

  test("tells bytes from values by their class", async (t) => {
    const { gateway, it } = await start(t);
    const bytes = [new ArrayBuffer(1), new DataView(new ArrayBuffer(1)), new Uint8ClampedArray(1), new Float64Array(1), new Blob(["x"]), Buffer.from("x")];
    const values = [[1], new Date(0), { byteLength: 1 }, true, undefined];
    for (const data of [...bytes, ...values]) await it.publish("a", data);
    assert.deepEqual(
      gateway.requests.map(({ url }) => url.searchParams.get("type")),
      [...bytes.map(() => "application/octet-stream"), ...values.map(() => "application/json")],
    );
    assert.deepEqual(gateway.messages.slice(bytes.length).map(({ data }) => data), values.map((value) => JSON.stringify(value ?? null)));
  });

  test("a token that has expired is asked for anew, once", async (t) => {
    const asked = [];
    const token = (expired) => {
      asked.push(expired);
      return Promise.resolve(expired ? "new" : "old");
    };
    const { gateway, it } = await start(t, { token });
    gateway.instead = (request, response) => {
      if (request.headers.authorization === "Bearer new") return false;
      response.writeHead(401).end(JSON.stringify({ code: "token_expired", status: 401 }));
      return true;
    };
    await it.publish("a", "x");
    assert.deepEqual(asked, [false, true]);
    gateway.instead = (request, response) => {
      response.writeHead(401).end(JSON.stringify({ code: "token_expired", status: 401, detail: "too old" }));
      return true;
    };
    await assert.rejects(it.publish("a", "x"), { status: 401, code: "token_expired", topic: "a", message: "tidings: a: too old" });
    assert.deepEqual(asked, [false, true, false, true]);
  });

  test("on plain polls the answer brings what is new", async (t) => {
    const { gateway, it, follow, until, open, data } = await start(t, { transports: ["poll"], poll_ms: 1e9 });
    follow("a/*", "all");
    await until(open("poll"));
    gateway.publish("a/x", "before");
    const receipt = await it.publish("a/y", "mine");
    assert.equal("follow" in receipt, false);
    assert.deepEqual(data(), ["before", "mine"]);
    const post = gateway.requests.at(-1).url.searchParams;
    assert.deepEqual([post.get("follow"), post.get("since")], ["a/*", "k3f9a2m1-0"]);
  });

  test("carries the token", async (t) => {
    const { gateway, it } = await start(t, { token: () => "key" });
    await it.publish("a", "x");
    assert.equal(gateway.requests[0].headers.authorization, "Bearer key");
  });
});
