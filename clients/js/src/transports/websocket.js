/** WebSocket as a transport: browsers, Node from 22 on, and whatever else has the standard's `WebSocket`. */

import { Misuse } from "../errors.js";

/** @import { Transport, TransportEvents } from "../ports.js" */

/** SPEC, section 2: the subprotocol that the server's door answers to. */
export const SUBPROTOCOL = "imserver.1";

/** `onDrained` is told when no more than this is waiting (bytes). */
const DRAINED_BYTES = 256 * 1024;
/** A WebSocket says nothing when its buffer empties: this often it is looked at, and only while it is above the bound. */
const LOOK_EVERY_MS = 20;

/**
 * Opens `ws://` and `wss://` addresses.
 *
 * @param {string} address
 * @param {TransportEvents} events
 * @param {AbortSignal} signal
 * @returns {Promise<Transport>}
 */
export function openWebSocket(address, events, signal) {
  if (!globalThis.WebSocket) throw new Misuse("no WebSocket here: give a transport, or take Node 22 or newer");
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = new WebSocket(address, SUBPROTOCOL);
    socket.binaryType = "arraybuffer";
    const giveUp = () => {
      silence(socket);
      socket.close();
      reject(signal.reason);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    // The platform tells no reason, lest pages scan networks with it.
    socket.onclose = () => {
      signal.removeEventListener("abort", giveUp);
      reject(new Error(`cannot connect to ${address}`));
    };
    socket.onopen = () => {
      signal.removeEventListener("abort", giveUp);
      resolve(new WebSocketTransport(socket, events));
    };
  });
}

class WebSocketTransport {
  #socket;
  #events;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #look;
  #gone = false;

  /**
   * @param {WebSocket} socket  An open one.
   * @param {TransportEvents} events
   */
  constructor(socket, events) {
    this.#socket = socket;
    this.#events = events;
    socket.onmessage = ({ data }) => {
      // A text message is nothing of ours (SPEC, section 2).
      if (typeof data === "string") this.#end(new Error("the server sent a text message"));
      else events.onBytes(new Uint8Array(data));
    };
    socket.onclose = ({ code, wasClean }) => this.#over(wasClean ? undefined : new Error(`the connection was lost (${code})`));
  }

  get bufferedBytes() {
    return this.#socket.bufferedAmount;
  }

  /** @param {Uint8Array} bytes */
  send(bytes) {
    if (this.#gone || this.#socket.readyState !== WebSocket.OPEN) return; // a closing one would count them as buffered for ever
    this.#socket.send(/** @type {Uint8Array<ArrayBuffer>} */ (bytes));
    if (this.#look === undefined && this.bufferedBytes > DRAINED_BYTES) this.#look = setTimeout(this.#drained, LOOK_EVERY_MS);
  }

  close() {
    this.#socket.close(1000);
  }

  abort() {
    this.#end(undefined);
  }

  #drained = () => {
    this.#look = undefined;
    if (this.#gone) return;
    if (this.bufferedBytes > DRAINED_BYTES) this.#look = setTimeout(this.#drained, LOOK_EVERY_MS);
    else this.#events.onDrained();
  };

  /**
   * There is no abort: a browser waits for the peer's closing frame, on a dead line for ever. So nothing that still comes is
   * listened to.
   *
   * @param {Error | undefined} error
   */
  #end(error) {
    if (this.#gone) return;
    silence(this.#socket);
    this.#socket.close();
    setTimeout(() => this.#over(error));
  }

  /** @param {Error | undefined} error */
  #over(error) {
    if (this.#gone) return;
    this.#gone = true;
    clearTimeout(this.#look);
    this.#events.onClosed(error);
  }
}

/** @param {WebSocket} socket */
function silence(socket) {
  socket.onopen = socket.onmessage = socket.onclose = null;
}
