// A connection as the far end of a long line: every byte is under way for a while, in both directions, and answers can be
// cut into slices.

import { Duplex } from "node:stream";

const longest = 7; // bytes of a slice

/** Wraps an accepted socket. What is read and written passes in order, each byte after the delay. */
export class Line extends Duplex {
  /** Whether what is written leaves in slices of 1 to 7 bytes, each a write of its own. */
  sliced = false;

  #socket;
  #in;
  #out;

  /** delay: milliseconds one way. A connection's first bytes come a round trip later, as if it had to be opened first. */
  constructor(socket, delay) {
    super();
    this.#socket = socket.setNoDelay(true);
    const opened = Date.now() + 2 * delay;
    this.#in = new Queue(delay, opened, (chunk) => this.push(chunk));
    this.#out = new Queue(delay, 0, (chunk) => (chunk === null ? socket.end() : socket.write(chunk)));
    socket.on("data", (chunk) => this.#in.add(chunk));
    socket.once("end", () => this.#in.add(null));
    socket.on("error", () => this.destroy());
    socket.once("close", () => this.destroy());
  }

  /** Cuts the connection at once: with a reset, and nothing more of what is under way arrives. */
  reset() {
    // One that was ended cannot be reset any more: Node 20 would never let go of it, and spin at its exit.
    if (this.#socket.writableEnded) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  _read() {}

  _write(chunk, _encoding, done) {
    if (!this.sliced) {
      this.#out.add(chunk);
    } else {
      for (let at = 0, size = 1; at < chunk.length; at += size, size = (size % longest) + 1) {
        this.#out.add(chunk.subarray(at, at + size), true);
      }
    }
    done();
  }

  _final(done) {
    this.#out.add(null);
    done();
  }

  _destroy(error, done) {
    this.#in.clear();
    this.#out.clear();
    this.#socket.destroy();
    done(error);
  }
}

// Chunks on their way. What is alone goes in a turn of its own.
class Queue {
  #delay;
  #notBefore;
  #deliver;
  #waiting = [];
  #timer = null;

  constructor(delay, notBefore, deliver) {
    this.#delay = delay;
    this.#notBefore = notBefore;
    this.#deliver = deliver;
  }

  add(chunk, alone = false) {
    const due = Math.max(Date.now(), this.#notBefore) + this.#delay;
    if (!this.#delay && !alone && !this.#waiting.length) {
      this.#deliver(chunk);
      return;
    }
    this.#waiting.push({ chunk, due, alone });
    this.#timer ??= this.#later();
  }

  clear() {
    this.#waiting = [];
    this.#timer?.();
    this.#timer = null;
  }

  #later() {
    const left = this.#waiting[0].due - Date.now();
    if (left > 0) {
      const timer = setTimeout(() => this.#turn(), left);
      return () => clearTimeout(timer);
    }
    const turn = setImmediate(() => this.#turn());
    return () => clearImmediate(turn);
  }

  #turn() {
    while (this.#waiting.length && this.#waiting[0].due <= Date.now()) {
      const { chunk, alone } = this.#waiting.shift();
      this.#deliver(chunk);
      if (alone) break;
    }
    this.#timer = this.#waiting.length ? this.#later() : null;
  }
}
