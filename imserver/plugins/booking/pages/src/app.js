/** Starts the page: state, clock, router, readings and acts around a line, and draws the screen of the address. */

import { Acts, isGoing } from "./acts.js";
import { ServerClock } from "./clock.js";
import { Page, kept } from "./page.js";
import { Frame } from "./parts/frame.js";
import { Readings } from "./readings.js";
import { Router, followLinks, isStaffs } from "./router.js";
import { screenOf } from "./screens/index.js";
import { nobodys, unread } from "./shapes.js";
import { createStore } from "./store.js";
import { html, render } from "./view.js";
import { LANGUAGE_TAGS, firstLanguage, named, speak, t } from "./words/index.js";

/** @typedef {import("./shapes.js").PageState} PageState */

/**
 * @param {object} parts
 * @param {HTMLElement} parts.root
 * @param {(store: import("./store.js").Store<PageState>) => import("./shapes.js").Line} parts.makeLine
 * @param {import("./readings.js").Reads} parts.reads
 * @param {Window & typeof globalThis} [parts.window]
 * @param {ServerClock} [parts.clock]
 */
export function startPage({ root, makeLine, reads, window = globalThis.window, clock = new ServerClock() }) {
  const { document } = window;
  /** @type {Page} */
  let page;
  const choices = kept(window);
  const language = firstLanguage(choices.language, window.navigator.languages);
  const store = createStore(initial(language, choices.theme));
  speak(language);

  const router = new Router(window, (route, by) => {
    // Another day on the same screen moves neither the focus nor the page under a thumb.
    if (route.path !== store.get().route.path) arrived = by;
    const { act, others } = store.get();
    store.set({ route, act: isGoing(act) ? act : null, others: others.filter((one) => isGoing(one)) });
    page.readings.show(route);
  });
  store.set({ route: router.route });
  const line = makeLine(store);
  const readings = new Readings({ store, reads, line, clock });
  const own = () => store.get().mine.value;
  const acts = new Acts({ store, line, source: { now: own, read: async () => (await readings.readMine()) && own() } });
  page = new Page({ store, router, clock, line, readings, acts }, window);

  const focused = followFocus(document);
  /** @type {"go" | "back" | null} How the screen that is drawn next was reached. */
  let arrived = null;
  const draw = () => {
    const state = store.get();
    // Where what has the focus is taken out, a browser works out the half-made screen first: so it has none by then.
    if (arrived !== null && document.activeElement instanceof window.HTMLElement) document.activeElement.blur();
    const Screen = screenOf(state.route.name);
    // The staff's screens are one: the list stays where it is while one goes from conversation to conversation.
    const screen = html`<${Screen} key=${isStaffs(state.route) ? "staff" : state.route.path} state=${state} page=${page} />`;
    render(html`<${Frame} state=${state} page=${page}>${screen}<//>`, root);
    dress(document, state);
    if (arrived !== null) receive(window, arrived);
    else if (focused.lost) focusHeading(document);
    arrived = null;
  };
  store.subscribe(byFrames(window, draw, store));
  forgetWithSession(store);
  draw();

  followLinks(document, router);
  watchBrowser(window, page);
  readings.show(store.get().route);
  void page.begin();
  return page;
}

/**
 * While an act is under way, and where only what staff read is another, draw it with the next frame: one event changes the
 * state several times, and nobody sees what is between. At once what somebody enters (the next key finds it on the screen),
 * where no frame comes (a hidden page), and another screen, whose height the browser must know to scroll it back.
 *
 * @param {Window} window
 * @param {() => void} draw
 * @param {import("./store.js").Store<PageState>} store
 */
function byFrames(window, draw, store) {
  let shown = store.get();
  let frame = 0;
  const drawNow = () => {
    window.cancelAnimationFrame(frame);
    frame = 0;
    shown = store.get();
    draw();
  };
  return (/** @type {PageState} */ state) => {
    const slow = frame !== 0 || isGoing(state.act) || onlyStaffs(shown, state);
    const waits = state.route === shown.route && window.document.visibilityState !== "hidden" && slow;
    if (!waits) drawNow();
    else frame ||= window.requestAnimationFrame(drawNow);
  };
}

/** Whether nothing but what staff read is another. @param {PageState} one @param {PageState} other */
function onlyStaffs(one, other) {
  const names = /** @type {(keyof PageState)[]} */ (Object.keys(other));
  return one.staff !== null && names.every((name) => name === "staff" || one[name] === other[name]);
}

/** @param {import("./shapes.js").Language} language @param {string | null} theme @returns {PageState} */
function initial(language, theme) {
  return {
    route: { name: "missing", path: "", shop: "", code: "", conversation: "", query: {} },
    language,
    theme: theme === "light" || theme === "dark" ? theme : "auto",
    reachable: true,
    asked: false,
    session: null,
    line: { state: "none", code: "", act: null, retryAt: null, kept: true, notice: null },
    chain: unread(),
    days: unread(),
    day: unread(),
    said: { text: "", count: 0 },
    joined: "",
    update: null,
    ...nobodys(),
  };
}

/** Titles of screens whose part of the page is still on its way. @type {Record<string, () => string>} */
const TITLES = { chat: () => t("page.chat"), devices: () => t("page.devices"), link: () => t("page.link") };

/**
 * What the document says of itself. What it says already is not said again: a browser styles all of it anew for its language.
 *
 * @param {Document} document
 * @param {PageState} state
 */
function dress(document, state) {
  const { documentElement } = document;
  const language = LANGUAGE_TAGS[state.language];
  if (documentElement.lang !== language) documentElement.lang = language;
  if (state.theme === "auto") delete documentElement.dataset.theme;
  else documentElement.dataset.theme = state.theme;
  const heading = document.querySelector("main h1")?.textContent?.trim() || TITLES[state.route.name]?.();
  const title = [heading, named(state.chain.value?.name)].filter(Boolean).join(" · ") || t("page.waiting");
  if (document.title !== title) document.title = title;
}

/**
 * A new screen begins at its top, with the focus on its heading: a screen reader reads it, and the next Tab is its first
 * control.
 * After "back" the browser puts the scroll position back itself.
 *
 * @param {Window} window
 * @param {"go" | "back"} by
 */
function receive(window, by) {
  focusHeading(window.document);
  if (by === "go") window.scrollTo(0, 0);
}

/** @param {Document} document */
function focusHeading(document) {
  const heading = document.querySelector("main h1");
  if (heading instanceof HTMLElement) heading.focus({ preventScroll: true });
}

/**
 * Whether what had the focus is gone from the screen, as the button of a question that was answered: the keyboard and a screen
 * reader would begin at the top of the document again.
 *
 * @param {Document} document
 */
function followFocus(document) {
  /** @type {Element | null} */
  let last = null;
  document.addEventListener("focusin", (event) => void (last = /** @type {Element} */ (event.target)));
  return {
    get lost() {
      return last !== null && !last.isConnected && document.activeElement === document.body;
    },
  };
}

/**
 * Whoever signs out, or becomes somebody else, leaves nothing on the screen.
 *
 * @param {import("./store.js").Store<PageState>} store
 */
function forgetWithSession(store) {
  /** @type {string | null} */
  let user = null;
  store.subscribe(({ session, line, gone }) => {
    const now = session?.userId ?? null;
    // An older copy of the records, which does not know this browser, signs it out: what it has cost one must be seen all the same.
    if (user !== null && now !== user) store.set({ ...nobodys(), gone: line.notice === "REPLACED" ? gone : [] });
    user = now;
  });
}

/** What the browser tells of itself: the network, and that the page is seen again. @param {Window} window @param {Page} page */
function watchBrowser(window, page) {
  const { document, navigator } = window;
  const reachable = () => {
    page.store.set({ reachable: navigator.onLine });
    if (navigator.onLine) seen();
  };
  const seen = () => {
    page.line.wake();
    page.readings.refresh();
    // The question who this browser is may have met no network.
    if (page.store.get().session === null) void page.begin();
  };
  window.addEventListener("online", reachable);
  window.addEventListener("offline", reachable);
  // From bfcache everything is as it was left, the socket dead and the times old.
  window.addEventListener("pageshow", (event) => void (event.persisted && seen()));
  document.addEventListener("visibilitychange", () => void (document.visibilityState === "visible" && seen()));
  page.store.set({ reachable: navigator.onLine });
}
