/** A way from the gateway to this client, best first: `websocket`, `sse`, `stream`, `longpoll`, `poll`. */
export type Transport = "websocket" | "sse" | "stream" | "longpoll" | "poll";

/** JSON as it was published. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/**
 * Where a follow begins: a cursor (`message.cursor`, `state.cursor`: everything after it), `now`, `all` (everything retained),
 * `latest` (the last message of each topic), `last:N` (per topic), a duration (`90s`, `10m`, `2h`) or an RFC 3339 time.
 */
export type Since = "now" | "all" | "latest" | (string & {});

/** A message. Within a topic messages arrive in the order of the log, each once. */
export interface Message {
  topic: string;
  /** The place in the log: rises, but is not contiguous within a topic. */
  seq: number;
  /** The seq of the message before this one in the same topic, 0 if there is none. */
  prev: number;
  /** When the gateway took it, in milliseconds since 1970. */
  time: number;
  /** Keep it, and `follow` with `since: cursor` goes on after this message. */
  cursor: string;
  /** JSON as it was published, text as a string, other bytes as a `Uint8Array` (absent where the browser has none). */
  data: Json | Uint8Array | undefined;
  /** The bytes of `data` in base64, when they are neither JSON nor text. */
  data64?: string;
  /** The content type, when it is neither JSON nor text. */
  type?: string;
  event?: string;
  key?: string;
  /** In topics that keep only what is newest: older messages may have been skipped on purpose. */
  latest?: boolean;
}

/** Messages that will not come: those from `from` to `to`, inclusive, of a topic or pattern. Both 0: nobody knows how many. */
export interface Gap {
  topic: string;
  from: number;
  to: number;
  /** `restart`: the gateway has another log than before; what it retains follows. */
  reason: "expired" | "deleted" | "restart" | "unknown_cursor" | "limit" | (string & {});
}

/** How the client is connected. */
export interface State {
  /** `waiting`: it comes back by itself. `closed`: by you, because nothing is followed, or by an `error` for good. */
  state: "connecting" | "open" | "waiting" | "closed";
  /** The transport that is open or tried. */
  transport: Transport | "";
  /** The transport that was open before. */
  previous: Transport | "";
  /** Why: `start`, `probe` (a better one was found), `use`, `no hello`, `silent`, `closed`, `draining`, … */
  cause: string;
  /** The position of the connection. */
  cursor: string;
}

/** The error of a publish, of a refusal, of messages that are missing without a gap. */
export interface TidingsError extends Error {
  /** A close code (4500 to 4999: final), or the code of the gateway's problem. */
  code?: number | string;
  status?: number;
  cause?: string;
  topic?: string;
  cursor?: string;
}

export interface Options {
  /** The key for publishing and following, or what gives one: it is asked for every request. */
  token?: string | (() => string);
  /** Only these, in this order. What the environment lacks is left out. */
  transports?: Transport[];
  /** The interval of plain polls, in milliseconds. Else the gateway's. */
  poll_ms?: number;
  /** Instead of the global ones: for old Node, or for tests. */
  fetch?: typeof fetch;
  WebSocket?: unknown;
  EventSource?: unknown;
}

export interface FollowOptions {
  /** `now` if absent. */
  since?: Since;
}

export interface Follow {
  readonly topic: string;
  close(): void;
}

export interface PublishOptions {
  /** The content type. Else: `application/json` for values, `text/plain` for strings, `application/octet-stream` for bytes. */
  type?: string;
  /** At most 255 bytes; not `tidings.…`. */
  event?: string;
  /** At most 255 bytes. */
  key?: string;
  /** Seconds, or a duration (`10m`): the message is dropped after it. */
  ttl?: number | string;
  /** Makes a resend safe for five minutes. Every publish gets one of its own if you give none. */
  idempotencyKey?: string;
  /** Publish only if this cursor is still the newest of the topic. */
  ifMatch?: string;
}

export interface Receipt {
  topic: string;
  cursor: string;
  seq: number;
  prev: number;
  /** How well it is kept: never more than was done. */
  durability: "memory" | "disk" | "quorum";
  followers: number;
  /** The idempotency key was known: this is the first receipt again. */
  duplicate: boolean;
}

export interface Events {
  state: State;
  gap: Gap;
  error: TidingsError;
  /** The topic or pattern has caught up with its history. */
  live: { topic: string; cursor: string };
  /** The history of the topic was dropped, up to and including `to`. */
  deleted: { topic: string; to: number };
}

/** One connection for everything that is followed through it. It opens with the first follow and closes after the last. */
export interface Tidings {
  /** The newest state. */
  readonly state: State;
  /** Follows a topic, or a pattern: `weather/*` (one segment), `weather/**` (any number). */
  follow(topic: string, fn: (message: Message) => void, options?: FollowOptions): Follow;
  /** Publishes: a string as text, bytes as they are, any other value as JSON. It is resent until it is answered. */
  publish(topic: string, data: unknown, options?: PublishOptions): Promise<Receipt>;
  publish(topic: string, data: unknown, callback: (error: TidingsError | null, receipt?: Receipt) => void): void;
  publish(
    topic: string,
    data: unknown,
    options: PublishOptions | null,
    callback: (error: TidingsError | null, receipt?: Receipt) => void
  ): void;
  on<E extends keyof Events>(type: E, fn: (value: Events[E]) => void): this;
  off<E extends keyof Events>(type: E, fn: (value: Events[E]) => void): this;
  /** Moves to one transport and stays there, without losing a message; `null`: automatic again. */
  use(transport: Transport | null): void;
  /**
   * Ends every follow, for good: a later `follow` gives an `error` event and no message, and publishes are no longer resent.
   * To begin again, call `tidings` again.
   */
  close(): void;
}

/** A client of the gateway at this base URL; without one, of the page's own origin. */
export function tidings(url?: string, options?: Options): Tidings;
export default tidings;
