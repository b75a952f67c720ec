// Fake transports and a fake clock: nothing here waits, and nothing leaves the process.
import { mock } from "node:test";
import { tidings } from "../src/tidings.js";

export const epoch = "k3f9a2m1";

/** Takes time and chance into the test's hands. Math.random gives `chance`. */
export function clock(t, chance = 0.5) {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const random = mock.method(Math, "random", () => chance);
  t.after(() => {
    mock.timers.reset();
    random.mock.restore();
  });
  return {
    /** Lets time pass until something is so, but not for ever. */
    async until(ready, step = () => this.pass(50)) {
      for (let turns = 0; !ready(); turns++) {
        if (turns > 10000) throw new Error("it never came to be");
        await step();
      }
    },
    /** Lets time pass, a bit at a time, so that timers set by timers run too, and promises between them. */
    async pass(ms) {
      for (let left = ms; left > 0; left -= 50) {
        await settle();
        mock.timers.tick(Math.min(50, left));
      }
      await settle();
    },
  };
}

/** A small generator of chances that can be repeated (mulberry32). */
export function dice(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const immediate = setImmediate;
/** Lets all promises that can go on do so. */
export const settle = async () => {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => immediate(resolve));
};

/**
 * A network of fake WebSockets, EventSources and requests. What the client opens lands in `all`, in order, as
 * {kind, url, closed, hello(cursor, more), send(object), die(code, reason), answer(status, body, headers)}.
 */
export function network() {
  const all = [];
  const net = {
    all,
    /** The newest of a kind. */
    last: (kind) => all.filter((one) => !kind || one.kind === kind).at(-1),
    kinds: () => all.map((one) => one.kind),
    open: () => all.filter((one) => !one.closed),
  };

  const streaming = (one, say) => {
    one.send = (value) => say(typeof value === "string" ? value : JSON.stringify(value));
    // As the gateway does: whoever asked for "now" has caught up at once. What is said next proves that it arrives at once.
    one.hello = (seq, more = {}) => {
      const mine = more.epoch ?? epoch;
      const cursor = `${mine}-${seq}`;
      one.send({ hello: { epoch: mine, cursor, transport: one.kind, session: "s", ping_ms: 20000, ...more } });
      const { topic, since } = parameters(one);
      [topic ?? []].flat().forEach((name, i) => {
        if (([since].flat()[i] ?? [since].flat()[0]) === "now") one.send({ live: { topic: name, cursor } });
      });
    };
    /** Answers the ping that asks for a proof, or brings the tick. */
    one.prove = () => {
      if (one.kind === "websocket") one.send({ ack: { id: 0 } });
      else one.send({ ping: { cursor: `${epoch}-0` } });
    };
    one.message = (topic, seq, prev, more) => one.send({ topic, seq, prev, time: 1, data: `${topic} ${seq}`, ...more });
    return one;
  };

  net.WebSocket = class {
    constructor(url, protocol) {
      const one = streaming({ kind: "websocket", url, protocol, upstream: [], closed: false }, (data) => this.onmessage?.({ data }));
      one.bytes = (data) => this.onmessage?.({ data: new Uint8Array(data).buffer });
      one.die = (code = 1006, reason = "") => {
        one.closed = true;
        if (code === 1006) this.onerror({}); // where nobody hears it, the package ws throws it
        this.onclose?.({ code, reason });
      };
      this.one = one;
      all.push(one);
    }
    send(data) {
      this.one.upstream.push(data[0] === "{" ? JSON.parse(data) : data);
    }
    close() {
      this.one.closed = true;
    }
  };

  net.EventSource = class {
    constructor(url) {
      const one = streaming({ kind: "sse", url, closed: false }, (data) => this.onmessage?.({ data }));
      one.die = () => {
        one.closed = true;
        this.onerror?.({});
      };
      this.one = one;
      all.push(one);
    }
    close() {
      this.one.closed = true;
    }
  };

  net.fetch = (url, init) =>
    new Promise((resolve, reject) => {
      const kind = parameters({ url, init }).transport ?? new URL(url).pathname;
      const one = streaming({ kind, url, init, closed: false }, (text) => {
        if (!one.closed) pipe.enqueue(new TextEncoder().encode(`${text}\n`));
      });
      const fail = (error) => {
        one.closed = true;
        reject(error);
        try {
          pipe?.error(error);
        } catch {
          // It has ended before.
        }
      };
      let pipe;
      init.signal.addEventListener("abort", () => fail(new DOMException("aborted", "AbortError")));
      one.answer = (status, body, headers = {}) => {
        one.closed = true;
        resolve(new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers }));
      };
      one.stream = () => {
        const body = new ReadableStream({ start: (controller) => (pipe = controller) });
        resolve(new Response(body, { status: 200 }));
      };
      one.die = () => fail(new TypeError("fetch failed"));
      all.push(one);
    });
  return net;
}

/** A client on a fake network that notes all that it reports. */
export function client(t, net, options = {}) {
  const seen = { messages: [], states: [], gaps: [], errors: [], live: [] };
  const it = tidings("http://gateway", { fetch: net.fetch, WebSocket: net.WebSocket, EventSource: net.EventSource, ...options });
  it.on("state", (state) => seen.states.push(state));
  it.on("gap", (gap) => seen.gaps.push(gap));
  it.on("error", (error) => seen.errors.push(error));
  it.on("live", (live) => seen.live.push(live));
  t.after(() => it.close());
  const follow = (topic, since) => it.follow(topic, (message) => seen.messages.push(message), { since });
  return { it, seen, follow, seqs: () => seen.messages.map((message) => message.seq), state: () => `${it.state.state} ${it.state.transport}` };
}

/** What a request asks, each name once or as an array; without what every request says, unless that is wanted. */
export function parameters(one, all = false) {
  const { url, init } = typeof one === "string" ? { url: one } : one;
  const result = {};
  // POST /follow has in its body what else would be the query.
  const query = new URL(url).pathname === "/follow" ? new URLSearchParams(init.body) : new URL(url).searchParams;
  for (const [name, value] of query) {
    result[name] = name in result ? [result[name], value].flat() : value;
  }
  if (!all) for (const name of ["session", "n", "tick", "from", "cause"]) delete result[name];
  return result;
}
