// Networks that break one transport after the other: the client finds the best that works, by itself, and whatever is
// cut on the way is made up for.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "./browser.mjs";
import { Faults } from "./faults.mjs";
import { Gateway } from "./gateway.mjs";
import { clientPage, describePage, open, serve } from "./pages.mjs";

const held = { sse: "hold", "get-stream": "hold", "post-stream": "hold" };

const networks = [
  { what: "a clear network", plan: {}, finds: "websocket" },
  { what: "a proxy that refuses upgrades", plan: { websocket: "html" }, finds: "sse" },
  { what: "a network that swallows upgrades", plan: { websocket: "silence" }, finds: "sse" },
  { what: "a proxy that upgrades and then falls silent", plan: { websocket: "swallow" }, finds: "sse" },
  { what: "a proxy that refuses upgrades and holds answers to their end", plan: { websocket: "html", ...held }, finds: "longpoll" },
  { what: "a network that swallows upgrades and holds answers to their end", plan: { websocket: "silence", ...held }, finds: "longpoll" },
];

for (const name of browsers) {
  describe(`falling back in ${name}`, () => {
    let gateway;
    let browser;

    before(async () => {
      gateway = await Gateway.start();
      browser = await launch(name);
    });
    after(async () => {
      await browser?.close();
      await gateway?.stop();
    });

    for (const [i, { what, plan, finds }] of networks.entries()) {
      test(`${what} leaves ${finds}`, async () => {
        const faults = await Faults.start(gateway.url, { plan });
        const pages = await serve({ "/follow": clientPage(faults.url) });
        try {
          const topic = `fallback/${i}`;
          const page = await browser.open(`${pages.url}/follow`);
          await page.evaluate((topic) => {
            start();
            follow(topic, { since: "all" });
          }, topic);
          await page.until(open, finds, { ms: 40_000, describe: describePage });
          for (const text of ["one", "two", "three"]) await gateway.publish(topic, text);
          await page.until(() => seen.messages.length >= 3, null, { describe: describePage });
          const { messages, gaps } = await page.evaluate(() => window.seen);
          assert.deepEqual(messages.map((m) => m.data.text), ["one", "two", "three"]);
          assert.deepEqual(gaps, []);
          await page.close();
        } finally {
          await pages.close();
          await faults.close();
        }
      });
    }

    test("connections cut in mid-stream lose nothing", async () => {
      const faults = await Faults.start(gateway.url);
      const pages = await serve({ "/follow": clientPage(faults.url) });
      try {
        const page = await browser.open(`${pages.url}/follow`);
        await page.evaluate(() => {
          start();
          follow("cut", { since: "all" });
        });
        await page.until(open, "websocket", { describe: describePage });
        const total = 300;
        for (let i = 0; i < total; i++) {
          if (i % 100 === 50) faults.cut();
          await gateway.publish("cut", String(i));
        }
        await page.until((n) => seen.messages.length >= n, total, { ms: 40_000, describe: describePage });
        const { messages, gaps } = await page.evaluate(() => window.seen);
        assert.deepEqual(
          messages.map((m) => m.data.text),
          Array.from({ length: total }, (_, i) => String(i)),
        );
        assert.deepEqual(gaps, []);
        await page.close();
      } finally {
        await pages.close();
        await faults.close();
      }
    });
  });
}
