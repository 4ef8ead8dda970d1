/**
 * The driver of the JavaScript client in Node, for `imserver conform`: lines of JSON in, lines of JSON out.
 *
 *     imserver conform -- node clients/js/examples/conformance_driver.js
 *     imserver conform --transport websocket -- node clients/js/examples/conformance_driver.js
 */

import { createInterface } from "node:readline";

import { FileDisk } from "../src/storage/file_disk.js";
import { openNodeTcp } from "../src/transports/node-tcp.js";
import { openWebSocket } from "../src/transports/websocket.js";
import { driving } from "./driven.js";

/** @param {string} line */
const say = (line) => process.stdout.write(`${line}\n`);

const answer = driving({
  say,
  storageOf: (store) => new FileDisk(store),
  transportOf: (address) => (address.startsWith("ws") ? openWebSocket : openNodeTcp),
});
const greeting = { driver: 1, name: "imserver-client (JavaScript, Node)", transports: ["tcp", "websocket"] };
say(JSON.stringify({ ...greeting, lacks: [], clients: 64 }));
for await (const line of createInterface({ input: process.stdin })) answer(JSON.parse(line));
process.exit(0);
