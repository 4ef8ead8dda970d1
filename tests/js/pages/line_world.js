/** A line without a browser: the client's own tabs around a client that the test plays, and an account in a variable. */

import { CloseCode, Stopped } from "../../../clients/js/src/errors.js";
import { joinTabs } from "../../../clients/js/src/tabs/connect.js";
import { directConversationId } from "../../../clients/js/src/wire/ids.js";
import { Line } from "../../../imserver/plugins/booking/pages/src/line/line.js";

export const SHOP = { id: "garden", bot: "garden-bot" };
export const GUEST = { userId: "guest-1", deviceId: "d1", name: "", guest: true, language: "zh-CN", expiresAt: 0 };

/** A stream that the test feeds. */
class Stream {
  #queue = [];
  #wake = () => {};
  #end = null;

  give(one) {
    this.#queue.push(one);
    this.#wake();
  }

  fail(error) {
    this.#end = error;
    this.#wake();
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      while (this.#queue.length > 0) yield this.#queue.shift();
      if (this.#end !== null) throw this.#end;
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }
}

/** What the line's tab asks of the client. Posts are answered when `answering`; by key, as the server does. */
export class PlayedClient {
  deviceId = "d1";
  state = "connected";
  streams = { messages: new Stream(), events: new Stream() };
  offered = [];
  hurried = 0;
  closed = false;

  constructor(server, userId) {
    this.server = server;
    this.userId = userId;
  }

  async post(conversationId, content, { key }) {
    const name = String(key);
    this.offered.push(content);
    while (!this.server.answering) await new Promise((resolve) => this.server.waiting.push(resolve));
    if (this.closed) throw Object.assign(new Error("closed"), { name: "Disconnected" });
    if (this.server.refusing) throw this.server.refusing;
    if (!this.server.stored.has(name)) this.server.stored.set(name, { conversationId, content });
    return { conversationId, position: [...this.server.stored.keys()].indexOf(name) + 1, sentAt: 1, key };
  }

  messages = () => this.streams.messages;
  events = () => this.streams.events;
  hurry = () => void (this.hurried += 1);
  close = async () => void (this.closed = true);
}

export function lineWorld({ session = null } = {}) {
  const server = {
    answering: true, waiting: [], refusing: null, stored: new Map(),
    answer(yes = true) {
      this.answering = yes;
      for (const go of this.waiting.splice(0)) go();
    },
  };
  const world = {
    server, session, states: [], erased: [], clients: [], made: 0, online: true, asks: 0, failing: null, kept: new Map(),
    /** The next attempt to connect, after one that had no network. */
    again: () => {},
  };
  const account = {
    session: async () => {
      world.asks += 1;
      if (world.failing !== null) throw world.failing;
      return world.session;
    },
    makeGuest: async ({ language }) => {
      world.made += 1;
      await new Promise((resolve) => setImmediate(resolve));
      return (world.session = { ...GUEST, language });
    },
    token: async () => {
      if (world.failing !== null) throw world.failing; // as a socket that nobody answers
      return "token";
    },
    signOut: async () => {
      if (world.failing !== null) throw world.failing;
      world.session = null;
    },
  };
  const open = async (_, { token, deviceId }) => {
    for (let asked = null; asked === null; ) {
      asked = await token().catch(async (error) => {
        if (error.code !== "OFFLINE") throw error;
        await new Promise((resolve) => (world.again = resolve)); // as the client: it tries again, by and by
        return null;
      });
    }
    const client = new PlayedClient(server, world.line.session.userId);
    client.deviceId = deviceId;
    world.clients.push(client);
    return client;
  };
  world.line = new Line({
    account,
    watchMine: (_, onChange) => void (world.tellMine = onChange),
    erase: async (userId, except) => void world.erased.push(except === undefined ? userId : `${userId} but ${except}`),
    importClient: async () => ({ CloseCode, Stopped, directConversationId, joinTabs: (options) => joinTabs({ ...options, keep: false }, open) }),
    openKept: async () => ({
      get: async (name) => world.kept.get(name),
      put: async (name, value) => void (value === undefined ? world.kept.delete(name) : world.kept.set(name, value)),
      all: async (prefix) => [...world.kept].filter(([name]) => name.startsWith(prefix)).map(([, value]) => value),
      close() {},
    }),
    address: "wss://shop.test/socket",
    online: () => world.online,
    onState: (state) => world.states.push(state),
    onSession: () => {},
    guest: () => ({ language: "zh-CN" }),
  });
  world.last = () => world.clients[world.clients.length - 1];
  /** Until it holds. */
  world.until = async (holds) => {
    for (const patience = Date.now() + 5000; Date.now() < patience; ) {
      if (holds()) return;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    throw new Error(`it did not come about; the states were ${JSON.stringify(world.states)}`);
  };
  /** The client ends by itself. */
  world.end = (error) => {
    const { messages, events } = world.last().streams;
    messages.fail(error);
    events.fail(error);
  };
  return world;
}
