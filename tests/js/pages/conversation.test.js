/** A conversation as the screen has it: pages, what comes meanwhile, changes, and what is there without a network. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Conversation } from "../../../imserver/plugins/booking/pages/src/chat/conversation.js";

const ID = "group/service";
const ME = "guest-1";
const BOT = "garden-bot";

/** A server with messages 1 to `head`, and a line to it. */
function world({ head = 0, kept = undefined } = {}) {
  const messages = new Map();
  const put = (position, senderId = BOT, more = {}) =>
    messages.set(position, {
      conversationId: ID, position, senderId, sentAt: position, key: new Uint8Array(16).fill(position % 256),
      content: { type: "text", text: `${position}` }, revision: 1, extra: {}, mine: {}, ...more,
    });
  for (let position = 1; position <= head; position += 1) put(position);
  const listeners = { heard: new Set(), told: new Set() };
  const one = {
    messages, put, asked: 0, refusing: null, marked: [], stored: kept, views: [], arrived: [],
    say(position, senderId = BOT, more = {}) {
      put(position, senderId, more);
      const { extra: _, mine: __, ...message } = messages.get(position);
      for (const listener of listeners.heard) listener({ ...message, own: senderId === ME });
    },
    tell: (event) => listeners.told.forEach((listener) => listener({ conversationId: ID, ...event })),
  };
  const client = {
    userId: ME,
    call: {
      show: async () => {}, hide: async () => {}, markRead: async (_, position) => void one.marked.push(position),
      typing: { tell: async () => {} },
      cursors: async () => new Map([[BOT, { delivered: 9, read: 9 }], ["li", { delivered: 1, read: 1 }]]),
      users: async (ids) => ids.map((userId) => ({ userId, displayName: userId, isBot: userId === BOT })),
      history: async (_, { before = null, limit }) => {
        one.asked += 1;
        if (one.refusing !== null) throw one.refusing;
        const newest = Math.max(0, ...messages.keys());
        const last = before === null ? newest : before - 1;
        const first = Math.max(1, last - limit + 1);
        const items = [...messages.values()].filter(({ position }) => position >= first && position <= last);
        return { items, first, last, head: newest, modseq: 0 };
      },
    },
  };
  const line = {
    heard: (listener) => (listeners.heard.add(listener), () => listeners.heard.delete(listener)),
    told: (listener) => (listeners.told.add(listener), () => listeners.told.delete(listener)),
    kept: { get: async () => one.stored, put: async (_, value) => void (one.stored = value) },
  };
  one.open = async (connected = true) => {
    one.conversation = new Conversation(ID, line, connected ? client : null, (view, arrived) => {
      one.views.push(view);
      if (arrived !== null) one.arrived.push(arrived.position);
    });
    await one.conversation.open();
    return one.conversation;
  };
  one.positions = () => one.conversation.view.items.map(({ position }) => position);
  return one;
}

const upTo = (last, first = 1) => Array.from({ length: last - first + 1 }, (_, at) => first + at);

test("the newest page, then older ones to the beginning", async () => {
  const made = world({ head: 120 });
  const conversation = await made.open();
  assert.deepEqual(made.positions(), upTo(120, 71));
  await conversation.more();
  assert.deepEqual([made.positions()[0], conversation.view.whole], [21, false]);
  await conversation.more();
  assert.deepEqual([made.positions().length, conversation.view.whole], [120, true]);
  await conversation.more();
  assert.equal(made.asked, 3);
  conversation.close();
});

test("what comes is announced if it is another's and new; own ones and old ones are not", async () => {
  const made = world({ head: 3 });
  const conversation = await made.open();
  made.say(4);
  made.say(5, ME);
  made.say(4);
  assert.deepEqual([made.positions(), made.arrived], [[1, 2, 3, 4, 5], [4]]);
  conversation.close();
});

test("a gap is not drawn as if there were none: it is read", async () => {
  const made = world({ head: 3 });
  const conversation = await made.open();
  made.put(4);
  made.put(5);
  made.say(6);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(made.positions(), upTo(6));
  conversation.close();
});

test("an edit changes its message in its place, and an older content does not come back", async () => {
  const made = world({ head: 3 });
  const conversation = await made.open();
  made.tell({ type: "edited", position: 2, revision: 3, content: { type: "text", text: "new" } });
  made.say(2, BOT, { revision: 2 });
  assert.equal(conversation.view.items[1].content.text, "new");
  made.tell({ type: "retracted", position: 2, revision: 4, userId: BOT });
  assert.equal(conversation.view.items[1].content, null);
  conversation.close();
});

test("a person's reading counts, a bot's and one's own do not", async () => {
  const made = world({ head: 3 });
  const conversation = await made.open();
  assert.equal(conversation.view.readUpTo, 1);
  for (const userId of [BOT, ME]) made.tell({ type: "cursorMoved", userId, cursor: { delivered: 3, read: 3 } });
  assert.equal(conversation.view.readUpTo, 1);
  made.tell({ type: "cursorMoved", userId: "li", cursor: { delivered: 3, read: 2 } });
  assert.equal(conversation.view.readUpTo, 2);
  conversation.close();
});

test("somebody types until they have written, and never oneself", async () => {
  const made = world({ head: 1 });
  const conversation = await made.open();
  made.tell({ type: "typing", userId: ME });
  assert.equal(conversation.view.typing, null);
  made.tell({ type: "typing", userId: "li" });
  assert.equal(conversation.view.typing, "li");
  made.say(2, "li");
  assert.equal(conversation.view.typing, null);
  conversation.close();
});

test("before the first message there is nothing to read, and that is no failure", async () => {
  const made = world();
  made.refusing = Object.assign(new Error("NOT_FOUND"), { name: "Refused", code: 603 });
  const conversation = await made.open();
  assert.deepEqual([conversation.view.state, conversation.view.whole], ["ready", true]);
  conversation.close();
});

test("without a network the last messages are there; with one they are the server's", async () => {
  const before = world({ head: 3 });
  const first = await before.open();
  first.close();
  const off = world({ kept: before.stored });
  const known = await off.open(false);
  assert.deepEqual([known.view.state, off.positions()], ["known", [1, 2, 3]]);
  const again = world({ head: 200, kept: before.stored });
  const conversation = await again.open();
  assert.deepEqual([conversation.view.state, again.positions()[0], again.positions().length], ["ready", 151, 50]);
  conversation.close();
});

test("an older copy of the records: what is above the agreed place goes, and is read anew", async () => {
  const made = world({ head: 5 });
  const conversation = await made.open();
  for (const position of [4, 5]) made.messages.delete(position);
  made.put(4, "li", { content: { type: "text", text: "another" } });
  made.tell({ type: "historyReplaced", agreed: 3 });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(made.positions(), [1, 2, 3, 4]);
  assert.equal(conversation.view.items[3].content.text, "another");
  conversation.close();
});
