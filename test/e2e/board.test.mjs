// The board at /: it shows what is published, breaks no rule of its own content security policy, and fits a phone.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "./browser.mjs";
import { Gateway, out } from "./gateway.mjs";

const screens = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };

for (const name of browsers) {
  for (const dark of [false, true]) {
    const scheme = dark ? "dark" : "light";
    describe(`the board in ${name}, ${scheme}`, () => {
      let gateway;
      let browser;

      before(async () => {
        gateway = await Gateway.start();
        browser = await launch(name, { dark });
      });
      after(async () => {
        await browser?.close();
        await gateway?.stop();
      });

      for (const [screen, size] of Object.entries(screens)) {
        test(`shows a message on a ${screen}`, async () => {
          const page = await browser.open(`${gateway.url}/`, size);
          const said = `It rains on the ${screen}, <em>heavily</em>`;
          // As curl -d sends it.
          await gateway.publish("weather/paris", said, { type: "application/x-www-form-urlencoded" });
          await page.until((said) => document.body.innerText.includes(said), said);
          await page.screenshot(`${out}board-${name}-${screen}-${scheme}.png`);
          await gateway.publish("news/paper", `A headline on a ${screen}`);
          await page.until((said) => document.getElementById("items").innerText.includes(said), `A headline on a ${screen}`);
          const rows = await page.evaluate(() => [...document.getElementById("items").children].map((row) => row.style.getPropertyValue("--row")));
          assert.deepEqual(rows, rows.map((_, i) => String(i)), "two rows of the news are in one place");
          assert.deepEqual(await page.errors(), []);
          const { scroll, inner } = await page.evaluate(() => ({
            scroll: document.documentElement.scrollWidth,
            inner: document.documentElement.clientWidth,
          }));
          assert.ok(scroll <= inner, `the page is ${scroll} px wide on a screen of ${inner}`);
          await page.close();
        });
      }
    });
  }
}
