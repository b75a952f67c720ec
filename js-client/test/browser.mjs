// A browser in small: tabs that each have a world of their own (a context of node:vm), share BroadcastChannel, Web Locks or
// localStorage, and can be frozen, crash, or come back from the cache; and a gateway that speaks WebSocket to them. Time is virtual, and
// chance comes from a seed.
import { readFile } from "node:fs/promises";
import { Script, createContext } from "node:vm";

const entry = new URL("../src/tidings.js", import.meta.url);

/** The modules in one script, as build.mjs joins them. */
async function bundle(modern) {
  const seen = new Map();
  const visit = async (url) => {
    if (seen.has(url.href)) return;
    seen.set(url.href, "");
    const text = await readFile(url, "utf8");
    for (const [, path] of text.matchAll(/^import .* from "(.+)";$/gm)) await visit(new URL(path, url));
    seen.delete(url.href);
    seen.set(url.href, text);
  };
  await visit(entry);
  const source = [...seen.values()].map((text) => text.replace(/^import .*\n/gm, "").replace(/^export /gm, "")).join("\n");
  return new Script(source.replace("var modern = false;", `var modern = ${modern};`), { filename: "tidings.js" });
}
const scripts = { classic: await bundle(false), modern: await bundle(true) };

const immediate = setImmediate;

/** A generator of chances from 0 to 1. */
export function chances(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class Browser {
  now = 1790000000000;
  tabs = [];
  /** By name: {holder, queue}. */
  #locks = new Map();
  #channels = new Set();
  #tasks = [];
  #order = 0;
  /** By key: {value, version}. */
  #stored = new Map();
  #version = 0;

  /** What localStorage takes; it throws past that. */
  quota = Infinity;
  /** What tabs said to each other: {tab, note}. */
  posts = [];
  /** Whether writes go unnoticed by others. */
  loses = false;
  /** A tab that hears late from others. */
  slow = null;

  /** `forbidden` are storage, locks or both: using them throws, as it does in a sandboxed frame. */
  constructor(t, { bus = "channel", build = "classic", seed = 1, forbidden = "" } = {}) {
    this.bus = bus;
    this.build = build;
    this.forbidden = forbidden;
    this.random = chances(seed);
    this.gateway = new Gateway(this);
    t.after(() => this.tabs.forEach((tab) => tab.crash()));
  }

  /** Runs fn in the tab after some time, and in the order of the asking where `line` is the same. */
  task(tab, ms, fn, line) {
    let at = this.now + ms;
    if (line) at = line.at = Math.max(at, line.at ?? 0);
    const task = { tab, at, order: this.#order++, fn };
    this.#tasks.push(task);
    return task;
  }

  cancel(task) {
    this.#tasks = this.#tasks.filter((one) => one !== task);
  }

  /** Lets time pass. What belongs to frozen tabs waits, what belongs to dead ones never comes. */
  async pass(ms) {
    const end = this.now + ms;
    for (;;) {
      const due = this.#tasks
        .filter((task) => task.at <= end && !task.tab?.frozen)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (!due) break;
      this.cancel(due);
      this.now = Math.max(this.now, due.at);
      if (!due.tab?.dead) due.fn();
      await new Promise((resolve) => immediate(resolve));
    }
    this.now = end;
  }

  async until(ready, ms = 60000) {
    const end = this.now + ms;
    while (!ready()) {
      if (this.now > end) throw new Error(`it never came to be: ${ready}`);
      await this.pass(10);
    }
  }

  open(options) {
    const tab = new Tab(this, options);
    this.tabs.push(tab);
    return tab;
  }

  latency() {
    return this.random() * 3;
  }

  // BroadcastChannel.
  channel(tab) {
    const browser = this;
    return class {
      constructor(name) {
        Object.assign(this, { name, tab, lines: new Map() });
        browser.#channels.add(this);
      }
      postMessage(value) {
        if (!browser.#channels.has(this)) throw new DOMException("closed", "InvalidStateError");
        const copy = structuredClone(value);
        browser.posts.push({ tab, note: copy });
        for (const one of browser.#channels) {
          if (one === this || one.name !== this.name) continue;
          if (!this.lines.has(one)) this.lines.set(one, {});
          browser.task(
            one.tab,
            browser.latency() + (one.tab === browser.slow ? 100 : 0),
            () => browser.#channels.has(one) && one.onmessage?.({ data: structuredClone(copy) }),
            this.lines.get(one),
          );
        }
      }
      close() {
        browser.#channels.delete(this);
      }
    };
  }

  // Web Locks.
  locks(tab) {
    return {
      request: (name, { steal, signal }, fn) =>
        new Promise((resolve, reject) => {
          if (/locks/.test(this.forbidden)) throw new DOMException("no locks here", "SecurityError");
          if (!this.#locks.has(name)) this.#locks.set(name, { holder: null, queue: [] });
          const lock = this.#locks.get(name);
          const aborted = () => reject(new DOMException("aborted", "AbortError"));
          const wish = { tab, fn, resolve, reject, aborted };
          if (steal) {
            const from = lock.holder;
            if (from) this.task(from.tab, this.latency() + (from.tab === this.slow ? 100 : 0), from.aborted, (from.tab.told ??= {}));
            lock.holder = null;
            lock.queue.unshift(wish);
          } else {
            lock.queue.push(wish);
            signal.addEventListener("abort", () => {
              if (!lock.queue.includes(wish)) return;
              lock.queue = lock.queue.filter((one) => one !== wish);
              aborted();
            });
          }
          this.#grant(lock);
        }),
    };
  }

  #grant(lock) {
    if (lock.holder || !lock.queue.length) return;
    const wish = (lock.holder = lock.queue.shift());
    this.task(wish.tab, this.latency(), async () => {
      const value = await wish.fn({});
      wish.resolve(value);
      if (lock.holder === wish) {
        lock.holder = null;
        this.#grant(lock);
      }
    }, (wish.tab.told ??= {}));
  }

  /** What the system does when the process of a tab is gone. */
  release(tab) {
    for (const one of [...this.#channels]) if (one.tab === tab) this.#channels.delete(one);
    for (const lock of this.#locks.values()) {
      lock.queue = lock.queue.filter((wish) => wish.tab !== tab);
      if (lock.holder?.tab === tab) lock.holder = null;
      this.#grant(lock);
    }
    this.gateway.lost(tab);
  }

  // localStorage: each tab sees its own writes at once, those of others a little later, all in one order in the end.
  storage(tab) {
    const view = new Map(this.#stored);
    tab.view = view;
    const write = (key, value) => {
      if ((value?.length ?? 0) > this.quota) throw new DOMException("full", "QuotaExceededError");
      const old = view.get(key)?.value ?? null;
      const entry = { value, version: ++this.#version };
      view.set(key, entry);
      this.#stored.set(key, entry);
      if (old === value) return;
      if (value?.startsWith("{")) this.posts.push({ tab, note: JSON.parse(value) });
      for (const other of this.tabs) {
        if (other === tab || other.dead || this.loses) continue;
        this.task(
          other,
          this.latency() + (other === this.slow ? 100 : 0),
          () => {
            if ((other.view.get(key)?.version ?? 0) < entry.version) other.view.set(key, entry);
            other.dispatch("storage", { key, newValue: value, oldValue: old });
          },
          (other.line ??= {}),
        );
      }
    };
    return {
      getItem: (key) => view.get(key)?.value ?? null,
      setItem: (key, value) => write(key, String(value)),
      removeItem: (key) => write(key, null),
    };
  }
}

export class Tab {
  frozen = false;
  /** Hidden: its timers wait for the next full second. */
  throttled = false;
  dead = false;
  seen = { states: [], gaps: [], errors: [], live: [] };
  follows = [];
  #listeners = new Map();

  constructor(browser, options = {}) {
    this.browser = browser;
    const listen = {
      addEventListener: (type, fn) => this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), fn]),
      removeEventListener: (type, fn) => this.#listeners.set(type, (this.#listeners.get(type) ?? []).filter((one) => one !== fn)),
    };
    const random = () => browser.random();
    const time = () => browser.now;
    const context = createContext({
      ...listen,
      console,
      document: { hidden: false, ...listen },
      navigator: browser.bus === "channel" ? { locks: browser.locks(this) } : {},
      localStorage: browser.storage(this),
      AbortController,
      URL,
      atob,
      crypto: {
        getRandomValues: (numbers) => {
          for (let i = 0; i < numbers.length; i++) numbers[i] = random() * 2 ** 32;
          return numbers;
        },
      },
      DOMException,
      setTimeout: (fn, ms) => browser.task(this, Math.max(Number(ms) || 0, this.throttled ? 1000 - (browser.now % 1000) : 0), fn),
      clearTimeout: (task) => browser.cancel(task),
      Date: class extends Date {
        constructor(...args) {
          super(...(args.length ? args : [time()]));
        }
      },
      WebSocket: browser.gateway.socket(this),
    });
    if (browser.bus === "channel") context.BroadcastChannel = browser.channel(this);
    if (/storage/.test(browser.forbidden)) {
      Object.defineProperty(context, "localStorage", {
        get: () => {
          throw new DOMException("no storage here", "SecurityError");
        },
      });
    }
    context.window = context;
    context.random = random;
    scripts[browser.build].runInContext(context);
    new Script("Math.random = random;").runInContext(context);
    /** Another client in the same page. */
    this.another = () => context.tidings("http://gateway", { transports: ["websocket"], ...options });
    this.it = this.another();
    this.it.on("state", (state) => this.seen.states.push(`${state.state} ${state.cause}`));
    this.it.on("gap", (gap) => this.seen.gaps.push({ ...gap }));
    this.it.on("error", (error) => this.seen.errors.push(error));
    this.it.on("live", (live) => this.seen.live.push(live.topic));
  }

  dispatch(type, event = {}) {
    for (const fn of this.#listeners.get(type) ?? []) fn({ type, ...event });
  }

  /** Follows from where the gateway stands now, or since. `got` is what came, `from` the seq that it begins after. */
  follow(topic, since, fn) {
    const one = { topic, got: [], from: this.browser.gateway.seq };
    one.handle = this.it.follow(
      topic,
      (message) => {
        one.got.push(message.seq);
        fn?.(message);
      },
      { since: since ?? `${this.browser.gateway.epoch}-${one.from}` },
    );
    this.follows.push(one);
    return one;
  }

  unfollow(one) {
    one.handle.close();
    this.follows = this.follows.filter((other) => other !== one);
  }

  get leads() {
    return this.it.diagnose().transport !== "";
  }

  freeze() {
    this.frozen = true;
  }

  thaw() {
    this.frozen = false;
  }

  hide() {
    this.dispatch("pagehide", { persisted: true });
  }

  show() {
    this.dispatch("pageshow", { persisted: true });
  }

  /** Closed by its user. */
  close() {
    this.dispatch("pagehide", { persisted: false });
    this.crash();
  }

  /** Its process is gone. */
  crash() {
    if (!this.dead) {
      this.dead = true;
      this.browser.release(this);
    }
  }
}

/** One log, and the WebSockets that follow it. */
class Gateway {
  epoch = "k3f9a2m1";
  seq = 0;
  messages = [];
  sockets = new Set();
  /** How many connections there were, ever. */
  connects = 0;
  /** Says with what a connection is closed at once, if it is. */
  refuses = () => null;

  constructor(browser) {
    this.browser = browser;
  }

  publish(topic, more = {}) {
    const prev = this.messages.findLast((one) => one.topic === topic)?.seq ?? 0;
    const message = { topic, seq: ++this.seq, prev, time: 1, data: `${topic} ${this.seq}`, ...more };
    this.messages.push(message);
    for (const one of this.sockets) this.#pump(one);
    return message;
  }

  restart() {
    this.epoch = `epoch${this.seq}xyz`;
    this.seq = 0;
    this.messages = [];
    for (const one of [...this.sockets]) this.#close(one);
  }

  lost(tab) {
    for (const one of [...this.sockets]) if (one.tab === tab) this.sockets.delete(one);
  }

  open() {
    return [...this.sockets].filter((one) => !one.tab.frozen);
  }

  #close(one) {
    this.sockets.delete(one);
    this.browser.task(one.tab, this.browser.latency(), () => one.socket.onclose?.({ code: 1006, reason: "" }), one.line);
  }

  #say(one, value) {
    const data = JSON.stringify(value);
    this.browser.task(one.tab, this.browser.latency(), () => one.socket.onmessage?.({ data }), one.line);
  }

  #pump(one) {
    for (const message of this.messages) {
      if (message.seq > one.at && Object.keys(one.follows).some((pattern) => this.matches(pattern, message.topic))) this.#say(one, message);
    }
    one.at = this.seq;
  }

  matches(pattern, topic) {
    return pattern.endsWith("*") ? topic.startsWith(pattern.slice(0, -1)) : pattern === topic;
  }

  // Catches a topic up, and has it live.
  #begin(one, topic, since) {
    const [epoch, seq] = since.split("-");
    let from = this.seq;
    if (since === "all") from = 0;
    else if (epoch === this.epoch) from = Number(seq);
    else if (since !== "now") {
      this.#say(one, { gap: { topic, from: 0, to: 0, reason: "restart" } });
      from = 0;
    }
    return from;
  }

  #follow(one, list) {
    const froms = list.map(({ topic, since }) => this.#begin(one, topic, since));
    for (const message of this.messages) {
      if (list.some(({ topic }, i) => message.seq > froms[i] && this.matches(topic, message.topic))) this.#say(one, message);
    }
    for (const { topic } of list) {
      one.follows[topic] = true;
      this.#say(one, { live: { topic, cursor: `${this.epoch}-${this.seq}` } });
    }
  }

  socket(tab) {
    const gateway = this;
    const { browser } = this;
    return class {
      constructor(url) {
        const query = new URL(url).searchParams;
        const topics = query.getAll("topic");
        const since = query.getAll("since");
        const one = (this.one = { tab, socket: this, follows: {}, at: 0, line: {}, since });
        browser.task(tab, 5 + browser.latency(), () => {
          if (this.closed) return;
          const no = gateway.refuses(one);
          if (no) return void this.onclose?.(no);
          gateway.connects++;
          gateway.sockets.add(one);
          one.at = gateway.seq;
          gateway.#say(one, { hello: { epoch: gateway.epoch, cursor: `${gateway.epoch}-${gateway.seq}`, transport: "websocket", ping_ms: 20000 } });
          gateway.#follow(one, topics.map((topic, i) => ({ topic, since: since[i] ?? since[0] })));
        });
      }
      send(text) {
        const { one } = this;
        const value = JSON.parse(text);
        browser.task(null, browser.latency(), () => {
          if (!gateway.sockets.has(one)) return;
          for (const { topic, since } of value.follow ?? []) {
            if (topic.startsWith("no")) {
              gateway.#say(one, { ack: { id: value.id, error: { code: "forbidden", status: 403, detail: "no" } } });
            } else {
              gateway.#say(one, { ack: { id: value.id, at: `${gateway.epoch}-${gateway.seq}` } });
              gateway.#follow(one, [{ topic, since }]);
            }
          }
          for (const topic of value.unfollow ?? []) delete one.follows[topic];
          if (value.ping) gateway.#say(one, { ack: { id: value.id } });
        });
      }
      close() {
        this.closed = true;
        gateway.sockets.delete(this.one);
      }
    };
  }
}
