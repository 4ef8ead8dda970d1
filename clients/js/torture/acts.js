/** What people do with features, and what is written down of it for the judges in `imserver/proof/acts`. */

import { isDeepStrictEqual } from "node:util";

import { Refused } from "../src/index.js";
import { digestOf } from "./client_journal.js";

/** @typedef {import("./actor.js").Actor} Actor */
/** @typedef {import("./random.js").Random} Random */
/** @typedef {import("../src/client.js").Client} Client */

const EMOJI = ["👍", "❤️", "😂", "🎉", "🇨🇳", "👩🏽‍🚀"];
const MAX_NUMBER = 2 ** 48;
const PUT_SHARE = 0.65;
/** Messages of each conversation that are looked at in the end, so many at a time; people of one page there. */
const LOOKED_AT = 400;
const PAGE = 100;
const FEW = 2;

/** Another text for one of the client's own messages. @type {Act} */
function edit(actor, random) {
  if (actor.stored.length === 0) return;
  const { conversationId, position } = random.choice(actor.stored);
  const content = { type: "text", text: `edited by ${actor.name} ${random.number()}` };
  actor.ask(
    (client) => client.edits.edit(conversationId, position, content),
    (done) => actor.journal.noted("edits", [conversationId, position, done.revision, digestOf(content), done.position]),
  );
}

/** An emoji on a message that was shown, or none any more. @type {Act} */
function react(actor, random) {
  if (actor.seen.length === 0) return;
  const { conversationId, position } = random.choice(actor.seen);
  const emoji = random.choice(EMOJI);
  const on = random.number() < PUT_SHARE;
  const number = random.integer(0, MAX_NUMBER);
  actor.journal.noted("reactions", ["said", number, conversationId, position, emoji, on]);
  actor.ask(
    (client) => client.reactions[on ? "put" : "remove"](conversationId, position, emoji),
    () => actor.journal.noted("reactions", ["done", number]),
  );
}

/** @type {Act} */
function type(actor, _random, place) {
  actor.client.typing.tell(place);
}

/**
 * Does something that a feature offers, somewhere in `place` if it is not about a message.
 *
 * @typedef {(actor: Actor, random: Random, place: string) => void} Act
 */

/** @type {readonly Act[]} */
export const ACTS = [edit, react, react, type];

/**
 * What messages have in conversations that one has seen, now that nothing happens any more: by pages, by what the client knows
 * then, and by asking who.
 *
 * @param {Actor} actor
 */
export async function rest(actor) {
  const found = [];
  for (const conversationId of new Set(actor.seen.map((place) => place.conversationId))) {
    try {
      for await (const { position, extra, mine } of newest(actor.client, conversationId)) {
        const known = actor.client.item(conversationId, position);
        const same = known === null || isDeepStrictEqual([known.extra, known.mine], [extra, mine]);
        const who = extra.reactions ? await people(actor.client, conversationId, position) : [];
        found.push([conversationId, position, extra.reactions ?? null, mine.reactions ?? null, same, who]);
      }
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
  }
  actor.journal.rested("reactions", found);
}

/**
 * @param {Client} client
 * @param {string} conversationId
 */
async function* newest(client, conversationId) {
  let before = null;
  for (let looked = 0; looked < LOOKED_AT; looked += PAGE) {
    const page = /** @type {import("../src/values.js").Page} */ (await client.history(conversationId, { before, limit: PAGE }));
    yield* page.items;
    if (page.first <= 1 || page.first > page.last) return;
    before = page.first;
  }
}

/**
 * @param {Client} client
 * @param {string} conversationId
 * @param {number} position
 */
async function people(client, conversationId, position) {
  const found = [];
  let after = null;
  do {
    const page = /** @type {Awaited<ReturnType<Client["reactions"]["people"]>>} */ (
      await client.reactions.people(conversationId, position, { after, limit: FEW })
    );
    for (const { userId, emoji } of page.people) found.push([userId, emoji]);
    after = page.next;
  } while (after !== null);
  return found;
}
