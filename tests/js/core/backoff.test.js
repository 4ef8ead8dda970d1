/** How long a client waits for the next attempt: what the server asks for at least, within the client's own bound. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../../../clients/js/src/core/backoff.js";

const MOST_MS = 60_000;
const longest = () => new Backoff((_, most) => most, MOST_MS);
const shortest = () => new Backoff((least) => least, MOST_MS);

test("each attempt may wait twice as long as the one before, and none longer than half a minute", () => {
  const backoff = longest();
  const waits = Array.from({ length: 40 }, () => backoff.next());
  assert.deepEqual(waits.slice(0, 8), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  assert.deepEqual(new Set(waits.slice(8)), new Set([30_000]));
  backoff.reset();
  assert.equal(backoff.next(), 500);
});

test("nobody comes back before the server said so, and no server sends a client away for ever", () => {
  assert.equal(shortest().next(2000), 2000);
  assert.equal(longest().next(2000), 2000);
  assert.equal(longest().next(200), 500);
  assert.equal(shortest().next(2 ** 50), MOST_MS);
});
