/** Who the page's browser is: one question for many, one guest for many taps, tokens while they are fresh, and words for every failure. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Account, SessionError, makeGuest } from "../../../imserver/plugins/booking/pages/src/session.js";

const TOLD = { token: "t1", expires_at: 600_000, user_id: "guest-1", device_id: "web-1", name: "Guest 1", guest: true, roles: [], language: "en", joined: [] };
const NOBODY = [401, { error: "nobody is signed in here", code: "SIGNED_OUT" }];

/** What the server answers, in order; the last one again and again. @type {any[]} */
let answers;
/** @type {{method: string, path: string, body: any, request: any}[]} */
let asked;
let clock;
let account;
let framed;

beforeEach(() => {
  framed = false;
  answers = [[200, TOLD]];
  asked = [];
  clock = { now: 1_000_000, elapsed: 0 };
  account = new Account({
    fetch: async (path, request) => {
      asked.push({ method: request.method, path, body: request.body && JSON.parse(request.body), request });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      await null;
      if (answer instanceof Error) throw answer;
      const [status, told, headers = {}] = answer;
      return new Response(typeof told === "string" ? told : JSON.stringify(told), { status, headers });
    },
    now: () => clock.now,
    elapsed: () => clock.elapsed,
    random: (bytes) => bytes.fill(asked.length + 1),
    framed: () => framed,
    alone: (work) => work(),
  });
});

const fails = async (promise) => {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof SessionError);
    return [error.code, error.retryAfterMs];
  }
  return null;
};

test("many who ask at once are one request", async () => {
  const found = await Promise.all([account.session(), account.session(), account.token()]);
  assert.equal(asked.length, 1);
  assert.deepEqual(found[0], { userId: "guest-1", deviceId: "web-1", name: "Guest 1", guest: true, roles: [], language: "en", expiresAt: 600_000, joined: [] });
  assert.equal(found[2], "t1");
});

test("nobody is null, and has no token", async () => {
  answers = [NOBODY];
  assert.equal(await account.session(), null);
  assert.deepEqual(await fails(account.token()), ["SIGNED_OUT", 0]);
});

test("a token that came just now is used; one of before a sleep is not, whichever clock tells", async () => {
  await account.session();
  clock.elapsed += 29_000;
  clock.now += 29_000;
  await account.token();
  assert.equal(asked.length, 1);
  for (const [now, elapsed] of [[2_000, 2_000], [3_600_000, 0], [0, 31_000], [-86_400_000, 0]]) {
    clock.now += now;
    clock.elapsed += elapsed;
    const before = asked.length;
    await account.token();
    assert.equal(asked.length, before + 1, `${now} ${elapsed}`);
  }
});

test("a wrong clock of the phone makes nothing different", async () => {
  clock.now = 86_400_000 * 3;
  assert.equal((await account.session()).expiresAt, 600_000);
  assert.equal(await account.token(), "t1");
  assert.equal(asked.length, 1);
});

test("two taps make one guest, and say for what the page was opened", async () => {
  const [one, other] = await Promise.all([account.makeGuest({ language: "zh-CN", shop: "garden" }), account.makeGuest({ language: "zh-CN" })]);
  assert.equal(one, other);
  assert.deepEqual(asked.map(({ path, body }) => [path, body]), [
    ["/api/session", { guest: { language: "zh-CN", shop: "garden" }, key: "01".repeat(16) }],
    ["/api/session", {}],
  ]);
});

test("a guest whose answer was lost is asked for under the same key", async () => {
  answers = [new TypeError("failed to fetch"), [200, TOLD]];
  assert.deepEqual(await fails(account.makeGuest({ language: "en" })), ["OFFLINE", 0]);
  await account.makeGuest({ language: "en" });
  assert.equal(asked[0].body.key, asked[1].body.key);
  await account.makeGuest({ language: "en" });
  assert.notEqual(asked[3].body.key, asked[0].body.key, "a later one is another");
});

test("a key that is over is not sent again: the next tap has another", async () => {
  answers = [[410, { error: "this page was signed out", code: "GONE" }], [200, TOLD]];
  assert.deepEqual(await fails(account.makeGuest({ language: "en" })), ["GONE", 0]);
  await account.makeGuest({ language: "en" });
  assert.notEqual(asked[1].body.key, asked[0].body.key);
});

test("a browser that keeps no cookie is told at once, and makes no second guest by trying again", async () => {
  answers = [[200, TOLD], NOBODY, [200, TOLD], NOBODY];
  assert.deepEqual(await fails(account.makeGuest({ language: "en" })), ["COOKIES", 0]);
  assert.deepEqual(await fails(account.makeGuest({ language: "en" })), ["COOKIES", 0]);
  assert.equal(asked[0].body.key, asked[2].body.key);
});

for (const [answer, told] of [
  [new TypeError("no network"), ["OFFLINE", 0]],
  [new DOMException("too slow", "TimeoutError"), ["OFFLINE", 0]],
  [[502, "<h1>Bad gateway</h1>"], ["SERVER", 0]],
  [[200, "<h1>A portal of a hotel</h1>"], ["SERVER", 0]],
  [[429, { error: "later", code: "RATE_LIMITED" }, { "retry-after": "7" }], ["RATE_LIMITED", 7000]],
  [[403, { error: "disabled", code: "FORBIDDEN" }], ["FORBIDDEN", 0]],
  [[503, { error: "full", code: "STORE_FULL" }, { "retry-after": "soon" }], ["STORE_FULL", 0]],
]) {
  test(`what goes wrong has a code: ${told[0]}`, async () => {
    answers = [answer];
    assert.deepEqual(await fails(account.session()), told);
    assert.deepEqual(await fails(account.makeLink()), told);
  });
}

test("devices are listed, named and signed out", async () => {
  answers = [[200, { devices: [{ id: "web-1", label: "Chrome on Android", made_at: 1, seen_at: 2, this: true }] }], [200, {}]];
  assert.deepEqual(await account.devices(), [{ id: "web-1", label: "Chrome on Android", madeAt: 1, seenAt: 2, this: true }]);
  await account.revoke("web-2");
  await account.rename("web-1", "妈妈");
  await account.signOut();
  assert.deepEqual(asked.map(({ method, path, body }) => [method, path, body]), [
    ["GET", "/api/devices", undefined],
    ["POST", "/api/devices/revoke", { id: "web-2" }],
    ["POST", "/api/devices/name", { id: "web-1", label: "妈妈" }],
    ["DELETE", "/api/session", undefined],
  ]);
});

test("behind a sign-out nothing of that account is used: no token, and no key under which a guest was asked for", async () => {
  answers = [new TypeError("lost"), [200, TOLD], [200, {}], NOBODY, [200, TOLD]];
  await fails(account.makeGuest({ language: "en" }));
  await account.session();
  await account.signOut();
  assert.deepEqual(await fails(account.token()), ["SIGNED_OUT", 0]);
  await account.makeGuest({ language: "en" });
  const [before, , , , after] = asked;
  assert.notEqual(before.body.key, after.body.key);
});

test("a link in a browser that keeps no cookie is no sign-in", async () => {
  answers = [[200, TOLD], NOBODY];
  assert.deepEqual(await fails(account.redeem("s")), ["COOKIES", 0]);
  answers = [[200, TOLD], NOBODY];
  framed = true;
  assert.deepEqual(await fails(account.redeem("s")), ["FRAMED", 0], "a window of its own may keep them");
});

test("a link is made, and redeemed under one key", async () => {
  answers = [[200, { address: "https://h/link#s", expires_at: 9 }], [409, { error: "somebody else", code: "CONFLICT" }], [200, TOLD]];
  assert.deepEqual(await account.makeLink(), { address: "https://h/link#s", expiresAt: 9, qrSvg: undefined });
  assert.deepEqual(await fails(account.redeem("s")), ["CONFLICT", 0]);
  assert.equal((await account.redeem("s", { leave: true })).userId, "guest-1");
  assert.deepEqual(asked[1].body, { secret: "s", leave: false, key: asked[1].body.key });
  assert.deepEqual(asked[2].body, { secret: "s", leave: true, key: asked[1].body.key });
});

test("who joined is told", async () => {
  answers = [[200, { ...TOLD, joined: [{ id: "web-2", label: "Safari on iPhone", made_at: 5 }] }]];
  const joined = { id: "web-2", label: "Safari on iPhone", madeAt: 5 };
  assert.deepEqual((await account.session()).joined, [joined]);
  const heard = [];
  const stop = account.whenJoined((browsers) => heard.push(...browsers));
  assert.deepEqual(heard, [joined], "also who came before somebody listened, and by whatever question it was told");
  clock.elapsed += 60_000;
  await account.token();
  assert.deepEqual(heard, [joined, joined]);
  stop();
  await account.session();
  assert.equal(heard.length, 2);
});

test("it asks its own server alone, keeps nothing on the way, and sends its real origin", async () => {
  await account.session();
  const { path, request } = asked[0];
  assert.equal(path, "/api/session");
  assert.deepEqual([request.credentials, request.cache, request.redirect, request.mode], ["same-origin", "no-store", "error", undefined]);
});

test("a new phone shows a code, hears what became of it, and says yes under one key", async () => {
  answers = [[200, { state: "shown", code: "482913", expires_at: 5 }]];
  assert.deepEqual(await account.join("garden"), { code: "482913", expiresAt: 5 });
  assert.deepEqual([asked[0].method, asked[0].path, asked[0].body], ["POST", "/api/joins", { shop: "garden" }]);
  assert.deepEqual((await account.joinState()).state, "shown");
  assert.deepEqual([asked[1].method, asked[1].path, asked[1].body], ["GET", "/api/joins", undefined]);
  answers = [[200, { state: "none" }]];
  assert.deepEqual(await account.joinState(), { state: "none" });
  answers = [new Error("cut"), [200, { ...TOLD, user_id: "ann", guest: false, roles: ["staff"] }]];
  assert.deepEqual(await fails(account.acceptJoin("482913")), ["OFFLINE", 0]);
  const told = await account.acceptJoin("482913");
  assert.deepEqual([told.userId, told.guest, told.roles], ["ann", false, ["staff"]]);
  const [lost, again] = asked.filter(({ path }) => path === "/api/joins/accept");
  assert.deepEqual(lost.body, again.body);
  assert.match(again.body.key, /^[0-9a-f]{32}$/);
  answers = [[410, { error: "over", code: "GONE" }]];
  assert.deepEqual(await fails(account.refuseJoin("482913")), ["GONE", 0]);
});

test("a frame that is denied locks makes its guest all the same; what fails under one is not done again", async (t) => {
  const real = globalThis.fetch;
  let posts = 0;
  /** @type {any} */ (globalThis).fetch = async () => {
    posts += 1;
    throw new TypeError("fetch failed");
  };
  t.after(() => {
    globalThis.fetch = real;
    delete (/** @type {any} */ (globalThis.navigator).locks);
  });
  const locks = (/** @type {any} */ request) => Object.defineProperty(globalThis.navigator, "locks", { value: { request }, configurable: true });
  locks(async () => { throw new Error("denied"); });
  assert.deepEqual([await fails(makeGuest({ language: "en" })), posts], [["OFFLINE", 0], 1]);
  locks(async (/** @type {string} */ _, /** @type {any} */ work) => work());
  assert.deepEqual([await fails(makeGuest({ language: "en" })), posts], [["OFFLINE", 0], 2]);
});
