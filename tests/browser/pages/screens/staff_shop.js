/**
 * The same shop in memory as its staff have it: the five methods that their screens ask, conversations with messages, and a bot
 * that does what is typed in the staff's group. A test changes what it knows, and calls `told()`.
 */

import { FakeShop, ZONE, atWall, wallAt } from "./shop.js";

const MINUTE = 60_000;
const ME = "staff-li";
const BOT = "store-garden";
const GROUP = "group/00000000000000000000000000000001";
/** @param {number} number */
const conversation = (number) => `group/${String(number).padStart(32, "a")}`;
/** The next steps of an appointment, and what they make of it. @type {Record<string, string[]>} */
const STEPS = {
  pending: ["confirm", "move", "cancel"], confirmed: ["arrive", "no_show", "move", "cancel"], arrived: ["start", "undo"],
  in_exam: ["finish", "undo"], done: ["undo"], no_show: ["undo"],
};
/** @type {Record<string, string>} */
const WORDS = {
  confirm: "/confirm", arrive: "/arrive", start: "/start", finish: "/done", no_show: "/no-show", undo: "/undo", cancel: "/cancel", move: "/move",
};
/** @type {Record<string, string>} */
const BECOMES = {
  "/confirm": "confirmed", "/arrive": "arrived", "/start": "in_exam", "/done": "done", "/no-show": "no_show", "/undo": "confirmed",
  "/cancel": "cancelled",
};
const SURE = new Set(["cancel", "no_show"]);
const EXAM = { zh: "验光", en: "eye exam" };
const ADULT = { zh: "成人（16–44岁）", en: "adult (16-44)" };

export class FakeStaff extends FakeShop {
  constructor() {
    super();
    this.signedIn = true;
    /** Whether the account is staff, and of which shops. */
    this.shops = [
      { id: "garden", name: { zh: "花园店", en: "Garden Road" }, zone: ZONE, group: GROUP, bot: BOT, role: "member" },
    ];
    /** @type {Set<() => void>} */
    this.questions = new Set();
    /** @type {Set<(event: any) => void>} */
    this.eventListeners = new Set();
    /** What is posted and has no answer. @type {any[]} */
    this.unsent = [];
    /** @type {Set<() => void>} */
    this.postListeners = new Set();
    /** What a browser keeps. @type {Map<string, any>} */
    this.keptNow = new Map();
    /** @type {Record<string, {name: string, isBot: boolean}>} */
    this.people = {
      [BOT]: { name: "花园店", isBot: true }, [ME]: { name: "李老师", isBot: false }, "staff-wang": { name: "王老师", isBot: false },
    };
    /** @type {Record<string, any[]>} */
    this.messages = { [GROUP]: [] };
    /** @type {any[]} */
    this.visits = [];
    /** @type {any[]} */
    this.rows = [];
    this.number = 0;
    /** @type {Map<string, {said: string, number: number, row: any}>} */
    this.numbered = new Map();
    this.away = [{ from: 14 * 60, to: 18 * 60, note: "牙医" }];
    /** Cursors of others, by conversation. @type {Record<string, Record<string, number>>} */
    this.cursors = {};
    this.fill();
  }

  fill() {
    const now = this.now();
    this.customer(1, "Ann Lee", { why: "alarm", since: now - 4 * MINUTE });
    this.says(1, "guest-1", "Since this morning I see black spots and flashes in my left eye", now - 4 * MINUTE);
    this.says(1, BOT, "This can be an emergency. Please go to an eye clinic or an emergency department at once.", now - 4 * MINUTE + 400);
    this.customer(2, "王小明", { why: "question", since: now - 26 * MINUTE });
    this.says(2, "guest-2", "你好", now - 28 * MINUTE);
    this.says(2, BOT, { type: "card", title: "欢迎来到花园店", text: "想做什么？", fields: [], actions: [{ label: "预约", command: "预约", style: "primary" }] }, now - 28 * MINUTE + 500);
    this.says(2, "guest-2", "镜框可以换别家的镜片吗？", now - 26 * MINUTE);
    this.says(2, BOT, "这个问题我转给店员，他们会在这里回复。", now - 26 * MINUTE + 300);
    this.customer(3, "Omar Haddad", { why: "request", since: now - 70 * MINUTE });
    this.says(3, "guest-3", "/move K7QM v2 2026-12-02 15:00", now - 70 * MINUTE);
    this.customer(4, "Mei Chen", {});
    this.says(4, "guest-4", "Thank you!", now - 3 * 60 * MINUTE);
    this.customer(5, "عمر خالد", {});
    this.says(5, "guest-5", "شكرا", now - 26 * 60 * MINUTE);
    this.visit("B4RT", "Mei Chen", "2026-12-01T09:30", "done", 4);
    this.visit("C6WY", "陈伟", "2026-12-01T10:00", "arrived", 6, { firstVisit: true });
    this.visit("A2S4", "Ann Lee", "2026-12-01T15:00", "confirmed", 1, { guest: true, note: "I wear soft lenses" });
    this.visit("K7QM", "Omar Haddad", "2026-12-01T16:00", "confirmed", 3, { wish: "2026-12-02T15:00" });
    this.visit("D8XZ", "Lena Wolf", "2026-12-01T17:00", "pending", 7, { guest: true, byGuest: true });
    this.visit("E3FK", "张阿姨", "2026-12-01T18:00", "cancelled", 8);
    this.post2(GROUP, BOT, {
      type: "card", title: "Ann Lee waits", text: "Ann Lee may have an emergency.", fields: [], actions: [],
      ref: { kind: "conversation", id: conversation(1), version: 1 },
    }, now - 4 * MINUTE);
    this.post2(GROUP, "staff-wang", "I am at the dentist from two.", now - 60 * MINUTE);
  }

  /** @param {number} number @param {string} name @param {any} wait */
  customer(number, name, { why = null, since = null }) {
    const id = `guest-${number}`;
    this.people[id] = { name, isBot: false };
    this.messages[conversation(number)] ??= [];
    this.rows.push({
      conversation: conversation(number), customer: { id, name, guest: number < 3, language: number === 2 ? "zh" : "en" },
      since, why, position: null, text: "", taken: null, coming: null, lastHumanAt: null, at: since ?? this.now() - number * 60 * MINUTE,
    });
  }

  /** @param {number} number @param {string} who @param {any} said @param {number} [at] */
  says(number, who, said, at = this.now()) {
    const item = this.post2(conversation(number), who, said, at);
    const row = this.rowOf(conversation(number));
    if (who === `guest-${number}`) {
      row.at = at;
      if (row.since !== null) Object.assign(row, { position: item.position, text: item.content.text });
    }
    return item;
  }

  /** @param {string} id */
  rowOf(id) {
    return this.rows.find((one) => one.conversation === id);
  }

  /** A message, and whoever listens hears of it. @param {string} where @param {string} who @param {any} said @param {number} [at] @param {any} [more] */
  post2(where, who, said, at = this.now(), more = {}) {
    const items = (this.messages[where] ??= []);
    const key = more.key ?? crypto.getRandomValues(new Uint8Array(16));
    const content = typeof said === "string" ? { type: "text", text: said, ...more.content } : said;
    const item = { conversationId: where, position: items.length + 1, senderId: who, sentAt: at, key, content, revision: 1, extra: {}, mine: {} };
    items.push(item);
    for (const listener of [...this.listeners]) listener({ ...item, own: who === ME, redelivered: false });
    return item;
  }

  /** @param {string} code @param {string} name @param {string} wall @param {string} status @param {number} number @param {any} [more] */
  visit(code, name, wall, status, number, more = {}) {
    if (!this.rowOf(conversation(number))) this.customer(number, name, {});
    this.visits.push({
      code, version: 2, status, wall, at: atWall(wall), end: atWall(wall) + 40 * MINUTE, minutes: 40, service: "exam", serviceName: EXAM,
      name, person: "", age: "adult", ageName: ADULT, firstVisit: false, guest: false, byGuest: false, with: ["garden-li", "room-1"],
      conversation: conversation(number), customer: `guest-${number}`, wish: null, holdUntil: null, away: [], noMessages: false, note: "", ...more,
    });
  }

  // -- what the five methods tell -----------------------------------------------------------------------------------------------

  /** Something is another: whoever watches asks again. */
  told() {
    for (const again of [...this.questions]) again();
  }

  /** @param {any} visit */
  row(visit) {
    const kinds = STEPS[visit.status] ?? [];
    const actions = kinds.map((kind) => ({ kind, command: `${WORDS[kind]} ${visit.code} v${visit.version}`, sure: SURE.has(kind) }));
    return { ...visit, actions };
  }

  /** @type {Record<string, (...params: any[]) => any>} */
  methods = {
    "x-booking.staff": () => {
      const waiting = this.rows.filter(({ since }) => since !== null);
      return this.shops.map((shop) => ({
        ...shop, waiting: shop.id === "garden" ? waiting.length : 0, alarms: shop.id === "garden" ? waiting.filter(({ why }) => why === "alarm").length : 0,
      }));
    },
    "x-booking.inbox": (shop, before = "", limit = 50) => {
      if (!this.shops.some(({ id }) => id === shop)) return null;
      const waits = (/** @type {any} */ row) => row.since !== null;
      const grave = (/** @type {any} */ row) => (row.why === "alarm" ? 0 : 1);
      const waiting = this.rows.filter(waits).sort((one, other) => grave(one) - grave(other) || one.since - other.since);
      const others = this.rows.filter((row) => !waits(row)).sort((one, other) => other.at - one.at);
      const from = Number(before || 0);
      const recent = others.slice(from, from + limit);
      return structuredClone({
        shop, asOf: this.now(), edition: 1, number: this.changes().number, waiting: before ? [] : waiting.slice(0, 200).map((row) => this.inboxRow(row)), moreWaiting: 0,
        recent: recent.map((row) => this.inboxRow(row)), next: from + limit < others.length ? String(from + limit) : null,
      });
    },
    "x-booking.changes": (shop) => {
      if (!this.shops.some(({ id }) => id === shop)) return null;
      const { number, latest } = this.changes();
      const waiting = this.rows.filter(({ since }) => since !== null).length;
      return structuredClone({
        shop, asOf: this.now(), edition: 1, number, after: latest[10]?.number ?? 0, waiting, rows: latest.slice(0, 10).map(({ row }) => row),
      });
    },
    "x-booking.customer": (id) => {
      const row = this.shops.length > 0 ? this.rowOf(id) : undefined;
      if (row === undefined) return null;
      const visits = this.visits.filter((one) => one.conversation === id).map((one) => this.row(one));
      const over = (/** @type {any} */ one) => ["done", "cancelled", "no_show"].includes(one.status);
      return structuredClone({
        shop: "garden", asOf: this.now(), until: null, customer: { ...row.customer, telephone: row.customer.id === "guest-2" ? "138 0013 8000" : null },
        here: row.here ?? true, why: row.why, since: row.since, position: row.position, taken: row.taken,
        commands: { take: row.taken?.by === ME ? null : "/take", giveBack: row.taken === null ? null : "/give-back", book: "/book" },
        upcoming: visits.filter((one) => !over(one)), past: visits.filter(over),
      });
    },
    "x-booking.sheet": (shop, day) => {
      if (!this.shops.some(({ id }) => id === shop)) return null;
      const rows = this.visits.filter(({ wall }) => wall.startsWith(day)).sort((one, other) => one.at - other.at).map((one) => this.row(one));
      const here = day === wallAt(this.now()).slice(0, 10);
      return structuredClone({
        shop, day, zone: ZONE, asOf: this.now(), until: null, closed: false, open: [[540, 750], [840, 1200]],
        columns: [
          { id: "garden-li", name: { zh: "李老师", en: "Li" }, kind: "person", away: [] },
          { id: "garden-wang", name: { zh: "王老师", en: "Wang" }, kind: "person", away: here ? this.away : [] },
          { id: "room-1", name: { zh: "1 号验光室", en: "Room 1" }, kind: "room", away: [] },
        ],
        rows,
      });
    },
    "x-booking.mine": () => ({ ...this.mineNow, asOf: this.now(), until: null }),
    "x-booking.day": () => null,
  };

  /** Rows that are others than when this was asked last get the next numbers. */
  changes() {
    for (const row of this.rows.map((one) => this.inboxRow(one))) {
      const said = JSON.stringify(row);
      if (this.numbered.get(row.conversation)?.said === said) continue;
      this.number += 1;
      this.numbered.set(row.conversation, { said, number: this.number, row: structuredClone(row) });
    }
    return { number: this.number, latest: [...this.numbered.values()].sort((one, other) => other.number - one.number) };
  }

  /** @param {any} row */
  inboxRow(row) {
    const next = this.visits.find((one) => one.conversation === row.conversation && one.status === "confirmed");
    return { ...row, coming: next ? { code: next.code, wall: next.wall, status: next.status, serviceName: next.serviceName } : null };
  }

  // -- the line -----------------------------------------------------------------------------------------------------------------

  /** @param {any} store */
  line(store) {
    const shop = this;
    const connected = () => store.set({
      session: { userId: ME, deviceId: "web-1", name: "李老师", guest: false, language: "zh-CN", expiresAt: 0, roles: ["staff"] },
      line: { state: "connected", code: "", act: null, retryAt: null, kept: true, notice: null },
    });
    this.store = store;
    const client = this.client();
    /** @param {Set<any>} set @param {any} listener */
    const listening = (set, listener) => {
      set.add(listener);
      return () => void set.delete(listener);
    };
    return {
      start: async () => void (shop.signedIn && connected()),
      post: async (/** @type {any} */ at, /** @type {string} */ text, /** @type {any} */ tap) => {
        await shop.answer("post");
        return shop.typed(text, tap);
      },
      say: async (/** @type {any} */ at, /** @type {string} */ text, /** @type {any} */ tap) => {
        await shop.answer("say");
        return { state: "sent", ...(await shop.typed(text, tap)) };
      },
      heard: (/** @type {any} */ listener) => listening(shop.listeners, listener),
      told: (/** @type {any} */ listener) => listening(shop.eventListeners, listener),
      unsentChanged: (/** @type {any} */ listener) => listening(shop.postListeners, listener),
      get unsent() { return shop.unsent; },
      get state() { return store.get().line; },
      get session() { return store.get().session; },
      kept: {
        get: async (/** @type {string} */ name) => structuredClone(shop.keptNow.get(name)),
        put: async (/** @type {string} */ name, /** @type {any} */ value) => void shop.keptNow.set(name, structuredClone(value)),
        drop: async (/** @type {string} */ prefix) => [...shop.keptNow.keys()].forEach((name) => name.startsWith(prefix) && shop.keptNow.delete(name)),
      },
      settle: () => {}, wake: () => {}, begin: () => {}, takeOver: () => {}, dismiss: () => {},
      conversationOf: () => "",
      client: () => (store.get().session === null || shop.away_ ? null : client),
    };
  }

  /** Whether there is no network since before the page was opened. */
  away_ = false;

  client() {
    const shop = this;
    return {
      userId: ME,
      direct: (/** @type {string} */ other) => `direct/${ME}/${other}`,
      ask: async (/** @type {string} */ method, /** @type {any[]} */ params = []) => {
        await shop.answer(method);
        return [shop.methods[method](...params)];
      },
      watch: (/** @type {string} */ method, /** @type {any[]} */ params = []) => shop.answers(method, params),
      call: {
        show: async () => {}, hide: async () => {}, hurry: async () => {},
        typing: { tell: async () => {} },
        history: async (/** @type {string} */ id, /** @type {any} */ { before = null, limit = 50 } = {}) => {
          await shop.answer("history");
          const all = shop.messages[id] ?? [];
          const head = all.length;
          const items = all.filter(({ position }) => before === null || position < before).slice(-limit);
          return { items, first: items[0]?.position ?? head + 1, last: items.at(-1)?.position ?? head, head, modseq: 0 };
        },
        users: async (/** @type {string[]} */ ids) => ids.filter((id) => shop.people[id])
          .map((userId) => ({ userId, displayName: shop.people[userId].name, language: "en", kind: "person", isBot: shop.people[userId].isBot })),
        cursors: async (/** @type {string} */ id) => new Map(Object.entries(shop.cursors[id] ?? {}).map(([user, read]) => [user, { read, delivered: read }])),
        markRead: async () => {},
        conversations: async () => ({ conversations: [{ conversationId: conversation(4), unread: 2, head: shop.messages[conversation(4)].length }], next: null }),
      },
    };
  }

  /** @param {string} method @param {any[]} params */
  async *answers(method, params) {
    let due = true;
    /** @type {() => void} */
    let wake = () => {};
    const again = () => ((due = true), wake());
    this.questions.add(again);
    try {
      for (;;) {
        while (!due) await new Promise((resolve) => (wake = () => resolve(undefined)));
        due = false;
        await this.answer(method);
        yield [this.methods[method](...params)];
      }
    } finally {
      this.questions.delete(again);
    }
  }

  // -- what is typed ------------------------------------------------------------------------------------------------------------

  /** @param {string} text @param {any} [tap] */
  async typed(text, { conversation: where = GROUP, label, card, key } = {}) {
    this.posts.push(text);
    const item = this.post2(where, ME, text, this.now(), { key, content: label === undefined ? {} : { label, card } });
    queueMicrotask(() => {
      const words = this.refuses ?? this.understoodByStaff(where, text);
      this.refuses = null;
      if (words !== null) this.post2(where, BOT, words);
      this.told();
    });
    return { conversationId: where, position: item.position, sentAt: item.sentAt };
  }

  /** What the bot says, if anything. @param {string} where @param {string} text */
  understoodByStaff(where, text) {
    const row = this.rowOf(where);
    if (text === "/take") return (row.taken = { by: ME, name: "李老师", at: this.now() }), "李老师 answers from now on.";
    if (text === "/give-back") return (row.taken = null), "The assistant answers again.";
    if (!text.startsWith("/") && row) return Object.assign(row, { since: null, why: null, position: null, text: "", lastHumanAt: this.now(), at: this.now() }), null;
    const [word, code, , day, time] = text.split(" ");
    const visit = this.visits.find((one) => one.code === code);
    if (visit === undefined) return null;
    visit.version += 1;
    if (day && time) Object.assign(visit, { wall: `${day}T${time}`, at: atWall(`${day}T${time}`), wish: null });
    else visit.status = BECOMES[word] ?? visit.status;
    return `${code}: ${visit.status}`;
  }
}
