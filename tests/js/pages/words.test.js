/** The page's words: both languages have all of them, with the same values to put in, and say nothing that one must not read. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { CATALOGUES, firstLanguage, hasWords, named, speak, t } from "../../../imserver/plugins/booking/pages/src/words/index.js";

const SOURCE = fileURLToPath(new URL("../../../imserver/plugins/booking/pages/src/", import.meta.url));
const values = (/** @type {string} */ text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

test("both languages have the same words, none is empty, and each takes the same values", () => {
  const { zh, en } = CATALOGUES;
  assert.deepEqual(Object.keys(zh).sort(), Object.keys(en).sort());
  for (const key of Object.keys(en)) {
    assert.ok(zh[key].trim() && en[key].trim(), key);
    assert.deepEqual(values(zh[key]), values(en[key]), key);
  }
});

test("every word that a screen names is there, and every word that is there is said somewhere", () => {
  const files = ["", "parts", "screens", "chat", "line"].flatMap((folder) =>
    readdirSync(join(SOURCE, folder)).filter((name) => name.endsWith(".js")).map((name) => join(SOURCE, folder, name)));
  const text = files.map((file) => readFileSync(file, "utf8")).join("\n");
  const said = new Set([...text.matchAll(/\bt\(\s*["`]([\w.]+)["`]/g)].map(([, key]) => key));
  for (const key of said) assert.ok(hasWords(key), `no words for ${key}`);
  // Keys that are made of a code or a state stand in the text with what they begin with.
  const made = [...text.matchAll(/`([\w.]+\.)\$\{/g)].map(([, begin]) => begin);
  for (const key of Object.keys(CATALOGUES.en)) {
    assert.ok(text.includes(`"${key}"`) || made.some((begin) => key.startsWith(begin)), `nobody says ${key}`);
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
