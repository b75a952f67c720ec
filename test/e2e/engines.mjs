// One small face over four engines, from a current one back to the WebKit of 2014. A page's questions are ES3
// expressions in text: the old engines parse nothing newer, and a function's text would be what this file's author writes.

import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { launch } from "./browser.mjs";
import { launchChromium64 } from "./chromium64.mjs";
import { launchPhantom } from "./phantomjs.mjs";

/** The engines, newest first. */
export const engines = ["chromium", "firefox", "chromium64", "phantomjs"];

/**
 * What each driver gives: tabs, by which a URL is opened. A tab evaluates an expression to a JSON value, gives a PNG of what
 * is seen, and lists what went wrong in it.
 */
const drivers = {
  chromium: () => modern("chromium"),
  firefox: () => modern("firefox"),
  chromium64: launchChromium64,
  phantomjs: launchPhantom,
};

async function modern(name) {
  const browser = await launch(name);
  return {
    close: () => browser.close(),
    open: async (url, size) => {
      const page = await browser.open(url, size);
      return {
        evaluate: async (expression) => JSON.parse((await page.evaluate(`JSON.stringify(${expression})`)) ?? "null"),
        picture: () => page.picture(),
        errors: () => page.errors(),
        close: () => page.close(),
      };
    },
  };
}

/** Starts an engine by its name. */
export async function start(name) {
  const driver = await drivers[name]();
  return {
    name,
    /** Opens a URL and gives the page when its scripts have run. */
    open: async (url, { width = 1280, height = 800 } = {}) => new Page(await driver.open(url, { width, height })),
    close: () => driver.close(),
  };
}

class Page {
  #tab;

  constructor(tab) {
    this.#tab = tab;
  }

  /** Gives the value of an ES3 expression, as far as JSON can hold it. */
  evaluate(expression) {
    return this.#tab.evaluate(expression);
  }

  /**
   * Asks again and again until the expression gives something true, and gives that. After the time is up it fails with
   * the value of another expression.
   */
  async until(expression, { ms = 20_000, describe = "document.body.textContent" } = {}) {
    const deadline = Date.now() + ms;
    for (;;) {
      const value = await this.evaluate(expression);
      if (value) return value;
      if (Date.now() > deadline) {
        const found = JSON.stringify(await this.evaluate(describe), null, 1);
        throw new Error(`after ${ms} ms still not: ${expression}\nfound: ${found}\nerrors: ${(await this.errors()).join("\n")}`);
      }
      await delay(50);
    }
  }

  /** Writes a PNG of the page as it is seen. */
  async screenshot(path) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await this.#tab.picture());
  }

  /** Uncaught errors and errors on the console, so far. */
  errors() {
    return this.#tab.errors();
  }

  close() {
    return this.#tab.close();
  }
}
