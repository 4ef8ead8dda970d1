/** TCP, TLS and Unix sockets as transports, for Node: the addresses of the server's own listener. */

import net from "node:net";
import tls from "node:tls";

import { Misuse } from "../errors.js";

/** @import { OpenTransport, Transport, TransportEvents } from "../ports.js" */

const DEFAULT_PORT = 7410;
/** `onDrained` is told when no more than this is waiting (bytes). */
const DRAINED_BYTES = 256 * 1024;

/** Opens one kind of address. @typedef {(url: URL, options: tls.ConnectionOptions) => net.Socket} Opener */

/** @type {Readonly<Record<string, Opener>>} */
const OPENERS = {
  "imserver:": (url) => net.connect({ ...place(url), noDelay: true }),
  "imservers:": (url, options) => {
    const { host, port } = place(url);
    // A name that is an address is not sent as SNI (RFC 6066).
    const servername = net.isIP(host) ? "" : host;
    const socket = tls.connect({ servername, ...options, host, port, minVersion: "TLSv1.2" });
    return socket.setNoDelay(true);
  },
  "imserver+unix:": (url) => net.connect({ path: decodeURIComponent(url.pathname) }),
};

/**
 * Opens `imserver://host:port`, `imservers://host:port` (TLS) and `imserver+unix:///path`.
 *
 * @param {tls.ConnectionOptions} [options]  For TLS: `ca` (of a server with a certificate of one's own), `cert`, `key` …
 * @returns {OpenTransport}
 */
export function nodeTcp(options = {}) {
  return (address, events, signal) => openNodeTcp(address, events, signal, options);
}

/**
 * @param {string} address
 * @param {TransportEvents} events
 * @param {AbortSignal} signal
 * @param {tls.ConnectionOptions} [options]
 * @returns {Promise<Transport>}
 */
export function openNodeTcp(address, events, signal, options = {}) {
  const { open, url } = parse(address);
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = open(url, options);
    const opened = url.protocol === "imservers:" ? "secureConnect" : "connect";
    const giveUp = () => socket.destroy(/** @type {Error} */ (signal.reason));
    const failed = (/** @type {Error} */ error) => {
      signal.removeEventListener("abort", giveUp);
      reject(error);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    socket.once("error", failed);
    socket.once(opened, () => {
      signal.removeEventListener("abort", giveUp);
      socket.off("error", failed);
      resolve(new NodeTransport(socket, events));
    });
  });
}

class NodeTransport {
  #socket;
  #events;
  #above = false;

  /**
   * @param {net.Socket} socket  An open one.
   * @param {TransportEvents} events
   */
  constructor(socket, events) {
    this.#socket = socket;
    this.#events = events;
    /** @type {Error | undefined} */
    let fault;
    socket.setKeepAlive(true);
    socket.on("data", (bytes) => events.onBytes(bytes));
    // A peer that ends its direction has gone (SPEC 2.1): nothing more of ours would be answered.
    socket.on("end", () => socket.destroy());
    socket.on("error", (error) => (fault = error));
    socket.on("close", () => events.onClosed(fault));
  }

  get bufferedBytes() {
    return this.#socket.writableLength;
  }

  /** @param {Uint8Array} bytes */
  send(bytes) {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(bytes, this.#written);
    this.#above ||= this.bufferedBytes > DRAINED_BYTES;
  }

  close() {
    this.#socket.end();
  }

  abort() {
    this.#socket.destroy();
  }

  #written = () => {
    if (!this.#above || this.bufferedBytes > DRAINED_BYTES || this.#socket.destroyed) return;
    this.#above = false;
    this.#events.onDrained();
  };
}

/**
 * @param {string} address
 * @returns {{open: Opener, url: URL}}
 */
function parse(address) {
  const url = URL.canParse(address) ? new URL(address) : null;
  const open = url === null ? undefined : OPENERS[url.protocol];
  if (url === null || open === undefined) {
    throw new Misuse(`${address}: the scheme must be imserver, imservers or imserver+unix`);
  }
  if (url.username || url.search || url.hash) {
    throw new Misuse(`${url.protocol}//…: an address has neither user nor query; tokens are given apart`);
  }
  const unix = url.protocol === "imserver+unix:";
  if (unix ? url.host || !url.pathname : !url.hostname || !["", "/"].includes(url.pathname)) {
    throw new Misuse(`${address}: a server is written imserver://host:port, a Unix socket imserver+unix:///path`);
  }
  return { open, url };
}

/** @param {URL} url */
function place(url) {
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(url.port || DEFAULT_PORT) };
}
