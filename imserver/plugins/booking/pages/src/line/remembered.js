/**
 * Who this browser is, as the page last knew it: so that a page opened without a network finds what is kept, and tabs notice
 * when another tab became somebody else. No secret: the cookie alone lets anybody in, and scripts cannot read it.
 */

/**
 * @typedef {{userId: string, deviceId: string, name: string, guest: boolean, roles?: string[], language: string, expiresAt: number}} Session
 */

const NAME = "imserver-page:session";

/** @returns {Session | null} */
export function remembered() {
  try {
    const session = JSON.parse(localStorage.getItem(NAME) ?? "null");
    return typeof session?.userId === "string" ? session : null;
  } catch {
    return null; // refused by the browser, or not ours
  }
}

/** @param {Session | null} session */
export function remember(session) {
  try {
    if (session === null) localStorage.removeItem(NAME);
    else localStorage.setItem(NAME, JSON.stringify(session));
  } catch {
    // Nothing is kept here: each tab knows itself alone.
  }
}

/**
 * Another tab became somebody, or nobody.
 *
 * @param {(userId: string | null) => void} then
 */
export function whenRememberedElsewhere(then) {
  addEventListener("storage", ({ key }) => {
    if (key === NAME || key === null) then(remembered()?.userId ?? null);
  });
}
