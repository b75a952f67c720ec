// Engines from today's back to one of 2014 follow topics through everything that happens to a page: its transport is
// changed, the gateway is restarted and killed, the network passes some transports only.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { engines, start } from "./engines.mjs";
import { Faults } from "./faults.mjs";
import { Gateway, out } from "./gateway.mjs";
import { clientPage, serve } from "./pages.mjs";
import { Watch } from "./watch.mjs";

/**
 * By engine: the transports that it has, best first, and what it finds by itself where upgrades are refused, and where
 * answers are held to their end besides.
 */
const expected = {
  chromium: { has: ["websocket", "sse", "stream", "longpoll", "poll"], refused: "sse", polling: "longpoll" },
  firefox: { has: ["websocket", "sse", "stream", "longpoll", "poll"], refused: "sse", polling: "longpoll" },
  chromium64: { has: ["websocket", "sse", "stream", "longpoll", "poll"], refused: "sse", polling: "longpoll" },
  phantomjs: { has: ["websocket", "sse", "stream", "longpoll", "poll"], refused: "sse", polling: "longpoll" },
};

/** Publishes to two topics, one message after the other, until it is told to stop; keeps the receipts. */
class Publisher {
  receipts = [];

  #gateway;
  #running = null;
  #stop = false;

  constructor(gateway) {
    this.#gateway = gateway;
  }

  start() {
    this.#stop = false;
    this.#running = this.#run();
  }

  async stop() {
    this.#stop = true;
    await this.#running;
    this.#running = null;
  }

  async #run() {
    while (!this.#stop) {
      const number = this.receipts.length;
      const receipt = await this.#gateway.publish(`engines/${number % 2 ? "odd" : "even"}`, String(number));
      this.receipts.push({ ...receipt, text: String(number) });
      await delay(5); // as fast as it goes would measure the engines' patience
    }
  }
}

const openBy = (transport) => `t.state.state === "open" && t.state.transport === "${transport}"`;
const last = "(seen.messages.length ? seen.messages[seen.messages.length - 1].cursor : '')";
const epochOf = (cursor) => cursor.split("-")[0];

/** Waits for an expression; what a failed wait shows is what the client has reported. */
const until = (page, expression, ms) =>
  page.until(expression, { ms, describe: "{ states: seen.states, gaps: seen.gaps, errors: seen.errors, count: seen.messages.length }" });

/** What went wrong in a page. Firefox also reports connections that the client gave up while they were being made: that is none. */
const mistakes = async (page) =>
  (await page.errors()).filter((error) => !/CORS request did not succeed|was interrupted while the page|can.t establish a connection/.test(error));

/** Waits until a message arrives that has not arrived by now. */
async function moves(page) {
  await until(page, `seen.messages.length > ${await page.evaluate("seen.messages.length")}`);
}

/** Waits until all that was published so far has arrived: the last comes after everything else. */
const arrived = (page, publisher) => until(page, `${last} === "${publisher.receipts.at(-1).cursor}"`);

/** Opens a page of an origin of its own, that follows until the test is over; so long stands what is between it and the gateway. */
async function follow(t, engine, gateway, between) {
  let page;
  const pages = await serve({ "/follow": clientPage((between ?? gateway).url) });
  t.after(async () => {
    await page?.close();
    await pages.close();
    await between?.close();
  });
  page = await engine.open(`${pages.url}/follow`);
  await page.evaluate('(start({ poll_ms: 200 }), follow("engines/**", { since: "all" }), true)');
  return page;
}

/**
 * Ends the gateway under a page by a signal and starts it again, with messages on both sides: one that is killed takes
 * some along that nobody has got. What the client uses afterwards is what it used before.
 */
async function restart(page, gateway, publisher, signal) {
  const { transport } = await page.evaluate("t.state");
  await publisher.stop();
  if (signal === "SIGTERM") await arrived(page, publisher);
  const epoch = epochOf(publisher.receipts.at(-1).cursor);
  const before = await page.evaluate("seen.states.length");
  await gateway.stop(signal);
  await gateway.start();
  publisher.start(); // at once: the client is not back yet
  await until(page, `${openBy(transport)} && ${last}.indexOf("${epoch}") !== 0`);
  await moves(page);
  const used = await page.evaluate("seen.states");
  assert.deepEqual(used.slice(before).filter((s) => s.state === "open" && s.transport !== transport), [], `${signal} has changed the transport`);
}

/**
 * What the page has got is what was published: of the log that is served now all of it, of logs that went with their
 * gateway a beginning, and every loss is stated. Every log but the first began with a gap.
 */
async function complete(page, publisher) {
  await publisher.stop();
  await arrived(page, publisher);
  const { messages, gaps, errors } = await page.evaluate("seen");
  const epochs = [...new Set(publisher.receipts.map(({ cursor }) => epochOf(cursor)))];
  let sent = 0;
  for (const message of messages) {
    // A message of the next log: what is left of the one before went with it.
    const epoch = epochOf(message.cursor);
    while (sent < publisher.receipts.length - 1 && epochOf(publisher.receipts[sent].cursor) !== epoch) sent++;
    const { topic, cursor, prev, text } = publisher.receipts[sent++];
    assert.deepEqual({ topic: message.topic, cursor: message.cursor, prev: message.prev, text: message.data.text }, { topic, cursor, prev, text });
  }
  assert.equal(sent, publisher.receipts.length);
  assert.deepEqual(gaps.map((gap) => gap.reason), epochs.slice(1).map(() => "restart"));
  assert.deepEqual(errors, []);
}

for (const name of engines) {
  const { has, refused, polling } = expected[name];

  describe(`following in ${name}`, () => {
    let gateway;
    let engine;
    let publisher;

    before(async () => {
      engine = await start(name);
    });
    beforeEach(async () => {
      gateway = await Gateway.start();
      publisher = new Publisher(gateway);
    });
    afterEach(async () => {
      await publisher.stop();
      await gateway.stop();
    });
    after(() => engine?.close());

    test("all its transports in turn, then two restarts, lose nothing", async (t) => {
      const page = await follow(t, engine, gateway);
      publisher.start();
      await until(page, openBy(has[0]));
      for (const transport of [...has.slice(1), has[0]]) {
        await page.evaluate(`(t.use("${transport}"), true)`);
        await until(page, openBy(transport));
        await moves(page);
      }
      assert.deepEqual(await mistakes(page), []); // from here on the engine reports what it could not reach
      await page.evaluate("(t.use(null), true)");
      for (const signal of ["SIGTERM", "SIGKILL"]) await restart(page, gateway, publisher, signal);
      await complete(page, publisher);
    });

    for (const [what, plan, finds, signal] of [
      ["WebSocket is refused", { websocket: "html" }, refused, "SIGKILL"],
      ["only polls pass", { websocket: "html", sse: "hold", "get-stream": "hold", "post-stream": "hold" }, polling, "SIGTERM"],
    ]) {
      test(`where ${what} it finds ${finds}, and stays there over a restart`, async (t) => {
        const network = await Faults.start(gateway.url, { plan });
        const page = await follow(t, engine, gateway, network);
        publisher.start();
        await until(page, openBy(finds), 40_000);
        await moves(page);
        await restart(page, gateway, publisher, signal);
        await complete(page, publisher);
      });
    }

    test("no request asks for leave first, whatever is followed and published from another origin", async (t) => {
      const watch = await Watch.start(gateway.url);
      const page = await follow(t, engine, gateway, watch);
      for (const transport of has) {
        await page.evaluate(`(t.use("${transport}"), true)`);
        await until(page, openBy(transport));
      }
      await page.evaluate(`(
        window.receipts = [],
        window.sent = function (error, receipt) { receipts.push(error ? String(error) : receipt.seq); },
        t.publish("engines/text", "a text", sent),
        t.publish("engines/json", { a: 1 }, { event: "e", key: "k", ttl: 60 }, sent),
        t.publish("engines/bytes", new Uint8Array([1, 2, 255]), sent),
        true)`);
      await until(page, "receipts.length === 3");
      const receipts = await page.evaluate("receipts");
      assert.deepEqual(receipts.filter((seq) => typeof seq !== "number"), []);

      const crossing = watch.requests.filter(({ headers }) => headers.origin !== undefined).map(({ method }) => method);
      assert.ok(crossing.filter((method) => method === "GET").length >= has.length, crossing.join());
      assert.ok(crossing.filter((method) => method === "POST").length >= 3, crossing.join());
      assert.deepEqual(watch.requests.filter(({ method }) => method === "OPTIONS"), []);
    });

    test("the board shows what is published, over every transport, and steps down from a broken one", async (t) => {
      const page = await engine.open(`${gateway.url}/`);
      t.after(() => page.close());
      const shows = (id, text) => page.until(`document.getElementById("${id}").textContent.indexOf(${JSON.stringify(text)}) >= 0`);
      const click = (selector) => page.evaluate(`(document.querySelector(${JSON.stringify(selector)}).click(), true)`);
      const uses = (transport) => page.until(`document.querySelector("[data-state=used]") && document.querySelector("[data-state=used]").getAttribute("data-transport") === "${transport}"`);

      await uses(has[0]);
      await gateway.publish("weather/paris", "Rain, <em>heavily</em>");
      await gateway.publish("weather/oslo", JSON.stringify({ place: "Oslo", country: "Norway", temperature: -3.6, high: 1, low: -7, code: 73, day: false, conditions: "snow", wind: 12, windUnit: "km/h", humidity: 80 }), { type: "application/json" });
      await gateway.publish("news/desk", JSON.stringify({ title: "A headline", summary: "and what it is about", link: "http://127.0.0.1/", source: "The desk" }), { type: "application/json" });
      await shows("cards", "Rain, <em>heavily</em>");
      await shows("cards", "\u22124°");
      await shows("items", "A headline");
      for (const transport of has) {
        await click(`[data-transport=${transport}] .rung`);
        await uses(transport);
      }
      await click("#auto");
      await uses(has[0]);
      await click(`[data-transport=${has[0]}] .break`);
      await uses(has[1]);
      await gateway.publish("news/desk", `Still here by ${has[1]}`);
      await shows("items", `Still here by ${has[1]}`);
      await page.screenshot(`${out}board-${name}.png`);
      assert.deepEqual((await mistakes(page)).filter((error) => !/board\/broken/.test(error)), []);
    });
  });
}
