/** What the tests of tabs have pages do: join, post, and write down what was heard. Errors become the words of a person. */

import { connectTabs } from "/clients/js/src/tabs/connect.js";

/** Everything that this page was told, in order. */
export const heard = { messages: [], events: [], roles: [], kept: [], posted: [], failed: [], ended: null };

const told = (error) => `${error.name}: ${error.message}`;
let tab;

/** Take part, and read messages and events until they end. Says who this tab is. */
export async function join(options, read = ["messages", "events"]) {
  try {
    tab = await connectTabs(options);
  } catch (error) {
    return { error: told(error) };
  }
  if (read.includes("messages")) readMessages();
  if (read.includes("events")) readEvents();
  return who();
}

export const who = () => ({ role: tab.role, kept: tab.kept, reason: tab.reason, userId: tab.userId, deviceId: tab.deviceId });

async function readMessages() {
  try {
    for await (const { conversationId, position, text, own, redelivered } of tab.messages()) {
      heard.messages.push({ conversationId, position, text, own, redelivered });
    }
    heard.ended ??= "closed";
  } catch (error) {
    heard.ended = told(error);
  }
}

async function readEvents() {
  try {
    for await (const event of tab.events()) {
      if (event.type === "roleChanged") heard.roles.push(event.role);
      else heard.events.push(event.type === "connectionChanged" ? `connection ${event.state}` : event.type);
    }
  } catch (error) {
    heard.failed.push(`events: ${told(error)}`);
  }
}

/** Post one text; its position, or the error. */
export async function post(conversationId, text) {
  try {
    const { position } = await tab.post(conversationId, text, { onKept: () => heard.kept.push(text) });
    heard.posted.push(text);
    return position;
  } catch (error) {
    heard.failed.push(`${text}: ${told(error)}`);
    return told(error);
  }
}

/** Post `count` texts `PREFIX 1`, `PREFIX 2` … without waiting for their answers; resolves when all have one. */
export async function postMany(conversationId, prefix, count, everyMs = 0) {
  const posts = [];
  for (let number = 1; number <= count; number++) {
    posts.push(post(conversationId, `${prefix} ${number}`));
    if (everyMs > 0) await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  return Promise.all(posts);
}

/** Call a method of the client by its path. */
export async function call(path, ...given) {
  try {
    return await path.split(".").reduce((one, name) => one[name], tab.call)(...given);
  } catch (error) {
    return told(error);
  }
}

export const close = () => tab.close();
