// Sockets in real browsers: the chat room of people whose networks differ, and a file sent up by every transport.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { browsers, launch } from "./browser.mjs";
import { Faults } from "./faults.mjs";
import { out } from "./gateway.mjs";
import { transports } from "./pages.mjs";
import { planOf } from "./plans.mjs";
import { run } from "./program.mjs";

/** What the page of the chat room shows: who one is and by what, and what was said. Runs in the page. */
const shown = () => ({
  by: document.getElementById("by").textContent,
  said: [...document.querySelectorAll("#said li")].map((line) => line.textContent),
});

/** Says something as a person does. Runs in the page. */
const say = (text) => {
  document.getElementById("text").value = text;
  document.querySelector("#say button").click();
};

const connected = (by) => document.getElementById("by").textContent.endsWith(`by ${by}`);
const heard = (text) => [...document.querySelectorAll("#said li")].some((line) => line.textContent === text);

describe("the chat room", () => {
  const open = {};
  let chat;

  before(async () => {
    chat = await run("./examples/chat");
    for (const name of browsers) open[name] = await launch(name);
  });
  after(async () => {
    for (const browser of Object.values(open)) await browser.close();
    await chat?.stop();
  });

  for (const [fault, breadth] of [["silence", 1], ["strip", 1], ["swallow", 2], ["hold", 3]]) {
    const by = transports[breadth];
    test(`Ada in chromium talks to Bob in firefox, to whom ${fault} on ${transports.slice(0, breadth).join(", ")} leaves ${by}`, async () => {
      const faults = await Faults.start(chat.url, { plan: planOf(fault, transports.slice(0, breadth)) });
      try {
        const ada = await open.chromium.open(`${chat.url}/?name=Ada`, { width: 480, height: 720 });
        await ada.until(connected, "websocket", { describe: shown });
        const bob = await open.firefox.open(`${faults.url}/?name=Bob`, { width: 480, height: 720 });
        await bob.until(connected, by, { ms: 60_000, describe: shown });
        for (let i = 0; i < 5; i++) {
          await ada.evaluate(say, `question ${i}: é漢😀`);
          await bob.until(heard, `Ada: question ${i}: é漢😀`, { describe: shown });
          await bob.evaluate(say, `answer ${i} <b>`);
          await ada.until(heard, `Bob: answer ${i} <b>`, { describe: shown });
        }
        for (const page of [ada, bob]) {
          const { said } = await page.evaluate(shown);
          const talk = said.filter((line) => /question|answer/.test(line));
          assert.equal(talk.length, 10, `each is there once: ${talk}`);
        }
        if (fault === "silence") {
          await ada.screenshot(`${out}chat-chromium.png`);
          await bob.screenshot(`${out}chat-firefox-${by}.png`);
        }
        await bob.close();
        if (by === "longpoll") await ada.until(heard, "Bob left", { ms: 60_000, describe: shown }); // once he has been away for long
        await ada.close();
      } finally {
        await faults.close();
      }
    });
  }

  test("who is cut off for a moment comes back to the same conversation", async () => {
    const faults = await Faults.start(chat.url);
    try {
      const ada = await open.chromium.open(`${chat.url}/?name=Ada`);
      const eve = await open.chromium.open(`${faults.url}/?name=Eve`);
      await eve.until(connected, "websocket", { describe: shown });
      for (let i = 0; i < 5; i++) {
        faults.cut();
        await ada.evaluate(say, `while away ${i}`);
        await eve.until(heard, `Ada: while away ${i}`, { describe: shown });
      }
      const { said } = await eve.evaluate(shown);
      assert.deepEqual(said.filter((line) => line.startsWith("Ada: ")), [0, 1, 2, 3, 4].map((i) => `Ada: while away ${i}`));
      assert.equal(said.filter((line) => line === "Eve left").length, 0, "it is one socket");
      await eve.close();
      await ada.close();
    } finally {
      await faults.close();
    }
  });
});

for (const name of browsers) {
  describe(`uploads from ${name}`, () => {
    const bytes = randomBytes(3 << 20);
    const sum = createHash("sha256").update(bytes).digest("hex");
    let upload;
    let browser;

    before(async () => {
      upload = await run("./examples/upload");
      browser = await launch(name);
    });
    after(async () => {
      await browser?.close();
      await upload?.stop();
    });

    for (const transport of transports) {
      test(`a file by ${transport}, and how far it is`, async () => {
        const page = await browser.open(`${upload.url}/?transports=${transport}`);
        await page.until(() => window.socket.readyState === 1);
        await page.evaluate((base64) => {
          const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
          const files = new DataTransfer();
          files.items.add(new File([bytes], "noise.bin"));
          window.amounts = [];
          const input = document.getElementById("file");
          input.files = files.files;
          input.dispatchEvent(new Event("change"));
          window.amounts.push(socket.bufferedAmount);
          setInterval(() => window.amounts.push(socket.bufferedAmount), 1);
        }, bytes.toString("base64"));
        const line = `noise.bin: ${bytes.length} bytes, SHA-256 ${sum}`;
        await page.until((line) => document.getElementById("result").textContent === line, line, { ms: 60_000 });
        const amounts = await page.evaluate(() => window.amounts);
        assert.equal(amounts[0], bytes.length, "all of it waits at first");
        assert.ok(amounts.some((amount) => amount > 0 && amount < bytes.length), "it leaves in parts");
        assert.ok(amounts.every((amount, i) => i === 0 || amount <= amounts[i - 1]), "it only falls");
        assert.deepEqual(await page.errors(), []);
        await page.close();
      });
    }
  });
}
