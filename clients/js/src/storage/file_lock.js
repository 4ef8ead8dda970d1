/**
 * A lock between processes that survives a crash of its holder: a file whose *name* says who holds it.
 *
 * Each contender makes a file of its own first and looks around afterwards. Of two that come at once, the second to make its
 * file sees the other's, whoever that is; so never both win, not even over the file of a process that has died. A single
 * lock file could not do that: between "its holder is dead" and "I take it over" somebody else may have taken it over.
 */

import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { open, readdir, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";

/** How long to wait for a holder that is just ending (milliseconds), and the longest pause between two attempts. */
const WAIT_MS = 1000;
const PAUSE_MS = 50;

/** Within which process numbers mean something: a container has its own. */
export const MACHINE = machine();
/** Who holds a lock: a process by its number, when it started, and the machine (or container) whose numbers these are. */
const ME = [process.pid, startOf(process.pid), MACHINE].join("~");

/**
 * Take the lock beside `path`.
 *
 * @param {string} path
 * @returns {Promise<{holder: null, release: () => Promise<void>} | {holder: string}>}  `holder`: the file of another that has it.
 */
export async function lockFile(path) {
  for (const end = performance.now() + WAIT_MS; ; ) {
    const own = `${basename(path)}.lock~${ME}~${randomBytes(8).toString("hex")}`;
    const release = () => unlink(join(dirname(path), own)).catch(ignoreMissing);
    await (await open(join(dirname(path), own), "wx")).close();
    let holder;
    try {
      holder = await otherHolder(path, own);
    } catch (error) {
      await release();
      throw error;
    }
    if (holder === null) return { holder, release };
    await release();
    if (performance.now() > end) return { holder };
    // Two that came at once have both withdrawn: they come back at different times.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * PAUSE_MS));
  }
}

/**
 * @param {string} path
 * @param {string} own
 * @returns {Promise<string | null>}  The lock file of a living process; those of dead ones are removed.
 */
async function otherHolder(path, own) {
  const prefix = `${basename(path)}.lock~`;
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix) || name === own) continue;
    const [pid, start, host] = name.slice(prefix.length).split("~");
    if (lives(Number(pid), start, host)) return name;
    // Nobody makes this name a second time, so whatever is removed here is the dead one's.
    await unlink(join(dirname(path), name)).catch(ignoreMissing);
  }
  return null;
}

/**
 * @param {number} pid
 * @param {string} start
 * @param {string} host
 */
function lives(pid, start, host) {
  if (host !== MACHINE) return true; // who cannot be asked is taken for alive
  try {
    process.kill(pid, 0);
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === "EPERM";
  }
  return startOf(pid) === start; // another process may have got the number since
}

/**
 * When a process started, in the system's own count; "" where the system does not say (then its number alone must do).
 *
 * @param {number} pid
 */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]; // field 22; the name before it may hold anything
  } catch {
    return "";
  }
}

function machine() {
  let space = "";
  try {
    space = readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  } catch {
    // No Linux: one space for each host.
  }
  return `${hostname().replace(/[^\w.-]/g, "_")}-${space}`;
}

/** @param {NodeJS.ErrnoException} error */
function ignoreMissing(error) {
  if (error.code !== "ENOENT") throw error;
}
