// A gateway that comes back with another log: clients return by themselves to their best transport, say what they
// cannot know, and go on.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "./browser.mjs";
import { Gateway } from "./gateway.mjs";
import { clientPage, describePage, open, serve } from "./pages.mjs";

for (const name of browsers) {
  describe(`a restart seen from ${name}`, () => {
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

    for (const [signal, how] of [
      ["SIGTERM", "drained"],
      ["SIGKILL", "killed"],
    ]) {
      test(`after being ${how} it gets its followers back`, async () => {
        const page = await browser.open(`${pages.url}/follow`);
        await page.evaluate(() => {
          start();
          follow("news", { since: "now" });
        });
        await page.until(open, "websocket", { describe: describePage });
        const before = await gateway.publish("news", "before");
        await page.until(() => seen.messages.length === 1, null, { describe: describePage });

        await gateway.stop(signal);
        await gateway.start();
        // At once, before the client can be back: what the new log retains is for it too.
        const after = await gateway.publish("news", "while away");
        assert.notEqual(after.cursor.split("-")[0], before.cursor.split("-")[0], "a memory log begins a new epoch");
        await page.until(() => seen.messages.length >= 2, null, { describe: describePage });
        await page.until(open, "websocket", { describe: describePage });
        await gateway.publish("news", "back again");
        await page.until(() => seen.messages.at(-1).data.text === "back again", null, { describe: describePage });

        const { messages, gaps, states } = await page.evaluate(() => window.seen);
        assert.deepEqual(
          messages.map((m) => m.data.text),
          ["before", "while away", "back again"],
        );
        assert.deepEqual(gaps.map((gap) => gap.reason), ["restart"]);
        // Being away is not the transport's fault.
        assert.deepEqual(
          states.filter((s) => s.state === "open" && s.transport !== "websocket"),
          [],
        );
        await page.close();
      });
    }
  });
}
