/** The store as a file: what a kill leaves, what damage is, and that of many processes one has it. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import { FileDisk } from "../../../clients/js/src/storage/file_disk.js";
import { lockFile, MACHINE } from "../../../clients/js/src/storage/file_lock.js";

const SCRIPT = fileURLToPath(new URL("./commit_for_ever.js", import.meta.url));
const folders = [];

const fresh = () => {
  const folder = mkdtempSync(join(tmpdir(), "imserver-js-"));
  folders.push(folder);
  return join(folder, "store");
};

after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

/** A process on this store; `said(pattern)` waits for a line. */
function committing(path, bytes = 100) {
  const child = spawn(process.execPath, [SCRIPT, path, String(bytes)], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = [];
  let told = () => {};
  createInterface(child.stdout).on("line", (line) => (lines.push(line), told()));
  const ended = once(child, "exit");
  ended.then(() => told());
  const said = async (enough) => {
    while (!enough(lines)) {
      assert.ok(child.exitCode === null && child.signalCode === null, `ended after ${lines.slice(-2)}`);
      await new Promise((resolve) => (told = resolve));
    }
  };
  const kill = async () => (child.kill("SIGKILL"), await ended);
  return { child, lines, said, kill, ended };
}

const rows = (loaded) => Object.entries(loaded).flatMap(([table, all]) => [...all].map(([key, value]) => [table, key, value]));

test("what was committed is there again, in order of keys, and what was removed is not", async () => {
  const path = fresh();
  const store = new FileDisk(path);
  assert.deepEqual(rows(await store.open()), []);
  const value = { a: [null, true, "é", 1.5], "=": new Uint8Array([0, 255]), __proto__x: {} };
  await store.commit([
    { table: "posts", key: "b", value },
    { table: "posts", key: "a", value: 1 },
    { table: "meta", key: "gone", value: "x" },
  ]);
  await store.commit([{ table: "meta", key: "gone", value: undefined }]);
  await store.close();
  await store.close();
  const again = new FileDisk(path);
  assert.deepEqual(rows(await again.open()), [["posts", "a", 1], ["posts", "b", value]]);
  await again.erase();
  assert.equal(existsSync(path), false);
});

test("a second client is refused by name, in this process and in another", async () => {
  const path = fresh();
  const store = new FileDisk(path);
  await store.open();
  await assert.rejects(new FileDisk(path).open(), { name: "StoreError", message: /in use by another client/ });
  const other = committing(path);
  await other.ended;
  assert.match(other.lines[0], /in use by another client/);
  await store.close();
  await new FileDisk(path).open().then(() => {}, assert.fail);
});

test("a killed process leaves every commit that had resolved, and no lock", async () => {
  const path = fresh();
  let least = 0;
  for (const steps of [3, 25]) {
    const writer = committing(path, 250_000); // long records: many kills fall into one, and the log is written anew
    await writer.said((lines) => lines.length > steps);
    await writer.kill();
    assert.ok(Number(writer.lines[0].split(" ")[1]) >= least, `${writer.lines[0]} after ${least}`);
    least = Number(writer.lines.at(-1));
  }
  const store = new FileDisk(path);
  const loaded = await store.open();
  assert.ok(loaded.posts.size >= least);
  assert.deepEqual([...loaded.posts.values()], [...loaded.posts.keys()].map(Number));
  assert.equal(loaded.meta.get("last")[0], loaded.posts.size);
  await store.close();
});

test("of many processes that find a dead one's lock at once, one wins", async () => {
  const path = fresh();
  const first = committing(path);
  await first.said((lines) => lines.length > 1);
  await first.kill();
  assert.equal(readdirSync(join(path, "..")).filter((name) => name.includes(".lock~")).length, 1);
  const many = Array.from({ length: 6 }, () => committing(path));
  const losers = () => many.filter(({ lines }) => /in use/.test(lines[0] ?? ""));
  await Promise.all(many.map(({ said }) => said((lines) => lines.length > 0)));
  assert.equal(losers().length, 5);
  const [winner] = many.filter((one) => !losers().includes(one));
  await winner.kill();
  await Promise.all(losers().map(({ ended }) => ended));
  // One writer: nothing of the log was overwritten.
  const loaded = await new FileDisk(path).open();
  assert.deepEqual([...loaded.posts.values()], [...loaded.posts.keys()].map(Number));
});

test("of many that look at a dead one's lock in the same moment, one wins", async () => {
  const path = fresh();
  const start = spawnSync("sleep", ["0"]); // a process that has ended: its number lives no more
  writeFileSync(`${path}.lock~${start.pid}~1~${MACHINE}~00`, "");
  const locks = await Promise.all(Array.from({ length: 8 }, () => lockFile(path)));
  assert.equal(locks.filter((lock) => lock.holder === null).length, 1);
  await Promise.all(locks.map((lock) => lock.release?.()));
  assert.deepEqual(readdirSync(join(path, "..")), []);
});

test("a log that is cut anywhere opens with the commits before, and goes on", async () => {
  const path = fresh();
  const store = new FileDisk(path);
  await store.open();
  const ends = [statSync(path).size];
  for (let number = 1; number <= 3; number++) {
    await store.commit([{ table: "posts", key: String(number), value: number }]);
    ends.push(statSync(path).size);
  }
  await store.close();
  const whole = readFileSync(path);
  for (let length = whole.length; length >= 0; length -= 7) {
    writeFileSync(path, whole.subarray(0, length));
    const cut = new FileDisk(path);
    const kept = (await cut.open()).posts.size;
    assert.equal(kept, Math.max(0, ends.filter((end) => end <= length).length - 1), `cut at ${length}`);
    await cut.commit([{ table: "posts", key: "later", value: 9 }]);
    await cut.close();
    const after = new FileDisk(path);
    assert.equal((await after.open()).posts.size, kept + 1);
    await after.close();
  }
});

test("a log that ends in zeros opens, one that is damaged within or is no log does not", async () => {
  const path = fresh();
  const store = new FileDisk(path);
  await store.open();
  for (const key of ["1", "2"]) await store.commit([{ table: "posts", key, value: "text" }]);
  await store.close();
  const whole = readFileSync(path);
  appendFileSync(path, Buffer.alloc(500)); // a file system may lengthen a file before it writes the bytes
  const padded = new FileDisk(path);
  assert.equal((await padded.open()).posts.size, 2);
  await padded.close();
  assert.deepEqual(readFileSync(path), whole);
  const damaged = Buffer.from(whole);
  damaged[whole.indexOf("text") + 1] ^= 1;
  writeFileSync(path, damaged);
  await assert.rejects(new FileDisk(path).open(), { name: "StoreError", message: /damaged at byte \d+/ });
  assert.deepEqual(readFileSync(path), damaged);
  for (const foreign of ["a letter to a friend, and nothing of ours", "IMC?"]) {
    writeFileSync(path, foreign);
    await assert.rejects(new FileDisk(path).open(), { name: "StoreError", message: /not a client's store/ });
    assert.equal(readFileSync(path, "utf8"), foreign);
  }
  truncateSync(path, 0);
  const empty = new FileDisk(path);
  await empty.open();
  await empty.close();
});

test("a log does not grow without end", async () => {
  const path = fresh();
  const store = new FileDisk(path);
  await store.open();
  const filling = new Uint8Array(200_000);
  for (let number = 0; number < 40; number++) await store.commit([{ table: "meta", key: "one", value: [number, filling] }]);
  assert.ok(statSync(path).size < 5_000_000, `${statSync(path).size} bytes for one record of 200,000`);
  assert.equal(statSync(path).mode & 0o077, 0);
  await store.close();
  const again = new FileDisk(path);
  assert.equal((await again.open()).meta.get("one")[0], 39);
  await again.close();
});
