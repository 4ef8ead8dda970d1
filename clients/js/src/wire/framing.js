/** Framing: cuts the byte stream into frame bodies; judges a length before it buffers anything of that frame (SPEC 3). */

import { CloseCode } from "../errors.js";
import { LENGTH_BYTES, MAX_HELLO_BYTES } from "./limits.js";
import { Malformed, RemoteError } from "./values.js";

const EMPTY = new Uint8Array(0);

/** Bytes in, frame bodies out, one after another. Keeps at most one unfinished frame beside what was fed last. */
export class FrameSplitter {
  constructor() {
    /** Raised by WELCOME: it holds from the byte behind it, so bodies are taken one by one. */
    this.maxFrameBytes = MAX_HELLO_BYTES;
    /**
     * What is unread is `_bytes[_at.._end)`. The array is ours, or the caller's until `keep`.
     *
     * @type {Uint8Array}
     */
    this._bytes = EMPTY;
    this._at = 0;
    this._end = 0;
    this._ours = true;
    this._wanted = LENGTH_BYTES;
  }

  /**
   * More bytes, followed by `next` until it says null, and `keep`.
   *
   * @param {Uint8Array} given
   */
  feed(given) {
    // Node's buffers share their bytes when they are sliced.
    const bytes = new Uint8Array(given.buffer, given.byteOffset, given.length);
    const held = this._end - this._at;
    if (held === 0) {
      this._bytes = bytes;
      this._at = 0;
      this._end = bytes.length;
      this._ours = false;
      return;
    }
    if (this._end + bytes.length > this._bytes.length) {
      const larger = new Uint8Array(Math.max(2 * held, held + bytes.length));
      larger.set(this._bytes.subarray(this._at, this._end));
      this._bytes = larger;
      this._at = 0;
      this._end = held;
    }
    this._bytes.set(bytes, this._end);
    this._end += bytes.length;
  }

  /**
   * The next whole body, null if there is none yet; good until the next call. Throws RemoteError for a bad length.
   *
   * @returns {Uint8Array | null}
   */
  next() {
    const start = this._at;
    if (this._end - start < this._wanted) return null; // the usual case for slow senders: nothing is read again
    const bytes = this._bytes;
    const length =
      bytes[start] * 0x1000000 + ((bytes[start + 1] << 16) | (bytes[start + 2] << 8) | bytes[start + 3]);
    if (length === 0) throw new Malformed("a frame of length 0");
    if (length > this.maxFrameBytes) {
      const text = `a frame of ${length} bytes; at most ${this.maxFrameBytes}`;
      throw new RemoteError(CloseCode.FRAME_TOO_LARGE, text);
    }
    const end = start + LENGTH_BYTES + length;
    if (this._end < end) {
      this._wanted = LENGTH_BYTES + length;
      return null;
    }
    this._at = end;
    this._wanted = LENGTH_BYTES;
    return bytes.subarray(start + LENGTH_BYTES, end);
  }

  /** The caller's array may be used again: what is unfinished is copied out of it. */
  keep() {
    if (this._ours) return;
    this._bytes = this._bytes.slice(this._at, this._end);
    this._end = this._bytes.length;
    this._at = 0;
    this._ours = true;
  }

  /** Stop reading: drop the bytes not yet read. */
  clear() {
    this._bytes = EMPTY;
    this._at = this._end = 0;
    this._ours = true;
    this._wanted = LENGTH_BYTES;
  }
}
