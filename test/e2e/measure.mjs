// Opens a page behind a network that breaks something, and measures what its user sees of it.

import { setTimeout as delay } from "node:timers/promises";
import { Faults } from "./faults.mjs";
import { serve } from "./pages.mjs";

/** All in milliseconds. */
export const pace = {
  tick: 100, // from message to message
  rare: 1_000, // the same, where each is held back until the next
  line: 20, // that every byte is under way, one way
  patience: 30_000, // for the first message
  settle: 4_000, // from the first message until it is seen what is in use
  healing: 8_000, // for the return to the best transport
};

// Characters of two, three and four bytes: a decoder that is confused by slices garbles them.
const text = "é漢😀";

const document = (base, { script, boot }) => `<!doctype html>
<meta charset="utf-8">
<title>Measured</title>
<script src="${base}${script}"></script>
<script>
window.seen = { first: null, base: null, got: [], garbled: 0, gaps: 0 };
function first() { seen.first = seen.first || { ms: performance.now() - begun, at: Date.now() }; }
// What a library sends to whoever connects: it counts as a first message, and ticks after it are owed.
function newest(tick) { first(); if (seen.base === null) seen.base = tick.n; }
function ticked(tick) {
  first();
  seen.got.push([tick.n, Date.now() - tick.at]);
  if (tick.text !== ${JSON.stringify(text)}) seen.garbled++;
}
async function roundTrip() {
  const all = [];
  for (let i = 0; i < 5; i++) {
    const asked = performance.now();
    await fetch(${JSON.stringify(base + script)}, { method: "HEAD", mode: "no-cors", cache: "no-store" });
    all.push(performance.now() - asked);
  }
  return all.sort((a, b) => a - b)[2];
}
async function run(row) {
  seen.rtt = await roundTrip();
  window.begun = performance.now();
  window.inUse = (${boot})(${JSON.stringify(base)}, row);
}
</script>
<body></body>
`;

/** Measures one row (plans.mjs) of one contestant: {url, script, boot, best(row), topic(name), tick(value)}. */
export async function measure(browser, contestant, row) {
  const faults = await Faults.start(contestant.url, { plan: row.plan, delay: pace.line });
  const pages = await serve({ "/": document(faults.url, contestant) });
  const ticker = new Ticker(contestant, row.fault === "delay-one" ? pace.rare : pace.tick);
  let page;
  try {
    await ticker.start();
    page = await browser.open(pages.url);
    await page.evaluate((row) => window.run(row), { start: row.start, topic: contestant.topic });
    const first = await eventually(page, () => window.seen.first, pace.patience);
    if (first) await delay(pace.settle);
    const use = await page.evaluate(() => window.inUse());

    const healedAt = Date.now();
    faults.heal();
    await page.evaluate(() => void window.dispatchEvent(new Event("online")));
    const best = contestant.best(row);
    await eventually(page, (best) => window.inUse() === best, pace.healing, best);
    const healed = await page.evaluate(() => window.inUse());
    const healing = healed === best ? Date.now() - healedAt : null;

    await delay(500);
    const last = await ticker.stop();
    await eventually(page, (last) => window.seen.got.some(([n]) => n === last), 10_000, last);
    const { rtt, base, got, garbled, gaps } = await page.evaluate(() => window.seen);
    return {
      rtt: round(rtt),
      first: first && round(first.ms),
      asked: asked(faults.log, first?.at ?? healedAt),
      broken: faults.log.filter(({ at, fault }) => fault && fault !== "slice" && at <= healedAt).length,
      use,
      healed,
      healing,
      late: round(median(got.filter(([n]) => n <= ticker.at(healedAt)).slice(-pace.settle / pace.tick / 2).map(([, late]) => late))),
      ...account(base, got, last),
      garbled,
      gaps,
    };
  } finally {
    await ticker.stop();
    await page?.close();
    await pages.close();
    await faults.close();
  }
}

// Publishes numbers, each after the one before was taken.
class Ticker {
  #contestant;
  #every;
  #n = 0;
  #times = [];
  #running = null;
  #stopped = false;

  constructor(contestant, every) {
    this.#contestant = contestant;
    this.#every = every;
  }

  async #tick() {
    const at = Date.now();
    this.#times.push(at);
    await this.#contestant.tick({ n: ++this.#n, at, text });
  }

  /** Returns once there is something to be had. */
  async start() {
    await this.#tick();
    this.#running = (async () => {
      while (!this.#stopped) {
        await delay(this.#every);
        await this.#tick();
      }
    })();
  }

  /** How many there were at that time. */
  at(time) {
    return this.#times.filter((at) => at <= time).length;
  }

  /** Gives the last number. */
  async stop() {
    this.#stopped = true;
    await this.#running;
    return this.#n;
  }
}

/** What is lost, doubled and out of order of the ticks after base (null: from the first that came), to the last. */
export function account(base, got, last) {
  const numbers = got.map(([n]) => n);
  const from = base === null ? (numbers[0] ?? last + 1) : base + 1;
  const seen = new Set();
  let [doubled, disordered, highest] = [0, 0, 0];
  for (const n of numbers) {
    if (n < from) continue;
    if (seen.has(n)) doubled++;
    else if (n < highest) disordered++;
    seen.add(n);
    highest = Math.max(highest, n);
  }
  return { owed: last - from + 1, lost: last - from + 1 - seen.size, doubled, disordered };
}

// The kinds of what was asked for until then, in order.
function asked(log, until) {
  const kinds = log.filter(({ at, kind }) => kind !== "other" && at <= until).map(({ kind }) => kind);
  return kinds.join(" ");
}

async function eventually(page, fn, ms, arg) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await page.evaluate(fn, arg);
    if (value || Date.now() > deadline) return value || null;
    await delay(50);
  }
}

/** Of several measurements the one with the median time to the first message, and what went wrong in all of them. */
export function middle(runs) {
  const sorted = [...runs].sort((a, b) => (a.first ?? Infinity) - (b.first ?? Infinity));
  const result = { ...sorted[runs.length >> 1] };
  for (const wrong of ["owed", "lost", "doubled", "disordered", "garbled", "gaps"]) {
    result[wrong] = runs.reduce((sum, one) => sum + one[wrong], 0);
  }
  return result;
}

function median(list) {
  return list.sort((a, b) => a - b)[list.length >> 1];
}

const round = (ms) => (ms === undefined ? null : Math.round(ms));
