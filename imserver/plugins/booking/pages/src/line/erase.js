/**
 * Removes what the page keeps in this browser: databases, caches, the service worker. After a sign-out nothing of the person
 * stays.
 */

/** Names of everything that page and client keep begin with this. */
const OURS = "imserver";
/** What the client's database is called for a user, and the page's own. */
const NAMES = ["imserver:", "imserver-page:"].map((prefix) => (/** @type {string} */ userId) => prefix + userId);
/** A page that does not let go of a database may hold up its removal; it happens when that page is gone. */
const PATIENCE_MS = 3000;

/**
 * @param {string} userId  Whose; others' databases go, too, where the browser lists them.
 * @param {string} [except]  Whose stay.
 */
export async function erase(userId, except) {
  await Promise.allSettled([databases(userId, except), cached(), workers()]);
}

/** @param {string} userId @param {string} [except] */
async function databases(userId, except) {
  const listed = await (indexedDB.databases?.() ?? []);
  const names = new Set(NAMES.map((name) => name(userId)));
  for (const { name } of listed) if (name?.startsWith(OURS)) names.add(name);
  if (except !== undefined) for (const name of NAMES) names.delete(name(except));
  await Promise.all([...names].map(removed));
}

/** @param {string} name @returns {Promise<void>} */
function removed(name) {
  return new Promise((resolve) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = request.onerror = () => resolve();
    request.onblocked = () => setTimeout(resolve, PATIENCE_MS);
  });
}

async function cached() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(OURS)).map((name) => caches.delete(name)));
}

async function workers() {
  const all = await navigator.serviceWorker.getRegistrations();
  await Promise.all(all.map((one) => one.unregister()));
}
