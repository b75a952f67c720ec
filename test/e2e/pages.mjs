// A tiny web server for test pages. It has an origin of its own, so every test also crosses origins to the gateway.

import { createServer } from "node:http";
import { once } from "node:events";

/** Serves each given document at its path and gives the server's base URL and a close function. */
export async function serve(documents) {
  const server = createServer((request, response) => {
    const document = documents[new URL(request.url, "http://localhost").pathname];
    if (document === undefined) {
      response.writeHead(request.url === "/favicon.ico" ? 204 : 404).end();
      return;
    }
    const { body, headers = {} } = typeof document === "string" ? { body: document } : document;
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", ...headers }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/**
 * A page with the gateway's client, by whatever script its head has it, which keeps what arrives in window.seen. Its function
 * follow(topic, options) starts a follow; payloads are kept in a form that survives JSON: {text} or {bytes}. It is ES3, for old engines too.
 */
export const clientPage = (gateway, head = `<script src="${gateway}/tidings.js"></script>`) => `<!doctype html>
<meta charset="utf-8">
<title>Follow</title>
${head}
<script>
window.seen = { messages: [], states: [], gaps: [], errors: [] };
function plain(data) {
  if (!data || typeof data.byteLength !== "number") return { text: data };
  var view = new Uint8Array(data.buffer || data, data.byteOffset || 0, data.byteLength);
  var bytes = [];
  for (var i = 0; i < view.length; i++) bytes.push(view[i]);
  return { bytes: bytes };
}
function start(options) {
  window.t = tidings(${JSON.stringify(gateway)}, options);
  t.on("state", function (state) { seen.states.push(state); });
  t.on("gap", function (gap) { seen.gaps.push(gap); });
  t.on("error", function (error) { seen.errors.push(String(error && error.message || error)); });
}
function follow(topic, options) {
  return t.follow(topic, function (m) {
    seen.messages.push({ topic: m.topic, seq: m.seq, prev: m.prev, event: m.event, cursor: m.cursor, data: plain(m.data) });
  }, options);
}
</script>
<body></body>
`;

/** All transports, best first. */
export const transports = ["websocket", "sse", "stream", "longpoll", "poll"];

/** Whether the page's client is connected by the wanted transport. Runs in the page. */
export const open = (wanted) => {
  const last = window.seen.states.at(-1);
  return last !== undefined && last.transport === wanted && last.state === "open";
};

/** What a failed wait shows of a client page. Runs in the page. */
export const describePage = () => ({
  ...window.seen,
  messages: window.seen.messages.slice(-5),
  count: window.seen.messages.length,
});
