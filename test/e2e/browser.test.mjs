// The plumbing itself: a test that looks for errors is worth something only if it would see one.

import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "./browser.mjs";
import { out } from "./gateway.mjs";
import { serve } from "./pages.mjs";

for (const name of browsers) {
  describe(`the harness in ${name}`, () => {
    let browser;
    let pages;

    before(async () => {
      pages = await serve({
        "/quiet": "<!doctype html><title>Quiet</title><p>Nothing to see",
        "/loud": "<!doctype html><title>Loud</title><script>console.error('on purpose'); setTimeout(() => { throw new Error('uncaught') })</script>",
        "/walled": {
          headers: { "Content-Security-Policy": "default-src 'self'" },
          body: "<!doctype html><title>Walled</title><script>document.title = 'Broken out'</script>",
        },
      });
      browser = await launch(name, { dark: true });
    });
    after(async () => {
      await browser?.close();
      await pages?.close();
    });

    test("evaluates, waits, takes screenshots and finds nothing wrong with a quiet page", async () => {
      const page = await browser.open(`${pages.url}/quiet`, { width: 390, height: 844 });
      assert.equal(await page.evaluate(async (n) => n + 1, 41), 42);
      assert.equal(await page.evaluate(() => window.innerWidth), 390);
      assert.equal(await page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches), true);
      await page.evaluate(() => setTimeout(() => (window.late = "here"), 100));
      assert.equal(await page.until(() => window.late), "here");
      await assert.rejects(page.until(() => window.never, null, { ms: 200 }), /Nothing to see/);
      const picture = `${out}${name}-harness.png`;
      await page.screenshot(picture);
      assert.ok((await stat(picture)).size > 1000);
      assert.deepEqual(await page.errors(), []);
      await page.close();
    });

    test("sees an error on the console and an uncaught one", async () => {
      const page = await browser.open(`${pages.url}/loud`);
      await page.until(() => document.readyState === "complete");
      const errors = (await page.errors()).join("\n");
      assert.match(errors, /on purpose/);
      assert.match(errors, /uncaught/);
      await page.close();
    });

    test("sees a violation of the content security policy", async () => {
      const page = await browser.open(`${pages.url}/walled`);
      assert.match((await page.errors()).join("\n"), /script-src\S* blocked inline/);
      await page.close();
    });
  });
}
