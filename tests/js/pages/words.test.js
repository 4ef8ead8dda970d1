/** The page's words: both languages have all of them, with the same values to put in, and say nothing that one must not read. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { CHAT } from "../../../imserver/plugins/booking/pages/src/words/chat.js";
import { PAGE, firstLanguage, hasWords, named, speak, t } from "../../../imserver/plugins/booking/pages/src/words/index.js";
import { STAFF } from "../../../imserver/plugins/booking/pages/src/words/staff.js";

const SOURCE = fileURLToPath(new URL("../../../imserver/plugins/booking/pages/src/", import.meta.url));
/** Each part of the page with its table, and what its function is called in the sources. */
const TABLES = { t: PAGE, c: CHAT, s: STAFF };
const values = (/** @type {string} */ text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
const sources = readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".js") && !name.startsWith("words"))
  .map((name) => readFileSync(join(SOURCE, name), "utf8")).join("\n");

test("both languages have all words, none is empty, and each takes the same values", () => {
  for (const table of Object.values(TABLES)) {
    for (const [key, { zh, en }] of Object.entries(table)) {
      assert.ok(zh.trim() && en.trim(), key);
      assert.deepEqual(values(zh), values(en), key);
    }
  }
});

test("every table of words has a test: this one", () => {
  const tables = readdirSync(join(SOURCE, "words")).filter((name) => !["index.js", "spoken.js"].includes(name));
  assert.deepEqual(tables.sort(), ["chat.js", "page.js", "staff.js"]);
});

test("every word that a screen names is there, and every word that is there is said somewhere", () => {
  // Keys that are made of a code or a state stand in the text with what they begin with.
  const made = [...sources.matchAll(/`([\w.]+\.)\$\{/g)].map(([, begin]) => begin);
  const byCode = [...readFileSync(join(SOURCE, "words", "chat.js"), "utf8").matchAll(/"(refused|stopped)"/g)].map(([, kind]) => `${kind}.`);
  for (const [name, table] of Object.entries(TABLES)) {
    const said = new Set([...sources.matchAll(new RegExp(`\\b${name}\\(\\s*["\`]([\\w.]+)["\`]`, "g"))].map(([, key]) => key));
    for (const key of said) assert.ok(key in table, `no words for ${key}`);
    for (const key of Object.keys(table)) {
      assert.ok(sources.includes(`"${key}"`) || [...made, ...byCode].some((begin) => key.startsWith(begin)), `nobody says ${key}`);
    }
  }
});

test("values are put in as they are, and what is missing stays to be seen", () => {
  speak("en");
  assert.equal(t("page.call", { shop: "{shop} & <b>$&" }), "Call {shop} & <b>$&");
  assert.equal(t("page.call"), "Call {shop}");
  speak("zh");
  assert.equal(t("held.left", { left: "2:05" }), "保留 2:05");
  assert.equal(named({ zh: "花园店", en: "Garden Road" }), "花园店");
  assert.equal(named(null), "");
});

test("the first language is the chosen one, then the first that the browser asks for and we have", () => {
  assert.equal(firstLanguage(null, ["fr-FR", "zh-TW", "en"]), "zh");
  assert.equal(firstLanguage("en", ["zh-CN"]), "en");
  assert.equal(firstLanguage("klingon", ["zha"]), "en");
  assert.equal(firstLanguage(null, []), "en");
});
