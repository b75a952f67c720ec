// Many tabs, one connection: who holds it, and that nobody loses a message when that tab is closed, killed, frozen or put away.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "./browser.mjs";
import { Gateway } from "./gateway.mjs";
import { clientPage, describePage, open, serve } from "./pages.mjs";

/** The pages: by which script they have the client, and what the browser is made to lack. */
const kinds = {
  "the script": (url) => `<script src="${url}/tidings.js"></script>`,
  "the module": (url) => `<script type="module">import { tidings } from "${url}/tidings.mjs"; window.tidings = tidings;</script>`,
  "the script without Web Locks": (url) =>
    `<script>Object.defineProperty(Navigator.prototype, "locks", { value: undefined });</script><script src="${url}/tidings.js"></script>`,
};

/** Each page's client holds the connection of all, or none. Runs in the page. */
const leads = () => window.t?.diagnose().transport !== "";

for (const name of browsers) {
  describe(`tabs in ${name}`, () => {
    let gateway;
    let pages;
    let browser;
    let round = 0;

    before(async () => {
      gateway = await Gateway.start();
      const documents = Object.entries(kinds).map(([, head], i) => [`/${i}`, clientPage(gateway.url, head(gateway.url))]);
      pages = await serve({ ...Object.fromEntries(documents), "/else": "<p>Something else" });
      browser = await launch(name);
    });
    after(async () => {
      await browser?.close();
      await pages?.close();
      await gateway?.stop();
    });

    /** How many connections the gateway has. */
    async function connections() {
      const text = await (await fetch(`${gateway.url}/metrics`)).text();
      return [...text.matchAll(/^tidings_connections\{.*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
    }

    /** Waits until there is one connection only: closing takes its time. */
    async function one(wanted = 1) {
      for (let i = 0; (await connections()) !== wanted; i++) {
        assert.ok(i < 200, `${await connections()} connections`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }

    /** Waits until one of the tabs leads, and the others are led. */
    async function settled(tabs) {
      for (let i = 0; ; i++) {
        const led = await Promise.all(tabs.map((tab) => tab.evaluate(() => t.diagnose().shared)));
        if (led.filter((is) => !is).length === 1) return;
        assert.ok(i < 400, `led: ${led}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }

    /** Opens tabs in one window, the first of which leads, and has each follow what is common and what is its own. */
    async function crowd(n, { kind = "the script", options, transport = "websocket" } = {}) {
      const topic = `tabs/${name}/${round++}`;
      const url = `${pages.url}/${Object.keys(kinds).indexOf(kind)}`;
      const anchor = await browser.open(`${pages.url}/else`);
      const tabs = [];
      await one(0);
      for (let i = 0; i < n; i++) {
        const tab = await browser.open(url, { beside: anchor });
        await tab.until(() => typeof window.tidings === "function");
        await tab.evaluate(
          ({ options, topic, i }) => {
            window.addEventListener("pageshow", (event) => (window.restored = event.persisted));
            window.lives = [];
            start(options);
            t.on("live", (live) => lives.push(live.topic));
            follow(topic, { since: "now" });
            follow(`${topic}/${i}`, { since: "all" });
          },
          { options, topic, i },
        );
        await tab.until(open, transport, { describe: describePage });
        await tab.until((topic) => lives.includes(topic), topic, { describe: describePage });
        tabs.push(tab);
      }
      return { topic, tabs, anchor };
    }

    const published = new Map();
    /** Publishes what each tab must get. */
    async function say(topic, ...texts) {
      for (const text of texts) await gateway.publish(topic, text);
      published.set(topic, [...(published.get(topic) ?? []), ...texts]);
    }

    /** Every tab has all that was published, once and in order. */
    async function complete(topic, tabs) {
      const wanted = published.get(topic);
      for (const tab of tabs) {
        await tab.until(({ topic, n }) => seen.messages.filter((m) => m.topic === topic).length >= n, { topic, n: wanted.length }, { describe: describePage });
      }
      for (const tab of tabs) {
        const { messages, gaps, errors } = await tab.evaluate(() => window.seen);
        assert.deepEqual(messages.filter((m) => m.topic === topic).map((m) => m.data.text), wanted);
        assert.deepEqual([gaps, errors], [[], []]);
      }
    }

    /** Waits until one of the tabs leads, and says how long that took. */
    async function successor(t, tabs) {
      const from = Date.now();
      for (;;) {
        for (const tab of tabs) {
          if (await tab.evaluate(leads)) {
            t.diagnostic(`taken over within ${Date.now() - from} ms`);
            return tab;
          }
        }
        assert.ok(Date.now() - from < 60_000, "nobody takes over");
      }
    }

    for (const kind of Object.keys(kinds)) {
      test(`ten tabs have one WebSocket, with ${kind}`, async () => {
        const { topic, tabs, anchor } = await crowd(10, { kind });
        await one();
        await say(topic, "same", "same", "same");
        for (const [i] of tabs.entries()) await gateway.publish(`${topic}/${i}`, `for ${i}`);
        await complete(topic, tabs);
        for (const [i, tab] of tabs.entries()) {
          await tab.until((text) => seen.messages.some((m) => m.data.text === text), `for ${i}`, { describe: describePage });
          assert.equal(await tab.evaluate(() => seen.messages.length), 4);
        }
        assert.equal(await connections(), 1);
        await anchor.close();
      });

      test(`the leader is closed: another takes over, with ${kind}`, async (t) => {
        const { topic, tabs, anchor } = await crowd(3, { kind });
        await say(topic, "one");
        await complete(topic, tabs);
        assert.equal(await tabs[0].evaluate(leads), true);
        await Promise.all([tabs[0].close(), say(topic, "two", "three")]);
        await successor(t, tabs.slice(1));
        await say(topic, "four");
        await complete(topic, tabs.slice(1));
        await one();
        await anchor.close();
      });
    }

    test("ten tabs over SSE on HTTP/1.1 all receive", async () => {
      const { topic, tabs, anchor } = await crowd(10, { options: { transports: ["sse"] }, transport: "sse" });
      await say(topic, "one", "two");
      await complete(topic, tabs);
      await one();
      await anchor.close();
    });

    test("share: false gives each a connection of its own", async () => {
      const { topic, tabs, anchor } = await crowd(3, { options: { share: false } });
      await say(topic, "one");
      await complete(topic, tabs);
      await one(3);
      await anchor.close();
    });

    if (name !== "chromium") return;

    /** The process that draws the tab: that of all renderers which works when the tab does, however busy the others are. */
    async function renderer(tab) {
      const session = await tab.context.browser().newBrowserCDPSession();
      const times = async () => {
        const { processInfo } = await session.send("SystemInfo.getProcessInfo");
        return new Map(processInfo.filter((p) => p.type === "renderer").map((p) => [p.id, p.cpuTime]));
      };
      let spent;
      for (let ms = 400; ms < 5000; ms *= 1.5) {
        const from = await times();
        await tab.evaluate((ms) => {
          for (const end = Date.now() + ms; Date.now() < end; );
        }, ms);
        spent = [...(await times())].map(([id, time]) => [id, time - (from.get(id) ?? 0)]).sort((a, b) => b[1] - a[1]);
        if (spent[0][1] > ms / 4000 && spent[0][1] > 3 * (spent[1]?.[1] ?? 0)) {
          await session.detach();
          return spent[0][0];
        }
      }
      throw new Error(`whose process it is: ${JSON.stringify(spent)}`);
    }

    for (const kind of Object.keys(kinds)) {
      test(`the leader's process is killed, with ${kind}`, async (t) => {
        const { topic, tabs, anchor } = await crowd(3, { kind });
        await say(topic, "one");
        await complete(topic, tabs);
        process.kill(await renderer(tabs[0]), "SIGKILL");
        await say(topic, "two");
        await successor(t, tabs.slice(1));
        await say(topic, "three");
        await complete(topic, tabs.slice(1));
        await one();
        await anchor.close();
      });

      test(`the leader's process is stopped, and goes on when another leads, with ${kind}`, async (t) => {
        const { topic, tabs, anchor } = await crowd(3, { kind });
        await say(topic, "one");
        await complete(topic, tabs);
        const id = await renderer(tabs[0]);
        process.kill(id, "SIGSTOP");
        try {
          await say(topic, "two");
          await successor(t, tabs.slice(1));
          await say(topic, "three");
          await complete(topic, tabs.slice(1));
        } finally {
          process.kill(id, "SIGCONT");
        }
        // Which of the two leads in the end is all the same: what a process that was stopped reads of localStorage may be old.
        await settled(tabs);
        await say(topic, "four");
        await complete(topic, tabs);
        await one();
        await anchor.close();
      });
    }

    test("a leader that the browser freezes hands over, and is led when it thaws", async (t) => {
      const other = browser;
      browser = await launch(name, { hides: true });
      try {
        const { topic, tabs, anchor } = await crowd(3);
        await tabs[2].page.bringToFront();
        await tabs[0].until(() => document.hidden);
        await tabs[0].evaluate(() => {
          window.events = [];
          for (const type of ["freeze", "resume"]) document.addEventListener(type, () => window.events.push(type));
        });
        const session = await tabs[0].page.createCDPSession();
        await session.send("Page.setWebLifecycleState", { state: "frozen" });
        await say(topic, "one");
        await successor(t, tabs.slice(1));
        await say(topic, "two");
        await complete(topic, tabs.slice(1));
        assert.deepEqual(await tabs[0].evaluate(() => [window.events, seen.messages.length]), [["freeze"], 0]);
        await session.send("Page.setWebLifecycleState", { state: "active" });
        await say(topic, "three");
        await complete(topic, tabs);
        assert.equal(await tabs[0].evaluate(leads), false);
        await one();
        await anchor.close();
      } finally {
        await browser.close();
        browser = other;
      }
    });

    test("a tab that another opened, with a copy of its session", async () => {
      const { topic, tabs, anchor } = await crowd(2);
      const [popup] = await Promise.all([
        tabs[0].page.waitForEvent("popup"),
        tabs[0].evaluate(() => {
          sessionStorage.setItem("any", "thing");
          window.open(location.href);
        }),
      ]);
      await popup.waitForLoadState();
      await popup.evaluate((topic) => {
        start();
        t.on("live", () => (window.live = true));
        follow(topic, { since: "now" });
      }, topic);
      await popup.waitForFunction(() => window.live);
      assert.equal(await popup.evaluate(() => sessionStorage.getItem("any")), "thing");
      await say(topic, "one", "two");
      await complete(topic, tabs);
      await popup.waitForFunction(() => seen.messages.length === 2);
      await one();
      await anchor.close();
    });

    for (const [who, i] of [
      ["the leader", 0],
      ["a led tab", 1],
    ]) {
      test(`${who} comes back from the back/forward cache`, async (t) => {
        const { topic, tabs, anchor } = await crowd(3);
        await say(topic, "one");
        await complete(topic, tabs);
        await tabs[i].page.goto(`${pages.url}/else`);
        await successor(t, tabs.filter((tab) => tab !== tabs[i]));
        await say(topic, "two");
        await tabs[i].page.goBack({ waitUntil: "commit" });
        await tabs[i].until(() => window.restored, null, { describe: () => location.href });
        await say(topic, "three");
        await complete(topic, tabs);
        await one();
        await anchor.close();
      });
    }
  });
}
