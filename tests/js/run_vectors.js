/** `node run_vectors.js`: looks at all vectors and prints what it found. */

import { readFile } from "node:fs/promises";
import { lookAtVectors } from "./vectors.js";

const folder = new URL("../../protocol/vectors/", import.meta.url);
const found = await lookAtVectors((name) => readFile(new URL(name, folder), "utf8"));
process.stdout.write(`${JSON.stringify(found)}\n`);
