/** TCP, TLS and Unix sockets: what the client is told of a connection, and in which order. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { nodeTcp, openNodeTcp } from "../../../clients/js/src/transports/node-tcp.js";

const MiB = 1024 * 1024;
const NEVER = new AbortController().signal;

/** Notes what a transport tells; `until(what)` waits for one of the names. */
function events() {
  const told = [];
  let heard = () => {};
  const tell = (name) => (value) => (told.push([name, name === "bytes" ? Buffer.from(value) : value]), heard());
  const until = async (name) => {
    while (!told.some(([one]) => one === name)) await new Promise((resolve) => (heard = resolve));
  };
  const bytes = () => Buffer.concat(told.filter(([name]) => name === "bytes").map(([, value]) => value));
  return { told, until, bytes, onBytes: tell("bytes"), onClosed: tell("closed"), onDrained: tell("drained") };
}

/** A server on loopback or a path, and its side of the first connection. */
async function serving(t, at = { host: "127.0.0.1", port: 0 }, options = {}) {
  const server = net.createServer(options);
  const sockets = new Set();
  server.on("connection", (socket) => (sockets.add(socket), socket.on("error", () => {})));
  server.listen(at);
  await once(server, "listening");
  t.after(() => (sockets.forEach((socket) => socket.destroy()), server.close()));
  const peer = once(server, "connection").then(([socket]) => socket);
  return { peer, server, address: at.path ? `imserver+unix://${at.path}` : `imserver://127.0.0.1:${server.address().port}` };
}

test("bytes pass in order, in both directions, by TCP and by a Unix socket", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "imserver-js-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const at of [undefined, { path: join(folder, "a socket") }]) {
    const { address, peer } = await serving(t, at);
    const heard = events();
    const transport = await openNodeTcp(address.replace(" ", "%20"), heard, NEVER);
    const other = await peer;
    transport.send(Uint8Array.of(1, 2));
    transport.send(Uint8Array.of(3));
    const [first] = await once(other, "data");
    other.write("answer");
    while (heard.bytes().length < 6) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([[...first].slice(0, 2), heard.bytes().toString()], [[1, 2], "answer"]);
    transport.close();
    await heard.until("closed");
    assert.deepEqual(heard.told.at(-1), ["closed", undefined]);
    transport.send(Uint8Array.of(4)); // does nothing
  }
});

test("a peer that ends its direction, resets, or that we abort, is told once as gone", async (t) => {
  const ends = {
    end: (peer) => peer.end(),
    reset: (peer) => peer.resetAndDestroy(),
    abort: (peer, transport) => (transport.abort(), transport.abort(), transport.close()),
  };
  for (const [name, end] of Object.entries(ends)) {
    const { address, peer } = await serving(t, undefined, { allowHalfOpen: true });
    const heard = events();
    const transport = await openNodeTcp(address, heard, NEVER);
    end(await peer, transport);
    await heard.until("closed");
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(heard.told.map(([one]) => one), ["closed"], name);
    assert.equal(heard.told[0][1]?.code, name === "reset" ? "ECONNRESET" : undefined);
  }
});

test("what the system does not take is counted, and told when it has drained", async (t) => {
  const { address, peer } = await serving(t);
  const heard = events();
  const transport = await openNodeTcp(address, heard, NEVER);
  const other = await peer;
  other.pause();
  for (let count = 0; count < 16; count++) transport.send(new Uint8Array(MiB));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(transport.bufferedBytes > MiB / 4);
  assert.deepEqual(heard.told, []);
  other.resume();
  await heard.until("drained");
  assert.ok(transport.bufferedBytes <= MiB / 4);
  transport.abort();
  await heard.until("closed");
});

test("an attempt that fails or is aborted rejects, and tells nothing", async (t) => {
  const { address, server } = await serving(t);
  server.close();
  const heard = events();
  await assert.rejects(openNodeTcp(address, heard, NEVER), { code: "ECONNREFUSED" });
  const silent = await serving(t);
  const attempt = new AbortController();
  // TLS to a server that says nothing: it would wait for ever.
  const opening = nodeTcp()(silent.address.replace("imserver:", "imservers:"), heard, attempt.signal);
  await silent.peer;
  attempt.abort(new Error("enough"));
  await assert.rejects(opening, /enough/);
  assert.deepEqual(heard.told, []);
});

test("an address that is none is the caller's mistake", async () => {
  for (const wrong of ["", "http://a", "imserver://a/path", "imserver://u@a", "imserver://a?token=x", "imserver+unix://a/b", "imserver://"]) {
    await assert.rejects(async () => openNodeTcp(wrong, events(), NEVER), { name: "Misuse" }, wrong);
  }
});
