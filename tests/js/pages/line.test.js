/** The page's line: one guest, each tap once, and words for every end. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { CloseCode, Refused, Stopped, StoreError } from "../../../clients/js/src/errors.js";
import { GUEST, lineWorld, SHOP } from "./line_world.js";

let worlds = [];
afterEach(async () => {
  for (const world of worlds) await world.line.pause();
  worlds = [];
});
const world = (options) => {
  const made = lineWorld(options);
  worlds.push(made);
  return made;
};
const connected = async (made) => {
  await made.line.enter(SHOP);
  await made.until(() => made.line.state.state === "connected");
};

test("who this is is asked once on the way to the first connection, and again before the next", async () => {
  const made = world({ session: GUEST });
  await made.line.start();
  await made.until(() => made.clients.length === 1);
  assert.equal(made.asks, 1);
  await made.line.pause();
  made.line.resume();
  await made.until(() => made.clients.length === 2);
  assert.equal(made.asks, 2);
});

test("looking makes no account, and asks for no client", async () => {
  const made = world();
  assert.equal(await made.line.start(), null);
  assert.deepEqual([made.made, made.clients.length, made.line.client()], [0, 0, null]);
});

test("two taps at once make one guest, and are two messages", async () => {
  const made = world();
  const outcomes = await Promise.all([made.line.say(SHOP, "one"), made.line.say(SHOP, "two")]);
  assert.deepEqual(outcomes.map(({ state }) => state), ["sent", "sent"]);
  assert.equal(made.made, 1);
  assert.deepEqual([...made.server.stored.values()].map(({ content }) => content.text), ["one", "two"]);
});

test("a shop is spoken to directly until it has a conversation, which is known without a network, too", async () => {
  const made = world();
  await connected(made);
  assert.equal(made.line.conversationOf(SHOP), `direct/${["garden-bot", "guest-1"].join("/")}`);
  made.tellMine({ conversations: { garden: "service/garden/guest-1" } });
  assert.equal(made.line.conversationOf(SHOP), "service/garden/guest-1");
  const again = world({ session: GUEST });
  again.kept = made.kept;
  await again.line.start();
  assert.equal(again.line.conversationOf(SHOP), "service/garden/guest-1");
});

test("staff say which language their page speaks, and under its key a post keeps it", async () => {
  const made = world({ session: /** @type {any} */ ({ ...GUEST, roles: ["staff"] }) });
  await made.line.say(SHOP, "/today");
  assert.deepEqual([...made.server.stored.values()][0].content, { type: "text", text: "/today", "x-language": "zh-CN" });
});

test("a button is posted as its command, with its label and the card's position", async () => {
  const made = world();
  await made.line.say(SHOP, "/book exam", { label: "Eye exam", card: 7 });
  assert.deepEqual([...made.server.stored.values()][0].content, { type: "text", text: "/book exam", label: "Eye exam", card: 7 });
});

test("without a connection words wait and go out once it is there; a booking is refused", async () => {
  const made = world({ session: GUEST });
  const starting = made.line.start();
  made.failing = Object.assign(new Error("no network"), { code: "OFFLINE" });
  await starting;
  await made.until(() => made.line.state.state === "waiting");
  const outcome = await made.line.say(SHOP, "hello");
  assert.equal(outcome.state, "waiting");
  made.online = false;
  await assert.rejects(made.line.post(SHOP, "/book exam 2026-12-03 15:00"), ({ code }) => code === "OFFLINE");
  made.online = true;
  const tapped = made.line.post(SHOP, "/book exam 2026-12-03 15:30"); // a server that restarts: it may wait for that
  assert.deepEqual(made.line.unsent.map(({ text }) => text), ["hello"]);
  made.failing = null;
  made.again();
  assert.equal((await outcome.settled).state, "sent");
  assert.equal((await tapped).state, "sent");
  assert.deepEqual([...made.server.stored.values()].map(({ content }) => content.text), ["hello", "/book exam 2026-12-03 15:30"]);
});

test("the outcome of a post that was in the air when the client ended is known from the next one, and it is one message", async () => {
  const made = world();
  await connected(made);
  made.server.answer(false);
  const outcome = made.line.say(SHOP, "in the air");
  await made.until(() => made.last().offered.length === 1);
  await made.line.pause();
  made.server.answer();
  made.line.resume();
  assert.equal((await outcome).state, "sent");
  assert.equal(made.clients.length, 2);
  assert.equal(made.server.stored.size, 1);
});

test("words that were kept when the page was closed go out from the next one, once", async () => {
  const made = world({ session: GUEST });
  await connected(made);
  made.server.answer(false);
  void made.line.say(SHOP, "before the reload");
  await made.until(() => made.kept.size > 1 || [...made.kept.keys()].some((name) => name.startsWith("post:")));
  await made.line.pause();
  const again = world({ session: GUEST });
  again.kept = made.kept;
  await connected(again);
  await again.until(() => again.line.unsent.length === 0 && again.server.stored.size === 1);
  assert.deepEqual([...again.kept.keys()].filter((name) => name.startsWith("post:")), []);
});

test("what was refused stays until it is repeated or given up", async () => {
  const made = world();
  made.server.refusing = new Refused(609, "too much today");
  await made.line.say(SHOP, "one");
  await made.line.say(SHOP, "two");
  const [one, two] = made.line.unsent;
  assert.equal(one.refused.code, "QUOTA");
  const loaded = world({ session: GUEST });
  loaded.kept = new Map(made.kept);
  await connected(loaded);
  await loaded.until(() => loaded.line.unsent.length === 2);
  assert.deepEqual([loaded.line.unsent.map(({ refused }) => refused?.code), loaded.last().offered], [["QUOTA", "QUOTA"], []], "also for the next page");
  made.server.refusing = null;
  made.line.settle(two.name, "discard");
  made.line.settle(one.name, "again");
  await made.until(() => made.line.unsent.length === 0);
  assert.deepEqual([...made.server.stored.values()].map(({ content }) => content.text), ["one"]);
});

test("a booking is worth having now alone: no later page sends one that had no answer, or was refused", async () => {
  const made = world({ session: GUEST });
  await connected(made);
  made.server.refusing = new Refused(609, "too much today");
  await assert.rejects(made.line.post(SHOP, "/book exam 2026-12-03 15:00"));
  made.server.refusing = null;
  made.server.answer(false);
  void made.line.post(SHOP, "/book exam 2026-12-03 15:30").catch(() => {});
  await made.until(() => made.last().offered.length === 2);
  assert.deepEqual([...made.kept.keys()].filter((name) => name.startsWith("post:")), [], "a reload forgets it");
  await made.line.pause();
  made.line.resume();
  await made.until(() => made.clients.length === 2 && made.last().offered.length > 0);
  assert.deepEqual(made.last().offered.map(({ text }) => text), ["/book exam 2026-12-03 15:30"], "this page asks what became of it");
});

test("the server's no has its words", async () => {
  const made = world();
  made.server.refusing = new Refused(609, "too much today");
  assert.deepEqual(await made.line.say(SHOP, "hello"), { state: "refused", code: "QUOTA", text: "too much today" });
  await assert.rejects(made.line.post(SHOP, "hello"), ({ code }) => code === "QUOTA");
});

test("10,000 characters are sent, one more is refused here", async () => {
  const made = world();
  assert.equal((await made.line.say(SHOP, "字".repeat(10_000))).state, "sent");
  assert.equal((await made.line.say(SHOP, "𠮷".repeat(7_000))).state, "sent", "a rare one is one");
  assert.equal((await made.line.say(SHOP, "字".repeat(10_001))).code, "TOO_LONG");
});

test("a revoked sign-in ends here, refuses what waits, and removes everything of the person", async () => {
  const made = world();
  await connected(made);
  made.server.answer(false);
  const outcome = made.line.say(SHOP, "late");
  await made.until(() => made.last().offered.length === 1);
  made.session = null;
  made.end(new Stopped(CloseCode.REVOKED, "revoked"));
  assert.deepEqual(await outcome, { state: "refused", code: "SIGNED_OUT", text: "" });
  await made.until(() => made.line.state.state === "stopped");
  assert.deepEqual(made.erased, ["guest-1"]);
  assert.equal(made.line.state.act, "begin");
  assert.equal((await made.line.say(SHOP, "hello")).code, "SIGNED_OUT");
  made.server.answer();
  made.line.begin();
  assert.equal((await made.line.say(SHOP, "hello")).state, "sent");
  assert.equal(made.made, 2);
});

/** While this runs the browser remembers who it was. @param {(kept: Map<string, string>) => Promise<void>} work */
async function rememberingGuest0(work) {
  const kept = new Map([["imserver-page:session", JSON.stringify({ ...GUEST, userId: "guest-0" })]]);
  globalThis.localStorage = {
    getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => void kept.set(name, value), removeItem: (name) => void kept.delete(name),
  };
  try {
    await work(kept);
  } finally {
    delete globalThis.localStorage;
  }
}

for (const [now, erased] of [[null, "guest-0"], [GUEST, "guest-0 but guest-1"], [{ ...GUEST, userId: "guest-0" }, ""]]) {
  test(`a sign-in that ended while no page was open leaves nothing of the person; now it is ${now?.userId ?? "nobody"}`, () => rememberingGuest0(async (kept) => {
    const made = world({ session: now });
    await made.line.start();
    assert.equal(made.erased.join(), erased);
    assert.equal(JSON.parse(kept.get("imserver-page:session") ?? "null")?.userId, now?.userId);
  }));
}

test("who it was is shown where the server is not reached, and not where it says no", () => rememberingGuest0(async () => {
  const made = world();
  made.failing = Object.assign(new Error("disabled"), { code: "FORBIDDEN" });
  await assert.rejects(made.line.start(), ({ code }) => code === "FORBIDDEN");
  assert.equal(made.line.session, null);
  made.failing = Object.assign(new Error("no network"), { code: "OFFLINE" });
  assert.equal((await made.line.start()).userId, "guest-0");
  await made.until(() => made.line.state.state === "waiting");
  [made.failing, made.session] = [null, { ...GUEST, userId: "guest-0" }];
  made.again();
  await made.until(() => made.line.state.state === "connected");
}));

test("a page of nobody becomes who another tab became", async () => {
  const made = world();
  assert.equal(await made.line.start(), null);
  made.session = GUEST;
  made.line.became("guest-1");
  await made.until(() => made.line.state.state === "connected");
  assert.equal(made.line.session.userId, "guest-1");
});

test("a token that was refused for another reason is asked for again, and the line comes back", async () => {
  const made = world();
  await connected(made);
  made.end(new Stopped(CloseCode.AUTH_FAILED, "clock"));
  await made.until(() => made.clients.length === 2 && made.line.state.state === "connected");
  assert.deepEqual(made.erased, []);
});

test("another account in another tab: this page stops and erases nothing, whoever tells it first", async () => {
  const told = world();
  await connected(told);
  told.line.became("guest-2");
  await told.until(() => told.line.state.code === "OTHER_ACCOUNT");
  const found = world();
  await connected(found);
  found.session = { ...GUEST, userId: "guest-2" };
  found.end(new Stopped(CloseCode.AUTH_FAILED, "another device"));
  await found.until(() => found.line.state.code === "OTHER_ACCOUNT");
  assert.deepEqual([...told.erased, ...found.erased], []);
  told.session = { ...GUEST, userId: "guest-2" };
  told.line.became("guest-2");
  assert.equal(told.line.state.code, "OTHER_ACCOUNT");
});

test("a full store is said, and the line goes on in memory", async () => {
  const made = world();
  await connected(made);
  made.end(new StoreError("full", "full"));
  await made.until(() => made.clients.length === 2 && made.line.state.state === "connected");
  assert.equal(made.line.state.notice, "FULL");
  assert.equal((await made.line.say(SHOP, "hello")).state, "sent");
  made.line.dismiss();
  assert.equal(made.line.state.notice, null);
});

test("a cleared store is said, and the line begins anew, three times a minute at most", async () => {
  const made = world();
  await connected(made);
  made.end(new StoreError("cleared", "cleared"));
  await made.until(() => made.clients.length === 2 && made.line.state.state === "connected");
  assert.equal(made.line.state.notice, "CLEARED");
  for (const clients of [3, 4]) {
    made.end(new StoreError("cleared", "cleared"));
    await made.until(() => made.clients.length === clients && made.line.state.state === "connected");
  }
  made.end(new StoreError("cleared", "cleared"));
  await made.until(() => made.line.state.code === "FAILED");
});

for (const [error, code, act] of [
  [new Stopped(CloseCode.REPLACED, ""), "ELSEWHERE", "here"],
  [new Stopped(CloseCode.VERSION, ""), "OUTDATED", "reload"],
  [new StoreError("", "newer"), "OUTDATED", "reload"],
  [new StoreError("", "older"), "OLD_TAB", "reload"],
  [new StoreError("", "user"), "OTHER_ACCOUNT", "reload"],
  [new Stopped(CloseCode.TOO_MANY + 99, ""), "REFUSED", "reload"],
]) {
  test(`${error.name} ${error.code ?? error.reason} is ${code}, and ${act} helps`, async () => {
    const made = world();
    await connected(made);
    made.end(error);
    await made.until(() => made.line.state.state === "stopped");
    assert.deepEqual([made.line.state.code, made.line.state.act], [code, act]);
  });
}

test("after ELSEWHERE the line can be had here again", async () => {
  const made = world();
  await connected(made);
  made.end(new Stopped(CloseCode.REPLACED, ""));
  await made.until(() => made.line.state.code === "ELSEWHERE");
  made.line.takeOver();
  await made.until(() => made.line.state.state === "connected");
  assert.equal(made.line.state.code, "");
});

test("an older copy of the records is said until it was read", async () => {
  const made = world();
  await connected(made);
  made.last().streams.events.give({ type: "historyReplaced", conversationId: "c", agreed: 3 });
  await made.until(() => made.line.state.notice === "REPLACED");
});

test("words that an older copy does not have can be said again, once; a button's command is not", async () => {
  const made = world();
  await connected(made);
  const gone = [["words", {}], ["4", { label: "Yes", card: 3 }], ["/yes 4", {}]].map(([text, more], index) => (
    { key: new Uint8Array(16).fill(index + 1), content: { type: "text", text, ...more } }));
  made.last().streams.events.give({ type: "postsGone", conversationId: "c", posts: [...gone, { key: new Uint8Array(16), content: null }] });
  await made.until(() => made.line.unsent.length === 1);
  const [post] = made.line.unsent;
  assert.deepEqual([post.text, post.refused.code], ["words", "LOST"]);
  made.line.settle(post.name, "again");
  await made.until(() => made.line.unsent.length === 0);
  assert.equal(made.server.stored.get(String(post.key)).conversationId, "c");
});

test("signing out ends, erases and says so; without a network nothing is erased", async () => {
  const made = world();
  await connected(made);
  await made.line.signOut();
  assert.deepEqual([made.line.state.code, made.erased, made.line.session], ["SIGNED_OUT", ["guest-1"], null]);
  const offline = world({ session: GUEST });
  await connected(offline);
  offline.failing = Object.assign(new Error("no network"), { code: "OFFLINE" });
  await assert.rejects(offline.line.signOut());
  assert.deepEqual([offline.line.state.state, offline.erased], ["connected", []]);
});

test("a link that made this browser somebody else's leaves nothing of the one before, and all of the new one", async () => {
  const made = world();
  await connected(made);
  await made.line.leaveFor({ ...GUEST, userId: "ann" });
  assert.deepEqual([made.line.session.userId, made.erased], ["ann", ["guest-1 but ann"]]);
});

test("seen again, the client hurries; a browser without a network waits", async () => {
  const made = world();
  await connected(made);
  made.line.wake();
  await made.until(() => made.last().hurried === 1);
  made.online = false;
  made.line.wake();
  assert.equal(made.line.state.state, "waiting");
});

test("a network that was away and cut nothing ends the waiting when it is back; a tap meanwhile finds that out, too", async () => {
  const made = world();
  await connected(made);
  const away = () => {
    made.online = false;
    made.line.wake();
    made.online = true;
  };
  away();
  made.line.wake();
  await made.until(() => made.line.state.state === "connected");
  away();
  assert.equal((await made.line.post(SHOP, "/book exam 2026-12-03 15:00")).state, "sent");
});

test("back on a network, a connection that is lost is not called one", async () => {
  const made = world();
  await connected(made);
  made.last().state = "waiting";
  made.online = false;
  made.line.wake();
  made.online = true;
  made.line.wake();
  await made.until(() => made.last().hurried === 1);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(made.line.state.state, "waiting");
});

test("before a yes at the counter what was said goes out, or how much has not is known", async () => {
  const made = world();
  await connected(made);
  assert.equal(await made.line.drained(1000), 0);
  made.server.answer(false);
  void made.line.say(SHOP, "in the air");
  await made.until(() => made.server.waiting.length === 1);
  assert.equal(await made.line.drained(300), 1);
  setTimeout(() => made.server.answer(), 300);
  assert.equal(await made.line.drained(5000), 0);
  assert.equal(made.server.stored.size, 1);
});

test("words without an answer are the new account's to say again, once; buttons are gone with what they were about", async () => {
  const made = world();
  await connected(made);
  made.tellMine({ conversations: { garden: "service/garden/guest-1" } });
  made.server.answer(false);
  void made.line.say(SHOP, "Can I bring my dog?");
  void made.line.say(SHOP, "/confirm K7QM v2", { label: "Yes", card: 3 });
  await made.until(() => made.line.unsent.length === 2);
  const key = new Uint8Array(16).fill(7);
  const ofAnotherTab = { name: "07".repeat(16), conversationId: "direct/garden-bot/guest-1", key, text: "And my cat?", since: 1, refused: null };
  made.kept.set(`post:${ofAnotherTab.name}`, ofAnotherTab);
  await made.line.leaveFor({ ...GUEST, userId: "ann", guest: false }, [{ id: "river", bot: "river-bot" }, SHOP]);
  const moved = [...made.kept.values()].filter(({ refused }) => refused?.code === "MOVED");
  assert.deepEqual(moved.map(({ text }) => text).sort(), ["And my cat?", "Can I bring my dog?"]);
  assert.deepEqual(new Set(moved.map(({ conversationId }) => conversationId)), new Set(["direct/ann/garden-bot"]));
  assert.equal(new Set([...moved, ofAnotherTab].map(({ key: one }) => String(one))).size, 3, "other messages to the server: their sender is");
  assert.deepEqual(made.erased, ["guest-1 but ann"]);

  const page = world({ session: { ...GUEST, userId: "ann", guest: false } });
  for (const one of moved) page.kept.set(`post:${one.name}`, one);
  await page.line.start();
  await page.until(() => page.line.state.state === "connected" && page.line.unsent.length === 2);
  assert.equal(page.server.stored.size, 0, "nothing is sent unasked");
  page.line.settle(page.line.unsent.find(({ text }) => text === "Can I bring my dog?").name, "again");
  await page.until(() => page.server.stored.size === 1);
});

test("a link of somebody else takes no words along", async () => {
  const made = world();
  await connected(made);
  made.server.answer(false);
  void made.line.say(SHOP, "mine");
  await made.until(() => made.line.unsent.length === 1);
  await made.line.leaveFor({ ...GUEST, userId: "bob" });
  assert.deepEqual([...made.kept.values()].filter(({ refused }) => refused?.code === "MOVED"), []);
});
