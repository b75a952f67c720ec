// Puts tidings.Socket in the place of a page's WebSocket.

/** What a mode forces. */
const transports = { websocket: "websocket", sse: "sse", stream: "stream", longpoll: "longpoll", poll: "poll" };

/** The script that pages and workers of a mode load first: the client, and a WebSocket that is its Socket. */
export function stand(client, mode) {
  if (!transports[mode]) throw new Error(`no mode ${mode}: ${["native", ...Object.keys(transports)].join(", ")}`);
  return `${client}\n;(${replace})(${JSON.stringify(transports[mode])});\n`;
}

// Runs in the page. A proxy passes everything on, also prototype and constants, which tests look at.
function replace(transport) {
  self.WebSocket = new Proxy(self.tidings.Socket, {
    construct: (socket, args, made) =>
      Reflect.construct(socket, args.length === 0 ? [] : [args[0], args[1], { transports: [transport] }], made),
  });
}
