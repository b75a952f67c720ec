// One request by fetch: what its end means, and that nothing is heard of it once it is cancelled.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explain, request } from "../src/http.js";
import { settle } from "./fakes.mjs";

const problem = (status, code, more) => JSON.stringify({ status, code, ...more });

describe("explain", () => {
  const cases = [
    ["no answer", [0, ""], { cause: "unreachable", code: 0, passing: true }],
    ["an end", [200, ""], { cause: "died", code: 0, passing: false }],
    ["not what was asked for", [200, "<html>"], { cause: "invalid", code: 0 }],
    ["a refusal", [400, problem(400, "bad_request", { detail: "so" })], { cause: "bad_request", code: 4500, detail: "so" }],
    ["a refusal of somebody else", [403, "<html>"], { cause: "status 403", code: 0, passing: false }],
    ["JSON of somebody else", [403, '{"code":7,"status":500}'], { cause: "status 403", code: 0 }],
    ["JSON that is no object", [502, "null"], { cause: "status 502", code: 0, passing: true }],
    ["a transport that is off", [406, problem(406, "transport_off", { offer: { transports: ["poll"] } })], { code: 4505, offer: { transports: ["poll"] } }],
    ["an old token", [401, problem(401, "token_expired")], { cause: "token_expired", code: 4004 }],
    ["too many", [429, problem(429, "rate_limited")], { cause: "rate_limited", code: 0, passing: true }],
    ["a restart", [503, problem(503, "draining"), "7"], { cause: "draining", code: 0, retry_ms: 7000 }],
    ["to one that cannot see a status", [200, `{"error":${problem(403, "forbidden", { retry_ms: 5 })}}`], { cause: "forbidden", status: 403, code: 4500, retry_ms: 5 }],
  ];
  for (const [name, args, expected] of cases) {
    test(name, () => {
      const ending = explain(...args);
      for (const member in expected) assert.deepEqual(ending[member], expected[member], member);
    });
  }

  test("Retry-After is seconds or a date, and absent where there is none", (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: Date.UTC(2026, 0, 1) });
    assert.equal(explain(503, "", "Thu, 01 Jan 2026 00:00:30 GMT").retry_ms, 30000);
    assert.equal(explain(503, "", "30").retry_ms, 30000);
    assert.ok(!(explain(503, "", "0").retry_ms > 0));
    assert.equal(explain(503, "", null).retry_ms, undefined);
  });
});

describe("by fetch", () => {
  /** A fetch that is answered by hand. */
  function fake() {
    const calls = [];
    const fetch = (url, init) =>
      new Promise((resolve, reject) => {
        let pipe;
        const body = new ReadableStream({ start: (controller) => (pipe = controller) });
        calls.push({
          url,
          init,
          reject,
          answer: (status = 200, headers = {}) => resolve(new Response(body, { status, headers })),
          write: (bytes) => pipe.enqueue(Uint8Array.from(bytes)),
          end: () => pipe.close(),
          cut: () => pipe.error(new TypeError("cut")),
        });
      });
    return { calls, env: { fetch } };
  }
  const notes = () => {
    const said = [];
    return { said, done: (ending, text) => said.push([ending.status, ending.cause, text]), chunk: (text) => said.push(text) };
  };

  test("says GET or POST, the token, and what spares the preflight", () => {
    const { calls, env } = fake();
    request(env, { url: "u" }, () => {});
    request(env, { url: "u", body: "", token: "key" }, () => {});
    assert.deepEqual([calls[0].init.method, calls[0].init.body], ["GET", undefined]);
    assert.deepEqual([calls[1].init.method, calls[1].init.body], ["POST", ""]);
    assert.deepEqual(calls[1].init.headers, { "Content-Type": "text/plain", Authorization: "Bearer key" });
  });

  test("gives a whole answer, and a 200 in pieces where they are wanted", async () => {
    const { calls, env } = fake();
    const { said, done, chunk } = notes();
    request(env, { url: "u" }, done);
    request(env, { url: "u" }, done, chunk);
    for (const call of calls) {
      call.answer();
      const bytes = [...new TextEncoder().encode("ů🙂")];
      for (const byte of bytes) call.write([byte]);
      call.end();
      await settle();
    }
    assert.deepEqual(said.filter(Boolean), [[200, "invalid", "ů🙂"], "ů", "🙂", [200, "died", ""]]);
  });

  test("an error is whole even where pieces are wanted", async () => {
    const { calls, env } = fake();
    const { said, done, chunk } = notes();
    request(env, { url: "u" }, done, chunk);
    calls[0].answer(503, { "Retry-After": "2" });
    calls[0].write(new TextEncoder().encode("busy"));
    calls[0].end();
    await settle();
    assert.deepEqual(said, [[503, "status 503", "busy"]]);
  });

  test("a refused connection and a cut are no answer", async () => {
    const { calls, env } = fake();
    const { said, done, chunk } = notes();
    request(env, { url: "u" }, done);
    request(env, { url: "u" }, done, chunk);
    calls[0].reject(new TypeError("refused"));
    calls[1].answer();
    await settle();
    calls[1].cut();
    await settle();
    assert.deepEqual(said, [[0, "unreachable", ""], [0, "unreachable", ""]]);
  });

  test("nothing is heard once it is cancelled, not even what has arrived", async () => {
    const { calls, env } = fake();
    const { said, done, chunk } = notes();
    const cancel = [request(env, { url: "u" }, done, chunk), request(env, { url: "u" }, done, chunk), request(env, { url: "u" }, done)];
    calls[0].answer();
    await settle();
    calls[0].write([65]);
    for (const one of cancel) one();
    for (const call of calls) assert.equal(call.init.signal.aborted, true);
    calls[1].reject(new DOMException("aborted", "AbortError"));
    calls[2].answer(500);
    calls[2].end();
    await settle();
    assert.deepEqual(said, []);
  });

  test("cancelled from within a piece it says no more", async () => {
    const { calls, env } = fake();
    const said = [];
    const cancel = request(env, { url: "u" }, () => said.push("done"), (text) => {
      said.push(text);
      cancel();
    });
    calls[0].answer();
    calls[0].write([65]);
    calls[0].write([66]);
    calls[0].end();
    await settle();
    assert.deepEqual(said, ["A"]);
  });
});
