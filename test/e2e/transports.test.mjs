// The same promises on every transport: what is published arrives, in order, once, byte for byte.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "./browser.mjs";
import { Gateway } from "./gateway.mjs";
import { clientPage, describePage, open, serve, transports } from "./pages.mjs";

const text = "Žluťoučký kůň, 東京, 🙂 and </script> <b>bold</b>";
const lines = "first\nsecond\r\nthird\u2028fourth\n";
const bytes = [0, 255, 128, 10, 13, 0xc3, 0x28, 7];

for (const name of browsers) {
  describe(`every transport in ${name}`, () => {
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

    for (const transport of transports) {
      test(`${transport} brings text, lines and bytes in order, once`, async () => {
        const topic = `e2e/${transport}`;
        const page = await browser.open(`${pages.url}/follow`);
        await page.evaluate(
          ({ transport, topic }) => {
            start({ transports: [transport], poll_ms: 500 });
            follow(topic, { since: "all" });
          },
          { transport, topic },
        );
        await page.until(open, transport, { describe: describePage });

        const receipts = [
          await gateway.publish(topic, text, { type: "text/plain" }),
          await gateway.publish(topic, lines, { type: "text/plain", event: "lines" }),
          await gateway.publish(topic, Uint8Array.from(bytes), { type: "application/octet-stream" }),
          await gateway.publish(topic, '{"list": [1, "two", null]}', { type: "application/json" }),
        ];
        await page.until((n) => seen.messages.length >= n, receipts.length, { describe: describePage });
        // Something doubled or late would come no later than the message after it.
        receipts.push(await gateway.publish(topic, "end"));
        await page.until(() => seen.messages.some((m) => m.data.text === "end"), null, { describe: describePage });

        const { messages, gaps, errors } = await page.evaluate(() => window.seen);
        assert.deepEqual(
          messages.map((m) => m.data),
          [{ text }, { text: lines }, { bytes }, { text: { list: [1, "two", null] } }, { text: "end" }],
        );
        assert.deepEqual(
          messages.map(({ topic, seq, prev, cursor }) => ({ topic, seq, prev, cursor })),
          receipts.map(({ topic, seq, prev, cursor }) => ({ topic, seq, prev, cursor })),
        );
        assert.equal(messages[1].event, "lines");
        assert.deepEqual(gaps, []);
        assert.deepEqual(errors, []);
        assert.deepEqual(await page.errors(), []);
        await page.close();
      });
    }

    test("a pattern brings the messages of all its topics in the order of the log", async () => {
      const page = await browser.open(`${pages.url}/follow`);
      await page.evaluate(() => {
        start();
        follow("fruit/*", { since: "all" });
      });
      await page.until(open, "websocket", { describe: describePage });
      const topics = ["fruit/apple", "fruit/pear", "fruit/apple", "fruit/plum"];
      for (const topic of topics) await gateway.publish(topic, topic);
      await page.until((n) => seen.messages.length >= n, topics.length, { describe: describePage });
      const { messages } = await page.evaluate(() => window.seen);
      assert.deepEqual(messages.map((m) => m.topic), topics);
      assert.deepEqual(messages.map((m) => m.data.text), topics);
      await page.close();
    });
  });
}
