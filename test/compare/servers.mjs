// Servers of the libraries that Tidings is measured beside, with their default options. Each sends every tick to whoever is
// connected, and its newest to whoever connects, which neither library does by itself.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { Server as SocketIO } from "socket.io";
import sockjs from "sockjs";

const require = createRequire(import.meta.url);

/** The version of a package, as installed. */
export const version = async (name) =>
  JSON.parse(await readFile(new URL(`node_modules/${name}/package.json`, import.meta.url), "utf8")).version;

async function listen(http) {
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return `http://127.0.0.1:${http.address().port}`;
}

async function close(http) {
  http.closeAllConnections();
  http.close();
  await once(http, "close");
}

/**
 * Gives {url, script, boot, tick(value), close()}. script is the path of the client, boot what starts it in a page
 * (measure.mjs): it calls newest and ticked with what arrives, and gives a function that tells the transport in use.
 */
export async function socketIO() {
  const http = createServer();
  const io = new SocketIO(http, { cors: { origin: "*" } }); // The page is of another origin.
  let newest;
  io.on("connection", (socket) => {
    if (newest) socket.emit("newest", newest);
  });
  return {
    url: await listen(http),
    script: "/socket.io/socket.io.min.js",
    boot: (base) => {
      const socket = window.io(base);
      socket.on("newest", window.newest);
      socket.on("tick", window.ticked);
      return () => (socket.connected ? socket.io.engine.transport.name : "");
    },
    tick: (value) => {
      newest = value;
      io.emit("tick", value);
    },
    close: async () => {
      const closed = once(http, "close");
      io.close();
      http.closeAllConnections();
      await closed;
    },
  };
}

/** The same. */
export async function sockJS() {
  const client = await readFile(require.resolve("sockjs-client/dist/sockjs.min.js"));
  const http = createServer((request, response) => {
    if (request.url === "/sockjs.js") {
      response.writeHead(200, { "Content-Type": "text/javascript", "Content-Length": client.length }).end(client);
    }
  });
  const server = sockjs.createServer({ log: () => {} });
  const connections = new Set();
  let newest;
  server.on("connection", (connection) => {
    connections.add(connection);
    connection.once("close", () => connections.delete(connection));
    if (newest) connection.write(JSON.stringify({ newest }));
  });
  server.installHandlers(http, { prefix: "/push" });
  return {
    url: await listen(http),
    script: "/sockjs.js",
    boot: (base) => {
      let socket;
      // It does not reconnect by itself: a second is what most pages with it wait.
      const open = () => {
        socket = new window.SockJS(`${base}/push`);
        socket.onmessage = ({ data }) => {
          const { newest, tick } = JSON.parse(data);
          if (newest) window.newest(newest);
          else window.ticked(tick);
        };
        socket.onclose = () => setTimeout(open, 1000);
      };
      open();
      return () => (socket.readyState === 1 ? socket.transport : "");
    },
    tick: (tick) => {
      newest = tick;
      for (const connection of connections) connection.write(JSON.stringify({ tick }));
    },
    close: () => close(http),
  };
}
