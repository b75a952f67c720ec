// One small face over two drivers: Chromium through Playwright, Firefox through Puppeteer and WebDriver BiDi
// (Playwright drives only its own build of Firefox).

import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** The browsers that every test runs in. */
export const browsers = ["chromium", "firefox"];

const paths = {
  chromium: process.env.CHROMIUM ?? "/usr/bin/chromium",
  firefox: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
};

const chromiumArgs = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

// Quiet, and nothing fetched that a test did not ask for.
const firefoxPrefs = {
  "app.update.enabled": false,
  "browser.safebrowsing.downloads.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "network.dns.disablePrefetch": true,
  "network.http.speculative-parallel-limit": 0,
  "network.prefetch-next": false,
};

/**
 * Starts a browser by name; dark asks pages for their dark colours. A page that is opened beside another is a tab of the same
 * window: they share storage, connections and locks. Playwright has all of them visible; with `hides` those behind are hidden.
 */
export async function launch(name, { dark = false, hides = false } = {}) {
  if (name === "chromium" && !hides) {
    const browser = await chromium.launch({
      executablePath: paths.chromium,
      args: chromiumArgs,
      ignoreDefaultArgs: ["--disable-back-forward-cache"],
    });
    return {
      name,
      version: browser.version(),
      open: async (url, { width = 1280, height = 800, beside } = {}) => {
        const context =
          beside?.context ?? (await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light" }));
        const page = await context.newPage();
        await page.addInitScript(recordViolations);
        const opened = new Page(page, context, beside);
        await page.goto(url, { waitUntil: "load" });
        return opened;
      },
      close: () => browser.close(),
    };
  }
  const browser = await puppeteer.launch(
    name === "chromium"
      ? { executablePath: paths.chromium, args: chromiumArgs }
      : {
          browser: "firefox",
          executablePath: paths.firefox,
          // BiDi cannot emulate the colour scheme in Firefox; a preference can. 0 is dark, 1 is light.
          extraPrefsFirefox: { ...firefoxPrefs, "layout.css.prefers-color-scheme.content-override": dark ? 0 : 1 },
        },
  );
  return {
    name,
    open: async (url, { width = 1280, height = 800, beside } = {}) => {
      const context = beside?.context ?? (await browser.createBrowserContext());
      const page = await context.newPage();
      await page.setViewport({ width, height });
      await page.evaluateOnNewDocument(recordViolations);
      const opened = new Page(page, context, beside);
      await page.goto(url, { waitUntil: "load" });
      return opened;
    },
    close: () => browser.close(),
  };
}

// Runs in the page before its own scripts: BiDi does not report violations of the content security policy as log
// entries, so the page itself collects them.
function recordViolations() {
  window.violations = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    window.violations.push(`${event.violatedDirective} blocked ${event.blockedURI}`);
  });
}

/** An open page. */
class Page {
  /** The driver's own page and context: for what only one browser can do. */
  page;
  context;
  #beside;
  #errors = [];

  constructor(page, context, beside) {
    this.page = page;
    this.context = context;
    this.#beside = beside;
    page.on("pageerror", (error) => this.#errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") this.#errors.push(message.text());
    });
  }

  /** Runs fn in the page with one JSON argument and gives its (awaited) result. */
  evaluate(fn, arg) {
    return this.page.evaluate(fn, arg);
  }

  /**
   * Asks the page again and again until fn gives something true, and gives that. After the time is up it fails with
   * what describe, run in the page too, has to say.
   */
  async until(fn, arg, { ms = 20_000, describe = () => document.body.innerText } = {}) {
    const deadline = Date.now() + ms;
    for (;;) {
      const value = await this.evaluate(fn, arg);
      if (value) return value;
      if (Date.now() > deadline) {
        const found = JSON.stringify(await this.evaluate(describe, arg), null, 1);
        throw new Error(`after ${ms} ms still not: ${fn}\narg: ${JSON.stringify(arg)}\nfound: ${found}\nerrors: ${this.#errors.join("\n")}`);
      }
      await delay(50);
    }
  }

  /** Writes a PNG of the page as it is seen. */
  async screenshot(path) {
    await mkdir(dirname(path), { recursive: true });
    await this.page.screenshot({ path });
  }

  /** A PNG of the page as it is seen. */
  picture() {
    return this.page.screenshot();
  }

  /** Errors on the console, uncaught ones, and violations of the content security policy, so far. */
  async errors() {
    return [...this.#errors, ...(await this.evaluate(() => window.violations))];
  }

  /** Closes the page, and the whole window if it was the first of it. */
  close() {
    return (this.#beside ? this.page : this.context).close();
  }
}
