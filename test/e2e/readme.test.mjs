// The pages that the documentation shows, as they stand there: on a web server of their reader's, and as files.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { browsers, launch } from "./browser.mjs";
import { Gateway, out } from "./gateway.mjs";
import { serve } from "./pages.mjs";

const shown = await Promise.all(
  ["README.md", "js-client/README.md"].map(async (path) => {
    const text = await readFile(new URL(`../../${path}`, import.meta.url), "utf8");
    return [...text.matchAll(/^```html\n(.*?)^```$/gms)].map(([, html], i) => ({ what: `page ${i + 1} of ${path}`, html }));
  }),
);

/** What the gateway's command line has to say for pages that are opened as files. */
const forFiles = (await readFile(new URL("../../README.md", import.meta.url), "utf8")).match(/`tidings serve (--origins [^`]+)`/)[1];

/** The topic that a page follows; what stands for any segment is filled in. */
function followed(html) {
  const topic = html.match(/\/topics\/([^?"]+)/) ?? html.match(/\.follow\("([^"]+)"/);
  assert.ok(topic, `no topic is followed in\n${html}`);
  return topic[1].replace("**", "some/where").replace("*", "somewhere");
}

/** A page as it has to be for the test's gateway. It names no other. */
function at(gateway, html) {
  for (const [, host] of html.matchAll(/\w+:\/\/([^/"']+)/g)) assert.equal(host, "localhost:8080");
  return html.replaceAll("localhost:8080", new URL(gateway.url).host);
}

let published = 0;

/** Opens a page, which has to show what was published before and what is published then. */
async function shows(browser, url, gateway, topic) {
  const next = async () => {
    const text = `message ${++published}.`;
    await gateway.publish(topic, text);
    return text;
  };
  const before = await next();
  const page = await browser.open(url);
  await page.until((text) => document.body.innerText.includes(text), before);
  await page.until((text) => document.body.innerText.includes(text), await next());
  assert.deepEqual(await page.errors(), []);
  await page.close();
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
        const pages = await serve({ "/": at(gateway, html) });
        try {
          await shows(browser, pages.url, gateway, followed(html));
        } finally {
          await pages.close();
        }
      });
    }

    test("pages opened as files show it where the gateway lets them in", async () => {
      const open = await Gateway.start(...forFiles.split(" "));
      try {
        await mkdir(out, { recursive: true });
        for (const [i, { html }] of shown.flat().entries()) {
          const file = new URL(`page-${i}.html`, `file://${out}`);
          await writeFile(file, at(open, html));
          await shows(browser, file.href, open, followed(html));
        }
      } finally {
        await open.stop();
      }
    });
  });
}
