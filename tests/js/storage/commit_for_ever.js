/** A process that commits one record after another to a store, and says the number of each when it is durable. Run by tests. */

import { FileDisk } from "../../../clients/js/src/storage/file_disk.js";

const [path, bytes] = process.argv.slice(2);
const store = new FileDisk(path);
try {
  const loaded = await store.open();
  process.stdout.write(`open ${loaded.posts.size}\n`);
  for (let number = loaded.posts.size + 1; ; number++) {
    const filling = new Uint8Array(Number(bytes)).fill(number);
    await store.commit([
      { table: "posts", key: String(number).padStart(8, "0"), value: number },
      { table: "meta", key: "last", value: [number, filling] },
    ]);
    process.stdout.write(`${number}\n`);
  }
} catch (error) {
  process.stdout.write(`${error}\n`);
}
