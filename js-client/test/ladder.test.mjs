// Which transport a round begins with.
import { strict as assert } from "node:assert";
import { test } from "node:test";

import { makeLadder, names } from "../src/ladder.js";

test("a client at the end of the ladder does not stay there when that fails", () => {
  const ladder = makeLadder(names.slice(), false);
  ladder.spoke("poll");
  const begins = [];
  for (let round = 0; round < 4; round++) {
    while (ladder.down()) {
      // until nothing is left
    }
    ladder.again();
    begins.push(ladder.step());
  }
  assert.deepEqual(begins, ["poll", "websocket", "poll", "websocket"]);
});

test("a new hello begins its own rounds", () => {
  const ladder = makeLadder(names.slice(), false);
  ladder.spoke("sse");
  ladder.again();
  assert.equal(ladder.step(), "sse");
  ladder.spoke("sse");
  ladder.again();
  assert.equal(ladder.step(), "sse");
});
