// A client changes its transport in mid-stream, again and again: nothing is lost, doubled or out of order.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "./browser.mjs";
import { Gateway } from "./gateway.mjs";
import { clientPage, describePage, open, serve, transports } from "./pages.mjs";

for (const name of browsers) {
  describe(`switching in ${name}`, () => {
    let gateway;
    let pages;
    let browser;

    before(async () => {
      gateway = await Gateway.start();
      pages = await serve({ "/follow": clientPage(gateway.url) });
      browser = await launch(name);
    });
    after(async () => {
      await browser?.close();
      await pages?.close();
      await gateway?.stop();
    });

    test("500 messages arrive in order, once, over all five transports and back", async () => {
      const page = await browser.open(`${pages.url}/follow`);
      await page.evaluate(() => {
        start({ poll_ms: 500 });
        follow("race/*", { since: "all" });
      });
      await page.until(open, "websocket", { describe: describePage });

      const total = 500;
      const stations = [...transports.slice(1), "websocket"];
      const each = total / stations.length;
      let published = 0;
      for (const transport of stations) {
        // The switch begins while messages are under way and ends while more are coming.
        const publishing = (async () => {
          for (const until = published + each; published < until; published++) {
            await gateway.publish(`race/${published % 2 ? "odd" : "even"}`, String(published));
          }
        })();
        await page.evaluate((transport) => {
          t.use(transport);
        }, transport);
        await Promise.all([publishing, page.until(open, transport, { describe: describePage })]);
      }
      await page.until((n) => seen.messages.length >= n, total, { describe: describePage });
      await gateway.publish("race/even", "end");
      await page.until(() => seen.messages.at(-1).data.text === "end", null, { describe: describePage });

      const { messages, gaps, errors } = await page.evaluate(() => window.seen);
      const expected = [...Array.from({ length: total }, (_, i) => String(i)), "end"];
      assert.deepEqual(messages.map((m) => m.data.text), expected);
      assert.deepEqual(gaps, []);
      assert.deepEqual(errors, []);
      await page.close();
    });
  });
}
