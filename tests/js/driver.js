/**
 * Plays clients for tests in Python: a line of JSON asks for something, a line of JSON answers. See driver.py for the other side.
 */

import { createInterface } from "node:readline";

import { Client, makeCore } from "../../clients/js/src/client.js";
import { openNodeTcp } from "../../clients/js/src/transports/node-tcp.js";
import { openWebSocket } from "../../clients/js/src/transports/websocket.js";
import { MACHINE } from "../../clients/js/src/environment.js";
import { decodeValue } from "../../clients/js/src/wire/decode.js";
import { encodeValue } from "../../clients/js/src/wire/encode.js";
import { Float, fromHex, hex } from "../../clients/js/src/wire/values.js";
import { Stores } from "./stores.js";

const things = new Map();
/** Clients of the test that is running; what it leaves would come back to the port of a later one. */
const cores = new Set();
const answers = new Map();
let numbers = 0;

const keep = (thing) => {
  numbers += 1;
  things.set(numbers, thing);
  return numbers;
};

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

function told(value) {
  if (value === undefined || value === null) return null;
  if (value instanceof Uint8Array) return { $hex: hex(value) };
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, one]) => [key, told(one)]));
  if (value instanceof Set || Array.isArray(value)) return [...value].map(told);
  if (value instanceof Error) return { $error: failure(value) };
  if (typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, told(one)]));
}

function failure(error) {
  const { name, message, code, text, detail, feature, stack } = error;
  return { name, message, code, text, detail: told(detail), feature, stack };
}

function read(json) {
  if (Array.isArray(json)) return json.map(read);
  if (json === null || typeof json !== "object") return json;
  if ("$hex" in json) return fromHex(json.$hex);
  return Object.fromEntries(Object.entries(json).map(([key, one]) => [key, read(one)]));
}

/** A function that Python calls for us. */
const asked = (callback) => () =>
  new Promise((resolve, reject) => {
    const id = keep(null);
    answers.set(id, { resolve, reject });
    say({ ask: callback, id });
  });

/** What Python is told, and does not answer: the number says who hears it. */
const tell = (callback, ...args) => say({ tell: callback, args });

const stores = new Stores((memory, since, names) => tell(-memory, since, names));

const environmentOf = (waits) => ({
  ...MACHINE,
  uniform: (least, most) => {
    if (!waits) return MACHINE.uniform(least, most);
    tell(waits, least / 1000, most / 1000);
    return least;
  },
});

const operations = {
  make({ address, token, store, waits, ...options }) {
    const core = makeCore({
      ...read(options),
      address,
      token: typeof token === "string" ? token : asked(token),
      storage: store === null ? undefined : stores.of(store),
      transport: address.startsWith("ws") ? openWebSocket : openNodeTcp,
      environment: environmentOf(waits),
    });
    cores.add(core);
    return keep(core);
  },
  /** The rest of `connect`; `leave` is for who does not wait for it. */
  async open({ core: number }) {
    const core = things.get(number);
    await core.open();
    const client = new Client(core);
    return { client: keep(client), userId: client.userId, deviceId: client.deviceId };
  },
  call({ client, path, args, abort }) {
    const [method, ...owners] = path.split(".").reverse();
    const owner = owners.reduceRight((one, name) => one[name], things.get(client));
    if (typeof owner[method] !== "function") return owner[method];
    const given = read(args);
    if (abort) given[given.length - 1].signal = things.get(abort).signal;
    return owner[method](...given);
  },
  /** What a test looks at, or does, in the core. */
  peek: ({ core, what, name }) => peeks[what](things.get(core), name),
  saved: ({ store }) => stores.saved(store),
  fork: ({ of, store }) => stores.fork(of, store),
  kill: ({ store, at, behind }) => stores.of(store).killAt(at, behind),
  write: ({ store, method, args }) => stores.write(store, method, read(args)),
  async reset() {
    await Promise.all([...cores].map((core) => core.abort()));
    for (const held of [cores, stores, things, answers]) held.clear();
  },
  pack: ({ value }) => encodeValue(wireRead(value)),
  unpack: ({ bytes }) => wireTold(decodeValue(fromHex(bytes))),
  aborter: () => keep(new AbortController()),
  abort: ({ thing }) => things.get(thing).abort(),
  stream: ({ client, path, args }) => keep(things.get(client)[path](...read(args))),
  async next({ stream }) {
    const { done, value } = await things.get(stream).next();
    if (done) return null;
    return { message: typeof value.done === "function" ? keep(value) : null, value };
  },
  leave: ({ core }) => things.get(core).abort(),
  done: ({ message }) => things.get(message).done(),
};

/** A wire value as JSON that keeps everything apart: maps as pairs, whole floats by name. */
function wireTold(value) {
  if (value instanceof Map) return { $map: [...value].map(([key, one]) => [key, wireTold(one)]) };
  if (value instanceof Float) return { $float: value.value };
  return Array.isArray(value) ? value.map(wireTold) : told(value);
}

function wireRead(json) {
  if (Array.isArray(json)) return json.map(wireRead);
  if (json === null || typeof json !== "object") return json;
  if ("$hex" in json) return fromHex(json.$hex);
  if ("$float" in json) return new Float(json.$float);
  return new Map(json.$map.map(([key, one]) => [key, wireRead(one)]));
}

const peeks = {
  follows: (core) => [...core.inbox.names()],
  wantSync: (core) => core.catchUp.wantSync(),
  since: (core) => core.catchUp.since,
  isQuiet: (core, name) => core.lineage.isQuiet(name),
  states: (core) => [...core.states.kept._states.keys()],
  state: (core, name) => {
    const state = core.states.kept.get(name);
    const { seen, top, met, former, have, about, settings } = state;
    return { seen, top, met, former, have, about, settings, held: state.held.pairs(), items: state.items };
  },
};

async function run({ id, op, ...given }) {
  try {
    say({ id, value: told(await operations[op](given)) });
  } catch (error) {
    say({ id, error: failure(error) });
  }
}

process.on("unhandledRejection", (error) => say({ complaint: String(error?.stack ?? error) }));
for await (const line of createInterface({ input: process.stdin })) {
  const said = JSON.parse(line);
  if (!("answer" in said)) {
    void run(said);
    continue;
  }
  const waiting = answers.get(said.answer);
  answers.delete(said.answer);
  if (said.error) waiting.reject(Object.assign(new Error(said.error.text), said.error.network ? { code: "ENET" } : {}));
  else waiting.resolve(said.value);
}
process.exit(0);
