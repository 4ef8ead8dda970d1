/**
 * A store as a file, for Node: a log of commits, each synced to the disk before it counts.
 *
 * ```
 * file   := "IMCJS1\r\n" record*
 * record := length (4 bytes, big-endian)  digest (first 8 bytes of the payload's SHA-256)  payload
 * payload := the changes of one commit, as `v8.serialize` writes them (Node promises to read older ones)
 * ```
 *
 * A kill leaves at most a record that is cut off at the end of the file; no `commit` had resolved for it, and it is dropped.
 * A record in the middle that does not fit its digest is damage, and refused.
 */

import { createHash } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import v8 from "node:v8";

import { StoreError } from "../errors.js";
import { lockFile } from "./file_lock.js";
import { Tables } from "./tables.js";

/** @import { FileHandle } from "node:fs/promises" */
/** @import { Change, Loaded } from "../ports.js" */

const MAGIC = Buffer.from("IMCJS1\r\n", "latin1");
const HEADER_BYTES = 12;
/** A log is written anew, without what was replaced since, when it is this many times as long, and longer than this. */
const REWRITE_FACTOR = 4;
const REWRITE_ABOVE_BYTES = 4 * 1024 * 1024;

/** For one process at a time: a second one is refused, one that was killed is not waited for. */
export class FileDisk {
  #path;
  #tables = new Tables();
  /** @type {FileHandle | null} */
  #file = null;
  /** @type {(() => Promise<void>) | null} */
  #release = null;
  /** Length of the log, and of a log that says the same in one record: measured when it was last written anew. */
  #bytes = 0;
  #shortest = 0;

  /** @param {string} path  Its folder must exist. */
  constructor(path) {
    this.#path = path;
  }

  /** @returns {Promise<Loaded>} */
  async open() {
    if (this.#file !== null) throw new StoreError(`${this.#path}: already open`);
    return this.#telling(async () => {
      const lock = await lockFile(this.#path);
      if (lock.holder !== null) throw new StoreError(`${this.#path}: in use by another client (${lock.holder})`);
      this.#release = lock.release;
      try {
        await this.#read();
      } catch (error) {
        await this.close();
        throw error;
      }
      return this.#tables.loaded();
    });
  }

  /** @param {readonly Change[]} changes */
  async commit(changes) {
    const file = this.#file;
    if (file === null) throw new StoreError(`${this.#path}: not open`);
    if (changes.length === 0) return;
    await this.#telling(async () => {
      const record = recordOf(changes);
      await writeAll(file, record, this.#bytes);
      await file.datasync();
      this.#bytes += record.length;
      this.#tables.apply(changes);
      if (this.#bytes > Math.max(REWRITE_ABOVE_BYTES, REWRITE_FACTOR * this.#shortest)) await this.#rewrite();
    });
  }

  async close() {
    const file = this.#file;
    this.#file = null;
    await file?.close();
    await this.#release?.();
    this.#release = null;
  }

  async erase() {
    await this.#telling(async () => {
      await this.#file?.close();
      this.#file = null;
      this.#tables = new Tables();
      await rm(this.#path, { force: true });
    });
    await this.close();
  }

  async #read() {
    this.#tables = new Tables();
    await rm(`${this.#path}.new`, { force: true }); // of a rewriting that was killed
    const log = await contentOf(this.#path);
    const begin = log.subarray(0, MAGIC.length);
    if (!begin.equals(MAGIC.subarray(0, begin.length))) throw new StoreError(`${this.#path}: not a client's store`);
    if (begin.length < MAGIC.length) return this.#rewrite();
    this.#file = await open(this.#path, "r+");
    let at = MAGIC.length;
    for (let end; (end = this.#endOf(log, at)) !== null; at = end) {
      this.#tables.apply(/** @type {Change[]} */ (v8.deserialize(log.subarray(at + HEADER_BYTES, end))));
    }
    await this.#file.truncate(at);
    this.#bytes = at;
    this.#shortest = MAGIC.length + recordOf(this.#tables.asChanges()).length;
  }

  /**
   * @param {Buffer} log
   * @param {number} at
   * @returns {number | null}  Where the record at `at` ends; null: there is none, or one that was cut off.
   */
  #endOf(log, at) {
    const rest = log.subarray(at);
    const length = rest.length < HEADER_BYTES ? Infinity : rest.readUInt32BE();
    if (HEADER_BYTES + length > rest.length) return null;
    const end = HEADER_BYTES + length;
    if (digestOf(rest.subarray(HEADER_BYTES, end)).equals(rest.subarray(4, HEADER_BYTES))) return at + end;
    // The system may have lengthened the file before it wrote the last record's bytes. Behind a whole record it had not.
    if (end === rest.length || rest.subarray(HEADER_BYTES).every((byte) => byte === 0)) return null;
    throw new StoreError(`${this.#path}: damaged at byte ${at}`);
  }

  /** Write a log of one record beside the old one, and put it in its place. */
  async #rewrite() {
    const record = recordOf(this.#tables.asChanges());
    const file = await open(`${this.#path}.new`, "w+", 0o600); // it holds messages
    try {
      await writeAll(file, Buffer.concat([MAGIC, record]), 0);
      await file.sync();
      await rename(`${this.#path}.new`, this.#path);
    } catch (error) {
      await file.close();
      throw error;
    }
    await syncFolder(this.#path);
    await this.#file?.close();
    this.#file = file;
    this.#bytes = this.#shortest = MAGIC.length + record.length;
  }

  /**
   * @template T
   * @param {() => Promise<T>} step
   * @returns {Promise<T>}
   */
  async #telling(step) {
    try {
      return await step();
    } catch (error) {
      if (error instanceof StoreError) throw error;
      throw new StoreError(`${this.#path}: ${error instanceof Error ? error.message : error}`);
    }
  }
}

/** @param {readonly Change[]} changes */
function recordOf(changes) {
  const payload = v8.serialize(changes);
  const header = Buffer.alloc(4);
  header.writeUInt32BE(payload.length);
  return Buffer.concat([header, digestOf(payload), payload]);
}

/** @param {Uint8Array} payload */
const digestOf = (payload) => createHash("sha256").update(payload).digest().subarray(0, 8);

/**
 * @param {FileHandle} file
 * @param {Uint8Array} bytes
 * @param {number} position
 */
async function writeAll(file, bytes, position) {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/**
 * @param {string} path
 * @returns {Promise<Buffer>}  Empty: there is no such file.
 */
async function contentOf(path) {
  try {
    return await readFile(path);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

/**
 * A new name is durable when its folder is.
 *
 * @param {string} path
 */
async function syncFolder(path) {
  const folder = await open(dirname(path) || ".", "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
