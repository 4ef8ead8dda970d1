/**
 * What screens may do, in one object: go somewhere, act, speak. It holds no state of its own but what the browser must
 * remember.
 */

import { codeOf } from "./readings.js";
import { unread } from "./shapes.js";
import { speak } from "./words/index.js";

/** @typedef {import("./shapes.js").PageState} PageState */
/** @typedef {import("./shapes.js").ShopPlace} ShopPlace */

/** Choices that this browser keeps, if it keeps any. */
const LANGUAGE = "im.language";
const THEME = "im.theme";
/** So long an announcement stands: a screen reader has begun with it by then. */
const SAID_MS = 10_000;
/** The question who this browser is had no answer: it is asked again. */
const BEGIN_AGAIN_MS = 4000;

export class Page {
  /** What the staff's screens have of their own, once they are loaded. @type {import("./staff/part.js").StaffPart | null} */
  staff = null;
  #window;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #unsay;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #begin;

  /**
   * @param {object} parts
   * @param {import("./store.js").Store<PageState>} parts.store
   * @param {import("./router.js").Router} parts.router
   * @param {import("./clock.js").ServerClock} parts.clock
   * @param {import("./shapes.js").Line} parts.line
   * @param {import("./readings.js").Readings} parts.readings
   * @param {import("./acts.js").Acts} parts.acts
   * @param {Window} window
   */
  constructor({ store, router, clock, line, readings, acts }, window) {
    this.store = store;
    this.router = router;
    this.clock = clock;
    this.line = line;
    this.readings = readings;
    this.acts = acts;
    this.#window = window;
  }

  /** The shop that the screen is about, once the chain is read. @param {PageState} state @returns {ShopPlace | null} */
  shop(state) {
    return state.chain.value?.shops.find((shop) => shop.id === state.route.shop) ?? null;
  }

  /** Have a screen reader say this. Whoever reads the page later finds no old news in it. @param {string} text */
  say(text) {
    const count = this.store.get().said.count + 1;
    this.store.set({ said: { text, count } });
    clearTimeout(this.#unsay);
    this.#unsay = setTimeout(() => this.store.set({ said: { text: "", count: count + 1 } }), SAID_MS);
  }

  /**
   * Speak another language: the page at once, and the shop in what it writes from now on, if it knows this person.
   *
   * @param {import("./shapes.js").Language} language
   */
  speak(language) {
    speak(language);
    keep(this.#window, LANGUAGE, language);
    this.store.set({ language });
    const { session, chain, mine, route } = this.store.get();
    const shops = chain.value?.shops ?? [];
    const known = (/** @type {ShopPlace} */ shop) => shop.id in (mine.value?.conversations ?? {});
    const staffs = session?.roles?.includes("staff") && shops.find((one) => one.id === route.shop); // in their own chat with its bot
    const shop = shops.find((one) => one.id === route.shop && known(one)) ?? (staffs || shops.find(known));
    if (session === null || shop === undefined) return;
    // Without a network the page alone changes; the next switch says it.
    this.line.post(shop, `/language ${language}`).then(() => this.readings.readMine(), () => {});
  }

  /** @param {PageState["theme"]} theme */
  paint(theme) {
    keep(this.#window, THEME, theme);
    this.store.set({ theme });
  }

  /** Connect, if this browser is somebody. What was kept of them is shown until the server answers. */
  async begin() {
    clearTimeout(this.#begin);
    try {
      await this.line.start();
      const { mine } = this.store.get();
      if (mine.value === null && mine.state === "failed") this.store.set({ mine: unread() });
      await this.readings.recall();
    } catch (error) {
      // It is not known whose browser this is: nobody is told that they have no appointment.
      this.store.set({ mine: { ...this.store.get().mine, state: "failed", code: codeOf(error) } });
      this.#begin = setTimeout(() => void this.begin(), BEGIN_AGAIN_MS);
    }
    this.store.set({ asked: true });
  }

  /** Read everything of this screen again, and who this is if that is not known: somebody tapped "try again". */
  again() {
    if (this.store.get().session === null) void this.begin();
    this.readings.refresh();
  }

  /** Do what helps a line that is stopped. @param {import("./shapes.js").LineState["act"]} act */
  mend(act) {
    if (act === "begin") this.line.begin();
    else if (act === "here") this.line.takeOver();
    else this.reload();
  }

  /** Load the document anew: a newer page, or a new session. */
  reload() {
    this.#window.location.reload();
  }
}

/**
 * What this browser keeps of earlier choices; a browser that refuses storage keeps none, and the page works.
 *
 * @param {Window} window
 */
export function kept(window) {
  try {
    return { language: window.localStorage.getItem(LANGUAGE), theme: window.localStorage.getItem(THEME) };
  } catch {
    return { language: null, theme: null };
  }
}

/** @param {Window} window @param {string} key @param {string} value */
function keep(window, key, value) {
  try {
    window.localStorage.setItem(key, value);
  } catch {
    // Refused or full: the choice holds for this document.
  }
}
