/** One message: text or card, who said it, when, and what became of it. */

import { Icon } from "../parts/icon.js";
import { html, useState } from "../view.js";
import { linked } from "./content.js";
import { ChatIcon } from "./icons.js";
import { c, wordsOf } from "../words/chat.js";

/** @import { Action, CardContent } from "./content.js" */
/** @import { Bubble as BubbleRow } from "./rows.js" */
/** @import { ChatIconName } from "./icons.js" */

/**
 * What rows need of the screen.
 *
 * @typedef {object} BubbleActs
 * @property {(card: BubbleRow, action: Action) => void} press
 * @property {(name: string, act: "again" | "discard") => void} settle  A refused post.
 * @property {ReadonlySet<string>} pressing  "KEY COMMAND" of buttons whose post has no answer.
 * @property {(at: number) => string} timeAt
 * @property {(text: string, row: BubbleRow) => string | null} ownWords  What a command says; null for what is shown as it is.
 * @property {(tick: NonNullable<BubbleRow["tick"]>) => string} tickWords
 * @property {(row: BubbleRow) => string} who  Who said it.
 * @property {(row: BubbleRow) => {words: string, grave: boolean} | null} [note]  What is to be known of it, below it.
 * @property {boolean} [quiet]  No button of a card calls for a tap: they are meant for somebody else.
 * @property {(conversation: string) => string} [opens]  Where a card about another conversation leads.
 */

/** Buttons of one card that are drawn before somebody asks for all: a list of times would fill three screens. */
const FIRST_ACTIONS = 12;

/** @param {{row: BubbleRow, acts: BubbleActs}} props */
export function Bubble({ row, acts }) {
  const { shown, from, first, last } = row;
  const marks = [first && "first", last && "last", row.pressed && "pressed"];
  const classes = ["bubble", from, shown.is, ...marks].filter(Boolean).join(" ");
  const note = acts.note?.(row);
  return html`
    <li class=${classes} data-key=${row.key}>
      ${row.name && html`<p class="small quiet sender">${row.name}</p>`}
      <span class="spoken">${acts.who(row)}${row.pressed ? ` · ${c("tick.pressed")}` : ""}: </span>
      <${Content} row=${row} acts=${acts} />
      <${Foot} row=${row} acts=${acts} />
      ${note && html`
        <p class=${note.grave ? "small why bad" : "small why"}>
          <${Icon} name=${note.grave ? "alarm" : "person"} /><span>${note.words}</span>
        </p>`}
    </li>
  `;
}

/** @param {{row: BubbleRow, acts: BubbleActs}} props */
function Content({ row, acts }) {
  const { shown } = row;
  if (shown.is === "card") return html`<${CardView} card=${shown} row=${row} acts=${acts} />`;
  const said = shown.is === "text" && !row.pressed ? acts.ownWords(shown.text, row) : null;
  if (shown.is === "text" && said !== null) return html`<${Tapped} words=${said} text=${shown.text} />`;
  if (shown.is === "text") return html`<div class="said" dir="auto"><${Text} text=${shown.text} /></div>`;
  return html`<div class="said gone quiet">${shown.is === "retracted" ? c("chat.retracted") : c("chat.unknown")}</div>`;
}

/** A command that the page posted: what it says, and behind a disclosure itself. @param {{words: string, text: string}} props */
const Tapped = ({ words, text }) => html`
  <div class="said tapped" dir="auto">
    ${words}
    <details class="small"><summary>${c("own.full")}</summary>${text}</details>
  </div>
`;

/** Text is text: never markup, and a link only where it says https, or where a map is. @param {{text: string}} props */
const Text = ({ text }) => linked(text).map((piece, index) => piece.href === undefined
  ? html`<span key=${index}>${piece.text}</span>`
  : html`
    <a key=${index} href=${piece.href} target="_blank" rel="noopener noreferrer nofollow">
      ${piece.map ? c("chat.map") : piece.text}<span class="spoken"> ${c("chat.opens")}</span>
    </a>`);

/** @param {{card: CardContent, row: BubbleRow, acts: BubbleActs}} props */
function CardView({ card, row, acts }) {
  return html`
    <div class="said" dir="auto">
      ${card.title && html`<p class="card-title">${card.title}</p>`}
      ${card.fields.length > 0 && html`
        <dl class="facts">
          ${card.fields.map(([label, value], index) => html`<dt key=${index}>${label}</dt><dd><${Text} text=${value} /></dd>`)}
        </dl>`}
      ${card.text && html`<p class="card-text"><${Text} text=${card.text} /></p>`}
      ${card.ref?.kind === "conversation" && acts.opens && html`
        <a class="button" href=${acts.opens(card.ref.id)}>${c("card.opens")}<${Icon} name="next" /></a>`}
      ${card.actions.length > 0 && html`<${Buttons} card=${card} row=${row} acts=${acts} />`}
    </div>
  `;
}

/**
 * A card's buttons stay, also of old cards: what is out of date the bot answers. One that was pressed says so and can be
 * pressed again; where one has gone on, none of them calls for a tap.
 *
 * @param {{card: CardContent, row: BubbleRow, acts: BubbleActs}} props
 */
function Buttons({ card, row, acts }) {
  const [all, setAll] = useState(false);
  const drawn = all || card.actions.length <= FIRST_ACTIONS + 2 ? card.actions : card.actions.slice(0, FIRST_ACTIONS);
  const short = drawn.every(({ label }) => [...label].length <= 10);
  return html`
    <div class=${short ? "choices short" : "choices"} role="group" aria-label=${card.title || c("chat.shop")}>
      ${drawn.map((action, index) => {
        const pressing = acts.pressing.has(`${row.key} ${action.command}`);
        const used = row.used.has(action.command);
        const kind = row.answered || acts.quiet ? "" : { primary: " main", danger: " alarm", default: "" }[action.style];
        return html`
          <button key=${index} type="button" class=${`button${used ? " used" : kind}`} aria-disabled=${pressing ? "true" : null}
            onClick=${() => !pressing && acts.press(row, action)}>
            ${used && html`<${ChatIcon} name=${pressing ? "sending" : "sent"} />`}${action.label}
            ${(used || pressing) && html`<span class="spoken"> (${pressing ? c("card.sending") : c("card.pressed")})</span>`}
          </button>`;
      })}
      ${drawn.length < card.actions.length && html`
        <button type="button" class="button plain" onClick=${() => setAll(true)}>
          ${c("card.more", { count: card.actions.length })}
        </button>`}
    </div>
  `;
}

/** Time and tick, at the end of a group or where there is more to say. @param {{row: BubbleRow, acts: BubbleActs}} props */
function Foot({ row, acts }) {
  const { tick, post, edited, reactions } = row;
  const quiet = !row.last && !edited && (tick === null || tick === "sent" || tick === "read");
  return html`
    ${reactions.length > 0 && html`
      <p class="reactions">${reactions.map(({ emoji, count, mine }) => html`
        <span key=${emoji} class=${mine ? "tag good" : "tag"}>
          <span aria-hidden="true">${emoji}${count > 1 ? ` ${count}` : ""}</span>
          <span class="spoken">${c(mine ? "chat.reaction_mine" : "chat.reaction", { emoji, count })}</span>
        </span>`)}</p>`}
    ${quiet && tick !== null && html`<span class="spoken">${acts.tickWords(tick)}</span>`}
    ${!quiet && html`
      <p class="small quiet foot">
        ${edited && html`<span>${c("chat.edited")}</span>`}
        ${row.at > 0 && html`<time class="number" datetime=${new Date(row.at).toISOString()}>${acts.timeAt(row.at)}</time>`}
        ${tick !== null && html`<${TickMark} tick=${tick} words=${acts.tickWords(tick)} />`}
      </p>`}
    ${post?.refused && html`
      <div class="refused small">
        <p class="error">${wordsOf("refused", post.refused.code)}</p>
        ${/** @type {const} */ (["again", "discard"]).map((act) => html`
          <button key=${act} type="button" class="button plain" onClick=${() => acts.settle(post.name, act)}>
            ${c(`refused.${act}`)}
          </button>`)}
      </div>`}
  `;
}

/** @type {Readonly<Record<NonNullable<BubbleRow["tick"]>, ChatIconName | null>>} */
const TICKS = { sending: "sending", waiting: "sending", sent: "sent", read: "read", refused: null };

/**
 * A mark, and its words for those who do not see it; what needs patience says so to everybody.
 *
 * @param {{tick: NonNullable<BubbleRow["tick"]>, words: string}} props
 */
function TickMark({ tick, words }) {
  const icon = TICKS[tick];
  const said = tick === "waiting" || tick === "refused";
  return html`
    <span class=${`tick ${tick}`}>
      ${icon && html`<${ChatIcon} name=${icon} />`}<span class=${said ? "" : "spoken"}>${words}</span>
    </span>
  `;
}
