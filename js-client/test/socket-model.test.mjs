// A socket over networks that break at random: whatever happens, each side gets every message of the other once and in order, and both
// closes. What fails prints its seed: SEED=n runs that one alone.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Socket } from "../src/socket.js";
import { dice, network, settle } from "./fakes.mjs";
import { SocketGateway } from "./socketry.mjs";

const kinds = ["websocket", "sse", "stream", "longpoll", "poll", "/echo"];

async function run(seed) {
  const chance = dice(seed);
  const pick = (list) => list[Math.floor(chance() * list.length)];
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const random = mock.method(Math, "random", chance);
  const net = network();
  const gateway = new SocketGateway(net);
  const sent = [];
  const seen = [];
  const events = [];
  const faults = {};
  const born = new Map();
  gateway.handler = (socket, message) => {
    if (message.close) socket.close(message.close.code, message.close.reason);
    else if (chance() < 0.5) say(socket, message);
  };
  gateway.share = () => 1 + Math.floor(chance() * 4);
  gateway.loses = () => chance() < 0.2;
  gateway.holds = (one) => {
    if (!born.has(one)) born.set(one, Date.now());
    const age = Date.now() - born.get(one);
    const fault = faults[one.kind];
    if (fault === "refused" || (fault === "killed" && age > 300)) one.die();
    return one.closed || fault === "silent" || (fault === "slow" && age < 1500) || chance() < 0.2;
  };
  const said = [];
  const say = (socket, data) => {
    said.push(data.toString());
    const half = Math.floor(data.length / 2);
    if (chance() < 0.3) {
      socket.say(data.slice(0, half), true);
      socket.say(data.slice(half));
    } else {
      socket.say(data);
    }
  };
  const ws = new Socket("ws://gateway/echo", ["chat"], { WebSocket: net.WebSocket, EventSource: net.EventSource, fetch: net.fetch });
  ws.binaryType = "arraybuffer";
  for (const type of ["open", "error", "close"]) ws.addEventListener(type, (event) => events.push(event));
  ws.onmessage = ({ data }) => seen.push(typeof data === "string" ? data : Buffer.from(data).toString());
  const pass = async (ms) => {
    for (let left = ms; left > 0; left -= 50) {
      await settle();
      mock.timers.tick(50);
      gateway.turn();
    }
    await settle();
  };
  const send = () => {
    const text = `${sent.length} ${"é".repeat(chance() < 0.1 ? 40000 : Math.floor(chance() * 20))}`;
    sent.push(text);
    ws.send(chance() < 0.6 ? text : chance() < 0.5 ? new TextEncoder().encode(text) : new Blob([text]));
  };
  try {
    for (let turns = 0; ws.readyState === 0 && turns < 100; turns++) await pass(100);
    assert.equal(ws.readyState, 1);
    assert.equal(ws.protocol, "chat");
    const [socket] = gateway.sockets.values();
    for (let step = 0; step < 40; step++) {
      const what = chance();
      const dies = net.open().filter((one) => one.kind !== "poll");
      if (what < 0.4) for (let n = 1 + Math.floor(chance() * 6); n > 0; n--) send();
      else if (what < 0.6) say(socket, `from the gateway ${step}`);
      else if (what < 0.75) faults[pick(kinds)] = pick(["refused", "silent", "slow", "killed", "none"]);
      else if (what < 0.85 && dies.length) pick(dies).die();
      else for (const kind of kinds) delete faults[kind];
      await pass(50 * (1 + Math.floor(chance() * 20)));
      assert.equal(ws.readyState, 1, `step ${step}`);
    }
    for (const kind of kinds) delete faults[kind];
    gateway.loses = () => false;
    send();
    if (chance() < 0.5) ws.close(3001, "done");
    else for (let turns = 0; turns < 60 && ws.bufferedAmount; turns++) await pass(500);
    if (ws.readyState === 1) socket.close(3001, "done");
    for (let turns = 0; turns < 100 && ws.readyState < 3; turns++) await pass(500);
    assert.deepEqual(socket.got.filter((one) => !one.close).map(String), sent);
    assert.deepEqual(socket.got.slice(0, -1).filter((one) => one.close), [], "the close is the last");
    // What comes behind its own close is not shown.
    assert.deepEqual(seen, said.slice(0, seen.length));
    if (events.at(-1)?.type === "close" && ws.readyState === 3 && !events.at(-1).closedHere) assert.ok(seen.length > 0 || !said.length);
    assert.deepEqual(events.map(({ type }) => type), ["open", "close"]);
    const { code, reason, wasClean } = events.at(-1);
    assert.deepEqual([code, reason, wasClean, ws.bufferedAmount], [3001, "done", true, 0]);
    assert.equal(gateway.sockets.size, 1);
    assert.ok(net.all.length < 1500, `${net.all.length} connections`);
  } catch (error) {
    error.message = `SEED=${seed}: ${error.message}`;
    throw error;
  } finally {
    await pass(1000);
    assert.deepEqual(net.open().map((one) => one.kind).filter((kind) => kind !== "/echo"), [], `SEED=${seed}: nothing stays open`);
    random.mock.restore();
    mock.timers.reset();
  }
}

test("a socket loses, doubles and reorders nothing, whatever the network does", async () => {
  if (process.env.SEED) {
    await run(Number(process.env.SEED));
    return;
  }
  for (let seed = 1; seed <= Number(process.env.SEEDS ?? 60); seed++) await run(seed);
});
