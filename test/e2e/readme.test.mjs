// The pages that the documentation shows, as they stand there, on a web server of their reader's.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { readFile } from "node:fs/promises";
import { browsers, launch } from "./browser.mjs";
import { Gateway } from "./gateway.mjs";
import { serve } from "./pages.mjs";

const shown = await Promise.all(
  ["README.md", "js-client/README.md"].map(async (path) => {
    const text = await readFile(new URL(`../../${path}`, import.meta.url), "utf8");
    return [...text.matchAll(/^```html\n(.*?)^```$/gms)].map(([, html], i) => ({ what: `page ${i + 1} of ${path}`, html }));
  }),
);

/** The topic that a page follows; what stands for any segment is filled in. */
function followed(html) {
  const topic = html.match(/\/topics\/([^?"]+)/) ?? html.match(/\.follow\("([^"]+)"/);
  assert.ok(topic, `no topic is followed in\n${html}`);
  return topic[1].replace("**", "some/where").replace("*", "somewhere");
}

test("the documentation shows pages", () => {
  for (const pages of shown) assert.ok(pages.length > 0);
});

for (const name of browsers) {
  describe(`pages of the documentation in ${name}`, () => {
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

    for (const { what, html } of shown.flat()) {
      test(`${what} shows what is published, before and after it was opened`, async () => {
        for (const [, host] of html.matchAll(/\w+:\/\/([^/"']+)/g)) assert.equal(host, "localhost:8080");
        const here = html.replaceAll("localhost:8080", new URL(gateway.url).host);
        const topic = followed(html);
        const pages = await serve({ "/": here });
        try {
          await gateway.publish(topic, `published before ${what}`);
          const page = await browser.open(pages.url);
          await page.until((text) => document.body.innerText.includes(text), `published before ${what}`);
          await gateway.publish(topic, `published after ${what}`);
          await page.until((text) => document.body.innerText.includes(text), `published after ${what}`);
          assert.deepEqual(await page.errors(), []);
          await page.close();
        } finally {
          await pages.close();
        }
      });
    }
  });
}
