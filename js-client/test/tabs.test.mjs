// One connection for all tabs: who holds it, what becomes of it, and that nobody loses a message over that.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Browser } from "./browser.mjs";

const ways = [
  { bus: "channel", build: "modern" },
  { bus: "channel", build: "classic" },
  { bus: "storage", build: "classic" },
];

/** What a follow should have got, and that there were no errors. */
function complete(browser, tabs) {
  for (const tab of tabs) {
    for (const one of tab.follows) {
      const due = browser.gateway.messages.filter((m) => m.seq > one.from && browser.gateway.matches(one.topic, m.topic));
      const topic = Object.fromEntries(due.map((m) => [m.seq, m.topic]));
      // The order within each topic is what is promised.
      const sorted = (seqs) => seqs.toSorted((a, b) => (topic[a] < topic[b] ? -1 : topic[a] > topic[b] ? 1 : 0));
      assert.deepEqual(sorted(one.got), sorted(due.map((m) => m.seq)), `tab ${browser.tabs.indexOf(tab)} ${one.topic} from ${one.from}`);
    }
    assert.deepEqual(tab.seen.errors, []);
  }
}

for (const way of ways) {
  describe(`${way.bus}, ${way.build} build`, () => {
    /** Some tabs, of which the first leads, each following "a". */
    async function crowd(t, n = 3, options = {}) {
      const browser = new Browser(t, { ...way, ...options });
      const tabs = [];
      for (let i = 0; i < n; i++) {
        const tab = browser.open();
        tabs.push(tab);
        tab.follow("a");
        tab.follow(`own/${i}`);
        await browser.until(() => tab.it.state.state === "open");
      }
      await browser.pass(200);
      assert.deepEqual(tabs.map((tab) => tab.leads), tabs.map((_, i) => i === 0));
      return { browser, tabs, gateway: browser.gateway };
    }

    /** Publishes, waits for it, and sees that one connection served it. */
    async function works(browser, tabs) {
      browser.gateway.publish("a");
      tabs.forEach((_, i) => browser.gateway.publish(`own/${i}`));
      await browser.pass(100);
      complete(browser, tabs);
      assert.equal(browser.gateway.open().length, 1, "one connection");
    }

    test("ten tabs have one connection, and each gets what it follows", async (t) => {
      const { browser, tabs, gateway } = await crowd(t, 10);
      await works(browser, tabs);
      assert.equal(gateway.connects, 1);
      assert.ok(tabs.every((tab) => tab.seen.live.length === 2), "each hears of its own topics alone");
    });

    test("two clients in one page", async (t) => {
      const { browser, tabs, gateway } = await crowd(t, 2);
      const got = [];
      const other = tabs[1].another();
      other.follow("a", (message) => got.push(message.seq), { since: `${gateway.epoch}-${gateway.seq}` });
      await browser.until(() => other.state.state === "open");
      for (let i = 0; i < 60; i++) {
        gateway.publish("a");
        tabs[1].dispatch("visibilitychange");
        await browser.pass(1000);
      }
      complete(browser, tabs);
      assert.deepEqual(got, gateway.messages.map((message) => message.seq));
      assert.equal(gateway.connects, way.bus === "storage" ? 2 : 1, "in one page nobody hears of what is stored");
      other.close();
      await browser.pass(1000);
      assert.equal(gateway.open().length, 1);
    });

    test("a tab that opens while the first is still connecting", async (t) => {
      const browser = new Browser(t, way);
      const tabs = Array.from({ length: 5 }, () => browser.open());
      tabs.forEach((tab) => tab.follow("a"));
      await browser.until(() => tabs.every((tab) => tab.it.state.state === "open"));
      await works(browser, tabs);
    });

    for (const [what, go] of [
      ["closes", (tab) => tab.close()],
      ["crashes", (tab) => tab.crash()],
    ]) {
      test(`the leader ${what}: another takes over, from where each stood`, async (t) => {
        const { browser, tabs, gateway } = await crowd(t);
        gateway.publish("a");
        go(tabs[0]);
        gateway.publish("a");
        const from = browser.now;
        await browser.until(() => tabs.some((tab) => !tab.dead && tab.leads));
        t.diagnostic(`taken over after ${browser.now - from} ms`);
        await browser.pass(500);
        await works(browser, tabs.slice(1));
      });
    }

    test("two lead for a moment: the later one prevails, and nothing is lost or doubled", async (t) => {
      const { browser, tabs, gateway } = await crowd(t);
      tabs[0].freeze();
      gateway.publish("a"); // Its connection brings it this, and it passes it on when it wakes up.
      await browser.until(() => tabs.slice(1).some((tab) => tab.leads));
      const led = tabs.slice(1).find((tab) => !tab.leads);
      browser.posts = [];
      // It hears only later that it leads no more.
      browser.slow = tabs[0];
      tabs[0].thaw();
      for (let i = 0; i < 20; i++) {
        gateway.publish("a");
        await browser.pass(10);
        assert.equal(led.it.state.state, "open");
      }
      // A lock of localStorage tells it at once.
      if (way.bus === "channel") assert.ok(browser.posts.some((one) => one.tab === tabs[0] && one.note.ids), "two lead");
      assert.ok(browser.posts.filter((one) => one.tab === led).length < 2, "the old one impresses nobody");
      browser.slow = null;
      await browser.pass(3000);
      await works(browser, tabs);
    });

    test("the leader freezes, and wakes up when another leads", async (t) => {
      const { browser, tabs, gateway } = await crowd(t);
      gateway.publish("a");
      tabs[0].freeze();
      gateway.publish("a");
      const from = browser.now;
      await browser.until(() => tabs.some((tab) => !tab.frozen && tab.leads));
      t.diagnostic(`taken over after ${browser.now - from} ms`);
      await browser.pass(500);
      gateway.publish("a");
      await browser.pass(100);
      complete(browser, tabs.slice(1));
      tabs[0].thaw();
      gateway.publish("a");
      await browser.pass(2000);
      await works(browser, tabs);
      // With localStorage it may not have seen yet that the lock is gone, and takes it back.
      if (way.bus === "channel") assert.equal(tabs[0].leads, false);
    });

    test("a visible tab finds out within a beat", async (t) => {
      const { browser, tabs } = await crowd(t);
      tabs[0].freeze();
      tabs[1].dispatch("visibilitychange");
      await browser.pass(5500);
      assert.equal(tabs[1].leads, true);
    });

    test("looking at a tab takes nothing from a leader that is there", async (t) => {
      const { browser, tabs, gateway } = await crowd(t);
      for (let i = 0; i < 10; i++) {
        tabs[1].dispatch("visibilitychange");
        await browser.pass(10);
      }
      await browser.pass(60000);
      assert.equal(tabs[0].leads, true);
      assert.equal(gateway.connects, 1);
    });

    test("a led tab that freezes for so long that it is given up goes on where it stood", async (t) => {
      const { browser, tabs, gateway } = await crowd(t);
      gateway.publish("a");
      await browser.pass(50);
      tabs[1].freeze();
      gateway.publish("a");
      await browser.pass(400000);
      gateway.publish("a");
      gateway.publish("own/1");
      await browser.pass(100);
      assert.ok(!("own/1" in gateway.open()[0].follows), "nobody follows it any more");
      tabs[1].thaw();
      await browser.pass(6000);
      await works(browser, tabs);
    });

    test("a led tab that crashed is given up after a while", async (t) => {
      const { browser, tabs, gateway } = await crowd(t);
      tabs[1].crash();
      await browser.pass(200000);
      assert.deepEqual(Object.keys(gateway.open()[0].follows).sort(), ["a", "own/0", "own/2"]);
    });

    test("a led tab that closes takes its follows along at once", async (t) => {
      const { browser, tabs, gateway } = await crowd(t);
      tabs[1].close();
      await browser.pass(100);
      assert.deepEqual(Object.keys(gateway.open()[0].follows).sort(), ["a", "own/0", "own/2"]);
    });

    test("who takes over asks from where the connection stood, also for a topic that was quiet", async (t) => {
      const { browser, tabs, gateway } = await crowd(t, 2);
      for (let i = 0; i < 20; i++) gateway.publish("a");
      await browser.pass(6000);
      tabs[0].crash();
      await browser.until(() => tabs[1].leads);
      const [{ since }] = gateway.open();
      assert.deepEqual(since, [`${gateway.epoch}-20`]);
    });

    test("put away and brought back: the leader, then a led one", async (t) => {
      const { browser, tabs, gateway } = await crowd(t);
      for (const tab of [tabs[0], tabs[2]]) {
        tab.hide();
        gateway.publish("a");
        await browser.pass(1000);
        assert.equal(tab.leads, false);
        assert.ok(gateway.open().every((one) => one.tab !== tab));
        gateway.publish("a");
        tab.show();
        await browser.pass(1000);
        await works(browser, tabs);
      }
      // In and out so fast that notes for it are still on their way.
      for (let i = 0; i < 20; i++) {
        tabs[0].hide();
        gateway.publish("a");
        await browser.pass(browser.random() * 4);
        tabs[0].show();
        gateway.publish("a");
        await browser.pass(browser.random() * 4);
      }
      await browser.pass(1000);
      await works(browser, tabs);
      assert.ok(tabs[1].leads, "coming back takes nothing from who leads");
    });

    test("follows come and go on a led tab", async (t) => {
      const { browser, tabs, gateway } = await crowd(t);
      const one = tabs[1].follow("b/*", "all");
      const two = tabs[1].follow("a", "all");
      one.from = two.from = 0;
      gateway.publish("b/x");
      await browser.pass(500);
      await works(browser, tabs);
      tabs[1].unfollow(one);
      await browser.pass(100);
      assert.ok(!("b/*" in gateway.open()[0].follows));
      for (const follow of [...tabs[1].follows]) tabs[1].unfollow(follow);
      await browser.pass(100);
      assert.equal(tabs[1].seen.states.at(-1), "closed nothing followed");
      const states = tabs.map((tab) => tab.seen.states.length);
      await browser.pass(30000);
      assert.deepEqual(tabs.map((tab) => tab.seen.states.length), states, "quiet");
      tabs[1].follow("a");
      await browser.pass(100);
      assert.equal(tabs[1].it.state.state, "open");
      await works(browser, tabs);
    });

    test("a hidden leader does not keep a visible tab waiting", async (t) => {
      const { browser, tabs, gateway } = await crowd(t);
      tabs[0].throttled = true;
      await browser.pass(10000);
      tabs[1].follow("b", "all");
      await browser.pass(50);
      gateway.publish("b");
      await browser.pass(20);
      assert.equal(tabs[1].follows.at(-1).got.length, 1);
    });

    test("a leader that follows nothing any more serves the others", async (t) => {
      const { browser, tabs } = await crowd(t);
      for (const follow of [...tabs[0].follows]) tabs[0].unfollow(follow);
      await browser.pass(100);
      await works(browser, tabs);
      assert.equal(tabs[0].leads, true);
    });

    test("a tab that follows nothing takes no part", async (t) => {
      const browser = new Browser(t, way);
      browser.open();
      await browser.pass(20000);
      assert.equal(browser.gateway.connects, 0);
      const tab = browser.open();
      tab.follow("a");
      await browser.pass(200);
      assert.equal(tab.leads, true);
    });

    test("another log: each tab is told once, and gets all of it", async (t) => {
      const { browser, tabs, gateway } = await crowd(t);
      gateway.publish("a");
      await browser.pass(50);
      gateway.restart();
      tabs.forEach((tab) => tab.follows.forEach((one) => Object.assign(one, { from: 0, got: [] })));
      gateway.publish("a");
      await browser.pass(5000);
      await works(browser, tabs);
      for (const [i, tab] of tabs.entries()) {
        assert.deepEqual(tab.seen.gaps.map((gap) => [gap.topic, gap.reason]).sort(), [["a", "restart"], [`own/${i}`, "restart"]]);
      }
    });

    test("what is refused is told to whom it concerns", async (t) => {
      const { browser, tabs } = await crowd(t);
      tabs[1].follow("no/way");
      await browser.pass(200);
      assert.deepEqual(tabs.map((tab) => tab.seen.errors.map((error) => error.topic)), [[], ["no/way"], []]);
      tabs[1].seen.errors = [];
      tabs[1].follows.pop();
      await works(browser, tabs);
    });

    test("who is refused for good lets another try", async (t) => {
      const browser = new Browser(t, way);
      const tabs = [browser.open(), browser.open()];
      browser.gateway.refuses = (one) => one.tab === tabs[0] && { code: 4501, reason: "unauthorized" };
      tabs[0].follow("a");
      await browser.pass(20);
      tabs[1].follow("a");
      await browser.until(() => tabs[1].it.state.state === "open");
      assert.deepEqual(tabs[0].seen.errors.map((error) => error.code), [4501]);
      assert.equal(tabs[0].it.state.state, "closed");
      await works(browser, [tabs[1]]);
      // All that it follows is still there when it tries again.
      tabs[0].seen.errors = [];
      tabs[0].follow("b");
      await browser.pass(300);
      browser.gateway.publish("b");
      await works(browser, tabs);
    });

    test("whoever closes its client tells nobody else", async (t) => {
      const { browser, tabs } = await crowd(t);
      tabs[0].it.close();
      await browser.pass(1000);
      assert.deepEqual(tabs[0].seen.states.at(-1), "closed close");
      for (const tab of tabs.slice(1)) assert.ok(!tab.seen.states.some((state) => state.startsWith("closed")), tab.seen.states.join());
      await works(browser, tabs.slice(1));
    });

    test("a tab with a transport of its own has a connection of its own, and may come back", async (t) => {
      const { browser, tabs, gateway } = await crowd(t);
      tabs[0].it.use("websocket");
      gateway.publish("a");
      await browser.pass(1000);
      assert.equal(gateway.open().length, 2);
      gateway.publish("a");
      tabs[0].it.use(null);
      await browser.pass(1000);
      await works(browser, tabs);
    });

    test("share: false", async (t) => {
      const { browser, tabs, gateway } = await crowd(t, 2);
      const alone = browser.open({ share: false });
      alone.follow("a");
      await browser.pass(500);
      gateway.publish("a");
      await browser.pass(100);
      complete(browser, [...tabs, alone]);
      assert.equal(gateway.open().length, 2);
    });

    for (const forbidden of ["storage", "storage locks", ...(way.bus === "channel" ? ["locks"] : [])]) {
      test(`where a page may not use ${forbidden} it is served all the same`, async (t) => {
        const browser = new Browser(t, { ...way, forbidden });
        const tabs = [browser.open(), browser.open()];
        tabs.forEach((tab) => tab.follow("a"));
        await browser.pass(500);
        for (let i = 0; i < 20; i++) {
          browser.gateway.publish("a");
          await browser.pass(1000);
        }
        complete(browser, tabs);
        assert.ok(browser.gateway.connects < 4, "and nobody fights");
      });
    }

    test("tabs with another token or other transports keep apart", async (t) => {
      const browser = new Browser(t, way);
      const tabs = [{}, { token: "alice" }, { token: "bob" }, { connections: 2 }, { token: "bob" }].map((options) => browser.open(options));
      tabs.forEach((tab) => tab.follow("a"));
      await browser.pass(500);
      assert.equal(browser.gateway.open().length, 4);
      for (const [key, { value }] of tabs[0].view) assert.doesNotMatch(key + value, /alice|bob/);
    });

    test("what the application does to a message is its own affair", async (t) => {
      const browser = new Browser(t, way);
      const tabs = [browser.open(), browser.open()];
      tabs[0].follow("a", "all", (message) => {
        message.data = () => {};
        message.topic = "z";
        throw new Error("mine");
      });
      await browser.pass(200);
      const got = [];
      tabs[1].follow("a", "all", (message) => got.push(message.data));
      await browser.pass(200);
      for (let i = 0; i < 3; i++) {
        browser.gateway.publish("a", { data: "same" });
        // What it threw is thrown again, in a turn of its own.
        await assert.rejects(browser.pass(100), /mine/);
      }
      await browser.pass(100);
      assert.deepEqual(got, ["same", "same", "same"]);
    });

    test("bytes", async (t) => {
      const { browser, tabs, gateway } = await crowd(t, 2);
      const got = [];
      tabs.forEach((tab) => tab.follow("bytes", "all", (message) => got.push(message.data64)));
      await browser.pass(100);
      gateway.publish("bytes", { data: undefined, data64: "AP8=" });
      await browser.pass(100);
      assert.deepEqual(got, ["AP8=", "AP8="]);
    });

    for (const seed of Array.from({ length: Number(process.env.SEEDS ?? 8) }, (_, i) => i + 1)) {
      test(`whatever happens: every tab sees every message of its topics once, in order (seed ${seed})`, async (t) => {
        const browser = new Browser(t, { ...way, seed });
        const { gateway, random } = browser;
        const pick = (list) => list[Math.floor(random() * list.length)];
        const topics = ["a", "b", "c/1", "c/2"];
        const there = (ready = () => true) => browser.tabs.filter((tab) => !tab.dead && ready(tab));
        for (let step = 0; step < 150; step++) {
          const what = random();
          const tab = pick(there());
          if (!tab || (what < 0.08 && there().length < 7)) browser.open().follow(pick([...topics, "c/*"]));
          else if (what < 0.5) gateway.publish(pick(topics));
          else if (what < 0.58 && !tab.frozen && !tab.away) tab.follow(pick([...topics, "c/*"]));
          else if (what < 0.62 && !tab.frozen && tab.follows.length) tab.unfollow(pick(tab.follows));
          else if (what < 0.66) tab.close();
          else if (what < 0.7) tab.crash();
          else if (what < 0.75) tab.freeze();
          else if (what < 0.82) tab.thaw();
          else if (what < 0.86 && !tab.frozen) {
            if (tab.away) tab.show();
            else tab.hide();
            tab.away = !tab.away;
          } else if (what < 0.88) {
            for (const one of [...gateway.sockets]) one.socket.onclose?.({ code: 1006, reason: "" });
          }
          await browser.pass(pick([0, 1, 5, 50, 500, 7000, 20000]));
        }
        for (const tab of there()) {
          tab.thaw();
          if (tab.away) tab.show();
        }
        await browser.pass(60000);
        gateway.publish("a");
        await browser.pass(1000);
        complete(browser, there());
        assert.ok(gateway.open().length <= 1, "one connection");
      });
    }
  });
}

test("a topic followed besides a pattern that brings it: what is new does not hide what is older", async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const browser = new Browser(t, { seed });
    const tab = browser.open({ share: false });
    tab.follow("c/*");
    for (let i = 0; i < 5; i++) browser.gateway.publish("c/1");
    await browser.pass(500);
    tab.follow("c/1", "all").from = 0;
    for (let i = 0; i < 10; i++) {
      browser.gateway.publish("c/1");
      await browser.pass(1);
    }
    await browser.pass(500);
    complete(browser, [tab]);
    tab.crash();
  }
});

test("a bus of localStorage leaves nothing behind but its lock", async (t) => {
  const browser = new Browser(t, { bus: "storage" });
  const tabs = [browser.open(), browser.open()];
  tabs.forEach((tab) => tab.follow("a"));
  await browser.pass(500);
  browser.gateway.publish("a", { data: "secret" });
  await browser.pass(100);
  complete(browser, tabs);
  const left = [...tabs[0].view].filter(([, { value }]) => value);
  assert.doesNotMatch(JSON.stringify(left), /secret/);
  tabs.forEach((tab) => tab.close());
  assert.deepEqual([...browser.open().view].filter(([key, { value }]) => value && key.endsWith("lock")), []);
});

test("a lock of localStorage is one tab's, however many want it at once", async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const browser = new Browser(t, { bus: "storage", seed });
    const tabs = Array.from({ length: 6 }, () => browser.open());
    tabs.forEach((tab) => tab.follow("a"));
    await browser.pass(1000);
    assert.equal(browser.gateway.connects, 1);
    tabs.find((tab) => tab.leads).close();
    await browser.pass(1000);
    assert.equal(browser.gateway.connects, 2);
    complete(browser, tabs.filter((tab) => !tab.dead));
  }
});

test("a bus that loses what it carries: what is missing is fetched", async (t) => {
  const browser = new Browser(t, { bus: "storage" });
  const tabs = [browser.open(), browser.open(), browser.open()];
  tabs.forEach((tab) => tab.follow("a"));
  await browser.pass(1000);
  for (let i = 0; i < 50; i++) {
    browser.loses = i % 5 === 2;
    browser.gateway.publish("a");
    await browser.pass(5);
    browser.loses = false;
    await browser.pass(500);
  }
  await browser.pass(5000);
  complete(browser, tabs);
});

test("storage that is full: everybody for himself, and nobody without", async (t) => {
  const browser = new Browser(t, { bus: "storage" });
  const tabs = [browser.open(), browser.open(), browser.open()];
  tabs.forEach((tab) => tab.follow("a"));
  await browser.pass(1000);
  assert.equal(browser.gateway.open().length, 1);
  browser.quota = 2000;
  browser.gateway.publish("a", { data: "x".repeat(3000) });
  await browser.pass(60000);
  browser.gateway.publish("a");
  await browser.pass(100);
  complete(browser, tabs);
});
