// A part that the server has no more: the page loads itself again, once; and never while the server is out of reach.

import assert from "node:assert/strict";
import { test } from "node:test";

import { awaited, part } from "../../../imserver/plugins/booking/pages/src/parts.js";

/** @param {{reached?: boolean, storage?: Map<string, string> | null}} given */
function browser({ reached = true, storage = new Map() } = {}) {
  const here = {
    reloads: 0,
    location: { reload: () => void (here.reloads += 1) },
    fetch: async () => {
      if (!reached) throw new TypeError("no network");
      return { ok: true };
    },
    get sessionStorage() {
      if (storage === null) throw new DOMException("refused", "SecurityError");
      return { getItem: (key) => storage.get(key) ?? null, setItem: (key, value) => storage.set(key, value) };
    },
  };
  return here;
}

const missing = async () => {
  throw new TypeError("Failed to fetch dynamically imported module");
};
/** Whether it is still undecided after everything that was under way. */
const stays = (promise) => Promise.race([promise, new Promise((done) => setTimeout(() => done("waits"), 5))]);

test("a part that is there is given", async () => {
  assert.equal(await part(async () => "it", browser()), "it");
});

test("one that the server has no more loads the page again, and nothing goes on in this one", async () => {
  const here = browser();
  assert.equal(await stays(part(missing, here)), "waits");
  assert.equal(here.reloads, 1);
});

test("a page that was loaded again and still misses it says so", async () => {
  const storage = new Map();
  await stays(part(missing, browser({ storage })));
  const again = browser({ storage });
  await assert.rejects(part(missing, again), TypeError);
  assert.equal(again.reloads, 0);
});

test("without the server nothing is loaded again, and a later try may", async () => {
  const storage = new Map();
  const away = browser({ reached: false, storage });
  await assert.rejects(part(missing, away), TypeError);
  assert.equal(away.reloads, 0);
  const back = browser({ storage });
  await stays(part(missing, back));
  assert.equal(back.reloads, 1);
});

test("where nothing can be kept, the page would go round in circles and is not loaded again", async () => {
  const here = browser({ storage: null });
  await assert.rejects(part(missing, here), TypeError);
  assert.equal(here.reloads, 0);
});

test("what nothing goes on without is asked for until it comes", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let tries = 0;
  const coming = awaited(async () => {
    tries += 1;
    if (tries < 3) throw new TypeError("no network");
    return "it";
  });
  for (const tried of [1, 2]) {
    await new Promise(setImmediate);
    assert.equal(tries, tried);
    context.mock.timers.tick(2000);
  }
  assert.equal(await coming, "it");
});
