/**
 * A shop in memory for pictures and tests of screens: the reads and the line that `app.js` takes, without a server. It knows only
 * what the page posts, and does what a test tells it: answer late, refuse, lose a time to somebody else, fail.
 */

const MINUTE = 60_000;
const DAY = 86_400_000;
/** The shop's zone has one offset all year, so wall times are easily made. */
export const ZONE = "Asia/Shanghai";
const OFFSET = 8 * 60 * MINUTE;
const HOLD = 3 * MINUTE;

/** @param {number} at */
export const wallAt = (at) => new Date(at + OFFSET).toISOString().slice(0, 16);
/** @param {string} wall */
export const atWall = (wall) => Date.parse(`${wall}:00Z`) - OFFSET;

const SERVICES = [
  ["exam", "验光", "eye exam", 40, true, true],
  ["glasses", "配镜", "exam and glasses", 75, true, true],
  ["lens-check", "隐形复查", "contact-lens re-check", 20, true, false],
  ["adjust", "调整", "adjust glasses", 15, false, false],
];
const CONSENT = {
  version: "1",
  text: {
    zh: "我们保存您的姓名、年龄段和预约时间，用于这次到店。验光结果属于健康信息，另行征得您的同意。您可以随时在聊天里撤回。",
    en: "We keep your name, age band and the time, for this visit. Results of the exam are health data; we ask for them separately. You can withdraw this in the chat at any time.",
  },
};

/** @param {string} id @param {string} zh @param {string} en @param {string} street @param {string} strasse */
function shop(id, zh, en, street, strasse) {
  return {
    id,
    bot: `store-${id}`,
    name: { zh, en },
    address: { zh: street, en: strasse },
    map: "geo:31.2300,121.4700",
    phone: "000-5550-1801",
    zone: ZONE,
    languages: ["zh-CN", "en"],
    horizonDays: 40,
    open: { now: true, text: { zh: "营业至 20:00", en: "until 20:00" } },
    services: SERVICES.map(([service, one, other, minutes, asksAge, asksFirstVisit], index) =>
      ({ id: service, name: { zh: one, en: other }, minutes, usual: index === 0, asksAge, asksFirstVisit })),
    confirmation: "auto",
    consent: CONSENT,
    info: {
      parking: { zh: "地下停车场 B1，入口在花园路；消费可免两小时停车费。", en: "Underground car park B1, entrance on Garden Road; two hours free for customers." },
      hours: [],
      needsIdCard: false,
    },
  };
}

export class FakeShop {
  constructor() {
    /** What the next reads and posts do: milliseconds until they answer, and by name what they fail with. */
    this.delay = 0;
    /** @type {Record<string, string>} */
    this.fails = {};
    /** Server minus phone, ms. */
    this.ahead = 0;
    /** @type {Set<string>} Wall times that others have. */
    this.taken = new Set();
    /** Posts, in order. @type {string[]} */
    this.posts = [];
    /** What the bot says instead of doing what it is told, once. @type {string | null} */
    this.refuses = null;
    /** Facts that the bot understands otherwise, once. @type {Record<string, any> | null} */
    this.misunderstands = null;
    /** What the bot makes of the visit once it knows the person (service, minutes). @type {Record<string, any>} */
    this.fits = {};
    /** Ages whose visit is longer than what is free. @type {Set<string>} */
    this.short = new Set();
    this.signedIn = false;
    this.numbers = 0;
    /** @type {any} */
    this.mineNow = {
      conversations: {}, known: { name: "", age: "", language: "zh", consent: {} },
      held: null, refused: null, moving: null, cancelling: null, upcoming: [], past: [],
    };
    this.chainNow = {
      name: { zh: "明视眼镜", en: "Clearview Optics" },
      shops: [
        shop("garden", "花园店", "Garden Road", "花园路 18 号一层", "18 Garden Road, ground floor"),
        shop("station", "车站店", "Station Square", "车站广场 5 号", "5 Station Square"),
      ],
      ages: [
        { id: "child", name: { zh: "儿童（未满16岁）", en: "child (under 16)" } },
        { id: "adult", name: { zh: "成人（16–44岁）", en: "adult (16-44)" } },
        { id: "senior", name: { zh: "45岁及以上", en: "45 and over" } },
      ],
      notice: null,
    };
    const monday = this.now();
    for (const one of this.chainNow.shops) {
      one.info.hours = Array.from({ length: 7 }, (_, ahead) => ({
        day: wallAt(monday + ahead * DAY).slice(0, 10), spans: ahead === 5 ? [] : ["09:00-12:30", "14:00-20:00"],
      }));
    }
    /** @type {Set<() => void>} */
    this.watchers = new Set();
    /** @type {Set<(message: any) => void>} */
    this.listeners = new Set();
  }

  now() {
    return Date.now() + this.ahead;
  }

  /** @param {string} name */
  async answer(name) {
    if (this.delay > 0) await new Promise((resolve) => setTimeout(resolve, this.delay));
    const code = this.fails[name];
    if (code !== undefined) throw Object.assign(new Error(code), { code });
  }

  changed() {
    for (const watcher of [...this.watchers]) watcher();
  }

  /** Somebody else takes a time. @param {string} wall */
  lose(wall) {
    this.taken.add(wall);
    this.changed();
  }

  /** The hold ends: the server lets the time go. */
  expire() {
    this.mineNow = { ...this.mineNow, held: null };
    this.changed();
  }

  // -- reads --------------------------------------------------------------------------------------------------------------------

  async chain() {
    await this.answer("chain");
    return structuredClone(this.chainNow);
  }

  /** @param {{from: string, count: number}} of */
  async days({ from, count }) {
    await this.answer("days");
    const states = ["few", "free", "free", "full", "free", "closed", "free"];
    return {
      days: Array.from({ length: count }, (_, index) => ({
        day: wallAt(atWall(`${from}T12:00`) + index * DAY).slice(0, 10), state: states[index % states.length],
      })),
    };
  }

  /** @param {{day: string}} of */
  dayNow({ day }) {
    const closed = this.chainNow.shops[0].info.hours.some((/** @type {any} */ one) => one.day === day && one.spans.length === 0);
    const times = closed ? [] : Array.from({ length: 22 }, (_, index) => 9 * 60 + index * 30)
      .filter((minute) => minute < 12.5 * 60 || minute >= 14 * 60)
      .map((minute) => `${day}T${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`)
      .map((wall, index) => ({ wall, at: atWall(wall), free: index % 4 !== 1 && !this.taken.has(wall) }))
      .filter(({ at }) => at > this.now());
    return { day, zone: ZONE, asOf: this.now(), times, next: wallAt(atWall(`${day}T12:00`) + DAY).slice(0, 10) };
  }

  /** @param {any} of */
  async day(of) {
    await this.answer("day");
    return this.dayNow(of);
  }

  async mine() {
    await this.answer("mine");
    return { ...structuredClone(this.mineNow), asOf: this.now() };
  }

  /** @param {any} client @param {any} of @param {(day: any) => void} onChange */
  watchDay(client, of, onChange) {
    return this.watch(() => void this.day(of).then(onChange, () => {}));
  }

  /** @param {any} client @param {(mine: any) => void} onChange */
  watchMine(client, onChange) {
    return this.watch(() => void this.mine().then(onChange, () => {}));
  }

  /** @param {() => void} tell */
  watch(tell) {
    this.watchers.add(tell);
    tell();
    return () => void this.watchers.delete(tell);
  }

  // -- the line -----------------------------------------------------------------------------------------------------------------

  /** @param {any} store */
  line(store) {
    const connected = () => {
      this.signedIn = true;
      store.set({
        session: { userId: "guest-1", deviceId: "web-1", name: "", guest: true, language: "zh-CN", expiresAt: 0 },
        line: { state: "connected", code: "", act: null, retryAt: null, kept: true, notice: null },
      });
      return this;
    };
    return {
      start: async () => void (this.signedIn && connected()),
      post: async (/** @type {any} */ at, /** @type {string} */ text) => {
        await this.answer("enter");
        connected();
        return this.post(at, text);
      },
      heard: (/** @type {any} */ listener) => {
        this.listeners.add(listener);
        return () => void this.listeners.delete(listener);
      },
      wake: () => {},
      kept: null,
      begin: () => {},
      takeOver: () => {},
      client: () => (this.signedIn ? this : null),
    };
  }

  /** @param {any} at @param {string} text */
  async post(at, text) {
    await this.answer("post");
    this.posts.push(text);
    const words = this.refuses ?? this.understood(at.id, text);
    this.refuses = null;
    this.changed();
    const position = ++this.numbers;
    queueMicrotask(() => {
      for (const listener of [...this.listeners]) {
        listener({ conversationId: "c", position: ++this.numbers, senderId: at.bot, sentAt: this.now(), own: false, content: { text: words } });
      }
    });
    return { conversationId: "c", position, sentAt: this.now() };
  }

  /** What the bot says. @param {string} at @param {string} text */
  understood(at, text) {
    const [first, ...lines] = text.split("\n");
    const [word, ...rest] = first.split(" ");
    const act = {
      "/book": () => this.book(at, rest[0], `${rest[2]}T${rest[3]}`),
      "/details": () => this.details(at, Object.fromEntries(lines.map((line) => line.split(": ")))),
      "/yes": () => this.yes(),
      "/more": () => this.more(),
      "/move": () => this.move(rest[0], `${rest[2]}T${rest[3]}`),
      "/language": () => this.set({ known: { ...this.mineNow.known, language: rest[0] } }),
      "/keep": () => this.set({ moving: null, cancelling: null }),
      "/cancel": () => this.set({ cancelling: { codes: [rest[0]], confirm: "/yes", keep: "/keep" } }),
    }[word];
    return act === undefined ? "?" : (act() ?? "ok");
  }

  /** @param {any} patch */
  set(patch) {
    this.mineNow = { ...this.mineNow, ...patch };
  }

  /** @param {string} at @param {string} service @param {string} wall */
  book(at, service, wall) {
    if (this.taken.has(wall)) return this.refuse(at, service, 40, wall, "taken", this.mineNow.known);
    const { known } = this.mineNow;
    this.set({
      refused: null,
      held: {
        code: "A7K2", version: 1, shop: at, service, wall, at: atWall(wall), minutes: 40, until: this.now() + HOLD, extensionsLeft: 2,
        ask: "name", facts: { name: known.name, age: known.age, firstVisit: null, person: "" }, confirm: null, more: "/more", release: "/release",
      },
    });
    return null;
  }

  /** The bot's words, and what a page reads. @param {string} at @param {string} service @param {number} minutes @param {string} wall @param {string} why @param {any} facts */
  refuse(at, service, minutes, wall, why, facts) {
    const near = ["15:00", "15:30"].map((clock) => `${wall.slice(0, 10)}T${clock}`).map((one) => ({ wall: one, at: atWall(one) }));
    this.set({ held: null, refused: { shop: at, service, minutes, wall, why, near, facts: { firstVisit: null, person: "", ...facts, service, minutes } } });
    return `${wall.slice(11)} ${why}。还有 15:00、15:30。`;
  }

  /** @param {string} at @param {Record<string, string>} said */
  details(at, said) {
    const { held: now, refused, known } = this.mineNow;
    if (now === null && refused === null) return "?";
    if (now === null) this.book(at, "exam", refused.wall);
    const { held } = this.mineNow;
    const facts = {
      name: said.name, age: said.age ?? "", firstVisit: "first visit" in said ? said["first visit"] === "yes" : null, person: "",
      ...this.misunderstands,
    };
    this.misunderstands = null;
    if (this.short.has(facts.age)) {
      return this.refuse(at, "glasses", 75, held.wall, "outgrown", facts);
    }
    const consent = said.consent ? { ...known.consent, [at]: said.consent } : known.consent;
    this.set({ held: { ...held, ...this.fits, facts, ask: "confirm", confirm: "/yes" }, known: { ...known, name: facts.name, age: facts.age, consent } });
    return null;
  }

  yes() {
    const { held, moving, cancelling, upcoming, past } = this.mineNow;
    if (cancelling !== null) {
      const goes = (/** @type {any} */ one) => cancelling.codes.includes(one.code);
      const over = upcoming.filter(goes).map((/** @type {any} */ one) => ({ ...one, status: "cancelled" }));
      return this.set({ cancelling: null, upcoming: upcoming.filter((/** @type {any} */ one) => !goes(one)), past: [...over, ...past] });
    }
    if (moving !== null) {
      const moved = (/** @type {any} */ one) => one.code === moving.code
        ? { ...one, version: one.version + 1, wall: moving.toWall, at: moving.toAt } : one;
      return this.set({ moving: null, upcoming: upcoming.map(moved) });
    }
    const status = this.chainNow.shops.find((/** @type {any} */ one) => one.id === held.shop).confirmation === "staff" ? "pending" : "confirmed";
    return this.set({ held: null, upcoming: [...upcoming, this.booked({ ...held, status, name: held.facts.name })] });
  }

  /** @param {any} of */
  booked({ code, shop, service, wall, name, status }) {
    return {
      code, version: 2, status, shop, service, wall, at: atWall(wall), end: atWall(wall) + 40 * MINUTE, minutes: 40, name, person: "",
      with: "李老师", wish: null, card: null, move: `/move ${code} v2`, cancel: `/cancel ${code} v2`, event: `/x/booking/event/${code}.ics`,
    };
  }

  more() {
    const { held } = this.mineNow;
    this.set({ held: { ...held, until: this.now() + HOLD, extensionsLeft: held.extensionsLeft - 1, more: held.extensionsLeft > 1 ? "/more" : null } });
  }

  /** @param {string} code @param {string} wall */
  move(code, wall) {
    const of = this.mineNow.upcoming.find((/** @type {any} */ one) => one.code === code);
    this.set({ moving: { code, version: of.version, shop: of.shop, wall: of.wall, toWall: wall, toAt: atWall(wall), confirm: "/yes", keep: "/keep" } });
  }
}
