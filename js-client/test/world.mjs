// A page in one of the profiles, with a gateway behind it: everything in this process, and in a time of its own that
// passes when the test says so.
import { createContext, runInContext } from "node:vm";
import { kept, reduceLanguage } from "./profiles.mjs";

const latency = 5; // ms, from the page to the gateway and back

/** Timers that run when time is let pass. */
class Clock {
  now = 1700000000000;
  timers = [];

  #number = 0;

  set = (fn, ms, again) => {
    const timer = { id: ++this.#number, at: this.now + (ms || 0), fn, again: again && ms };
    this.timers.push(timer);
    return timer.id;
  };

  clear = (id) => {
    this.timers = this.timers.filter((timer) => timer.id !== id);
  };

  pass(ms) {
    const end = this.now + ms;
    let turns = 0; // at one moment
    for (;;) {
      const due = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at || a.id - b.id)[0];
      if (!due) break;
      if (due.at > this.now) turns = 0;
      else if (++turns > 1000) throw new Error("the page loops without delay");
      this.now = Math.max(this.now, due.at);
      if (due.again) due.at += due.again;
      else this.clear(due.id);
      due.fn();
    }
    this.now = end;
  }
}

/** The gateway's side of the wire (docs/wire.md), one log, no limits. */
class Gateway {
  epoch = "k3f9a2m1";
  messages = [];
  /** All requests, as {method, url, headers, body}. */
  requests = [];
  /** Takes the requests of sockets. */
  socket;

  #clock;
  #waiting = new Set();

  constructor(clock) {
    this.#clock = clock;
  }

  publish(topic, data) {
    const prev = this.messages.findLast((message) => message.topic === topic)?.seq ?? 0;
    this.messages.push({ topic, seq: this.messages.length + 1, prev, time: this.#clock.now, data });
    for (const wake of [...this.#waiting]) wake();
  }

  get #cursor() {
    return `${this.epoch}-${this.messages.length}`;
  }

  /**
   * Takes a request: exchange has method, url, headers, body, and is told answer(status), write(text), end(). It sets
   * gone when nobody waits any more.
   */
  ask(exchange) {
    this.requests.push(exchange);
    const url = new URL(exchange.url);
    if (url.searchParams.has("tidings")) {
      this.socket(exchange, url.searchParams);
      return;
    }
    const body = exchange.method === "POST" && url.pathname === "/follow" ? JSON.parse(exchange.body) : {};
    const value = (name) => String(body[name] ?? url.searchParams.get(name) ?? "");
    if (exchange.method === "POST" && url.pathname !== "/follow") {
      this.publish(decodeURIComponent(url.pathname.slice("/topics/".length)), exchange.body);
      const { topic, seq, prev } = this.messages.at(-1);
      exchange.answer(201);
      exchange.write(JSON.stringify({ topic, seq, prev, cursor: this.#cursor, durability: "memory" }));
      exchange.end();
      return;
    }
    const since = url.searchParams.getAll("since");
    const follows = (body.follow ?? url.searchParams.getAll("topic").map((topic, i) => ({ topic, since: since[i] ?? since[0] }))).map(
      ({ topic, since }) => ({ topic, sent: since === "all" ? 0 : since === "now" || !since ? this.messages.length : Number(since.split("-")[1]) }),
    );
    const fits = ({ topic }, message) => (topic.endsWith("**") ? message.topic.startsWith(topic.slice(0, -2)) : topic === message.topic);
    let at = Math.min(this.messages.length, ...follows.map(({ sent }) => sent));
    const next = () => {
      const items = this.messages.filter((message) => message.seq > at && follows.some((one) => message.seq > one.sent && fits(one, message)));
      for (const one of follows) one.sent = Math.max(one.sent, this.messages.length);
      at = this.messages.length;
      return items;
    };
    const transport = value("transport") || (url.protocol === "ws:" ? "websocket" : value("wait") ? "longpoll" : "poll");
    if (transport === "poll" || transport === "longpoll") {
      this.#poll(exchange, value, next);
    } else {
      this.#stream(exchange, value, transport, next, at, follows);
    }
  }

  #poll(exchange, value, next) {
    const answer = () => {
      this.#waiting.delete(wake);
      this.#clock.clear(timer);
      if (exchange.gone) return;
      const text = JSON.stringify({ cursor: this.#cursor, items, more: false, poll_ms: 1000 });
      exchange.answer(200);
      exchange.write(value("callback") ? `/**/${value("callback")}(${text});` : text);
      exchange.end();
    };
    const wake = () => {
      items = next();
      if (items.length || exchange.gone) answer();
    };
    let items = [];
    const timer = this.#clock.set(answer, Number(value("wait")) * 1000);
    this.#waiting.add(wake);
    wake();
  }

  #stream(exchange, value, transport, next, at, follows) {
    const say = (object) => {
      const text = JSON.stringify(object);
      if (transport === "iframe") exchange.write(value("origin") ? `<script>parent.postMessage(${JSON.stringify(text)}, ${JSON.stringify(value("origin"))})</script>` : `<script>parent.${value("callback")}(${text})</script>`);
      else if (transport === "stream") exchange.write(`${text}\n`);
      else exchange.write(text); // the frame of a WebSocket, the data of an event, a part
    };
    const beat = () => {
      if (exchange.gone) return;
      say({ ping: { cursor: this.#cursor } });
      this.#clock.set(beat, 20000);
    };
    const wake = () => {
      if (exchange.gone) this.#waiting.delete(wake);
      else next().forEach(say);
    };
    exchange.answer(200);
    if (value("prelude") && transport === "stream") exchange.write(`${" ".repeat(2048)}\n`);
    say({ hello: { epoch: this.epoch, cursor: `${this.epoch}-${at}`, transport, session: "s", ping_ms: 20000 } });
    wake();
    for (const { topic } of follows) say({ live: { topic, cursor: this.#cursor } });
    if (value("tick")) this.#clock.set(() => exchange.gone || say({ ping: { cursor: this.#cursor } }), Number(value("tick")));
    this.#clock.set(beat, 20000);
    this.#waiting.add(wake);
  }
}

/** A page of an origin, with the globals of a profile. */
export class World {
  clock = new Clock();
  gateway = new Gateway(this.clock);
  /** Listeners that the page has set: [where, type]. */
  listeners = [];

  #profile;
  #origin;
  #context;

  constructor(profile, origin) {
    this.#profile = profile;
    this.#origin = origin;
    const context = createContext({});
    this.#context = context;
    const window = runInContext("this", context);
    let chance = 1;
    const random = () => (chance = (chance * 16807) % 2147483647) / 2147483647;
    runInContext(reduceLanguage, context)(window, kept(profile), profile.quirks, () => this.clock.now, random, Object.getOwnPropertyNames);
    this.#globals(context, window);
  }

  /** Runs a script in the page, and gives the value of its last expression. */
  run(script) {
    return runInContext(script, this.#context);
  }

  /** The names of the page's globals. */
  globals() {
    return Object.getOwnPropertyNames(this.#context);
  }

  #near(url) {
    return new URL(url).origin === this.#origin;
  }

  /** Sends a request on its way; told has answer, write and end. Gives the exchange, which its page may leave. */
  #send(method, url, headers, body, told) {
    const exchange = { method, url, headers, body, gone: false };
    const late = (fn) => (value) => this.clock.set(() => exchange.gone || fn(value), latency);
    Object.assign(exchange, { answer: late(told.answer), write: late(told.write), end: late(told.end) });
    this.clock.set(() => exchange.gone || this.gateway.ask(exchange), latency);
    return exchange;
  }

  #globals(context, window) {
    const { has, events, storage } = this.#profile;
    const { protocol, host, hostname, port } = new URL(this.#origin);
    Object.assign(context, {
      window,
      self: window,
      location: { protocol, host, hostname, port, href: `${this.#origin}/page`, pathname: "/page", search: "", hash: "" },
      navigator: { userAgent: "a browser of old" },
      setTimeout: (fn, ms) => this.clock.set(fn, ms),
      clearTimeout: this.clock.clear,
      setInterval: (fn, ms) => this.clock.set(fn, ms, true),
      clearInterval: this.clock.clear,
      XMLHttpRequest: this.#xhr(),
      document: this.#document(context, window),
      ...this.#events("window"),
    });
    if (storage === "works") {
      const kept = new Map();
      context.localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => void kept.set(key, String(text)), removeItem: (key) => void kept.delete(key) };
    }
    if (storage === "throws") {
      Object.defineProperty(context, "localStorage", {
        get() {
          throw new Error("Access is denied.");
        },
      });
    }
    if (has.includes("console")) context.console = { error() {} };
    if (has.includes("postMessage")) context.postMessage = () => {};
    if (has.includes("XDomainRequest")) context.XDomainRequest = this.#xdr();
    if (has.includes("EventSource")) context.EventSource = this.#eventSource();
    if (has.includes("WebSocket")) context.WebSocket = this.#webSocket();
    if (has.includes("draft76")) context.WebSocket = this.#draft76();
    if (has.includes("ActiveXObject")) {
      const world = this;
      context.ActiveXObject = function (name) {
        if (name !== "htmlfile") throw new Error("Automation server can't create object");
        const root = {};
        return { ...world.#document(context, root), open() {}, write() {}, close() {}, parentWindow: root };
      };
    }
    if (events === "attach") delete context.addEventListener;
  }

  #events(where) {
    const note = (type) => void this.listeners.push([where, type]);
    const forget = (type) => {
      const i = this.listeners.findIndex(([at, what]) => at === where && what === type);
      if (i >= 0) this.listeners.splice(i, 1);
    };
    return this.#profile.events === "attach"
      ? { attachEvent: note, detachEvent: forget }
      : { addEventListener: note, removeEventListener: forget };
  }

  // Elements that load something when they are put into the document: scripts and frames.
  #document(context, root) {
    const world = this;
    const element = (tagName) => ({
      tagName: tagName.toUpperCase(),
      style: {},
      contentWindow: {},
      appendChild(child) {
        return this.insertBefore(child, null);
      },
      insertBefore(child) {
        child.parentNode = this;
        if (child.tagName === "SCRIPT") world.#script(child);
        if (child.tagName === "IFRAME") world.#frame(child, root, context);
        return child;
      },
      removeChild(child) {
        if (child.parentNode !== this) throw new Error("not a child of this");
        child.parentNode = null;
        if (child.exchange) child.exchange.gone = true;
        return child;
      },
      setAttribute(name, value) {
        this[name] = value;
      },
    });
    const head = element("head");
    return {
      readyState: "complete",
      cookie: "",
      body: element("body"),
      documentElement: element("html"),
      createElement: element,
      getElementsByTagName: (name) => (name === "head" ? [head] : []),
      ...this.#events("document"),
    };
  }

  // Its answer is run when it is complete, also if it was taken out of the document before.
  #script(script) {
    let text = "";
    this.#send("GET", script.src, {}, undefined, {
      answer() {},
      write: (more) => (text += more),
      end: () => {
        this.run(text);
        script.readyState = "loaded";
        script.onload?.();
      },
    });
  }

  #frame(frame, root, context) {
    frame.exchange = this.#send("GET", frame.src, {}, undefined, {
      answer() {},
      write: (html) => {
        for (const [, code] of html.matchAll(/<script>(.*?)<\/script>/g)) {
          context.frameParent = root;
          root.postMessage = (data, origin) => origin === this.#origin && this.heard?.({ data, source: frame.contentWindow });
          runInContext(`(function (parent) { ${code} })(frameParent)`, context);
          delete context.frameParent;
        }
      },
      end: () => frame.onload?.(),
    });
  }

  #xhr() {
    const world = this;
    const { requests } = this.#profile;
    const far = requests !== "near";
    return class XMLHttpRequest {
      readyState = 0;
      status = 0;
      headers = {};
      #text = "";

      constructor() {
        if (far) this.withCredentials = false;
        if (requests === "parts") this.multipart = false;
      }
      get responseText() {
        if (!far && this.readyState < 4) throw new Error("The data necessary to complete this operation is not yet available.");
        return this.#text;
      }
      open(method, url) {
        if (!far && !world.#near(url)) throw new Error("Access is denied.");
        Object.assign(this, { method, url });
        this.#moved(1);
      }
      setRequestHeader(name, value) {
        if (this.readyState !== 1) throw new Error("INVALID_STATE_ERR");
        this.headers[name.toLowerCase()] = value;
      }
      getResponseHeader() {
        return null;
      }
      getAllResponseHeaders() {
        return "";
      }
      send(body) {
        this.exchange = world.#send(this.method, this.url, this.headers, body, {
          answer: (status) => {
            this.status = status;
            this.#moved(2);
          },
          write: (text) => {
            if (this.multipart) {
              // A part at a time, each as if it were the answer.
              this.#text = text;
              this.#moved(4);
              return;
            }
            this.#text += text;
            if (requests !== "once" || this.readyState < 3) this.#moved(3);
            this.onprogress?.({});
          },
          end: () => {
            this.exchange.gone = true;
            this.#moved(4);
            this.onload?.({});
          },
        });
      }
      abort() {
        if (this.exchange) this.exchange.gone = true;
      }
      #moved(state) {
        this.readyState = state;
        this.onreadystatechange?.({});
      }
    };
  }

  // It shows nothing before 2 KB are there, no status and no header; without a handler it would not even begin (IE 9).
  #xdr() {
    const world = this;
    return class XDomainRequest {
      responseText = "";
      contentType = "";

      open(method, url) {
        if (new URL(url).protocol !== new URL(world.#origin).protocol) throw new Error("Access is denied.");
        Object.assign(this, { method, url });
      }
      send(body) {
        if (!this.onprogress || !this.onload || !this.onerror || !this.ontimeout) throw new Error("it would be dropped");
        let text = "";
        let failed = false;
        this.exchange = world.#send(this.method, this.url, {}, body, {
          answer: (status) => (failed = status >= 400),
          write: (more) => {
            text += more;
            if (failed || text.length < 2048) return;
            this.responseText = text;
            this.onprogress();
          },
          end: () => {
            this.exchange.gone = true;
            this.responseText = failed ? "" : text;
            if (failed) this.onerror();
            else this.onload();
          },
        });
      }
      abort() {
        if (this.exchange) this.exchange.gone = true;
      }
    };
  }

  #eventSource() {
    const world = this;
    return class EventSource {
      constructor(url) {
        if (!world.#near(url)) throw new Error("SECURITY_ERR");
        this.exchange = world.#send("GET", url, { accept: "text/event-stream" }, undefined, {
          answer: () => this.onopen?.({}),
          write: (data) => this.onmessage?.({ data }),
          end: () => this.onerror?.({}),
        });
      }
      close() {
        this.exchange.gone = true;
      }
    };
  }

  #webSocket() {
    const world = this;
    return class WebSocket {
      constructor(url) {
        this.exchange = world.#send("GET", url, {}, undefined, {
          answer: () => this.onopen?.({}),
          write: (data) => this.onmessage?.({ data }),
          end: () => this.onclose?.({ code: 1006, reason: "" }),
        });
      }
      send() {}
      close() {
        this.exchange.gone = true;
      }
    };
  }

  // The gateway answers the handshake of draft 76 with 400. An event of its close has no code.
  #draft76() {
    const world = this;
    return class WebSocket {
      constructor() {
        this.exchange = { gone: false };
        world.clock.set(() => this.exchange.gone || this.onclose?.({}), latency);
      }
      send() {
        throw new Error("INVALID_STATE_ERR");
      }
      close() {
        this.exchange.gone = true;
      }
    };
  }
}
