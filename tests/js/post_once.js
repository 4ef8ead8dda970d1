/** Connects, posts one text to bob, and prints who it is and the position. Run by tests: `node post_once.js OPTIONS`. */

import { readFileSync } from "node:fs";

import { connect } from "../../clients/js/src/index.js";
import { nodeTcp } from "../../clients/js/src/transports/node-tcp.js";

const { address, token, ca, timeoutMs = 15_000 } = JSON.parse(process.argv[2]);
const transport = address.startsWith("ws") ? undefined : nodeTcp(ca === undefined ? {} : { ca: readFileSync(ca) });
try {
  const client = await connect({ address, token, transport, timeoutMs });
  const { position } = await client.post(client.direct("bob"), address);
  console.log(`${client.userId} ${position}`);
  await client.close();
} catch (error) {
  console.log(`${error.name}: ${error.message}`);
}
