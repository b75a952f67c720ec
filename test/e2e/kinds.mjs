// Which way of getting messages a request belongs to, told as a box in between would: by path, query and headers. It
// knows those of Tidings (docs/wire.md), Socket.IO (`transport=polling`) and SockJS (`/xhr_streaming`, …).

/** The kinds of requests that wait for messages, best first. Whatever else is asked for is "other". */
export const kinds = ["websocket", "sse", "get-stream", "post-stream", "longpoll", "poll"];

const sockjs = {
  eventsource: "sse",
  htmlfile: "get-stream",
  xhr_streaming: "post-stream",
  xhr: "longpoll",
  jsonp: "longpoll",
};

const named = { websocket: "poll", sse: "sse", stream: "stream", iframe: "stream", longpoll: "longpoll", poll: "poll" };

/** The kind of a request, of which the body counts only where the body says what is followed (`POST /follow`). */
export function kindOf({ method, url, headers, body }) {
  if (/^websocket$/i.test(headers.upgrade ?? "")) return "websocket";
  if (method !== "GET" && method !== "POST") return "other";
  const { pathname, searchParams: query } = new URL(url, "http://localhost");
  if (query.get("transport") === "polling") return "longpoll";
  const last = pathname.slice(pathname.lastIndexOf("/") + 1);
  if (Object.hasOwn(sockjs, last) && /\/\d{3}\/[^/]+\/[^/]+$/.test(pathname)) return sockjs[last];

  const posted = method === "POST" && pathname.endsWith("/follow");
  const socket = query.has("tidings");
  if (socket && !query.has("transport")) return "other"; // the way up
  if (!posted && !socket && !(method === "GET" && /\/topics(\/|$)/.test(pathname))) return "other";
  const said = posted ? parse(body) : {};
  const accept = headers.accept ?? "";
  const wants = query.get("transport") ?? said.transport;
  let kind = "poll";
  if (Object.hasOwn(named, wants ?? "")) kind = named[wants];
  else if (accept.includes("text/event-stream")) kind = "sse";
  else if (/application\/x-ndjson|multipart\//.test(accept)) kind = "stream";
  else if (query.has("wait") || said.wait !== undefined) kind = "longpoll";
  return kind === "stream" ? `${method.toLowerCase()}-stream` : kind;
}

/** Whether the body has to be read before kindOf can tell. */
export const bodyTells = ({ method, url }) => method === "POST" && /\/follow(\?|$)/.test(url);

function parse(body) {
  try {
    return JSON.parse(body) ?? {};
  } catch {
    return Object.fromEntries(new URLSearchParams(String(body))); // what would be a GET's query
  }
}
