// Checked by tsc, never run: the types say what tidings.Socket takes and gives.
import tidings, { Socket, type SocketOptions } from "../dist/tidings-socket.js";

const options: SocketOptions = { transports: ["websocket", "sse"], token: () => "key", poll_ms: 1000 };
const socket: Socket = new Socket(new URL("wss://push.example/chat"), ["chat"], options);
const same: Socket = new tidings.Socket("/chat");
socket.binaryType = "arraybuffer";
socket.onmessage = ({ data, origin }) => void [data, origin];
socket.addEventListener("close", ({ code, reason, wasClean }) => void [code > 0, reason.length, wasClean]);
socket.addEventListener("transport", () => void (socket.transport === "sse"));
socket.send(new Blob(["x"]));
socket.send(new Uint8Array(3));
if (socket.readyState === Socket.OPEN && socket.bufferedAmount < 1e6) socket.close(3000, "done");
void [socket.diagnose().attempts, socket.CLOSED === 3, same.url];
tidings("/").follow("news", () => {});
