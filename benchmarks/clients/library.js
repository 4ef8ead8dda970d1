/** A user of the JavaScript client library in Node: posts, and receives what was posted. As `library.py` does. */

import { createInterface } from "node:readline";

import { connect } from "../../clients/js/src/index.js";
import { nodeTcp } from "../../clients/js/src/transports/node-tcp.js";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const plan = JSON.parse((await lines.next()).value);
const client = await connect({
  address: plan.address, token: plan.token, deviceId: plan.device_id, transport: nodeTcp(),
});
process.stdout.write("ready\n");
await lines.next();

const begun = performance.now();
const cpu = process.cpuUsage();

async function read() {
  const positions = new Set();
  let [last, received, outOfOrder] = [0, 0, 0];
  for await (const { position } of client.messages()) {
    received += 1;
    positions.add(position);
    if (position !== last + 1) outOfOrder += 1;
    last = position;
    if (received === plan.count) break;
  }
  return { received, doubled: received - positions.size, out_of_order: outOfOrder };
}

let [number, posted] = [0, 0];

async function lane() {
  while (number < plan.count) {
    await client.post(client.direct(plan.other), `message ${number++}`);
    posted += 1;
  }
}

const reading = read();
await Promise.all(Array.from({ length: plan.window }, lane));
const seen = await reading;
const used = process.cpuUsage(cpu);
const spent = { wall_s: (performance.now() - begun) / 1e3, cpu_s: (used.user + used.system) / 1e6 };
process.stdout.write(`${JSON.stringify({ posted, ...seen, spent })}\n`, () => process.exit(0));
