/** Cursors as they are known, within bounds; and reports, of which one whose session is lost is made again in the next one. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Cursors, Receipts } from "../../../clients/js/src/core/cursors.js";
import { SessionLost } from "../../../clients/js/src/core/requests.js";

test("a report whose session is lost is made again", { timeout: 10_000 }, async () => {
  const asked = [];
  const over = Promise.withResolvers();
  const requests = {
    whenReleased: async () => {},
    call: async (method, params) => {
      asked.push(params);
      if (asked.length === 1) throw new SessionLost();
      over.resolve();
    },
  };
  const receipts = new Receipts(requests, { sleep: async () => {} }, 1, () => false, (work) => work.catch(over.reject));
  receipts.delivered("c", 3);
  await over.promise;
  assert.deepEqual(asked, [["c", 3, null], ["c", 3, null]]);
});

test("of a team nothing is reported but what was read", { timeout: 10_000 }, async () => {
  const over = Promise.withResolvers();
  const requests = { whenReleased: async () => {}, call: async (method, params) => over.resolve(params) };
  const receipts = new Receipts(requests, { sleep: async () => {} }, 1, () => true, (work) => work.catch(over.reject));
  receipts.delivered("c", 3);
  await receipts.flush();
  receipts.read("c", 2);
  assert.deepEqual(await over.promise, ["c", null, 2]);
});

test("above the bound the conversation that moved the longest ago goes, and no move counts twice", () => {
  const cursors = new Cursors(2, 3, () => {});
  const moved = (conversationId, delivered) => cursors.moved(conversationId, "ann", { delivered, read: 0 });
  for (const [conversationId, delivered] of [["a", 1], ["b", 1], ["c", 1], ["a", 2], ["a", 3], ["d", 1]]) moved(conversationId, delivered);
  assert.deepEqual(["a", "b", "c", "d"].map((one) => cursors.of(one).size), [1, 0, 1, 1]);
});

test("an older copy's cursors are told where they are others, and lower ones count", () => {
  const told = [];
  const cursors = new Cursors(9, 9, ({ userId, cursor }) => told.push([userId, cursor.delivered]));
  cursors.moved("c", "ann", { delivered: 7, read: 0 });
  cursors.moved("c", "bob", { delivered: 2, read: 0 });
  cursors.replace("c", new Map([["ann", { delivered: 3, read: 0 }], ["bob", { delivered: 2, read: 0 }]]));
  assert.deepEqual(told, [["ann", 7], ["bob", 2], ["ann", 3]]);
  assert.equal(cursors.of("c").get("ann").delivered, 3);
});
