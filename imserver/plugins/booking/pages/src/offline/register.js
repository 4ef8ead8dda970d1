/**
 * Registers the service worker, and looks after new versions: a new one waits until somebody says "load it", or until the page
 * is out of sight and nothing is in work.
 */

/** A page that stays open asks so often whether there is a newer one. */
const ASK_EVERY_MS = 60 * 60_000;

/**
 * @param {object} page
 * @param {() => boolean} page.busy  Somebody is in the middle of something: a form, an act, words that were not sent.
 * @param {(load: () => void) => void} page.onUpdate  There is a newer version: say so; `load` loads it.
 * @param {Window & typeof globalThis} [window]
 */
export async function keepPage({ busy, onUpdate }, window = globalThis.window) {
  const { serviceWorker } = window.navigator;
  // Plain HTTP of another machine, a forbidding setting, or a frame of another site: the page works without.
  if (serviceWorker === undefined || !window.isSecureContext) return;
  await loaded(window);
  const registration = await serviceWorker.register("/sw.js").catch(() => null);
  if (!registration) return;
  const load = () => {
    // Another tab has loaded it already: its worker is this tab's, too.
    if (registration.waiting === null) return window.location.reload();
    serviceWorker.addEventListener("controllerchange", () => window.location.reload(), { once: true });
    registration.waiting.postMessage("take over");
  };
  whenWaiting(registration, serviceWorker, () => {
    onUpdate(load);
    window.document.addEventListener("visibilitychange", () => void (window.document.hidden && !busy() && load()));
  });
  let asked = Date.now();
  window.document.addEventListener("visibilitychange", () => {
    if (window.document.hidden || Date.now() - asked < ASK_EVERY_MS) return;
    asked = Date.now();
    registration.update().catch(() => {}); // no network: another time
  });
}

/** First what people wait for. @param {Window} window @returns {Promise<void>} */
const loaded = (window) =>
  new Promise((resolve) => {
    if (window.document.readyState === "complete") resolve();
    else window.addEventListener("load", () => resolve(), { once: true });
  });

/**
 * A new version is there, and an older one has the page. (The first worker of all takes over at once, and nothing is old.)
 *
 * @param {ServiceWorkerRegistration} registration
 * @param {ServiceWorkerContainer} serviceWorker
 * @param {() => void} then
 */
function whenWaiting(registration, serviceWorker, then) {
  let said = false;
  const look = () => {
    if (said || registration.waiting === null || serviceWorker.controller === null) return;
    said = true;
    then();
  };
  registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", look));
  look();
}
