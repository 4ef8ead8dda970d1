/**
 * The vectors of protocol/vectors, read and written by the JavaScript client: frames, contents, tokens' keys, and frames of a
 * later version. Prints one line of JSON: how many were looked at, and what was wrong. Runs in Node and in browsers.
 */

import { decodeContent, decodeFrame } from "../../clients/js/src/wire/decode.js";
import { encodeContent, encodeTail, encodeValue, frameBytes } from "../../clients/js/src/wire/encode.js";
import { directConversationId, groupConversationId } from "../../clients/js/src/wire/ids.js";
import { LENGTH_BYTES } from "../../clients/js/src/wire/limits.js";
import * as methods from "../../clients/js/src/wire/methods.js";
import { sha256 } from "../../clients/js/src/wire/sha256.js";
import { encodeUtf8 } from "../../clients/js/src/wire/utf8.js";
import { EncodeError, Float, fromHex, hex, RemoteError } from "../../clients/js/src/wire/values.js";
import { Connection } from "../../clients/js/src/session/connection.js";

const bytesOf = (text) => fromHex(text.replaceAll(" ", ""));

/** JSON, with 1.0 kept apart from 1, and `{"hex": …}` as bytes. */
export function parseVectors(text) {
  const keyed = text.replaceAll(/"(\d+)"(?=\s*:)/g, '"\\u0001$1"'); // an object would put such keys first
  const marked = keyed.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g, (one) =>
    one[0] !== '"' && /[.eE]/.test(one) ? `{"$float": ${one}}` : one,
  );
  return JSON.parse(marked);
}

function valueOf(json) {
  if (Array.isArray(json)) return json.map(valueOf);
  if (json === null || typeof json !== "object") return json;
  const keys = Object.keys(json);
  if (keys.length === 1 && keys[0] === "hex") return bytesOf(json.hex);
  if (keys.length === 1 && keys[0] === "$float") return Number.isInteger(json.$float) ? new Float(json.$float) : json.$float;
  return new Map(keys.map((key) => [key.replace("\u0001", ""), valueOf(json[key])]));
}

/** A value as text, with everything apart that differs on the wire. */
function said(value) {
  if (value instanceof Uint8Array) return `<${hex(value)}>`;
  if (value instanceof Float) return `float ${value.value}`;
  if (value instanceof Map) return `{${[...value].map(([key, one]) => `${JSON.stringify(key)}: ${said(one)}`).sort().join()}}`;
  if (Array.isArray(value)) return `[${value.map(said).join()}]`;
  return JSON.stringify(value);
}

class Faults {
  constructor() {
    this.looked = 0;
    this.faults = [];
  }

  same(name, found, wanted) {
    this.looked += 1;
    if (found !== wanted) this.faults.push(`${name}: ${String(found).slice(0, 200)}, not ${String(wanted).slice(0, 200)}`);
  }
}

/** A connection just behind the handshake of a fresh session, or still waiting for WELCOME. */
function connected(before) {
  const connection = new Connection(0);
  connection.hello({ token: "TOKEN", deviceId: "phone", clientInfo: {}, session: null }, 0);
  connection.dataToSend(0);
  if (!before) {
    const fields = [1, [], "alice", "S1", bytesOf("01"), false, "", "epoch", 1, {}, "place"];
    connection.receive(frameBytes(1, 0, 0, encodeTail(fields)), 0);
    connection.events();
  }
  return connection;
}

function lookAtFrames({ frames }, faults) {
  for (const one of frames) {
    const bytes = bytesOf(one.hex);
    if (one.good) {
      const frame = decodeFrame(bytes.subarray(LENGTH_BYTES));
      faults.same(one.name, said(frame), said(valueOf(one.decoded)));
      if (one.canonical) faults.same(`${one.name}, encoded`, hex(written(valueOf(one.decoded))), hex(bytes));
    } else if (one.by === "server") {
      const connection = connected(one.before_welcome);
      connection.receive(bytes, 0);
      const closed = connection.events().find(({ event }) => event === "closed");
      faults.same(one.name, closed?.code, one.code);
    } else if (["msgpack", "value", "header"].includes(one.fault)) {
      faults.same(one.name, faultOf(() => decodeFrame(bytes.subarray(LENGTH_BYTES))), RemoteError.name);
    }
  }
}

function written(frame) {
  const [type, seq, ack, ...fields] = frame;
  return frameBytes(type, seq, ack, encodeTail(fields));
}

function faultOf(run) {
  try {
    run();
    return "no fault";
  } catch (error) {
    return error instanceof RemoteError ? RemoteError.name : error.constructor.name;
  }
}

function lookAtContents({ contents }, faults) {
  for (const one of contents) {
    const bytes = bytesOf(one.hex);
    if (one.good) {
      faults.same(one.name, said(decodeContent(bytes)), said(valueOf(one.decoded)));
      if (one.canonical) faults.same(`${one.name}, encoded`, hex(encodeContent(valueOf(one.decoded))), hex(bytes));
    } else if (one.fault !== "type") {
      faults.same(one.name, faultOf(() => decodeContent(bytes)), RemoteError.name);
    }
  }
}

const PUSHES = {
  message: methods.MESSAGE, cursor: methods.CURSOR_MOVED, lagging: methods.LAGGING, item: methods.ITEM,
  about: methods.ABOUT, settings: methods.SETTINGS, account: methods.ACCOUNT, block_changed: methods.BLOCK_CHANGED,
};
const METHODS = Object.fromEntries(Object.values(methods).filter((one) => one.name && one.result).map((one) => [one.name, one]));

/** What this client makes of a frame of the server. */
function taken(frame, method) {

  const [type, , , ...fields] = frame;
  if (type === 1) return methods.WELCOME(fields);
  if (type === 5) return methods.GOODBYE(fields);
  if (type === 6) return methods.TYPING(fields.slice(1));
  if (type === 17) return METHODS[method].result(fields[1]);
  if (type === 19 && PUSHES[fields[0]]) return PUSHES[fields[0]](fields.slice(1));
  return fields.slice(0, type === 18 ? 5 : 1);
}

function lookAtLater({ frames }, faults) {
  for (const one of frames) {
    if (one.by !== "server") continue;
    const later = decodeFrame(bytesOf(one.hex).subarray(LENGTH_BYTES));
    faults.same(one.name, said(later), said(valueOf(one.decoded)));
    const known = readable(taken(valueOf(one.known), one.method));
    faults.same(`${one.name}, as known`, readable(taken(later, one.method)), known);
  }
}

/** What was read, as text; `limits` hold what nobody knows, so only the known ones count. */
function readable(found) {
  const walk = (value) => {
    if (value instanceof Map || value instanceof Uint8Array || value instanceof Float) return said(value);
    if (Array.isArray(value)) return value.map(walk);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).filter(([key]) => key !== "limits").map(([key, one]) => [key, walk(one)]));
  };
  return JSON.stringify(walk(found));
}

function lookAtIds({ tokens }, faults) {
  for (const one of tokens) faults.same(one.name, hex(encodeUtf8(one.secret)), one.key.hex);
  faults.same("direct", directConversationId("bob", "alice"), "direct/alice/bob");
  faults.same("direct, escaped", directConversationId("a/b", "50%"), "direct/50%25/a%2Fb");
  faults.same("direct, by bytes", directConversationId("\u{1f600}", "\uff61"), "direct/\uff61/\u{1f600}");
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  faults.same("sha256", hex(sha256(encodeUtf8("abc"))), abc);
  const million = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
  faults.same("sha256 of a million", hex(sha256(new Uint8Array(1e6).fill(0x61))), million);
  faults.same("group", groupConversationId("alice", new Uint8Array(16)).length, "group/".length + 32);
}

/** What this client must not send. */
function lookAtRefusals(faults) {
  let deep = [];
  for (let depth = 0; depth < 16; depth += 1) deep = [deep];
  const many = Object.fromEntries(Array.from({ length: 257 }, (_, at) => [`k${at}`, 1]));
  const refused = [
    NaN, Infinity, 2 ** 53, -(2 ** 53), undefined, 1n, () => 1, new Date(0), "\ud800", "\udc00x", deep, many,
    "x".repeat(32_769), new Array(8193).fill(0), new Map([[1, 2]]),
  ];
  refused.forEach((value, at) => {
    let found = "taken";
    try {
      encodeValue(value);
    } catch (error) {
      found = error instanceof EncodeError ? "refused" : String(error);
    }
    faults.same(`refused value ${at}`, found, "refused");
  });
  const content = decodeContent(encodeContent(JSON.parse('{"__proto__": {"x": 1}}')));
  faults.same("__proto__", said(content), '{"__proto__": {"x": 1}}');
}

/** `load` gives the text of a file of protocol/vectors. */
export async function lookAtVectors(load) {
  const faults = new Faults();
  lookAtFrames(parseVectors(await load("frames.json")), faults);
  lookAtContents(parseVectors(await load("contents.json")), faults);
  lookAtLater(parseVectors(await load("later.json")), faults);
  lookAtIds(parseVectors(await load("tokens.json")), faults);
  lookAtRefusals(faults);
  return { looked: faults.looked, faults: faults.faults };
}
