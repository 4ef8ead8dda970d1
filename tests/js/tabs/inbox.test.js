/** One tab's stream: each message once, whoever leads, also of a tab that is far behind. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Inbox } from "../../../clients/js/src/tabs/inbox.js";

const ROOM = "direct/ann/bob";

const item = (position, more = {}) => ({
  conversationId: ROOM, position, senderId: "bob", sentAt: 0, key: new Uint8Array(16), content: { text: `${position}` },
  revision: 1, extra: {}, mine: {}, ...more,
});
const told = (position, redelivered = false) => ({ ...item(position), own: false, redelivered });

/** An inbox whose room has `head` messages; pages hold at most 40. */
function inbox(head = 2000) {
  const done = [];
  const asked = [];
  const box = new Inbox({
    history: async (conversationId, { after, limit }) => {
      asked.push(after);
      const last = Math.min(head, after + Math.min(limit, 40));
      const items = [];
      for (let position = after + 1; position <= last; position++) items.push(item(position));
      return { items, first: after + 1, last, head, modseq: 0 };
    },
    userId: () => "ann",
    done: (_, position) => done.push(position),
  });
  return { box, done, asked, stream: box.read() };
}

async function take(stream, count) {
  const positions = [];
  while (positions.length < count) positions.push((await stream.next()).value.position);
  return positions;
}

const upTo = (last, first = 1) => Array.from({ length: last - first + 1 }, (_, at) => first + at);

test("a message is done when the next one is asked for, and not before", async () => {
  const { box, done, stream } = inbox();
  box.put(told(1));
  box.put(told(2));
  assert.deepEqual(await take(stream, 1), [1]);
  assert.deepEqual(done, []);
  assert.deepEqual(await take(stream, 1), [2]);
  assert.deepEqual(done, [1]);
});

test("a tab that reads slowly gets what did not wait for it from the history, once and in order", async () => {
  const { box, stream } = inbox();
  for (const position of upTo(1500)) box.put(told(position));
  assert.deepEqual(await take(stream, 700), upTo(700));
  for (const position of upTo(1510, 1501)) box.put(told(position));
  assert.deepEqual(await take(stream, 810), upTo(1510, 701));
});

test("a new leader's messages are once what an earlier one told, and what it missed is read", async () => {
  const { box, done, asked, stream } = inbox();
  box.put(told(1));
  box.put(told(2));
  assert.deepEqual(await take(stream, 2), [1, 2]);
  box.put(told(1, true)); // finished here, but the leader was killed before it knew
  box.put(told(2, true)); // handed over here, and not finished
  assert.deepEqual(done, [1, 1]);
  box.put(told(5)); // 3 and 4 were told while no one listened
  assert.deepEqual(await take(stream, 3), [3, 4, 5]);
  assert.deepEqual(asked, [2]);
  assert.deepEqual(done, [1, 1, 2, 3, 4]);
});

test("positions that fall belong to another history, and are new", async () => {
  const { box, stream } = inbox();
  box.put(told(9));
  box.put(told(7));
  box.put(told(8));
  assert.deepEqual(await take(stream, 3), [9, 7, 8]);
});

test("it ends with the client, behind what was still queued", async () => {
  const { box, stream } = inbox();
  box.put(told(1));
  box.end(new Error("REPLACED"));
  assert.deepEqual(await take(stream, 1), [1]);
  await assert.rejects(stream.next(), /REPLACED/);
  const closed = inbox();
  closed.box.end(null);
  assert.equal((await closed.stream.next()).done, true);
});
