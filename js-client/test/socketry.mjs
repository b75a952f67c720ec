// A gateway's side of sockets (docs/wire.md, "Sockets") for the fake network of fakes.mjs: any number of sockets, each with a handler.
import { epoch, parameters, settle } from "./fakes.mjs";

const blind = (one) => one.kind === "websocket" || one.kind === "sse";

/** One socket: two sequences of frames, and the links that carry the one down. */
class Conversation {
  /** Frames down, as {data | bytes, more, close}; the first has number 1. */
  down = [];
  /** Messages and the close that came up, in order. */
  got = [];
  taken = 0;
  links = new Map();

  #parts = [];

  constructor(gateway, url, protocols) {
    this.gateway = gateway;
    this.url = url;
    this.protocols = protocols;
    this.protocol = gateway.choose(protocols);
  }

  /** Says a message: text, or bytes. */
  say(data, more = false) {
    this.down.push({ data, more });
    this.flow();
  }

  close(code, reason) {
    if (this.closed) return;
    this.closed = true;
    this.down.push({ close: { code, reason } });
    this.flow();
  }

  /** Ends it here and now, for what its client has done. */
  fail(code, reason) {
    for (const one of this.links.keys()) one.send({ close: { code, reason } });
  }

  /** Takes a frame from the client. */
  take(seq, frame) {
    if (seq <= this.taken) return true;
    if (seq !== this.taken + 1 || this.full) return false;
    this.taken = seq;
    if (frame.close) {
      this.got.push({ close: frame.close });
      this.gateway.handler(this, { close: frame.close });
      return true;
    }
    this.#parts.push(frame.data);
    if (!frame.more) {
      const parts = this.#parts;
      this.#parts = [];
      const message = typeof parts[0] === "string" ? parts.join("") : Buffer.concat(parts);
      this.got.push(message);
      this.gateway.handler(this, message);
    }
    return true;
  }

  /** Lets what is new flow down all links. */
  flow() {
    for (const [one, link] of this.links) {
      if (one.closed) this.links.delete(one);
      else this.gateway.carry(this, one, link);
    }
  }
}

export class SocketGateway {
  sockets = new Map();
  /** What is asked next is refused so: {status, code} */
  refusal = null;
  awayMs = 30000;

  #seen = new WeakSet();

  constructor(net) {
    this.net = net;
  }

  /** What a socket's program does with a message. */
  handler = (socket, message) => {
    if (message.close) socket.close(message.close.code, message.close.reason);
    else socket.say(message);
  };

  choose = (protocols) => protocols[0] ?? "";

  /** Whether this connection is not to go on now. */
  holds = () => false;

  /** Whether the answer to what this request brought is lost. */
  loses = () => false;

  /** How much of what is there goes into one answer, or leaves in one turn. */
  share = () => Infinity;

  /** Answers what has been asked. */
  turn() {
    for (const one of this.net.open()) {
      if (this.holds(one)) continue;
      if (!this.#seen.has(one)) this.#begin(one);
      else this.#go(one);
    }
  }

  /** Lets all that can happen happen. */
  async settle() {
    for (let i = 0; i < 6; i++) {
      await settle();
      this.turn();
    }
    await settle();
  }

  #refuse(one, status, code, bye) {
    // A page sees no status there.
    if (blind(one)) {
      if (bye) one.send({ bye: { code: bye, reason: code } });
      if (!one.closed) one.die();
    } else {
      one.answer(status, { status, code });
    }
  }

  #begin(one) {
    this.#seen.add(one);
    const query = parameters(one, true);
    const kind = one.kind === "websocket" ? "websocket" : query.transport;
    if (this.refusal) {
      this.#refuse(one, this.refusal.status, this.refusal.code, this.refusal.bye);
      return;
    }
    let socket = this.sockets.get(query.tidings);
    const mine = socket && (!query.since || query.since.startsWith(`${epoch}-`));
    if (query.since && !mine) {
      this.#refuse(one, 404, "socket_gone", 4508);
      return;
    }
    if (!socket) {
      const offered = kind === "websocket" ? one.protocol.slice(1) : (query.protocols?.split(",") ?? []);
      socket = new Conversation(this, one.url, offered);
      this.sockets.set(query.tidings, socket);
    }
    one.socket = socket;
    const since = query.since ? Number(query.since.split("-")[1]) : 0;
    one.since = since;
    const posts = one.init?.method === "POST" && kind !== "stream";
    if (posts) {
      for (const line of one.init.body.split("\n").filter(Boolean)) {
        const { seq, data, data64, more, close } = JSON.parse(line);
        if (!socket.take(seq, { data: data64 === undefined ? data : Buffer.from(data64, "base64"), more, close })) break;
      }
      if (this.loses(one)) {
        one.die();
        return;
      }
      if (!kind) {
        one.answer(200, { ack: { seq: socket.taken } });
        return;
      }
    }
    if (kind === "poll" || kind === "longpoll") {
      one.wait = Number(query.wait ?? 0);
      one.opens = !query.since;
      one.asked = Date.now();
      this.#go(one);
      return;
    }
    one.stream?.();
    const link = { at: since, up: socket.taken };
    one.hello(since, { ack: socket.taken, protocol: socket.protocol, away_ms: this.awayMs });
    socket.links.set(one, link); // What is said on it is for the next turn.
  }

  #go(one) {
    const { socket } = one;
    if (!socket) return;
    if (one.wait !== undefined) {
      this.#poll(one);
      return;
    }
    const link = socket.links.get(one);
    if (!link) return;
    while (one.upstream?.length && !one.closed) this.#hear(one, link, one.upstream.shift());
    if (!link.ticked && one.kind !== "websocket") {
      link.ticked = true;
      one.send({ ping: { cursor: `${epoch}-${link.at}` } });
    }
    this.carry(socket, one, link);
  }

  #hear(one, link, said) {
    const { socket } = one;
    if (said instanceof Uint8Array) {
      socket.take(++link.up, { data: Buffer.from(said.subarray(1)), more: said[0] === 1 });
    } else if (typeof said === "string") {
      socket.take(++link.up, { data: said.slice(1), more: said[0] === "+" });
    } else if (said.close) {
      link.up = said.seq;
      socket.take(said.seq, said);
    } else if (said.ping) {
      one.send({ ack: { id: said.id, seq: socket.taken } });
      return;
    } else {
      return;
    }
    if (!one.closed) one.send({ ack: { seq: socket.taken } });
  }

  carry(socket, one, link) {
    for (let left = this.share(); left > 0 && link.at < socket.down.length && !one.closed; left--) {
      const frame = socket.down[link.at++];
      if (frame.close) one.send({ seq: link.at, close: frame.close });
      else if (one.kind !== "websocket") one.send(this.#object(frame, link.at));
      else if (typeof frame.data === "string") one.send((frame.more ? "+" : "=") + frame.data);
      else one.bytes(Buffer.concat([Buffer.from([frame.more ? 1 : 0]), frame.data]));
    }
  }

  #object(frame, seq) {
    const value = { seq, ...(frame.more && { more: true }) };
    if (frame.close) value.close = frame.close;
    else value[typeof frame.data === "string" ? "data" : "data64"] = typeof frame.data === "string" ? frame.data : Buffer.from(frame.data).toString("base64");
    return value;
  }

  #poll(one) {
    const { socket } = one;
    const end = Math.min(socket.down.length, one.since + this.share());
    const items = socket.down.slice(one.since, end).map((frame, i) => this.#object(frame, one.since + i + 1));
    if (!items.length && one.wait && Date.now() - one.asked < one.wait * 1000) return;
    one.answer(200, {
      cursor: `${epoch}-${end}`,
      items,
      more: end < socket.down.length,
      poll_ms: 500,
      ack: { seq: socket.taken },
      ...(one.opens && {
        hello: { epoch, cursor: `${epoch}-0`, ack: socket.taken, transport: one.kind, protocol: socket.protocol, away_ms: this.awayMs, ping_ms: 20000 },
      }),
    });
  }
}
