// Checked by tsc, never run: the types say what the client takes and gives.
import { tidings, type Message, type Receipt } from "../dist/tidings.js";

const t = tidings("http://127.0.0.1:8080", { token: () => "key", transports: ["websocket", "poll"], fetch, share: false, connections: 2 });
tidings("", { token: "key" });
tidings("", { token: async (expired) => (expired ? "new" : "old") });
const f = t.follow(
  "weather/*",
  (message: Message) => {
    const text: string = message.topic + message.cursor;
    const seq: number = message.seq;
    if (message.data instanceof Uint8Array) void message.data.length;
    void text;
    void seq;
  },
  { since: "last:5" },
);
f.close();
t.unfollow(f);
const { attempts, offer, remembered } = t.diagnose();
for (const { transport, hello_ms = Infinity, cause } of attempts) void [transport === remembered, hello_ms < 1000, cause];
void [offer.head_ms, offer.transports?.includes("sse")];
t.on("state", ({ state, transport, previous }) => void [state === "open", transport, previous])
  .on("gap", (gap) => void [gap.from, gap.reason])
  .on("error", (error) => void [error.message, error.code]);
const receipt: Promise<Receipt> = t.publish("news", { a: 1 }, { ttl: "10m", ifMatch: "k3f9a2m1-42" });
t.publish("news", "text", (error, got) => void [error?.status, got?.cursor]);
t.use(null);
t.close();
void receipt;

// @ts-expect-error no such transport
t.use("carrier pigeon");
// @ts-expect-error no such event
t.on("message", () => {});
