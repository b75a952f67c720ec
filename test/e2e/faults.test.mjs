// The fault proxy itself: which kind a request is of, and what each fault lets through.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { after, before, mock, test } from "node:test";
import { Faults } from "./faults.mjs";
import { kindOf } from "./kinds.mjs";
import { Valve } from "./valve.mjs";

test("requests are told apart", () => {
  const upgrade = { upgrade: "websocket" };
  const table = [
    ["GET", "/topics?topic=a&since=now&transport=websocket", upgrade, "websocket"],
    ["GET", "/topics/a", upgrade, "websocket"],
    ["GET", "/topics?topic=a&transport=websocket", {}, "poll"],
    ["GET", "/topics?topic=a&transport=sse&wrap=1", {}, "sse"],
    ["GET", "/topics/a/b", { accept: "text/event-stream" }, "sse"],
    ["GET", "/topics?topic=a&transport=stream", {}, "get-stream"],
    ["GET", "/topics/a?transport=iframe&callback=f", {}, "get-stream"],
    ["GET", "/topics/a", { accept: "application/x-ndjson" }, "get-stream"],
    ["GET", "/topics/a", { accept: "multipart/x-mixed-replace" }, "get-stream"],
    ["GET", "/topics?topic=a&transport=longpoll&wait=25", {}, "longpoll"],
    ["GET", "/topics/a?wait=25", {}, "longpoll"],
    ["GET", "/topics/a", {}, "poll"],
    ["GET", "/push/topics/a", {}, "poll"],
    ["GET", "/topics?topic=a&transport=poll", {}, "poll"],
    ["POST", "/follow", { body: '{"follow":[],"transport":"stream"}' }, "post-stream"],
    ["POST", "/follow?transport=stream", {}, "post-stream"],
    ["POST", "/follow", { body: '{"follow":[],"transport":"longpoll","wait":0}' }, "longpoll"],
    ["POST", "/follow", { body: '{"follow":[],"wait":25}' }, "longpoll"],
    ["POST", "/follow", { body: '{"follow":[]}' }, "poll"],
    ["POST", "/follow", { body: "null" }, "poll"],
    ["POST", "/follow", { body: "<" }, "poll"],
    ["POST", "/topics/a", {}, "other"],
    ["HEAD", "/topics/a", {}, "other"],
    ["OPTIONS", "/topics/a?transport=sse", {}, "other"],
    ["GET", "/tidings.js", {}, "other"],
    ["GET", "/socket.io/?EIO=4&transport=polling&t=x", {}, "longpoll"],
    ["POST", "/socket.io/?EIO=4&transport=polling&sid=x", {}, "longpoll"],
    ["GET", "/socket.io/?EIO=4&transport=websocket&sid=x", upgrade, "websocket"],
    ["GET", "/socket.io/socket.io.js", {}, "other"],
    ["GET", "/sockjs/info?t=1", {}, "other"],
    ["GET", "/sockjs/123/abc/websocket", upgrade, "websocket"],
    ["GET", "/sockjs/123/abc/eventsource", {}, "sse"],
    ["GET", "/sockjs/123/abc/htmlfile?c=f", {}, "get-stream"],
    ["POST", "/sockjs/123/abc/xhr_streaming?t=1", {}, "post-stream"],
    ["POST", "/sockjs/123/abc/xhr?t=1", {}, "longpoll"],
    ["POST", "/sockjs/123/abc/xhr_send?t=1", {}, "other"],
  ];
  for (const [method, url, { body, ...headers }, kind] of table) {
    assert.equal(kindOf({ method, url, headers, body }), kind, `${method} ${url} ${body ?? JSON.stringify(headers)}`);
  }
});

// What comes out of a valve: each step is what goes in, then what came out by then.
const full = "x".repeat(16 * 1024);
const flows = {
  pass: [["a", "a"], ["b", "ab"], ["end", "ab|end"]],
  swallow: [["a", ""], ["heal", ""], ["b", ""], ["end", ""]],
  hold: [["a", ""], ["b", ""], ["end", "ab|end"]],
  "hold healed": [["a", ""], ["heal", "a"], ["b", "ab"], ["end", "ab|end"]],
  hold16: [["a", ""], [full, `a${full}`], ["b", `a${full}`], ["end", `a${full}b|end`]],
  "delay-one": [["a", ""], ["b", "a"], ["c", "ab"], ["end", "abc|end"]],
  "delay-one healed": [["a", ""], ["heal", "a"], ["b", "ab"]],
  early: [["a", "|kill"], ["end", "|kill"]],
  kill: [["a", "a"], ["199", "a"], ["b", "ab"], ["1", "ab|kill"], ["c", "ab|kill"], ["end", "ab|kill"]],
  "kill ended": [["a", "a"], ["end", "a|end"], ["200", "a|end"]],
  "kill healed": [["a", "a"], ["heal", "a"], ["200", "a"], ["b", "ab"]],
};
for (const [name, steps] of Object.entries(flows)) {
  test(`a valve with ${name}`, () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      let out = "";
      const valve = new Valve(name.split(" ")[0], {
        write: (chunk) => (out += chunk),
        end: () => (out += "|end"),
        kill: () => (out += "|kill"),
      });
      for (const [step, want] of steps) {
        if (step === "end") valve.end();
        else if (step === "heal") valve.heal();
        else if (/^\d+$/.test(step)) mock.timers.tick(Number(step));
        else valve.write(step);
        assert.equal(out, want, `after ${step.slice(0, 10)}`);
      }
    } finally {
      mock.timers.reset();
    }
  });
}

// A server that answers everything alike: a head, then the body when it is told.
let origin;
let answers;
before(async () => {
  origin = createServer((_request, response) => {
    response.writeHead(200, { "Content-Type": "text/plain" });
    response.flushHeaders();
    answers.push(response);
  })
    .on("upgrade", (_request, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
      socket.on("error", () => {});
      answers.push(socket);
    })
    .listen(0, "127.0.0.1");
  await once(origin, "listening");
});
after(() => {
  origin.closeAllConnections();
  origin.close();
});

const heads = {
  websocket: "GET /topics/a HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
  sse: "GET /topics/a HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n",
};

// What a client without any manners reads, and how it ends.
class Reader {
  text = "";
  reads = 0;
  ended = "";

  constructor(url, kind) {
    this.socket = connect(new URL(url).port, "127.0.0.1").setEncoding("latin1");
    this.socket.on("data", (chunk) => {
      this.text += chunk;
      this.reads++;
    });
    for (const event of ["end", "error", "close"]) {
      this.socket.once(event, (error) => (this.ended ||= error?.code ?? event));
    }
    this.socket.write(heads[kind]);
  }

  has(text) {
    return until(() => this.text.includes(text));
  }
}

async function until(wanted) {
  while (!wanted()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function through(fault, kind, use) {
  const proxy = await Faults.start(`http://127.0.0.1:${origin.address().port}`, { plan: { [kind]: fault } });
  answers = [];
  const reader = new Reader(proxy.url, kind);
  const asked = async () => {
    await until(() => answers.length);
    return answers[0];
  };
  try {
    await use({ reader, proxy, asked });
  } finally {
    reader.socket.destroy();
    await proxy.close();
  }
}

for (const [kind, head] of [["websocket", "101 Switching"], ["sse", "200 OK"]]) {
  test(`${kind}: what has no fault passes as it comes`, () =>
    through("slice", kind, async ({ reader, proxy, asked }) => {
      proxy.heal();
      const answer = await asked();
      for (const text of ["one;", "two;"]) {
        answer.write(text);
        await reader.has(text);
      }
      answer.end();
    }));

  test(`${kind}: silence asks nobody and says nothing`, () =>
    through("silence", kind, async ({ reader, proxy }) => {
      await until(() => proxy.log.length);
      assert.equal(answers.length, 0);
      assert.equal(reader.text + reader.ended, "");
    }));

  test(`${kind}: reset cuts before an answer`, () =>
    through("reset", kind, async ({ reader }) => {
      await until(() => reader.ended);
      assert.equal(reader.text + reader.ended, "ECONNRESET");
    }));

  for (const [fault, status] of [["html", "502 "], ["html200", "200 OK"]]) {
    test(`${kind}: ${fault} answers by itself`, () =>
      through(fault, kind, async ({ reader }) => {
        await reader.has("blocked this page");
        assert.ok(reader.text.startsWith(`HTTP/1.1 ${status}`));
        assert.equal(answers.length, 0);
      }));
  }

  test(`${kind}: early and kill pass the head and end`, async () => {
    for (const fault of ["early", "kill"]) {
      await through(fault, kind, async ({ reader }) => {
        await until(() => reader.ended);
        assert.ok(reader.text.includes(head));
      });
    }
  });

  test(`${kind}: swallow passes the head only`, () =>
    through("swallow", kind, async ({ reader, proxy, asked }) => {
      await reader.has(head);
      (await asked()).end("body");
      const other = new Reader(proxy.url, kind);
      await other.has(head); // By now what came before would have come.
      other.socket.destroy();
      assert.ok(!reader.text.includes("body"));
      assert.equal(reader.ended, "");
    }));

  test(`${kind}: hold passes all at the end`, () =>
    through("hold", kind, async ({ reader, asked }) => {
      (await asked()).end("body");
      await reader.has("body");
    }));
}

test("slice cuts finely and loses nothing", () =>
  through("slice", "websocket", async ({ reader, asked }) => {
    const body = "0123456789".repeat(20);
    (await asked()).end(body);
    await until(() => reader.ended);
    assert.ok(reader.text.endsWith(`\r\n\r\n${body}`));
    assert.ok(reader.reads > 3, `${reader.reads} reads`);
  }));

test("strip makes an ordinary request of an upgrade", () =>
  through("strip", "websocket", async ({ reader, asked }) => {
    (await asked()).end("body");
    await reader.has("body");
    assert.match(reader.text, /^HTTP\/1.1 200 OK/);
  }));

test("the log tells kinds and faults in order, and other kinds pass", () =>
  through("silence", "sse", async ({ proxy }) => {
    await until(() => proxy.log.length);
    const other = new Reader(proxy.url, "websocket");
    await other.has("101 Switching");
    other.socket.destroy();
    assert.deepEqual(
      proxy.log.map(({ kind, fault }) => [kind, fault]),
      [["sse", "silence"], ["websocket", undefined]],
    );
  }));

test("a fault that does not exist is refused", () =>
  assert.rejects(Faults.start("http://127.0.0.1:1", { plan: { sse: "hodl" } }), /hodl/));
