// What a box lets through of an answer that comes bit by bit.

const block = 16 * 1024; // what hold16 gathers, in bytes

/** Stands between an answer's source and out, which has write(chunk), end() and kill(). */
export class Valve {
  #fault;
  #out;
  #held = [];
  #size = 0;
  #shut = false;
  #timer;

  constructor(fault, out) {
    this.#fault = fault;
    this.#out = out;
    if (fault === "kill") this.#timer = setTimeout(() => this.#kill(), 200);
    if (fault === "early") this.#kill();
  }

  write(chunk) {
    if (this.#shut) return;
    switch (this.#fault) {
      case "swallow":
        return;
      case "hold":
        this.#held.push(chunk);
        return;
      case "hold16":
        this.#held.push(chunk);
        this.#size += chunk.length;
        if (this.#size >= block) this.#flush();
        return;
      case "delay-one":
        this.#flush();
        this.#held.push(chunk);
        return;
      default:
        this.#out.write(chunk);
    }
  }

  /** The source is done. What was swallowed never ends. */
  end() {
    if (this.#shut || this.#fault === "swallow") return;
    this.#flush();
    this.#out.end();
    this.close();
  }

  /** The box mends: what it held comes late, and what follows passes. What it swallowed or killed stays so. */
  heal() {
    if (this.#fault === "swallow") return;
    clearTimeout(this.#timer);
    this.#fault = undefined;
    this.#flush();
  }

  /** Lets nothing more through. */
  close() {
    this.#shut = true;
    clearTimeout(this.#timer);
    this.#held = [];
  }

  #flush() {
    const held = this.#held;
    this.#held = [];
    this.#size = 0;
    for (const chunk of held) this.#out.write(chunk);
  }

  #kill() {
    this.close();
    this.#out.kill();
  }
}
