/**
 * A user's program on the JavaScript client of any version, as `phone.py` is one on the Python client. The argument is the folder
 * of the library.
 */

import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
/** @param {string} file @returns {Promise<any>} */
const library = (file) => import(pathToFileURL(join(folder, file)).href);

const { connect } = await library("index.js");
const { FileDisk } = await library("storage/file_disk.js");
const { openNodeTcp } = await library("transports/node-tcp.js");
const { openWebSocket } = await library("transports/websocket.js");

/** What JSON does not have: bytes. @param {string} _key @param {unknown} value */
const plain = (_key, value) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value);

/** @param {object} line */
const say = (line) => process.stdout.write(`${JSON.stringify(line, plain)}\n`);

/** @param {any} content */
const textOf = (content) => (content === null ? null : content.text ?? null);

/** What is told of an event, by its type. @type {Record<string, (event: any) => object>} */
const TOLD = {
  connectionChanged: ({ state, resumed }) => ({ event: "connection", state, resumed }),
  cursorMoved: ({ conversationId, userId, cursor }) => ({
    event: "cursor", conversation: conversationId, user: userId, delivered: cursor.delivered, read: cursor.read,
  }),
  itemChanged: ({ conversationId, position, extra }) => ({ event: "item", conversation: conversationId, position, extra }),
  edited: ({ conversationId, position, content }) => ({
    event: "edited", conversation: conversationId, position, text: textOf(content),
  }),
  typing: ({ conversationId, userId }) => ({ event: "typing", conversation: conversationId, user: userId }),
};

/** @param {string} name @param {any} client */
async function tellMessages(name, client) {
  for await (const message of client.messages()) {
    const { conversationId, position, senderId, text } = message;
    say({ client: name, event: "message", conversation: conversationId, position, sender: senderId, text });
    message.done();
  }
}

/** @param {string} name @param {any} events */
async function tellEvents(name, events) {
  for await (const event of events) {
    const tell = TOLD[event.type];
    if (tell) say({ client: name, ...tell(event) });
  }
}

/** By the names of people. @type {Map<string, any>} */
const clients = new Map();

/** @param {string} name @param {any} told */
async function open(name, { address, token, device, store }) {
  const transport = address.startsWith("ws") ? openWebSocket : openNodeTcp;
  const client = await connect({ address, token, deviceId: device, storage: new FileDisk(store), transport });
  clients.set(name, client);
  // Their ends are those of the client, which the commands tell.
  tellEvents(name, client.events()).catch(() => {});
  tellMessages(name, client).catch(() => {});
}

/** @type {Record<string, (client: any, told: any) => any>} */
const COMMANDS = {
  close: (client) => client.close({ flush: false }),
  direct: (client, { user }) => client.direct(user),
  create: (client, { title, members }) => client.createGroup(title, members),
  post: async (client, { conversation, text }) => (await client.post(conversation, text)).position,
  edit: async (client, { conversation, position, text }) => void (await client.edits.edit(conversation, position, text)),
  react: (client, { conversation, position, emoji }) => client.reactions.put(conversation, position, emoji),
  reactions: (client, { conversation, position }) =>
    client.reactions.of(conversation, position).shown.map((/** @type {any} */ one) => [one.emoji, one.count, one.userIds]),
  typing: (client, { conversation }) => client.typing.tell(conversation),
  read: (client, { conversation, position }) => client.markRead(conversation, position),
  show: (client, { conversation }) => client.show(conversation),
  outbox: (client) => client.outbox().length,
  history: async (client, { conversation }) =>
    (await client.history(conversation)).items.map((/** @type {any} */ one) => [
      one.position, one.senderId, textOf(one.content), one.revision, one.key, one.extra,
    ]),
  conversations: async (client) =>
    (await client.conversations()).conversations.map((/** @type {any} */ one) => [
      one.conversationId, one.kind, one.title, one.head, one.unread,
    ]),
  cursors: (client, { conversation }) =>
    Object.fromEntries(
      [...client.cursors(conversation)].map(([user, { delivered, read }]) => [user, [delivered, read]]),
    ),
  members: async (client, { conversation }) =>
    Object.fromEntries(
      (await client.members(conversation)).map((/** @type {any} */ { userId, role }) => [userId, role]),
    ),
};

/** @param {{id: number, client: string, do: string}} said */
async function answer({ id, client: name, do: what, ...told }) {
  try {
    const result = what === "connect" ? await open(name, told) : await COMMANDS[what](clients.get(name), told);
    say({ id, result: result ?? null });
  } catch (error) {
    const { code = 0, text, message } = /** @type {any} */ (error);
    say({ id, error: { code, text: text ?? message } });
  }
}

say({ driver: 1, name: folder, transports: ["tcp", "websocket"] });
for await (const line of createInterface({ input: process.stdin })) answer(JSON.parse(line));
process.exit(0);
