// Loads a part of the page on demand. A page of an earlier version, whose parts the server has no more, loads itself again, once.

const KEY = "page-loaded-again";
/** A page that was loaded again this recently and still misses a part would go round in circles (ms). */
const PATIENCE_MS = 60_000;
/** After a failure: sooner would only add to the load of a server that comes back. */
const AGAIN_MS = 2000;

/**
 * What `load` imports: `part(() => import("./line.js"))`.
 *
 * Rejects with the import's error while the server is out of reach: the caller says so and offers to try again. Browsers may remember
 * that an import failed; the second try finds the server there, and the page loads itself again.
 * @template T
 * @param {() => Promise<T>} load
 * @param {Pick<Window, "sessionStorage" | "location" | "fetch">} [here]
 * @returns {Promise<T>}
 */
export async function part(load, here = window) {
  try {
    return await load();
  } catch (error) {
    if (!(await reached(here)) || !first(here)) throw error;
    here.location.reload();
    return new Promise(() => {}); // this page ends
  }
}

/**
 * The same, asked for until it comes: of what nothing goes on without, and whose waiting is said elsewhere. A network that was
 * away when somebody tapped must not end the page.
 * @template T
 * @param {() => Promise<T>} load
 * @returns {Promise<T>}
 */
export async function awaited(load) {
  for (;;) {
    try {
      return await load();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

/** @param {Pick<Window, "fetch">} here */
async function reached(here) {
  try {
    return (await here.fetch("/", { method: "HEAD", cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

/**
 * Whether this is the first time in a while. False where nothing can be kept: then the page must not load itself again.
 * @param {Pick<Window, "sessionStorage">} here
 */
function first(here) {
  try {
    const last = Number(here.sessionStorage.getItem(KEY) ?? 0);
    const now = Date.now();
    if (Math.abs(now - last) < PATIENCE_MS) return false;
    here.sessionStorage.setItem(KEY, String(now));
    return true;
  } catch {
    return false;
  }
}
