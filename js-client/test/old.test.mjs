// What old browsers have in place of fetch: XMLHttpRequest, XDomainRequest, scripts, frames. Fakes of each, with its habits.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { request } from "../src/http.js";
import { openFrame } from "../src/transports/old/frame.js";
import { openStream } from "../src/transports/stream.js";

const here = "http://page.example";
const near = `${here}/topics?transport=poll`;
const far = "http://gateway.example/topics?transport=poll";

beforeEach(() => {
  globalThis.location = { protocol: "http:", host: "page.example" };
});

/** Requests by the given constructors, and what was opened. `env` is what http.js gets. */
function browser({ cors = true, xdr = false, multipart = false } = {}) {
  const opened = [];
  class XMLHttpRequest {
    kind = "xhr";
    readyState = 0;
    headers = {};
    status = 0;
    responseText = "";
    constructor() {
      if (cors) this.withCredentials = false;
      if (multipart) this.multipart = false;
    }
    open(method, url, async) {
      Object.assign(this, { method, url, async });
    }
    setRequestHeader(name, value) {
      this.headers[name] = value;
    }
    getResponseHeader(name) {
      return name === "Retry-After" ? (this.retryAfter ?? null) : null;
    }
    send(body) {
      this.body = body;
      opened.push(this);
    }
    abort() {
      this.aborted = true;
      this.step(4, "", 0); // As most did.
    }
    /** Goes on to a state with all the text so far. */
    step(readyState, responseText = this.responseText, status = 200) {
      Object.assign(this, { readyState, responseText, status });
      this.onreadystatechange?.();
    }
  }
  class XDomainRequest {
    kind = "xdr";
    responseText = "";
    open(method, url) {
      Object.assign(this, { method, url });
    }
    send(body) {
      for (const name of ["onload", "onerror", "ontimeout", "onprogress"]) assert.equal(typeof this[name], "function", name);
      this.body = body;
      opened.push(this);
    }
    abort() {
      this.aborted = true;
    }
    more(text) {
      this.responseText += text;
      this.onprogress();
    }
  }
  const head = {
    children: [],
    firstChild: null,
    insertBefore(script) {
      this.children.push(script);
      opened.push(script);
    },
    removeChild(script) {
      assert.ok(this.children.includes(script));
      this.children = this.children.filter((one) => one !== script);
    },
  };
  const document = { createElement: (tag) => ({ kind: tag, style: {} }), getElementsByTagName: () => [head] };
  return { env: { XMLHttpRequest, XDomainRequest: xdr ? XDomainRequest : undefined, document }, opened, head };
}

/** Notes what a request tells. */
function notes() {
  const said = [];
  return { said, done: (ending, text) => said.push([ending.status, ending.cause, text]), chunk: (text) => said.push(text) };
}

test("each request goes by the best that can make it", () => {
  const cases = [
    [{}, { url: far }, "xhr"],
    [{}, { url: far, body: "x" }, "xhr"],
    [{ cors: false }, { url: near }, "xhr"],
    [{ cors: false }, { url: near, body: "x" }, "xhr"],
    [{ cors: false }, { url: far }, "script"],
    [{ cors: false, xdr: true }, { url: far }, "xdr"],
    [{ cors: false, xdr: true }, { url: far, body: "x" }, "xdr"],
    [{ cors: false, xdr: true }, { url: near, token: "key" }, "xhr"],
    [{ xdr: true }, { url: far }, "xhr"],
  ];
  for (const [has, call, expected] of cases) {
    const { env, opened } = browser(has);
    request(env, call, () => {});
    assert.equal(opened[0]?.kind, expected, JSON.stringify([has, call]));
  }
  const { env, opened } = browser({ cors: false, xdr: true });
  request(env, { url: near }, () => {}, () => {});
  assert.equal(opened[0].kind, "xdr", "which streams, as its XMLHttpRequest does not");
});

test("what nothing can do fails later, not at once", async () => {
  for (const [has, call, chunk] of [[{}, { url: far, body: "x" }], [{}, { url: far }, () => {}], [{ xdr: true }, { url: near, token: "key" }, () => {}]]) {
    const { env } = browser({ cors: false, ...has });
    const { said, done } = notes();
    request(env, call, done, chunk);
    assert.deepEqual(said, []);
    await new Promise((resolve) => setTimeout(resolve));
    assert.deepEqual(said, [[0, "unreachable", ""]]);
  }
});

describe("XMLHttpRequest", () => {
  test("says what fetch says", () => {
    const { env, opened } = browser();
    request(env, { url: far, body: "", token: "key" }, () => {});
    request(env, { url: far }, () => {});
    const [post, get] = opened;
    assert.deepEqual([post.method, post.body, post.async], ["POST", "", true]);
    assert.deepEqual(post.headers, { "Content-Type": "text/plain", Authorization: "Bearer key" });
    assert.deepEqual([get.method, get.body], ["GET", null]);
  });

  test("a whole answer comes at its end, an error with its wait", () => {
    const { env, opened } = browser();
    const { said, done } = notes();
    request(env, { url: far }, done);
    const [xhr] = opened;
    xhr.step(2);
    xhr.step(3, "whole");
    assert.deepEqual(said, []);
    xhr.step(4, "whole answer");
    assert.deepEqual(said, [[200, "invalid", "whole answer"]]);
    let ending;
    request(env, { url: far }, (it) => (ending = it));
    opened[1].retryAfter = "3";
    opened[1].step(4, '{"code":"draining","status":503}', 503);
    assert.deepEqual([ending.cause, ending.retry_ms], ["draining", 3000]);
  });

  test("a stream comes in pieces, each once", () => {
    const { env, opened } = browser();
    const { said, done, chunk } = notes();
    request(env, { url: far }, done, chunk);
    const [xhr] = opened;
    xhr.step(2);
    xhr.step(3, "");
    xhr.step(3, "a\n");
    xhr.onprogress();
    xhr.step(3, "a\nb");
    xhr.step(4, "a\nb\n");
    assert.deepEqual(said, ["a\n", "b", "\n", [200, "died", ""]]);
  });

  test("Opera tells the state 3 once, and progress after that", () => {
    const { env, opened } = browser();
    const { said, done, chunk } = notes();
    request(env, { url: far }, done, chunk);
    const [xhr] = opened;
    xhr.step(3, "a\n");
    xhr.responseText += "b\n";
    xhr.onprogress();
    assert.deepEqual(said, ["a\n", "b\n"]);
  });

  test("Gecko takes parts: each is whole, and none is kept", () => {
    const { env, opened } = browser({ multipart: true });
    const { said, done, chunk } = notes();
    request(env, { url: far }, done, chunk);
    const [xhr] = opened;
    assert.deepEqual([xhr.multipart, xhr.headers.Accept], [true, "multipart/x-mixed-replace"]);
    for (const part of ["one", "two"]) {
      xhr.step(3, part.slice(0, 1));
      xhr.step(4, part);
    }
    assert.deepEqual(said, ["one\n", "two\n"]);
    xhr.onerror();
    assert.deepEqual(said.at(-1), [0, "unreachable", ""]);
    request(env, { url: far }, done);
    assert.equal(opened[1].multipart, false);
  });

  test("a broken line that may not be asked for its status is no answer", () => {
    const { env, opened } = browser();
    const { said, done, chunk } = notes();
    request(env, { url: far }, done, chunk);
    const [xhr] = opened;
    xhr.step(3, "a\n");
    Object.defineProperty(xhr, "status", { get: () => { throw new Error("NS_ERROR_NOT_AVAILABLE"); }, set() {} });
    xhr.step(4);
    assert.deepEqual(said, ["a\n", [0, "unreachable", ""]]);
  });

  test("an error of a stream is whole", () => {
    const { env, opened } = browser();
    const { said, done, chunk } = notes();
    request(env, { url: far }, done, chunk);
    opened[0].step(3, "bu", 502);
    opened[0].step(4, "busy", 502);
    assert.deepEqual(said, [[502, "status 502", "busy"]]);
  });

  test("cancelled, it says no more", () => {
    const { env, opened } = browser();
    const { said, done, chunk } = notes();
    const cancel = request(env, { url: far }, done, chunk);
    opened[0].step(3, "a");
    cancel();
    assert.equal(opened[0].aborted, true);
    opened[0].onprogress();
    opened[0].onerror();
    opened[0].step(4, "ab");
    assert.deepEqual(said, ["a"]);
  });
});

describe("XDomainRequest", () => {
  test("asks blindly, and is told so what is wrong", () => {
    const { env, opened } = browser({ cors: false, xdr: true });
    const endings = [];
    request(env, { url: far }, (ending, text) => endings.push([ending.status, ending.cause, ending.code, ending.retry_ms, text]));
    assert.equal(opened[0].url, `${far}&blind=1`);
    opened[0].responseText = '{"error":{"status":503,"code":"draining","retry_ms":2000}}';
    opened[0].onload();
    assert.deepEqual(endings, [[503, "draining", 0, 2000, opened[0].responseText]]);
  });

  test("gives a whole answer at its end", () => {
    const { env, opened } = browser({ cors: false, xdr: true });
    const { said, done } = notes();
    request(env, { url: far, body: "x" }, done);
    assert.deepEqual([opened[0].method, opened[0].body], ["POST", "x"]);
    opened[0].more("{");
    opened[0].responseText += "}";
    opened[0].onload();
    assert.deepEqual(said, [[200, "invalid", "{}"]]);
  });

  test("streams, the last piece with its end", () => {
    const { env, opened } = browser({ cors: false, xdr: true });
    const { said, done, chunk } = notes();
    request(env, { url: far }, done, chunk);
    opened[0].more("a\n");
    opened[0].responseText += "b\n";
    opened[0].onload();
    assert.deepEqual(said, ["a\n", "b\n", [200, "died", ""]]);
  });

  test("fails without saying why, and says nothing once cancelled", () => {
    for (const event of ["onerror", "ontimeout"]) {
      const { env, opened } = browser({ cors: false, xdr: true });
      const { said, done, chunk } = notes();
      request(env, { url: far }, done);
      opened[0][event]();
      assert.deepEqual(said, [[0, "unreachable", ""]]);
      request(env, { url: far }, done, chunk)();
      assert.equal(opened[1].aborted, true);
      opened[1].more("a");
      opened[1].onload();
      opened[1][event]();
      assert.equal(said.length, 1);
    }
  });
});

describe("a script", () => {
  const callback = (script) => new URL(script.src).searchParams.get("callback");

  test("calls back with the answer, and leaves nothing behind", () => {
    const { env, opened, head } = browser({ cors: false });
    const { said, done } = notes();
    request(env, { url: far }, done);
    request(env, { url: far }, done);
    assert.notEqual(callback(opened[0]), callback(opened[1]));
    assert.match(opened[0].src, /^http:\/\/gateway\.example\/topics\?transport=poll&callback=\w+$/);
    const before = globalThis[callback(opened[1])];
    before({ cursor: "c" });
    assert.notEqual(globalThis[callback(opened[1])], before, "which holds on to nothing");
    globalThis[callback(opened[1])]({ cursor: "again" });
    assert.deepEqual(said, [[200, "invalid", '{"cursor":"c"}']]);
    assert.deepEqual(head.children, [opened[0]]);
  });

  test("is told what is wrong; one that does not load is no answer", () => {
    const { env, opened, head } = browser({ cors: false });
    const { said, done } = notes();
    request(env, { url: far }, done);
    globalThis[callback(opened[0])]({ error: { status: 403, code: "forbidden" } });
    request(env, { url: far }, done);
    opened[1].onerror();
    assert.deepEqual(said.map(([status, cause]) => [status, cause]), [[403, "forbidden"], [0, "unreachable"]]);
    assert.deepEqual(head.children, []);
  });

  test("cancelled, its answer finds an empty function", () => {
    const { env, opened, head } = browser({ cors: false });
    const { said, done } = notes();
    const cancel = request(env, { url: far }, done);
    cancel();
    cancel();
    globalThis[callback(opened[0])]({ cursor: "c" });
    opened[0].onerror();
    assert.deepEqual([said, head.children], [[], []]);
  });
});

/** What a transport is given, and what it tells. */
function transport(env, base) {
  const told = [];
  const way = {
    name: "stream",
    base,
    env,
    url: (more, as = "stream") => `${base}/topics?transport=${as}&topic=a${more}`,
    call: (more) => ({ url: way.url(more) }),
    post: (more) => ({ url: `${base}/follow?`, body: more }),
  };
  const sink = {
    text: (text) => told.push(["text", text]),
    object: (value) => told.push(["object", value]),
    heard: () => {},
    watch: () => {},
    renew: () => told.push(["renew"]),
    end: ({ cause, status }) => told.push(["end", cause, status]),
  };
  return { way, sink, told };
}

describe("a stream without fetch", () => {
  test("asks with a GET for what shows at once, by lines, and begins anew before it grows too large", () => {
    const { env, opened } = browser();
    const { way, sink, told } = transport(env, "http://gateway.example");
    openStream(way, sink);
    const [xhr] = opened;
    assert.equal(xhr.method, "GET");
    assert.match(xhr.url, /&prelude=1&wrap=1$/);
    xhr.step(3, '{"hello":1}\n{"pi');
    xhr.step(3, '{"hello":1}\n{"ping":1}\n');
    assert.deepEqual(told, [["text", '{"hello":1}'], ["text", '{"ping":1}']]);
    told.length = 0;
    for (let i = 0; i < 2; i++) xhr.step(3, `${xhr.responseText}${" ".repeat(250000)}\n`);
    assert.deepEqual(told.filter(([what]) => what === "renew"), [["renew"]]);
  });

  test("by XDomainRequest it hears of a refusal", () => {
    const { env, opened } = browser({ cors: false, xdr: true });
    const { way, sink, told } = transport(env, "http://gateway.example");
    openStream(way, sink);
    opened[0].more(`${" ".repeat(2048)}\n{"error":{"status":403,"code":"forbidden"}}\n`);
    assert.deepEqual(told.at(-1), ["end", "forbidden", 403]);
  });
});

describe("a forever frame", () => {
  /** A page, and the window that frames talk to. */
  function page({ readyState = "complete", htmlfile = false } = {}) {
    const make = () => ({
      readyState,
      body: {
        children: [],
        appendChild(frame) {
          frame.parentNode = this;
          this.children.push(frame);
        },
        removeChild(frame) {
          this.children = this.children.filter((one) => one !== frame);
        },
      },
      createElement: () => ({ style: {}, contentWindow: {} }),
    });
    const listeners = [];
    globalThis.addEventListener = (type, fn) => listeners.push(fn);
    globalThis.removeEventListener = (type, fn) => listeners.splice(listeners.indexOf(fn), 1);
    const document = make();
    const files = [];
    if (htmlfile) {
      globalThis.ActiveXObject = function (name) {
        assert.equal(name, "htmlfile");
        files.push(this);
        Object.assign(this, make(), { open() {}, write() {}, close() {}, parentWindow: {} });
      };
    } else {
      delete globalThis.ActiveXObject;
    }
    const { env } = browser({ cors: false });
    return { env: { ...env, document }, document, listeners, files };
  }
  const parameter = (frame, name) => new URL(frame.src).searchParams.get(name);

  test("of the page's own origin calls a function, with an object or its text", () => {
    const { env, document } = page();
    const { way, sink, told } = transport(env, here);
    const handle = openFrame(way, sink);
    const [frame] = document.body.children;
    assert.equal(frame.style.display, "none");
    assert.equal(parameter(frame, "transport"), "iframe");
    const name = parameter(frame, "callback");
    globalThis[name]({ hello: 1 });
    globalThis[name]('{"__proto__":1}');
    globalThis[name]({ error: { status: 403, code: "forbidden" } });
    assert.deepEqual(told, [["text", '{"hello":1}'], ["text", '{"__proto__":1}'], ["end", "forbidden", 403]]);
    handle.close();
    globalThis[name]({ ping: 1 });
    frame.onload();
    assert.deepEqual([told.length, document.body.children], [3, []]);
  });

  test("of another origin posts, and is heard if it is ours", () => {
    const { env, document, listeners } = page();
    const { way, sink, told } = transport(env, "http://gateway.example");
    const handle = openFrame(way, sink);
    const [frame] = document.body.children;
    assert.equal(parameter(frame, "origin"), here);
    listeners[0]({ source: {}, data: '{"hello":"from somebody else"}' });
    listeners[0]({ source: frame.contentWindow, data: '{"hello":1}' });
    assert.deepEqual(told, [["text", '{"hello":1}']]);
    handle.close();
    assert.deepEqual(listeners, []);
  });

  test("an origin that only begins like the page's is another", () => {
    const { env, document } = page();
    const { way, sink } = transport(env, `${here}.evil.example`);
    openFrame(way, sink);
    assert.equal(parameter(document.body.children[0], "callback"), null);
  });

  test("stands in a document of its own where Internet Explorer has one", () => {
    const { env, document, files } = page({ htmlfile: true });
    const { way, sink, told } = transport(env, here);
    const handle = openFrame(way, sink);
    assert.deepEqual(document.body.children, []);
    const [frame] = files[0].body.children;
    files[0].parentWindow[parameter(frame, "callback")]({ hello: 1 });
    assert.deepEqual(told, [["text", '{"hello":1}']]);
    handle.close();
    assert.deepEqual(files[0].body.children, []);
  });

  test("waits for the page, and tells its own end", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { env, document } = page({ readyState: "interactive" });
    const { way, sink, told } = transport(env, here);
    openFrame(way, sink);
    t.mock.timers.tick(50);
    assert.deepEqual(document.body.children, []);
    document.readyState = "complete";
    t.mock.timers.tick(50);
    const [frame] = document.body.children;
    frame.readyState = "interactive";
    frame.onreadystatechange();
    assert.deepEqual(told, []);
    frame.readyState = "complete";
    frame.onreadystatechange();
    assert.deepEqual(told, [["end", "died", undefined]]);
  });

  test("closed before the page has loaded it never opens", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { env, document } = page({ readyState: "loading" });
    const { way, sink } = transport(env, here);
    openFrame(way, sink).close();
    document.readyState = "complete";
    t.mock.timers.tick(1000);
    assert.deepEqual(document.body.children, []);
  });
});
