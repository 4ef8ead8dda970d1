/** What a tab has handed in is kept until it has an answer, and an error that tells nothing of its fate is none. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Abandoned, Disconnected, Refused, Stopped, StoreError } from "../../../clients/js/src/errors.js";
import { Hub } from "../../../clients/js/src/tabs/hub.js";

const POST = { number: 7, conversationId: "group/a", content: "hello", key: new Uint8Array(16).fill(1) };

/** The numbers that are no longer handed in when the post has ended like this. */
async function removed(outcome) {
  const numbers = [];
  const handedIn = { all: async () => [POST], remove: async (number) => void numbers.push(number) };
  const client = { userId: "ann", deviceId: "browser", post: () => outcome };
  const hub = new Hub(/** @type {any} */ (client), /** @type {any} */ (handedIn), () => {});
  await hub.takeOver();
  await new Promise((resolve) => setImmediate(resolve));
  return numbers;
}

for (const [Kind, kept] of [[StoreError, true], [Stopped, true], [Disconnected, true], [Refused, false], [Abandoned, false]]) {
  test(`after ${Kind.name} a post ${kept ? "stays handed in" : "has its answer"}`, async () => {
    const error = Object.assign(new Error("it ended"), { name: Kind.name });
    assert.deepEqual(await removed(Promise.reject(error)), kept ? [] : [POST.number]);
  });
}

test("a post that is committed has its answer", async () => {
  assert.deepEqual(await removed(Promise.resolve({ position: 1 })), [POST.number]);
});
