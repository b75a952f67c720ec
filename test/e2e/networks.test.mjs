// A network that breaks transports in every way: a page in it gets every message once and in order by the best transport that
// is left, and returns to the best of all when the network is healed. How long it takes is measured by fallback-table.mjs.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { launch } from "./browser.mjs";
import { Faults } from "./faults.mjs";
import { Gateway } from "./gateway.mjs";
import { clientPage, describePage, open, serve, transports } from "./pages.mjs";
import { planOf } from "./plans.mjs";

const networks = [
  ["silence", 1],
  ["silence", 2],
  ["swallow", 3],
  ["early", 1],
  ["reset", 2],
  ["strip", 1],
  ["html", 3],
  ["html200", 1],
  ["hold", 3],
  ["hold16", 2],
];

describe("hostile networks in chromium", () => {
  let gateway;
  let browser;

  before(async () => {
    gateway = await Gateway.start();
    browser = await launch("chromium");
  });
  after(async () => {
    await browser?.close();
    await gateway?.stop();
  });

  // A page behind the plan, which follows a topic in which something is always being published.
  async function follow(plan, use) {
    const faults = await Faults.start(gateway.url, { plan });
    const pages = await serve({ "/follow": clientPage(faults.url) });
    const topic = `network/${new URL(faults.url).port}`;
    const expected = [];
    const publish = async () => {
      expected.push(`${expected.length}: é漢😀`);
      await gateway.publish(topic, expected.at(-1));
    };
    let done = false;
    const publishing = (async () => {
      for (; !done; await delay(100)) await publish();
    })();
    let page;
    try {
      page = await browser.open(`${pages.url}/follow`);
      await page.evaluate((topic) => {
        start();
        follow(topic, { since: "all" });
      }, topic);
      await use({ page, faults });
      done = true;
      await publishing;
      await page.until((n) => seen.messages.length >= n, expected.length, { describe: describePage });
      const { messages, gaps } = await page.evaluate(() => window.seen);
      assert.deepEqual(messages.map((m) => m.data.text), expected);
      assert.deepEqual(gaps, []);
    } finally {
      done = true;
      await publishing.catch(() => {});
      await page?.close();
      await pages.close();
      await faults.close();
    }
  }

  async function returns({ page, faults }) {
    faults.heal();
    await page.evaluate(() => {
      window.dispatchEvent(new Event("online"));
    });
    await page.until(open, "websocket", { ms: 60_000, describe: describePage });
  }

  for (const [fault, breadth] of networks) {
    const broken = transports.slice(0, breadth);
    const finds = transports[breadth];
    test(`${fault} on ${broken.join(", ")} leaves ${finds} until it heals`, () =>
      follow(planOf(fault, broken), async ({ page, faults }) => {
        await page.until(open, finds, { ms: 60_000, describe: describePage });
        const asked = faults.log.map(({ kind }) => kind);
        const names = [...new Set(asked.map((kind) => kind.replace(/.*-stream/, "stream")))];
        // Below what works others may have been tried, and a plain poll asks whether the gateway is there at all.
        const tried = [...broken, finds];
        assert.deepEqual(names.filter((name) => tried.includes(name)), tried, "each is tried, best first");
        for (const { kind } of faults.log.filter(({ fault }) => fault)) {
          const times = asked.filter((one) => one === kind).length;
          assert.ok(times <= 2, `${kind} was tried ${times} times: ${asked}`);
        }
        await returns({ page, faults });
      }));
  }

  test("slices split characters and harm nothing", () =>
    follow(planOf("slice", transports), async ({ page }) => {
      for (const name of transports.slice(0, -1)) {
        await page.evaluate((name) => t.use(name), name);
        await page.until(open, name, { describe: describePage });
        const before = await page.evaluate(() => seen.messages.length);
        await page.until((n) => seen.messages.length > n + 5, before, { describe: describePage });
      }
    }));

  test("a WebSocket that is cut while it is young, again and again, loses nothing", () =>
    follow(planOf("kill", ["websocket"]), async ({ page, faults }) => {
      const cut = () => faults.log.filter(({ fault }) => fault === "kill").length >= 2;
      while (!cut()) await page.until(() => seen.messages.length > 0, null, { describe: describePage });
      await returns({ page, faults });
    }));
});
