/** Addresses of screens, and the browser's history. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Router, addressOf, followLinks, routeOf } from "../../../imserver/plugins/booking/pages/src/router.js";

/** A browser's history, as far as a router sees it. */
class Browser {
  constructor(/** @type {string} */ address) {
    this.entries = [{ address, state: /** @type {any} */ (null) }];
    this.at = 0;
    this.listener = () => {};
    const browser = this;
    this.history = {
      get state() {
        return browser.entries[browser.at].state;
      },
      pushState: (/** @type {any} */ state, /** @type {string} */ _, /** @type {string} */ to) => {
        this.entries = [...this.entries.slice(0, this.at + 1), { address: to, state }];
        this.at += 1;
      },
      replaceState: (/** @type {any} */ state, /** @type {string} */ _, /** @type {string} */ to) => {
        this.entries[this.at] = { address: to, state };
      },
      go: (/** @type {number} */ by) => {
        this.at += by;
        this.listener();
      },
    };
  }

  get location() {
    return new URL(this.entries[this.at].address, "http://here");
  }

  addEventListener(/** @type {string} */ name, /** @type {() => void} */ listener) {
    assert.equal(name, "popstate");
    this.listener = listener;
  }
}

/** @param {string} address */
function begin(address) {
  const browser = new Browser(address);
  /** @type {string[]} */
  const seen = [];
  const router = new Router(/** @type {any} */ (browser), ({ name }, by) => void seen.push(`${name} ${by}`));
  return { browser, router, seen };
}

test("each screen has an address that leads to it, whatever its shop is called", () => {
  for (const screen of /** @type {const} */ (["shop", "time", "you", "booked", "move", "cancel", "chat"])) {
    for (const shop of ["garden", "花园", "a/b?c#d", "100%"]) {
      const { pathname, search } = new URL(addressOf(screen, { shop, code: "A7K2", query: { day: "2026-12-03" } }), "http://here");
      const route = routeOf(pathname, search);
      assert.deepEqual([route.name, route.shop, route.query], [screen, shop, { day: "2026-12-03" }]);
      assert.equal(route.code, ["booked", "move", "cancel"].includes(screen) ? "A7K2" : "");
    }
  }
  const ours = /** @type {const} */ (["staff", "staffInbox", "staffGroup", "staffToday", "staffChat"]);
  for (const screen of ours) {
    const route = routeOf(addressOf(screen, { shop: "100%", conversation: "0a1b" }));
    assert.equal(route.name, screen);
    assert.equal(route.conversation, screen === "staffChat" ? "0a1b" : "");
  }
  assert.equal(routeOf("/s/garden/").name, "shop");
  assert.equal(routeOf("/").name, "shops");
});

test("other addresses are nobody's", () => {
  for (const path of ["/s", "/s//time", "/s/%E0%A4%A/time", "/s/garden/booked", "/S/garden", "/mine/x", "/staff/garden/c", "/staff/garden/x", `/s/${"x".repeat(65)}`, "/constructor"]) {
    assert.equal(routeOf(path).name, "missing", path);
  }
});

test("back goes one screen back, also out of the form; a form that was sent does not come back", () => {
  const { browser, router, seen } = begin("/s/garden");
  router.go("/s/garden/time");
  router.go("/s/garden/time?day=2026-12-03", { replace: true });
  router.go("/s/garden/you");
  router.go("/s/garden/booked/A7K2", { replace: true });
  router.back("/mine");
  assert.equal(router.route.name, "time");
  router.back("/");
  assert.equal(router.route.name, "shop");
  assert.deepEqual(seen, ["time go", "time go", "you go", "booked go", "time back", "shop back"]);
  assert.equal(browser.at, 0);
});

test("where the page was opened at a screen, back leads above it and stays in this site", () => {
  const { browser, router } = begin("/s/garden/booked/A7K2");
  router.back("/mine");
  assert.equal(router.route.name, "mine");
  router.back("/s/garden");
  assert.equal(router.route.name, "shop", "nothing of this page lies below a screen that took another's place");
  router.go("/s/garden/time");
  router.back("/mine", 2);
  assert.deepEqual([router.route.name, browser.at, browser.entries.length], ["mine", 1, 2], "not over the place where it was opened");
});

test("a tap on a screen's link changes the screen; what is no screen, or is to open elsewhere, is the browser's", (t) => {
  class Link {
    constructor(/** @type {string} */ address, more = {}) {
      const { origin, pathname, search, hash } = new URL(address, "http://here");
      Object.assign(this, { origin, pathname, search, hash, target: "", hasAttribute: () => false, closest: () => this }, more);
    }
  }
  /** @type {any} */ (globalThis).HTMLAnchorElement = Link;
  t.after(() => delete (/** @type {any} */ (globalThis).HTMLAnchorElement));
  const { router, seen } = begin("/s/garden");
  /** @type {(event: any) => void} */
  let tap = () => {};
  const document = { addEventListener: (/** @type {string} */ _, /** @type {any} */ listener) => (tap = listener), location: { origin: "http://here" } };
  followLinks(/** @type {any} */ (document), router);
  const stays = (/** @type {Link} */ target, event = {}) => {
    let own = true;
    tap({ target, button: 0, preventDefault: () => (own = false), ...event });
    return own;
  };
  assert.equal(stays(new Link("/s/garden/time?day=2026-12-03")), false);
  const others = ["/x/booking/event/A7K2.ics", "/files/map.png", "http://there/mine", "/mine#top"].map((address) => stays(new Link(address)));
  assert.deepEqual(others, [true, true, true, true]);
  assert.deepEqual([stays(new Link("/mine"), { ctrlKey: true }), stays(new Link("/mine", { target: "_blank" }))], [true, true]);
  assert.deepEqual(seen, ["time go"]);
});
