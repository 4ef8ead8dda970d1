/** What `tests/browser/test_websocket.py` has pages do with a bare transport and one connection of the protocol. */

import { Connection } from "/clients/js/src/session/connection.js";
import { openWebSocket } from "/clients/js/src/transports/websocket.js";

const NEVER = new AbortController().signal;

/** Say HELLO; the first event of the connection, or why there was none. */
export async function hello({ address, token }, withinMs = 10_000) {
  const connection = new Connection(performance.now());
  connection.hello({ token, deviceId: "page", clientInfo: {}, session: null });
  let tell;
  const told = new Promise((resolve) => (tell = resolve));
  try {
    const transport = await openWebSocket(address, {
      onBytes: (bytes) => {
        connection.receive(bytes, performance.now());
        for (const event of connection.events()) tell(event);
      },
      onClosed: (error) => tell({ event: "gone", error: String(error) }),
      onDrained: () => {},
    }, NEVER);
    transport.send(connection.dataToSend(performance.now()));
    const event = await Promise.race([told, new Promise((resolve) => setTimeout(() => resolve({ event: "silence" }), withinMs))]);
    transport.abort();
    return JSON.parse(JSON.stringify(event, (_, value) => (value instanceof Uint8Array ? [...value] : value)));
  } catch (error) {
    return { event: "none", error: String(error) };
  }
}

/** Cut a transport in one way, with more to send than the line takes at once; says what was told, and when it was. */
export async function end(address, how) {
  const told = [];
  let over;
  const closed = new Promise((resolve) => (over = resolve));
  const began = performance.now();
  const transport = await openWebSocket(address, {
    onBytes: () => told.push("bytes"),
    onClosed: (error) => (told.push(error === undefined ? "closed" : "lost"), over()),
    onDrained: () => told.push("drained"),
  }, NEVER);
  if (how !== null) transport[how]();
  else setTimeout(() => window.opened?.());
  await closed;
  transport.send(new Uint8Array(9)); // does nothing
  transport.abort();
  await new Promise((resolve) => setTimeout(resolve, 20));
  return { told, ms: performance.now() - began };
}

/** An attempt that is given up while nobody answers. */
export async function giveUp(address, afterMs) {
  const attempt = AbortSignal.timeout(afterMs);
  try {
    await openWebSocket(address, { onBytes() {}, onClosed() {}, onDrained() {} }, attempt);
    return "opened";
  } catch (error) {
    return error.name;
  }
}
