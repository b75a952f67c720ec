// No library: what every browser has is enough, and what was published is what arrives.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "./browser.mjs";
import { Gateway } from "./gateway.mjs";
import { serve } from "./pages.mjs";

const bytes = [0, 255, 10, 0xc3, 0x28];

for (const name of browsers) {
  describe(`without a library in ${name}`, () => {
    let gateway;
    let pages;
    let browser;

    before(async () => {
      gateway = await Gateway.start();
      pages = await serve({ "/": "<!doctype html><meta charset=utf-8><title>Plain</title><body></body>" });
      browser = await launch(name);
    });
    after(async () => {
      await browser?.close();
      await pages?.close();
      await gateway?.stop();
    });

    test("EventSource gets raw messages, named events, and resumes after a restart", async () => {
      const page = await browser.open(pages.url);
      await page.evaluate((url) => {
        window.got = [];
        const keep = (kind) => (event) => got.push({ kind, data: event.data, id: event.lastEventId });
        window.source = new EventSource(url);
        for (const kind of ["message", "rain", "tidings.base64"]) source.addEventListener(kind, keep(kind));
        return new Promise((resolve) => (source.onopen = resolve)).then(() => null);
      }, `${gateway.url}/topics/plain/events`);

      const receipts = [
        await gateway.publish("plain/events", "two\nlines, 東京"),
        await gateway.publish("plain/events", '{"spaces":  "are kept"}', { type: "application/json", event: "rain" }),
        await gateway.publish("plain/events", Uint8Array.from(bytes), { type: "image/x-nothing" }),
      ];
      const got = await page.until(() => got.length >= 3 && got);
      assert.deepEqual(got, [
        { kind: "message", data: "two\nlines, 東京", id: receipts[0].cursor },
        { kind: "rain", data: '{"spaces":  "are kept"}', id: receipts[1].cursor },
        { kind: "tidings.base64", data: Buffer.from(bytes).toString("base64"), id: receipts[2].cursor },
      ]);

      await gateway.stop();
      await gateway.start();
      await gateway.publish("plain/events", "after the restart");
      const last = await page.until(() => got.length >= 4 && got.at(-1));
      assert.equal(last.data, "after the restart");
      await page.evaluate(() => source.close());
      await page.close();
    });

    test("WebSocket gets text as text frames and bytes as binary frames", async () => {
      const page = await browser.open(pages.url);
      await page.evaluate((url) => {
        window.got = [];
        window.socket = new WebSocket(url);
        socket.binaryType = "arraybuffer";
        socket.onmessage = ({ data }) => got.push(typeof data === "string" ? data : Array.from(new Uint8Array(data)));
        return new Promise((resolve, reject) => {
          socket.onopen = resolve;
          socket.onclose = ({ code, reason }) => reject(new Error(`closed: ${code} ${reason}`));
        }).then(() => null);
      }, `${gateway.url.replace("http", "ws")}/topics/plain/frames`);

      await gateway.publish("plain/frames", "two\nlines, 東京");
      await gateway.publish("plain/frames", '{"spaces":  "are kept"}', { type: "application/json" });
      await gateway.publish("plain/frames", Uint8Array.from(bytes), { type: "application/octet-stream" });
      const got = await page.until(() => got.length >= 3 && got);
      assert.deepEqual(got, ["two\nlines, 東京", '{"spaces":  "are kept"}', bytes]);

      const closed = await page.evaluate(
        () =>
          new Promise((resolve) => {
            socket.onclose = ({ code, wasClean }) => resolve({ code, wasClean });
            socket.close(1000);
          }),
      );
      assert.deepEqual(closed, { code: 1000, wasClean: true });
      await page.close();
    });

    test("fetch publishes across origins without a preflight, and polls", async () => {
      const page = await browser.open(pages.url);
      const answer = await page.evaluate(async (url) => {
        const receipt = await (await fetch(`${url}?event=note`, { method: "POST", body: "from a page" })).json();
        const poll = await (await fetch(`${url}?since=all`)).json();
        return { receipt, poll };
      }, `${gateway.url}/topics/plain/fetch`);
      assert.equal(answer.receipt.seq, answer.poll.items[0].seq);
      assert.equal(answer.poll.items[0].data, "from a page");
      assert.equal(answer.poll.items[0].event, "note");
      assert.equal(answer.poll.cursor, answer.receipt.cursor);
      assert.deepEqual(await page.errors(), []);
      await page.close();
    });
  });
}
