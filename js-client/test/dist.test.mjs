// What the built files promise to the places where they run.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { parse } from "acorn";

const read = (name) => readFile(new URL(`../dist/${name}`, import.meta.url), "utf8");

describe("tidings.js", () => {
  test("parses as ES3", async () => {
    parse(await read("tidings.js"), { ecmaVersion: 3, allowReserved: "never" });
  });

  test("loads where nothing newer than IE 8 exists, and makes one global", async () => {
    // Whatever is not in the language of that time is taken away before the script runs.
    const context = createContext({});
    runInContext(
      `(function (g) {
        var gone = ["Promise", "Map", "Set", "WeakMap", "WeakSet", "Symbol", "Proxy", "Reflect", "ArrayBuffer", "DataView",
          "Uint8Array", "BigInt", "WebAssembly", "globalThis", "console"];
        var i;
        delete Object.keys; delete Object.create; delete Object.assign; delete Date.now; delete Array.isArray;
        var late = ["forEach", "map", "filter", "indexOf", "some", "every", "reduce", "includes", "find", "fill", "at"];
        for (i = 0; i < late.length; i++) delete Array.prototype[late[i]];
        delete Function.prototype.bind; delete String.prototype.trim; delete String.prototype.startsWith;
        for (i = 0; i < gone.length; i++) delete g[gone[i]];
      })(this); var before = ""; for (var name in this) before += name + " ";`,
      context,
    );
    runInContext(await read("tidings.js"), context);
    assert.equal(runInContext("typeof tidings", context), "function");

    // And it works there: XMLHttpRequest of old, no Promise, long polls.
    const requests = [];
    context.clearTimeout = () => {};
    context.XMLHttpRequest = class {
      open(method, url) {
        Object.assign(this, { method, url });
      }
      setRequestHeader() {}
      getResponseHeader() {
        return null;
      }
      send() {
        requests.push(this);
      }
      abort() {}
      answer(text) {
        Object.assign(this, { readyState: 4, status: 200, responseText: text });
        this.onreadystatechange();
      }
    };
    context.setTimeout = (fn, ms) => (ms ? 1 : (fn(), 2));
    runInContext(
      `var got = []; var t = tidings("http://gateway");
       t.follow("a", function (m) { got.push(m.data64 || m.data); }, { since: "all" });
       var promised = t.publish("a", "text", function () {});`,
      context,
    );
    const poll = requests.find((one) => one.method === "GET");
    assert.match(poll.url, /transport=longpoll&wait=0$/);
    poll.answer(
      '{"cursor":"k3f9a2m1-2","more":false,"items":[{"topic":"a","seq":1,"prev":0,"data":"x"},{"topic":"a","seq":2,"prev":1,"data64":"AP8="}]}',
    );
    assert.equal(runInContext("got.join()", context), "x,AP8=");
    assert.equal(runInContext("typeof promised", context), "undefined");
  });

  test("is a CommonJS module", () => {
    const tidings = createRequire(import.meta.url)("../dist/tidings.js");
    assert.equal(tidings.tidings, tidings);
    assert.equal(tidings().state.state, "closed");
  });
});

test("tidings.mjs is an ES module", async () => {
  const module = await import("../dist/tidings.mjs");
  assert.equal(module.default, module.tidings);
  assert.equal(module.tidings("http://gateway").state.state, "closed");
});
