/** What the chat draws: contents that are checked, rows with their ticks, and a conversation that comes in pieces. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { linked, shownContent, spokenContent } from "../../../imserver/plugins/booking/pages/src/chat/content.js";
import { appOf } from "../../../imserver/plugins/booking/pages/src/chat/apps.js";
import { ownWords, theirWords } from "../../../imserver/plugins/booking/pages/src/chat/own_words.js";
import { speak } from "../../../imserver/plugins/booking/pages/src/words/index.js";
import { rowsOf } from "../../../imserver/plugins/booking/pages/src/chat/rows.js";

const ME = "guest-1";
const BOT = "garden-bot";
const DAY = 86_400_000;
const AROUND = { me: ME, bot: BOT, waits: false, now: 10 * DAY, dayOf: (at) => `day ${Math.floor(at / DAY)}` };
const key = (number) => new Uint8Array(16).fill(number);
const CARD = { type: "card", title: "When?", text: "Choose:\n1. 15:00\n2. 15:30", actions: [
  { label: "15:00", command: "/book exam 15:00", style: "primary" }, { label: "15:30", command: "/book exam 15:30", style: "odd" },
] };

const item = (position, senderId, content, more = {}) => ({
  position, senderId, sentAt: position * 1000, key: key(position), content: typeof content === "string" ? { type: "text", text: content } : content,
  revision: 1, reactions: [], ...more,
});
const view = (items, more = {}) => ({
  id: "c", state: "ready", items, whole: true, older: "idle", people: { [BOT]: { name: "Garden", isBot: true }, li: { name: "Li", isBot: false } },
  readUpTo: 0, typing: null, ...more,
});
const bubbles = (view, ...given) => rowsOf([view], ...given).filter(({ is }) => is === "bubble");

// -- contents -----------------------------------------------------------------------------------------------------------------

test("a card loses the numbered lines that its buttons say, and only those", () => {
  const shown = shownContent({ ...CARD, text: "Choose:\n1. 15:00\n2. 15:30\n3. something else" });
  assert.equal(shown.text, "Choose:\n3. something else");
  assert.deepEqual(shown.actions.map(({ style }) => style), ["primary", "default"]);
});

for (const [why, wrong] of [
  ["a title that is none", { ...CARD, title: 7 }],
  ["fields that are none", { ...CARD, fields: [["a"]] }],
  ["an action without a command", { ...CARD, actions: [{ label: "x", command: "" }] }],
  ["actions that are a map", { ...CARD, actions: { length: 1 } }],
]) {
  test(`a card with ${why} is its text`, () => assert.equal(shownContent(wrong).is, "text"));
}

test("a type that is unknown shows its text, or that the page does not know it", () => {
  assert.deepEqual(shownContent({ type: "x-new", text: "hi" }), { is: "text", text: "hi", label: null, card: null });
  assert.equal(shownContent({ type: "x-new" }).is, "unknown");
  assert.equal(shownContent(null).is, "retracted");
});

test("only https is a link, and never one that looks like another site", () => {
  const links = (text) => linked(text).filter(({ href }) => href).map(({ text: shown }) => shown);
  assert.deepEqual(links("see https://maps.example.org/a?b=c, or (https://b.example)。"), ["https://maps.example.org/a?b=c", "https://b.example"]);
  assert.deepEqual(links("javascript:alert(1) http://a.example data:text/html,x https://bank.example@evil.example https://"), []);
  const script = "<script>alert(1)</script>";
  assert.deepEqual(linked(script), [{ text: script }]);
});

test("a card is spoken with its fields", () => {
  assert.equal(spokenContent(shownContent({ ...CARD, fields: [["Name", "Ben"]] })), "When?. Choose:. Name: Ben");
});

// -- rows ---------------------------------------------------------------------------------------------------------------------

test("own messages are sent, and read once a person has read so far", () => {
  const items = [item(1, ME, "a"), item(2, ME, "b"), item(3, "li", "c")];
  assert.deepEqual(bubbles(view(items, { readUpTo: 1 }), [], AROUND).map(({ tick }) => tick), ["read", "sent", null]);
});

test("what has no answer comes last: sending, then waiting; refused stays refused", () => {
  const post = (more) => ({ name: "ff".repeat(16), conversationId: "c", key: key(255), text: "late", since: AROUND.now, refused: null, ...more });
  const tick = (one, around = AROUND) => bubbles(view([item(1, ME, "a")]), [one], around)[1].tick;
  assert.equal(tick(post()), "sending");
  assert.equal(tick(post({ since: AROUND.now - 5000 })), "waiting");
  assert.equal(tick(post(), { ...AROUND, waits: true }), "waiting");
  assert.equal(tick(post({ refused: { state: "refused", code: "QUOTA", text: "" } })), "refused");
});

test("a post that is stored already is one bubble", () => {
  const post = { name: "01".repeat(16), conversationId: "c", key: key(1), text: "a", since: 0, refused: null };
  assert.equal(bubbles(view([item(1, ME, "a")]), [post], AROUND).length, 1);
});

test("a pressed button shows its label, and the card shows which it was", () => {
  const items = [item(1, BOT, CARD), item(2, ME, { type: "text", text: "/book exam 15:30", label: "15:30", card: 1 })];
  const [card, pressed] = bubbles(view(items), [], AROUND);
  assert.deepEqual([pressed.shown.text, pressed.pressed], ["15:30", true]);
  assert.deepEqual([...card.used], ["/book exam 15:30"]);
});

test("a label that no bot's card has is not believed: the command is shown", () => {
  const lie = { type: "text", text: "/cancel A7K2", label: "Hello", card: 1 };
  for (const items of [[item(1, "li", CARD), item(2, ME, lie)], [item(1, BOT, CARD), item(2, "li", lie)], [item(2, ME, lie)]]) {
    const row = bubbles(view(items), [], AROUND).find(({ position }) => position === 2);
    assert.deepEqual([row.shown.text, row.pressed], ["/cancel A7K2", false]);
  }
});

test("a card of a person has no buttons: they could say what they are not", () => {
  const lie = { ...CARD, text: "See my photo", actions: [{ label: "Photo", command: "/confirm A7K2" }] };
  const pointer = { ...CARD, ref: { kind: "conversation", id: "c", version: 1 } };
  const [shown, hidden] = bubbles(view([item(1, "li", lie), item(2, "li", pointer)]), [], AROUND);
  assert.deepEqual([shown.shown.is, shown.shown.text, shown.shown.actions], ["card", "See my photo", []]);
  assert.equal(hidden.shown.ref, null);
  assert.equal(bubbles(view([item(1, BOT, CARD)]), [], AROUND)[0].shown.actions.length, 2);
});

test("one's own tap keeps its label when the card was edited and has other buttons", () => {
  const items = [item(1, BOT, { ...CARD, actions: [] }, { revision: 2 }), item(2, ME, { type: "text", text: "/yes 4", label: "Yes", card: 1 })];
  assert.equal(bubbles(view(items), [], AROUND)[1].shown.text, "Yes");
});

test("days stand between messages of different days, once each", () => {
  const items = [item(1, ME, "a", { sentAt: DAY }), item(2, ME, "b", { sentAt: DAY + 1 }), item(3, ME, "c", { sentAt: 2 * DAY })];
  assert.deepEqual(rowsOf([view(items)], [], AROUND).map(({ is }) => is), ["day", "bubble", "bubble", "day", "bubble"]);
});

test("the server's sentences are few: who came and went; oneself, edits and unknown events are silent", () => {
  const told = (event, user) => ({ type: "system", event, user });
  const items = [told("created", ME), told("added", ME), told("added", "li"), told("edited"), told("x-later", "li"), told("left", "li")]
    .map((content, index) => item(index + 1, BOT, content));
  assert.deepEqual(rowsOf([view(items)], [], AROUND).filter(({ is }) => is !== "day").map(({ is, event }) => `${is} ${event}`), [
    "told added", "told left",
  ]);
});

test("people of the shop are named where their group begins", () => {
  const items = [item(1, "li", "a"), item(2, "li", "b"), item(3, BOT, "c"), item(4, "li", "d", { sentAt: 5 * DAY })];
  assert.deepEqual(bubbles(view(items), [], AROUND).map(({ name, first, last }) => [name, first, last]), [
    ["Li", true, false], ["", false, true], ["", true, true], ["Li", true, true],
  ]);
});

test("what was said to the bot before the shop's conversation stands before it, without the bot's pointers there", () => {
  const pointer = { type: "card", title: "Answered", text: "", ref: { kind: "conversation", id: "c", version: 1 } };
  const direct = view([item(1, ME, "hello"), item(2, BOT, pointer), item(3, BOT, "welcome", { sentAt: 9000 })], { id: "direct" });
  const service = view([item(4, BOT, "here"), item(5, ME, "thanks")]);
  const texts = (main) => rowsOf([main, direct], [], AROUND).filter(({ is }) => is === "bubble").map(({ shown, conversation }) => `${conversation} ${shown.text}`);
  assert.deepEqual(texts(service), ["direct hello", "c here", "c thanks", "direct welcome"]);
  assert.deepEqual(texts({ ...service, whole: false }), ["c here", "c thanks", "direct welcome"]);
});

test("a browser inside another app is known by its name, and a browser is none", () => {
  assert.match(appOf("Mozilla/5.0 (iPhone) MicroMessenger/8.0.49") ?? "", /WeChat/);
  assert.equal(appOf("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36"), null);
});

// -- what the page posted -----------------------------------------------------------------------------------------------------

test("a command that the page posted is said in the reader's language, and other texts are left alone", () => {
  const names = (zh, en) => ({ name: { zh, en } });
  const around = (language) => ({
    shop: { services: [{ id: "exam", ...names("验光", "eye exam") }] }, ages: [{ id: "adult", ...names("成人", "adult") }], language,
  });
  const form = "/details\nname: Ann: Lee\nage: adult\nfirst visit: yes";
  const says = (text, language) => (speak(language), ownWords(text, around(language)));
  assert.equal(says("/book exam at 2026-11-30 15:00", "en"), "Chose Mon 30 Nov 15:00 · eye exam");
  assert.equal(says("/book exam at 2026-11-30 15:00", "zh"), "选了 11月30日 周一 15:00 · 验光");
  assert.equal(says(form, "en"), "Sent: Ann: Lee, adult, first visit");
  assert.equal(says(form, "zh"), "已填写：Ann: Lee，成人，第一次来");
  const yes = `${form}\nyes: A7K2 v1 exam 30 2026-11-30 15:00`;
  assert.equal(says(yes, "en"), "Sent: Ann: Lee, adult, first visit, please book Mon 30 Nov 15:00 · eye exam");
  assert.equal(says(yes.replace("yes: A", "确认：A"), "zh"), "已填写：Ann: Lee，成人，第一次来，请预约 11月30日 周一 15:00 · 验光");
  assert.equal(says("/move A7K2 v2 2026-12-01 10:30", "en"), "Move it to Tue 1 Dec 10:30");
  for (const text of ["确认 Q7S6 v1", "/confirm Q7S6 v1"]) assert.equal(says(text, "en"), "Yes, that is right");
  for (const text of ["book me an exam", "/book", "确认一下 3 点", "/details", "name: Ann"]) assert.equal(says(text, "en"), null);
});

test("a customer reads words where staff took over or gave back, and what staff say as they say it", () => {
  const says = (text, language) => (speak(language), theirWords(text));
  for (const text of ["/take", "接手"]) assert.equal(says(text, "en"), "A person answers now");
  for (const text of ["/give-back", "交还"]) assert.equal(says(text, "zh"), "交还助手");
  for (const text of ["please /take a seat", "接手的事"]) assert.equal(says(text, "en"), null);
});

test("a card whose command was posted elsewhere on the page is answered; a question leaves it open", () => {
  const rows = (...said) => bubbles(view([item(1, BOT, CARD), ...said.map((text, index) => item(index + 2, ME, text))]), [], AROUND)[0];
  assert.deepEqual([rows("where is it?").answered, [...rows("where is it?").used]], [false, []]);
  assert.deepEqual([rows("/book exam 15:30").answered, [...rows("/book exam 15:30").used]], [true, ["/book exam 15:30"]]);
  assert.equal(rows("/details\nname: Ann").answered, true);
});

test("a place is a link to a map", () => {
  assert.deepEqual(linked("Map: geo:31.2400,121.5000."), [
    { text: "Map: " }, { text: "geo:31.2400,121.5000", href: "geo:31.2400,121.5000", map: true }, { text: "." },
  ]);
  assert.deepEqual(linked("geo:x"), [{ text: "geo:x" }]);
});
