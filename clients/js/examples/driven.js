/**
 * Clients that are told what to do, for `imserver conform` (docs/clients.md has all that they are told, and tell). What differs
 * between Node and a page is given in.
 */

import { connect } from "../src/index.js";

/**
 * @typedef {object} Surroundings
 * @property {(line: string) => void} say  A line of JSON to the judge.
 * @property {(store: string) => any} storageOf  The client's storage, by the path that the judge names.
 * @property {(address: string) => import("../src/ports.js").OpenTransport} transportOf
 */

/**
 * What JSON does not have: bytes as digits.
 *
 * @param {string} _key
 * @param {unknown} value
 */
function plain(_key, value) {
  return value instanceof Uint8Array ? hex(value) : value;
}

/** @param {Uint8Array} bytes */
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {string} digits */
const bytesOf = (digits) => Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/**
 * One after the other, each when the last one was refused.
 *
 * @param {string[]} tokens
 */
function oneAfterTheOther(tokens) {
  const left = [...tokens];
  let last = "";
  return () => {
    last = left.shift() ?? last;
    return last;
  };
}

/** The name and fields of an event on the line, by its type. @type {Record<string, (event: any) => object>} */
const TOLD = {
  cursorMoved: ({ conversationId, userId, cursor }) => ({
    event: "cursor", conversation: conversationId, user: userId, delivered: cursor.delivered, read: cursor.read,
  }),
  retracted: ({ conversationId, position, revision }) => ({
    event: "retracted", conversation: conversationId, position, revision,
  }),
  itemChanged: ({ conversationId, position, extra, mine }) => ({
    event: "item", conversation: conversationId, position, extra, mine,
  }),
  aboutChanged: ({ conversationId, about }) => ({ event: "about", conversation: conversationId, about }),
  settingsChanged: ({ conversationId, settings }) => ({ event: "settings", conversation: conversationId, settings }),
  accountChanged: ({ account }) => ({ event: "account", account }),
  postSettled: ({ conversationId, key, posted, error }) => ({
    event: "settled", conversation: conversationId, key, position: posted?.position ?? null, code: error?.code ?? 0,
  }),
  postsGone: ({ conversationId, posts }) => ({
    event: "gone", conversation: conversationId, keys: posts.map((/** @type {any} */ post) => post.key),
  }),
  historyReplaced: ({ conversationId, agreed }) => ({ event: "replaced", conversation: conversationId, agreed }),
  edited: ({ conversationId, position, revision, content }) => ({
    event: "edited", conversation: conversationId, position, revision, content,
  }),
  typing: ({ conversationId, userId }) => ({ event: "typing", conversation: conversationId, user: userId }),
  blockChanged: ({ userId, blocked }) => ({ event: "blocked", user: userId, on: blocked }),
};

/** One client: what it is told to do, and what it tells. */
class Driven {
  #name;
  #surroundings;
  #say;
  #over = false;
  /** @type {(client: import("../src/client.js").Client) => void} */
  #connected = () => {};
  /** Once `connect` has made it. @type {Promise<import("../src/client.js").Client>} */
  client = new Promise((resolve) => {
    this.#connected = resolve;
  });

  /**
   * @param {string} name
   * @param {Surroundings} surroundings
   * @param {(line: object) => void} say
   */
  constructor(name, surroundings, say) {
    this.#name = name;
    this.#surroundings = surroundings;
    this.#say = say;
  }

  /** @param {object} told */
  #tell(told) {
    if (!this.#over) this.#say({ client: this.#name, ...told });
  }

  /** @param {{address: string, tokens: string[], device: string, store: string}} told */
  async connect({ address, tokens, device, store }) {
    try {
      const client = await connect({
        address,
        token: oneAfterTheOther(tokens),
        deviceId: device,
        storage: this.#surroundings.storageOf(store),
        transport: this.#surroundings.transportOf(address),
        timeoutMs: null,
      });
      if (this.#over) return client.abort();
      this.#connected(client);
      this.#messages(client);
      this.#events(client);
    } catch (error) {
      this.#stopped(error);
      throw error;
    }
    return null;
  }

  /** The scenario is over: as a kill, but for the process, in which others go on. */
  kill() {
    this.#over = true;
    this.client.then((client) => client.abort());
  }

  /** @param {any} error */
  #stopped(error) {
    if (error.name === "Stopped") this.#tell({ event: "stopped", code: error.code, text: error.text });
  }

  /** @param {import("../src/client.js").Client} client */
  async #messages(client) {
    try {
      for await (const { conversationId, position, senderId, key, content, redelivered } of client.messages()) {
        this.#tell({
          event: "message", conversation: conversationId, position, sender: senderId, key, content, redelivered,
        });
      }
    } catch {
      // The events say it.
    }
  }

  /** @param {import("../src/client.js").Client} client */
  async #events(client) {
    try {
      for await (const event of client.events()) {
        const tell = TOLD[event.type];
        if (tell) this.#tell(tell(event));
      }
    } catch (error) {
      this.#stopped(error);
    }
  }
}

/** What a client does for each `do`. @type {Record<string, (client: import("../src/client.js").Client, told: any) => any>} */
const COMMANDS = {
  close: (client) => client.close(),
  post: async (client, { conversation, content, key }) => {
    const posted = await client.post(conversation, content, key ? { key: bytesOf(key) } : {});
    return { position: posted.position, key: posted.key };
  },
  abandon: async (client, { conversation, key }) => ({
    position: (await client.abandon(conversation, bytesOf(key)))?.position ?? null,
  }),
  edit: (client, { conversation, position, content }) => client.edits.edit(conversation, position, content),
  react: (client, { conversation, position, emoji, on }) =>
    client.reactions[on ? "put" : "remove"](conversation, position, emoji),
  block: (client, { user, on }) => client.blocks[on ? "put" : "remove"](user),
  typing: (client, { conversation }) => client.typing.tell(conversation),
  read: (client, { conversation, position }) => client.markRead(conversation, position),
  create: async (client, { title, members }) => ({ conversation: await client.createGroup(title, members) }),
  history: async (client, { conversation, before, limit }) => {
    const page = await client.history(conversation, { before, limit });
    return { positions: page.items.map((item) => item.position) };
  },
  renew: (client, { token }) => client.renew(token),
  show: (client, { conversation }) => client.show(conversation),
  item: (client, { conversation, position }) => client.item(conversation, position),
  about: (client, { conversation }) => client.about(conversation),
  settings: (client, { conversation }) => client.settings(conversation),
  account: (client) => client.account(),
};

/**
 * Takes commands; answers and events go to `say`.
 *
 * @param {Surroundings} surroundings
 */
export function driving(surroundings) {
  /** @type {Map<string, Driven>} */
  const driven = new Map();
  /** @param {object} line */
  const say = (line) => surroundings.say(JSON.stringify(line, plain));

  /** @param {{id: number, client: string, do: string}} said */
  return async function answer({ id, client: name, do: what, ...told }) {
    const one = driven.get(name) ?? new Driven(name, surroundings, say);
    driven.set(name, one);
    try {
      let result;
      if (what === "connect") result = await one.connect(/** @type {any} */ (told));
      else if (what === "kill") result = one.kill();
      else result = await COMMANDS[what](await one.client, told);
      say({ id, result: result ?? null });
    } catch (error) {
      const { code = 0, text, message, detail = null } = /** @type {any} */ (error);
      say({ id, error: { code, text: text ?? message, detail } });
    }
  };
}
