// The client with sockets.
import { Socket } from "./socket.js";
import { tidings } from "./tidings.js";

/** @type {any} */ (tidings).Socket = Socket;

export { Socket, tidings };
