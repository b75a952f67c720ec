// Programs as sockets in real browsers: the development console, and the page of the example, with WebSocket and without.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { browsers, launch } from "./browser.mjs";
import { Gateway } from "./gateway.mjs";

const example = (name) => fileURLToPath(new URL(`../../examples/exec/${name}`, import.meta.url));

/** What the console shows. Runs in the page. */
const heard = (text) => [...document.querySelectorAll("#log li")].some((line) => line.textContent.includes(text));
const state = (begin) => document.getElementById("state").textContent.startsWith(begin);

/** Says something as a person does. Runs in the page. */
const say = (text) => {
  document.getElementById("text").value = text;
  document.getElementById("send").click();
};

for (const name of browsers) {
  describe(`programs in ${name}`, () => {
    let browser;

    before(async () => {
      browser = await launch(name);
    });
    after(() => browser?.close());

    for (const transports of ["websocket,sse,stream,longpoll,poll", "sse,stream,longpoll,poll", "poll"]) {
      test(`the console talks to a program by ${transports}`, async () => {
        const settings = { TIDINGS_TRANSPORTS: transports, TIDINGS_POLL: "200ms" };
        const gateway = await Gateway.exec(settings, "--devconsole", example("greeter.py"));
        const page = await browser.open(`${gateway.url}/some/path`);
        await page.until(state, `Connected over ${transports.split(",")[0]}`);
        await page.until(heard, "Who is there?");
        await page.evaluate(say, "Žofie <b>");
        await page.until(heard, "Hello, Žofie <b> from 127.0.0.1!");
        await page.evaluate(say, "bye");
        await page.until(heard, "Closed: 1000");
        await page.until(state, "Not connected");
        // Chromium calls it an error when a gateway does not take a WebSocket.
        const refused = (text) => !transports.startsWith("websocket") && /^WebSocket connection to/.test(text);
        assert.deepEqual((await page.errors()).filter((text) => !refused(text)), []);
        await page.close();
        await gateway.stop();
      });
    }

    test("the example's page shows what a program says, and how it ends", async () => {
      const gateway = await Gateway.exec({}, `--static=${example("site")}`, example("count.sh"));
      const page = await browser.open(`${gateway.url}/?to=2`);
      await page.until(() => document.getElementById("state").textContent === "Closed with 1000");
      assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll("#lines li")].map((line) => line.textContent)), ["1", "2"]);
      assert.deepEqual(await page.errors(), []);
      await page.close();
      await gateway.stop();
    });
  });
}
