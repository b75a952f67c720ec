// A gateway in miniature behind networks that break at random: whatever happens, each follow brings every message of its
// topics once and in order. What fails prints its seed: SEED=n runs that one alone.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { client, dice, epoch, network, parameters, settle } from "./fakes.mjs";

/** The log, and what serves connections from it. Faults are by transport: see `turn`. */
class Miniature {
  log = [];
  faults = {};
  #heads = {};
  #served = new WeakMap();

  constructor(net, chance) {
    this.net = net;
    this.chance = chance;
  }

  publish(topic) {
    const seq = this.log.length + 1;
    this.log.push({ topic, seq, prev: this.#heads[topic] ?? 0, time: seq, data: seq });
    this.#heads[topic] = seq;
  }

  /** Where a since begins. */
  #begin(since) {
    if (since === "all") return 0;
    if (since === "now") return this.log.length;
    return Number(since.split("-")[1]);
  }

  #follows(one) {
    const { topic, since } = parameters(one);
    return [topic ?? []].flat().map((name, i) => ({ name, at: this.#begin([since].flat()[i] ?? [since].flat()[0]), live: false }));
  }

  #cursor = (seq) => `${epoch}-${seq}`;

  /** Lets some connections go on a little. */
  turn() {
    for (const one of this.net.open()) {
      const fault = this.faults[one.kind] ?? "none";
      if (fault === "silent" || this.chance() < 0.3) continue;
      if (fault === "refused") {
        one.die();
        continue;
      }
      if (one.kind === "poll" || one.kind === "longpoll") {
        if (this.chance() < 0.6) this.#answer(one);
        continue;
      }
      let state = this.#served.get(one);
      if (!state) {
        // Where it begins is settled when it comes in, which may be long before its first word arrives.
        state = { follows: this.#follows(one), said: false, sent: 0, ticked: false, born: Date.now(), up: 0 };
        state.at = this.log.length;
        this.#served.set(one, state);
        this.#replace(one);
        one.stream?.();
        if (this.chance() < 0.5) continue;
      }
      if (fault === "slow" && Date.now() - state.born < 1500) continue;
      if (!state.said) {
        state.said = true;
        one.send({ hello: { epoch, cursor: this.#cursor(state.at), ping_ms: 20000 } });
        if (fault === "hello only") state.mute = true;
      }
      if (state.mute) continue;
      this.#hear(one, state);
      this.#write(one, state);
      if (fault === "killed" && Date.now() - state.born > 200) one.die();
    }
  }

  /** A newer stream of a kind ends the older one, and a held poll, as soon as it comes in. */
  #replace(one) {
    const n = (other) => Number(parameters(other, true).n);
    for (const other of this.net.open()) {
      if (n(other) >= n(one)) continue;
      if (other.kind === one.kind && this.#served.get(other)?.said) {
        other.send({ bye: { code: 4506, reason: "replaced" } });
        if (!other.closed) other.die();
      } else if (other.kind === "longpoll") {
        this.#answer(other, 0);
      }
    }
  }

  #hear(one, state) {
    for (; state.up < (one.upstream?.length ?? 0); state.up++) {
      const said = one.upstream[state.up];
      for (const { topic, since } of said.follow ?? []) state.follows.push({ name: topic, at: this.#begin(since), live: false });
      for (const name of said.unfollow ?? []) state.follows = state.follows.filter((follow) => follow.name !== name);
      one.send({ ack: { id: said.id } });
    }
    if (!state.ticked && one.kind !== "websocket" && Date.now() - state.born > 200) {
      state.ticked = true;
      one.send({ ping: { cursor: this.#cursor(state.at) } });
    }
  }

  #write(one, state) {
    for (let budget = 1 + Math.floor(this.chance() * 6); budget > 0 && !one.closed; budget--) {
      // What lags furthest goes on first: a catch-up, then everybody together.
      const behind = state.follows.filter((follow) => !follow.live);
      const from = behind.length ? Math.min(...behind.map((follow) => follow.at)) : state.at;
      const takers = behind.length ? behind : state.follows;
      const to = behind.length ? state.at : this.log.length;
      const next = this.log.find((m) => m.seq > from && m.seq <= to && takers.some((f) => f.name === m.topic && m.seq > f.at));
      if (!next) {
        for (const follow of behind) {
          follow.live = true;
          follow.at = Math.max(follow.at, state.at);
          one.send({ live: { topic: follow.name, cursor: this.#cursor(follow.at) } });
        }
        if (!behind.length) {
          state.at = this.log.length;
          return;
        }
        continue;
      }
      one.send({ ...next });
      for (const follow of takers) follow.at = Math.max(follow.at, next.seq);
      if (!behind.length) state.at = next.seq;
    }
  }

  #answer(one, limit = 1 + Math.floor(this.chance() * 5)) {
    const follows = this.#follows(one);
    const all = this.log.filter((m) => follows.some((f) => f.name === m.topic && m.seq > f.at));
    const items = all.slice(0, limit).map((m) => ({ ...m }));
    const more = all.length > limit;
    const from = Math.min(...follows.map((f) => f.at));
    const cursor = this.#cursor(!more ? this.log.length : (items.at(-1)?.seq ?? from));
    one.answer(200, { cursor, items, more: more && limit > 0, poll_ms: 500 });
  }
}

async function run(t, seed) {
  const chance = dice(seed);
  const pick = (list) => list[Math.floor(chance() * list.length)];
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const random = mock.method(Math, "random", chance);
  const net = network();
  const gateway = new Miniature(net, chance);
  const { it, seen } = client(t, net, { share: false });
  const topics = ["a", "b", "c"];
  const ways = ["none", "silent", "slow", "refused", "hello only", "killed"];
  const kinds = ["websocket", "sse", "stream", "longpoll", "poll"];
  const got = [];
  const pass = async (ms) => {
    for (let left = ms; left > 0; left -= 50) {
      await settle();
      mock.timers.tick(50);
      gateway.turn();
    }
    await settle();
  };
  const follow = (topic, since) => {
    const one = { topic, since, seqs: [] };
    one.follow = it.follow(topic, (m) => one.seqs.push(m.seq), { since });
    got.push(one);
  };
  /** It has all that came before its last, and no more comes of it. */
  const unfollow = (one) => {
    one.follow.close();
    got.splice(got.indexOf(one), 1);
    closed.push(one);
    one.last = one.seqs.length;
  };
  const closed = [];
  const whole = (one) => {
    const all = gateway.log.filter((m) => m.topic === one.topic).map((m) => m.seq);
    // Who follows from now on has all from some moment on.
    return one.since === "all" ? all : all.slice(all.length - Math.max(one.seqs.length, 1));
  };
  try {
    for (const kind of kinds) gateway.faults[kind] = chance() < 0.5 ? "none" : pick(ways);
    follow(pick(topics), pick(["all", "now"]));
    for (let step = 0; step < 60; step++) {
      const dies = net.open().filter((one) => one.kind !== "poll");
      const what = chance();
      if (what < 0.35) for (let n = 1 + Math.floor(chance() * 8); n > 0; n--) gateway.publish(pick(topics));
      else if (what < 0.5) gateway.faults[pick(kinds)] = pick(ways);
      else if (what < 0.6 && dies.length) pick(dies).die();
      else if (what < 0.65) gateway.faults = {};
      else if (what < 0.7) it.use(pick([...kinds, null, null]));
      else if (what < 0.77 && got.length < 5) follow(pick(topics), pick(["all", "now"]));
      else if (what < 0.83 && got.length > 1) {
        const one = pick(got);
        unfollow(one);
        if (chance() < 0.7) follow(one.topic, pick(["all", "now"])); // In the same turn.
      }
      await pass(50 * (1 + Math.floor(chance() * 30)));
    }
    gateway.faults = {};
    it.use(null);
    const behind = () => got.some((one) => !one.seqs.length || one.seqs.at(-1) !== whole(one).at(-1));
    for (let rest = 0; rest < 200 && behind(); rest++) {
      if (rest % 10 === 9) for (const topic of topics) gateway.publish(topic); // So that each brings something.
      await pass(1000);
    }
    for (const one of got) assert.deepEqual(one.seqs, whole(one), `what ${one.topic} brought since ${one.since}`);
    for (const { seqs, last, topic } of closed) {
      assert.equal(seqs.length, last, `${topic} is closed`);
      const all = gateway.log.filter((m) => m.topic === topic && m.seq >= seqs[0] && m.seq <= seqs.at(-1)).map((m) => m.seq);
      assert.deepEqual(seqs, all, `what ${topic} brought until it was closed`);
    }
    assert.deepEqual(seen.gaps, []);
    assert.deepEqual(seen.errors.filter((error) => error.cause === "missing"), []);
    assert.ok(net.all.length < 2500, `${net.all.length} connections`);
  } catch (error) {
    error.message = `SEED=${seed}: ${error.message}`;
    throw error;
  } finally {
    it.close();
    assert.deepEqual(net.open().map((one) => one.kind), [], `SEED=${seed}: nothing stays open`);
    random.mock.restore();
    mock.timers.reset();
  }
}

test("nothing is lost, doubled or out of order, whatever the network does", async (t) => {
  if (process.env.SEED) {
    await run(t, Number(process.env.SEED));
    return;
  }
  for (let seed = 1; seed <= Number(process.env.SEEDS ?? 60); seed++) await run(t, seed);
});
