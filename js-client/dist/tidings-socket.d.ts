import type { Diagnosis, Options, Transport } from "./tidings.js";

export * from "./tidings.js";
export { tidings as default } from "./tidings.js";

/** What {@link Socket} takes beside the WebSocket's arguments: as {@link Options}, without what topics alone have. */
export type SocketOptions = Pick<Options, "token" | "transports" | "poll_ms" | "connections" | "fetch" | "WebSocket" | "EventSource">;

export interface SocketEventMap extends WebSocketEventMap {
  /** Another transport carries the socket, or none: it comes back by itself, or ends. */
  transport: Event;
}

/**
 * A stand-in for the browser's `WebSocket`, over any transport: a WebSocket where that works, else server-sent events, a stream, a long poll or
 * polls, with requests up. When its connection breaks it goes on with another, for as long as the gateway keeps the socket (30 s unless it is
 * told otherwise): each side gets once and in order what the other has sent. After that, and when nothing works from the start, it fails as a
 * WebSocket does: `error`, then `close` with 1006.
 *
 *     const socket = new tidings.Socket("wss://push.example/chat?room=1", ["chat.v2"]);
 *     socket.onmessage = ({ data }) => show(data);
 *     socket.onopen = () => socket.send("hello");
 *
 * It is an `EventTarget` where browsers let others make one, and its events are theirs. In older ones its attributes are plain members, and events
 * plain objects; where there are no `ArrayBuffer`s, bytes that arrive end it with 1003.
 */
export interface Socket extends EventTarget {
  /** The address, absolute, with `ws:` or `wss:`. */
  readonly url: string;
  /** 0 to 3, as the constants say. It stays `OPEN` while the socket is between two connections. */
  readonly readyState: number;
  /** Bytes that were sent and that the gateway has not acknowledged. A Blob counts whole at once, and is read as it leaves. */
  readonly bufferedAmount: number;
  /** The subprotocol that the gateway has chosen, "" for none. */
  readonly protocol: string;
  /** Always "": what a transport compresses is its own. */
  readonly extensions: string;
  /** What bytes arrive as: `blob`, unless it is set to `arraybuffer`. */
  binaryType: BinaryType;
  /** What carries the socket now, "" for nothing. */
  readonly transport: Transport | "";
  onopen: ((this: Socket, event: Event) => any) | null;
  onmessage: ((this: Socket, event: MessageEvent) => any) | null;
  onerror: ((this: Socket, event: Event) => any) | null;
  onclose: ((this: Socket, event: CloseEvent) => any) | null;
  /** Text, or bytes: a `Blob`, an `ArrayBuffer` or a view of one. Anything else goes as its text. */
  send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void;
  /** Closes it behind what was sent. The code is 1000 or 3000 to 4999, the reason at most 123 bytes. */
  close(code?: number, reason?: string): void;
  /** What was tried, and why it is carried by what it is. */
  diagnose(): Diagnosis;
  addEventListener<K extends keyof SocketEventMap>(
    type: K,
    listener: (this: Socket, event: SocketEventMap[K]) => any,
    options?: boolean | AddEventListenerOptions
  ): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
  removeEventListener<K extends keyof SocketEventMap>(
    type: K,
    listener: (this: Socket, event: SocketEventMap[K]) => any,
    options?: boolean | EventListenerOptions
  ): void;
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | EventListenerOptions): void;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
}

export declare const Socket: {
  prototype: Socket;
  /**
   * Throws a `SyntaxError` for an address or subprotocols that a `WebSocket` would not take. A relative address is the page's; `http:` and `https:`
   * become `ws:` and `wss:`.
   */
  new (url: string | URL, protocols?: string | string[], options?: SocketOptions): Socket;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
};

declare module "./tidings.js" {
  namespace tidings {
    /** In `tidings-socket.js` and `tidings-socket.mjs`: what is exported as `Socket`. */
    export { Socket };
  }
}
