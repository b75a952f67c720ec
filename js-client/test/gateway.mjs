// A gateway in small that speaks the wire over real HTTP, with a script for what goes wrong. It serves one log.
import { once } from "node:events";
import { createServer } from "node:http";

export class Gateway {
  epoch = "k3f9a2m1";
  messages = [];
  requests = [];
  /** How to answer instead: (request, response, url) => true if it did. */
  instead = () => false;
  /** Bytes per chunk in streams; 0: whole lines. */
  slice = 0;

  #seq = 0;
  #prev = {};
  #open = new Set();
  #server = createServer((request, response) => this.#serve(request, response));

  static async start() {
    const gateway = new Gateway();
    gateway.#server.listen(0, "127.0.0.1");
    await once(gateway.#server, "listening");
    gateway.url = `http://127.0.0.1:${gateway.#server.address().port}`;
    return gateway;
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** Begins a new log, and cuts all connections. */
  restart() {
    this.epoch = "newepoch";
    this.messages = [];
    this.#seq = 0;
    this.#prev = {};
    this.cut();
  }

  cut() {
    for (const one of this.#open) one.response.destroy();
    this.#open.clear();
  }

  publish(topic, data, more = {}) {
    const message = { topic, seq: ++this.#seq, prev: this.#prev[topic] ?? 0, time: Date.now(), ...more, data };
    this.#prev[topic] = message.seq;
    this.messages.push(message);
    for (const one of [...this.#open]) one.wake();
    return message;
  }

  get cursor() {
    return `${this.epoch}-${this.#seq}`;
  }

  /** Says an object to all that stream. */
  say(value) {
    for (const one of this.#open) one.say?.(value);
  }

  #after(url, name = "topic") {
    const topics = url.searchParams.getAll(name);
    const since = url.searchParams.getAll("since");
    const items = [];
    const froms = topics.map((topic, i) => {
      const text = since[i] ?? since[0];
      if (text === "now") return this.#seq;
      if (text === "all") return 0;
      const [epoch, seq] = text.split("-");
      if (epoch === this.epoch) return Number(seq);
      items.push({ gap: { topic, from: 0, to: 0, reason: "restart" } });
      return 0;
    });
    const fits = (message, i) => (topics[i].endsWith("*") ? message.topic.startsWith(topics[i].slice(0, -1)) : message.topic === topics[i]);
    for (const message of this.messages) {
      if (topics.some((_, i) => fits(message, i) && message.seq > froms[i])) items.push(message);
    }
    return { items, topics, start: `${this.epoch}-${Math.min(...froms)}` };
  }

  #serve(request, response) {
    const url = new URL(request.url, this.url);
    this.requests.push({ method: request.method, url, headers: request.headers });
    if (this.instead(request, response, url)) return;
    if (request.method === "GET") {
      this.#follow(response, url);
      return;
    }
    let body = "";
    request.setEncoding("utf8").on("data", (chunk) => (body += chunk)).on("end", () => {
      if (url.pathname === "/follow") {
        for (const [name, value] of new URLSearchParams(body)) url.searchParams.append(name, value);
        this.#follow(response, url);
        return;
      }
      const message = this.publish(decodeURIComponent(url.pathname.slice("/topics/".length)), body);
      const follow = url.searchParams.has("follow") ? { follow: { cursor: this.cursor, items: this.#after(url, "follow").items, more: false } } : {};
      response.writeHead(201).end(JSON.stringify({ topic: message.topic, seq: message.seq, cursor: this.cursor, ...follow }));
    });
  }

  #follow(response, url) {
    const transport = url.searchParams.get("transport");
    const { items, topics, start } = this.#after(url);
    if (transport === "stream" || transport === "sse") {
      response.writeHead(200, { "Content-Type": transport === "sse" ? "text/event-stream" : "application/x-ndjson" });
      const one = { response, sent: this.#seq };
      one.say = (value) => {
        const text = JSON.stringify(value);
        this.#write(response, transport === "sse" ? `data: ${text}\n\n` : `${text}\n`);
      };
      one.wake = () => {
        for (const message of this.messages) {
          if (message.seq > one.sent && topics.some((topic) => topic === message.topic || topic.endsWith("*"))) one.say(message);
        }
        one.sent = this.#seq;
      };
      one.say({ hello: { epoch: this.epoch, cursor: start, transport, session: "s", ping_ms: 20000 } });
      for (const item of items) one.say(item);
      for (const topic of topics) one.say({ live: { topic, cursor: this.cursor } });
      const tick = url.searchParams.get("tick");
      if (tick) setTimeout(() => one.say({ ping: { cursor: this.cursor } }), tick);
      this.#track(one);
    } else {
      const answer = (items) => {
        this.#open.delete(one);
        response.end(JSON.stringify({ cursor: this.cursor, items, more: false, poll_ms: 100 }));
      };
      const one = { response, wake: () => answer(this.#after(url).items) };
      if (items.length || !Number(url.searchParams.get("wait"))) answer(items);
      else this.#track(one);
    }
  }

  #track(one) {
    this.#open.add(one);
    one.response.on("close", () => this.#open.delete(one));
  }

  // Cut into slices that go out one by one, so that characters are split across chunks.
  #write(response, text) {
    const bytes = Buffer.from(text);
    const size = this.slice || bytes.length;
    response.socket?.setNoDelay(true);
    for (let i = 0; i < bytes.length; i += size) response.write(bytes.subarray(i, i + size));
  }
}

/** An EventSource over fetch: as much of one as the client uses. */
export class EventSource {
  #abort = new AbortController();

  constructor(url) {
    this.#run(url).then(
      () => this.onerror?.({}),
      () => this.onerror?.({}),
    );
  }

  async #run(url) {
    const response = await fetch(url, { signal: this.#abort.signal, headers: { Accept: "text/event-stream" } });
    let rest = "";
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      const events = (rest + text).split("\n\n");
      rest = events.pop();
      for (const event of events) {
        const data = event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
        if (data.length) this.onmessage?.({ data: data.join("\n") });
      }
    }
  }

  close() {
    this.onmessage = this.onerror = null;
    this.#abort.abort();
  }
}
