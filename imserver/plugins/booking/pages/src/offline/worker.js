/**
 * The service worker: lets the page open without a network. It keeps the page's own versioned parts and its one document,
 * never an answer of the server (`/api`, `/x`, `/files`, feeds): what is known of a person lies in the page's own store, and
 * goes with a sign-out.
 */

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

const PREFIX = "imserver-page:";
const CACHE = PREFIX + BUILT_VERSION;
const PARTS = new Set(BUILT_PARTS);
/** All screens are one document; it reads off the address which of them it shows. */
const DOCUMENT = "/";
const SCREENS = /^\/(?:|s\/.+|mine|devices|link|staff(?:\/.+)?)$/;
/** A line that lets nothing through is worse than none: after so long the kept document is shown. */
const PATIENCE_MS = 3000;

worker.addEventListener("install", (event) => event.waitUntil(fill()));
worker.addEventListener("activate", (event) => event.waitUntil(takeOver()));
worker.addEventListener("fetch", (event) => {
  const answer = answerTo(event.request);
  if (answer !== null) event.respondWith(answer);
});
// The page asks for it when nobody is in the middle of something (offline/register.js).
worker.addEventListener("message", (event) => void (event.data === "take over" && worker.skipWaiting()));

/** The browser has most of it since it drew the page: parts never change, so they come from its own cache. */
async function fill() {
  const cache = await caches.open(CACHE);
  await cache.addAll([...BUILT_PARTS, new Request(DOCUMENT, { cache: "no-cache" })]);
}

async function takeOver() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)));
  await worker.clients.claim();
}

/** Null: none of ours, the browser does as without a worker. @param {Request} request @returns {Promise<Response> | null} */
function answerTo(request) {
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== worker.location.origin) return null;
  if (PARTS.has(url.pathname)) return kept(url.pathname).then((part) => part ?? fetch(request));
  return request.mode === "navigate" && SCREENS.test(url.pathname) ? shown(request) : null;
}

/**
 * The newest document, which may be of a newer version than this worker; the kept one if the server does not answer.
 *
 * @param {Request} request
 */
async function shown(request) {
  const fresh = fetch(request);
  try {
    const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    const first = await Promise.race([fresh, late]);
    // A proxy's 502 is no page either.
    if (first instanceof Response && first.status < 500) return first;
  } catch {
    // no network
  }
  return (await kept(DOCUMENT)) ?? fresh;
}

/** @param {string} path */
async function kept(path) {
  return (await caches.open(CACHE)).match(path);
}
