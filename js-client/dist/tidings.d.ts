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
  /**
   * - `connecting`: nothing serves yet, a transport is tried.
   * - `open`: messages come.
   * - `waiting`: it comes back by itself, after a while or with the page.
   * - `closed`: nothing is followed, you closed it, or an `error` said that the gateway refuses for good.
   */
  state: "connecting" | "open" | "waiting" | "closed";
  /** The transport that is open or tried. */
  transport: Transport | "";
  /** The transport that was open before. */
  previous: Transport | "";
  /**
   * Why: `start`; `probe` (a better one was found); `use`; `follow` (what is followed has changed); `renew`; `wake`; `pagehide`; `nothing followed`; `close`; `new`; or how
   * the one before it ended: `no_hello`, `buffered` (something on the way keeps back what is sent), `silent`, `died`, `invalid` (answered, but not by
   * the gateway), `unreachable`, `refused` (by the browser), `status 502`, and the gateway's own words, such as `draining`, `pressure` or `replaced`.
   */
  cause: string;
  /** The position of the connection: `follow` with `since: cursor` goes on from here. */
  cursor: string;
}

/** The error of a publish, of a refusal, of messages that are missing without a gap. */
export interface TidingsError extends Error {
  /** A close code (4500 to 4999: final), or the code of the gateway's problem (docs/errors.md). */
  code?: number | string;
  /** The HTTP status, 0 where there was no answer. */
  status?: number;
  cause?: string;
  topic?: string;
  cursor?: string;
  detail?: string;
}

/** What {@link Tidings.diagnose} tells: which transport serves, why not a better one, and what was tried. */
export interface Diagnosis {
  /** The transport that serves, "" while none does. */
  transport: Transport | "";
  /** What worked last on this gateway, believed for half an hour: it is tried first. */
  remembered: Transport | "";
  /** What can be used here now, best first: what you allow, the browser has, and the gateway offers. */
  usable: Transport[];
  /** The gateway's newest offer. */
  offer: {
    /** Best first. */
    transports?: Transport[];
    /** The head start of a transport before the next one is tried beside it, in milliseconds. */
    head_ms?: number;
    /** Plain polls are the same for everybody, so that a proxy can answer them. */
    shared?: boolean;
  };
  /** How long a round trip takes, in milliseconds; 0 if that is unknown. */
  rtt_ms: number;
  /** Another tab holds the connection for this one. */
  shared: boolean;
  /** The last twenty attempts, the oldest first. The last one of a better transport says why that does not serve. */
  attempts: Attempt[];
}

/** One connection that was tried. */
export interface Attempt {
  transport: Transport;
  /** Why it was begun, as {@link State.cause}. */
  why: string;
  /** When it was begun, in milliseconds since 1970. */
  at: number;
  /** How long after that the gateway's first word came; absent where it never did. */
  hello_ms?: number;
  /** How long after that it ended; absent while it lives. */
  ended_ms?: number;
  /**
   * How it ended, "" while it lives: as {@link State.cause}; or `slower` (another spoke first), `unused` (nothing is followed), `led` (another tab
   * took over), `close`; or the `why` of the attempt that took its place.
   */
  cause: string;
}

/** The key, "" for none. */
export type Token = string;

export interface Options {
  /**
   * The key for publishing and following, or what gives one, at once or later. It is asked before every publish and every attempt to connect;
   * with `true` after the gateway has said that the last one has expired. Where it fails the request goes without.
   */
  token?: Token | ((expired: boolean) => Token | Promise<Token>);
  /** Only these, in this order, which the gateway's offer restricts but does not change. What the environment lacks is left out. */
  transports?: Transport[];
  /** The interval of plain polls, in milliseconds. Else the gateway's. */
  poll_ms?: number;
  /** Whether tabs of the same origin share one connection: yes unless `false`, where the browser lets them find each other. */
  share?: boolean;
  /**
   * How many connections to the gateway there may be at a time. With 2, which is all that old browsers open to a host, there is one down and one
   * up, and moving to another transport ends the old one first: the cursors cover the break. Without it, 2 where the browser has neither
   * WebSocket nor EventSource nor fetch, else what it takes: no more than two attempts beside each other.
   */
  connections?: number;
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
  /** As it was asked for. */
  readonly topic: string;
  /** Nothing comes of it any more. */
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
  /** `*`: publish only if the topic is empty. */
  ifNoneMatch?: "*";
  /** Refuse where the gateway keeps messages less well. */
  durability?: "memory" | "disk" | "quorum";
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
  /** It connects, is connected, waits, is closed. */
  state: State;
  /** Messages will not come. */
  gap: Gap;
  /** Something that you should know of. Without a listener it is written to the console. */
  error: TidingsError;
  /** The topic or pattern has caught up with its history. */
  live: { topic: string; cursor: string };
  /** The history of the topic was dropped, up to and including `to`. */
  deleted: { topic: string; to: number };
}

/**
 * One connection for everything that is followed through it. It opens with the first follow and closes after the last. It begins with the best
 * transport, tries the next one beside it when it hears nothing, moves between them without losing or doubling a message, and always comes back.
 */
export interface Tidings {
  /** The newest state. */
  readonly state: State;
  /** Follows a topic, or a pattern: `weather/*` (one segment), `weather/**` (any number). */
  follow(topic: string, fn: (message: Message) => void, options?: FollowOptions): Follow;
  /** The same as `follow.close()`. */
  unfollow(follow: Follow): void;
  /**
   * Publishes: a string as text, bytes (`ArrayBuffer`, its views, `Blob`) as they are, any other value as JSON. It is resent under the same
   * idempotency key until it is answered, for four and a half minutes at most. Gives a promise, or calls back.
   */
  publish(topic: string, data: unknown, options?: PublishOptions): Promise<Receipt>;
  publish(topic: string, data: unknown, callback: (error: TidingsError | null, receipt?: Receipt) => void): void;
  publish(
    topic: string,
    data: unknown,
    options: PublishOptions | null,
    callback: (error: TidingsError | null, receipt?: Receipt) => void
  ): void;
  /** Calls the function whenever it happens. */
  on<E extends keyof Events>(type: E, fn: (value: Events[E]) => void): this;
  /** ... no more. */
  off<E extends keyof Events>(type: E, fn: (value: Events[E]) => void): this;
  /**
   * Moves to one transport and stays there, without losing a message and without sharing it with other tabs; `null`: automatic again.
   * Throws where that transport cannot be used.
   */
  use(transport: Transport | null): void;
  /** What it has tried, and why it is where it is: for a report of a fault, or for the curious. */
  diagnose(): Diagnosis;
  /**
   * Ends every follow, for good: a later `follow` gives an `error` event and no message, and publishes are no longer resent.
   * To begin again, call `tidings` again.
   */
  close(): void;
}

/**
 * A client of the gateway at this base URL; without one, of the page's own origin.
 *
 *     const t = tidings("https://push.example");
 *     t.follow("weather/*", (message) => show(message.topic, message.data), { since: "last:5" });
 *     t.on("gap", ({ topic, from, to }) => reload(topic));
 *     await t.publish("weather/paris", { sky: "clear" });
 */
export function tidings(url?: string, options?: Options): Tidings;
export default tidings;
