/** Addresses of screens, and the browser's history: the back button goes one screen back, inside the form, too. */

/**
 * @typedef {object} Route
 * @property {string} name
 * @property {string} path
 * @property {string} shop  "" where the address names none.
 * @property {string} code  Of an appointment.
 * @property {string} conversation  What stands behind `group/` in its id.
 * @property {Readonly<Record<string, string>>} query
 */

/** Each screen's address. A part with a colon is a value. */
const ADDRESSES = /** @type {const} */ ({
  shops: "/",
  shop: "/s/:shop",
  time: "/s/:shop/time",
  you: "/s/:shop/you",
  booked: "/s/:shop/booked/:code",
  move: "/s/:shop/move/:code",
  cancel: "/s/:shop/cancel/:code",
  chat: "/s/:shop/chat",
  mine: "/mine",
  devices: "/devices",
  link: "/link",
  staff: "/staff",
  staffInbox: "/staff/:shop",
  staffGroup: "/staff/:shop/group",
  staffToday: "/staff/:shop/today",
  staffChat: "/staff/:shop/c/:conversation",
});

/** @typedef {keyof typeof ADDRESSES} Screen */

const PATTERNS = Object.entries(ADDRESSES).map(([name, address]) => ({ name, parts: address.split("/").slice(1) }));

/** Whether it is one of the staff's screens: they come in a part of their own. @param {{name: string}} route */
export const isStaffs = ({ name }) => name.startsWith("staff");

/** Addresses of longer parts are nobody's: a shop's id has at most 64 characters. */
const MAX_PART = 64;

/**
 * The screen at an address; `missing` if there is none.
 *
 * @param {string} path
 * @param {string} [search]
 * @returns {Route}
 */
export function routeOf(path, search = "") {
  const parts = path.replace(/\/+$/, "").split("/").slice(1);
  if (parts.length === 0) parts.push(""); // "/" itself
  const query = Object.fromEntries(new URLSearchParams(search));
  for (const { name, parts: pattern } of PATTERNS) {
    const values = matched(pattern, parts);
    if (values !== null) return { name, path, ...NOTHING, ...values, query };
  }
  return { name: "missing", path, ...NOTHING, query };
}

/** What an address does not name. */
const NOTHING = { shop: "", code: "", conversation: "" };

/** @param {string[]} pattern @param {string[]} parts @returns {Record<string, string> | null} */
function matched(pattern, parts) {
  if (pattern.length !== parts.length) return null;
  /** @type {Record<string, string>} */
  const values = {};
  for (const [index, part] of pattern.entries()) {
    const given = parts[index];
    if (!part.startsWith(":")) {
      if (part !== given) return null;
      continue;
    }
    const value = decoded(given);
    if (value === null || value === "" || value.length > MAX_PART) return null;
    values[part.slice(1)] = value;
  }
  return values;
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return null; // half a percent sign: somebody's typing
  }
}

/**
 * A screen's address.
 *
 * @param {Screen} screen
 * @param {{shop?: string, code?: string, conversation?: string, query?: Record<string, string>}} [values]
 */
export function addressOf(screen, { query = {}, ...values } = {}) {
  const given = /** @type {Record<string, string>} */ (values);
  const path = ADDRESSES[screen].replace(/:(\w+)/g, (_, name) => encodeURIComponent(given[name] ?? ""));
  const search = new URLSearchParams(query).toString();
  return search ? `${path}?${search}` : path;
}

/** The part of `window` that the router needs. @typedef {Pick<Window, "history" | "location" | "addEventListener">} Browser */

/** Changes the address and tells of it. */
export class Router {
  #browser;
  #onRoute;

  /**
   * @param {Browser} browser
   * @param {(route: Route, by: "go" | "back") => void} onRoute
   */
  constructor(browser, onRoute) {
    this.#browser = browser;
    this.#onRoute = onRoute;
    browser.addEventListener("popstate", () => onRoute(this.route, "back"));
  }

  /** The screen at the browser's address. */
  get route() {
    const { pathname, search } = this.#browser.location;
    return routeOf(pathname, search);
  }

  /**
   * Go to a screen. `replace`: the one that is left does not come back, as a form that was sent.
   *
   * @param {string} address
   * @param {{replace?: boolean}} [how]
   */
  go(address, { replace = false } = {}) {
    const { history } = this.#browser;
    if (replace) history.replaceState({ depth: this.#depth }, "", address);
    else history.pushState({ depth: this.#depth + 1 }, "", address);
    this.#onRoute(this.route, "go");
  }

  /**
   * So many screens back; where this page was opened at one of them, to `otherwise`.
   *
   * @param {string} otherwise
   * @param {number} [screens]
   */
  back(otherwise, screens = 1) {
    if (this.#depth >= screens) this.#browser.history.go(-screens);
    else this.go(otherwise, { replace: true });
  }

  /** Whether a screen of this page lies below this one. */
  get deep() {
    return this.#depth > 0;
  }

  /** How many screens of this page lie below this one. */
  get #depth() {
    const state = this.#browser.history.state;
    return Number.isInteger(state?.depth) ? /** @type {number} */ (state.depth) : 0;
  }
}

/**
 * Taps on links of this page change the screen, not the document. What a browser would open elsewhere (a new tab, a file,
 * another site, with a key held) stays its own.
 *
 * @param {Document} document
 * @param {Router} router
 */
export function followLinks(document, router) {
  document.addEventListener("click", (event) => {
    const target = /** @type {Element | null} */ (event.target);
    const link = target?.closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute("download") || link.origin !== document.location.origin) return;
    if (link.hash || routeOf(link.pathname).name === "missing") return;
    event.preventDefault();
    router.go(link.pathname + link.search);
  });
}
