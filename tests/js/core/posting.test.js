/** When a post is offered: once the store has it, or at once if it is only worth saying now. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Posting } from "../../../clients/js/src/core/posting.js";
import { clientLimits } from "../../../clients/js/src/limits.js";

/** A client whose store and server answer when the test says so. */
function begin() {
  const sent = [];
  let written = () => {};
  const durable = new Promise((resolve) => (written = () => resolve(undefined)));
  const store = {
    posts: { wasAnswered: () => false, add: () => {} }, durable: () => durable, isDurable: false, answerPost: () => {},
  };
  const core = {
    limits: clientLimits({}), timers: {}, store, mayOffer: true, announce: () => {}, own: () => {},
    keyOr: (key) => key,
    requests: {
      roomForPosts: true, limits: null,
      send: (_, [, , content], answer) => sent.push({ text: new TextDecoder().decode(content), answer }),
    },
    arrivals: { ownMessage: () => {} },
    lineage: { moved: () => {}, own: { posted: () => {} }, step: () => null },
  };
  return { sent, written, posting: new Posting(/** @type {any} */ (core)) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const key = (number) => new Uint8Array(16).fill(number);
const texts = (sent) => sent.map(({ text }) => /one|two/.exec(text)?.[0]);

test("a post waits for the store, and one that is said now does not", async () => {
  const { sent, written, posting } = begin();
  void posting.post("group/a", "one", { key: key(1) });
  void posting.post("group/b", "two", { key: key(2), now: true });
  await turn();
  assert.deepEqual(texts(sent), ["two"]);
  written();
  await turn();
  assert.deepEqual(texts(sent), ["two", "one"]);
});

test("the order of a conversation stays: what is said now goes behind what waits", async () => {
  const { sent, written, posting } = begin();
  void posting.post("group/a", "one", { key: key(1) });
  void posting.post("group/a", "two", { key: key(2), now: true });
  await turn();
  assert.deepEqual(sent, []);
  written();
  await turn();
  assert.deepEqual(texts(sent), ["one", "two"]);
});

test("neither does its answer wait for the store", async () => {
  const { sent, posting } = begin();
  const posted = posting.post("group/a", "one", { key: key(1), now: true });
  await turn();
  sent[0].answer({ event: "reply", result: [7, 1000, false] });
  assert.deepEqual([(await posted).position, posting.outbox.size], [7, 0]);
});
