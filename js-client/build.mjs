// Builds dist from src: joins the modules into one scope, minifies, and proves that the classic script is ES3.
//
//   node build.mjs           writes dist
//   node build.mjs --check   builds in memory, compares with dist, and holds the sizes to their budgets

import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { parse } from "acorn";
import { minify } from "terser";

const here = new URL("./", import.meta.url);
const banner = "/*! Tidings */\n";

/** Bytes after gzip -9: what it may not grow past. 8,192 and 5,120 are what we want of those without sockets. */
const budgets = { "tidings.js": 10130, "tidings.mjs": 8360, "tidings-socket.js": 10240, "tidings-socket.mjs": 11410 };

// Names of members that others know, and that are not shortened: the API's (src/tidings.d.ts) and the wire's (docs/wire.md)...
const ours = `
  tidings default follow unfollow publish on off use close diagnose state topic data data64 type event key ttl idempotencyKey ifMatch since
  token transports poll_ms share connections fetch WebSocket EventSource XMLHttpRequest XDomainRequest document
  transport previous cause cursor remembered usable offer rtt_ms shared causes attempts why at hello_ms ended_ms
  seq prev time latest gap deleted live ping hello bye ack from to reason epoch session ping_ms node code retry_ms status detail error
  id items more head_ms wait receipt duplicate durability followers
  websocket sse stream longpoll poll
  Socket away_ms protocol protocols CONNECTING OPEN CLOSING CLOSED
`;
// ... those of browsers that TypeScript has forgotten ...
const old = "ActiveXObject parentWindow multipart XDomainRequest ontimeout attachEvent detachEvent msCrypto";

/** ... and those that it knows. terser has a list of its own, without what only stands in the objects that browsers are called with. */
async function browsers() {
  const lib = new URL("node_modules/typescript/lib/", here);
  const texts = await Promise.all(["lib.dom.d.ts", "lib.es5.d.ts"].map((name) => readFile(new URL(name, lib), "utf8")));
  return texts.flatMap((text) => [...text.matchAll(/^ {4}(?:readonly )?(\w+)\??[:(<]/gm)].map(([, name]) => name));
}

const properties = { reserved: [...`${ours} ${old}`.trim().split(/\s+/), ...(await browsers())], keep_quoted: true };

const compress = { passes: 9, unsafe: true, inline: 1, keep_fargs: false };

/** Gives the modules in the order of their imports, the imported before the importing. */
async function modules(entry) {
  const seen = new Map();
  const visit = async (url) => {
    if (seen.has(url.href)) return;
    seen.set(url.href, "");
    const text = await readFile(url, "utf8");
    for (const [, path] of text.matchAll(/^import .* from "(.+)";$/gm)) await visit(new URL(path, url));
    seen.delete(url.href);
    seen.set(url.href, text);
  };
  await visit(new URL(entry, here));
  return [...seen.values()];
}

/** Joins the modules into one text without imports and exports. Names at the top must differ: they share a scope. */
function join(texts) {
  const names = new Set();
  for (const text of texts) {
    for (const [, name] of text.matchAll(/^(?:export )?(?:function|var) (\w+)/gm)) {
      if (names.has(name)) throw new Error(`two modules declare ${name}`);
      names.add(name);
    }
  }
  return texts.map((text) => text.replace(/^import .*\n/gm, "").replace(/^export \{.*\n/gm, "").replace(/^export /gm, "")).join("\n");
}

/** Has the text know which build it is of. */
function stamp(text) {
  return text.replace('var build = "source";', `var build = "${createHash("sha256").update(text).digest("hex").slice(0, 8)}";`);
}

/**
 * Builds a classic script and a module from an entry.
 * @param {string} entry
 * @param {string} names what the module exports beside its default
 * @param {Record<string, boolean>} both        switches of src/build.js
 * @param {Record<string, boolean>} onlyClassic ... of the classic script
 */
async function pair(entry, names, both, onlyClassic) {
  const set = (text, switches) =>
    Object.entries(switches).reduce((result, [name, value]) => result.replace(new RegExp(`var ${name} = \\w+;`), `var ${name} = ${value};`), text);
  const text = set(join(await modules(entry)), both);
  const classic = await minify(
    `(function (root) {${stamp(set(text, onlyClassic))}
      if (typeof module === "object" && module.exports) {
        module.exports = tidings;
        tidings.tidings = tidings["default"] = tidings;
      } else {
        root.tidings = tidings;
      }
    })(this);`,
    { ie8: true, ecma: 5, compress: { ...compress }, mangle: { properties }, format: { ascii_only: true } },
  );
  const module = await minify(`${stamp(set(text, { modern: true }))}\nexport { ${names}, tidings as default };`, {
    module: true,
    ecma: 2020,
    compress: { ...compress, unsafe_arrows: true, unsafe_methods: true },
    mangle: { properties },
    format: { ascii_only: true },
  });
  parse(classic.code, { ecmaVersion: 3, allowReserved: "never" });
  parse(module.code, { ecmaVersion: 2020, sourceType: "module" });
  return [classic, module].map(({ code }) => `${banner}${code}\n`);
}

async function build() {
  const [classic, module] = await pair("src/tidings.js", "tidings", { sockets: false }, {});
  const [socketClassic, socketModule] = await pair("src/tidings-socket.js", "Socket, tidings", {}, { roomy: false });
  return {
    "tidings.js": classic,
    "tidings.mjs": module,
    "tidings.d.ts": await readFile(new URL("src/tidings.d.ts", here), "utf8"),
    "tidings-socket.js": socketClassic,
    "tidings-socket.mjs": socketModule,
    "tidings-socket.d.ts": await readFile(new URL("src/tidings-socket.d.ts", here), "utf8"),
  };
}

const files = await build();
const check = process.argv.includes("--check");
await mkdir(new URL("dist/", here), { recursive: true });

for (const [name, text] of Object.entries(files)) {
  const url = new URL(`dist/${name}`, here);
  if (!check) {
    await writeFile(url, text);
  } else if ((await readFile(url, "utf8").catch(() => "")) !== text) {
    console.error(`dist/${name} is not what src builds to: run "npm run build"`);
    process.exitCode = 1;
  }
}

console.log(`${"file".padEnd(20)}${"bytes".padStart(8)}${"gzip -9".padStart(9)}${"budget".padStart(8)}`);
for (const [name, budget] of Object.entries(budgets)) {
  const size = Buffer.byteLength(files[name]);
  const packed = gzipSync(files[name], { level: 9 }).length;
  console.log(`${name.padEnd(20)}${String(size).padStart(8)}${String(packed).padStart(9)}${String(budget).padStart(8)}`);
  if (packed > budget) {
    console.error(`${name} is over its budget`);
    process.exitCode = 1;
  }
}
