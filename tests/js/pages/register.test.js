/** A newer version comes by itself when nobody looks, and never under somebody's hands. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { keepPage } from "../../../imserver/plugins/booking/pages/src/offline/register.js";

test("a newer version is said, and loads once the page is out of sight and nothing is in work", async () => {
  const document = Object.assign(new EventTarget(), { readyState: "complete", hidden: false });
  const posted = [];
  let reloads = 0;
  const registration = Object.assign(new EventTarget(), { waiting: { postMessage: (said) => posted.push(said) }, installing: null });
  const serviceWorker = Object.assign(new EventTarget(), { controller: {}, register: async () => registration });
  const window = { navigator: { serviceWorker }, isSecureContext: true, document, location: { reload: () => (reloads += 1) } };
  let [busy, said] = [true, 0];
  let load = () => {};
  const onUpdate = (loads) => {
    load = loads;
    said += 1;
  };
  await keepPage({ busy: () => busy, onUpdate }, window);
  const hide = (hidden) => {
    document.hidden = hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  };
  assert.deepEqual([said, posted], [1, []]);
  const first = { serviceWorker: Object.assign(new EventTarget(), { controller: null, register: async () => registration }) };
  await keepPage({ busy: () => false, onUpdate }, /** @type {any} */ ({ ...window, navigator: first, document: Object.assign(new EventTarget(), { readyState: "complete" }) }));
  assert.equal(said, 1, "nothing is older than the first of all");
  hide(true);
  assert.deepEqual(posted, [], "in the middle of a form");
  busy = false;
  hide(false);
  assert.deepEqual(posted, [], "somebody looks");
  hide(true);
  assert.deepEqual(posted, ["take over"]);
  serviceWorker.dispatchEvent(new Event("controllerchange"));
  assert.equal(reloads, 1);
  registration.waiting = null; // another tab has loaded it: nothing waits, and this tab is of the version before
  load();
  assert.equal(reloads, 2);
});
