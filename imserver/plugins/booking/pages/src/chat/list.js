/**
 * The list of messages: it begins at the newest one, stays there while one is there, and does not jump when older messages are
 * put on top or a card changes its height above what one reads.
 */

import { html, useEffect, useLayoutEffect, useRef, useState } from "../view.js";
import { Bubble } from "./bubble.js";
import { ChatIcon } from "./icons.js";
import { c } from "../words/chat.js";

/** @import { Row } from "./rows.js" */
/** @import { BubbleActs } from "./bubble.js" */
/** @import { ConversationView } from "./conversation.js" */

/** So near the end counts as being there. */
const NEAR_PX = 48;
/** Older messages are asked for before one is at the top. */
const AHEAD_PX = 600;

/**
 * @param {object} props
 * @param {readonly Row[]} props.rows
 * @param {ConversationView} props.view
 * @param {BubbleActs} props.acts
 * @param {(userId: string) => string} props.nameOf
 * @param {(day: string, at: number) => string} props.dayWords
 * @param {() => void} props.onOlder
 * @param {(position: number) => void} props.onSeen  Everything up to it was in sight.
 * @param {any} [props.children]  Behind the messages: who is writing.
 */
export function MessageList({ rows, view, acts, nameOf, dayWords, onOlder, onSeen, children }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const atEnd = useRef(true);
  /** The row that one reads, and where it stands. */
  const held = useRef(/** @type {{key: string, top: number} | null} */ (null));
  const [unseen, setUnseen] = useState(false);
  const [away, setAway] = useState(false);
  const last = rows[rows.length - 1];
  const newest = view.items[view.items.length - 1]?.position ?? 0;

  const look = () => {
    if (box.current === null) return; // an effect of a list that is gone
    const { scrollHeight, scrollTop, clientHeight } = box.current;
    atEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    setAway(scrollHeight - scrollTop - clientHeight > clientHeight);
    if (atEnd.current) seen();
    held.current = heldRow(box.current);
    if (scrollTop < AHEAD_PX && view.state === "ready" && view.older === "idle" && !view.whole) onOlder();
  };
  const seen = () => {
    setUnseen(false);
    if (newest > 0 && !document.hidden) onSeen(newest);
  };
  const toEnd = () => {
    const list = /** @type {HTMLElement} */ (box.current);
    list.scrollTo({ top: list.scrollHeight });
    atEnd.current = true;
    seen();
  };

  useLayoutEffect(() => {
    const list = /** @type {HTMLElement} */ (box.current);
    if (atEnd.current) list.scrollTop = list.scrollHeight;
    else keepPlace(list, held.current);
    held.current = heldRow(list);
  }, [rows, view.older]);
  useEffect(() => {
    if (last?.is === "bubble" && last.from === "own" && last.position === 0) toEnd();
    else if (atEnd.current) seen();
    else if (newest > 0) setUnseen(true);
  }, [newest, last?.key]);
  useEffect(() => {
    const list = /** @type {HTMLElement} */ (box.current);
    // A keyboard that comes up, a picture, a larger font: the end stays the end.
    const watch = new ResizeObserver(() => void (atEnd.current && (list.scrollTop = list.scrollHeight)));
    watch.observe(list);
    const shown = () => void (atEnd.current && seen());
    document.addEventListener("visibilitychange", shown);
    return () => {
      watch.disconnect();
      document.removeEventListener("visibilitychange", shown);
    };
  }, [newest]);
  useEffect(() => look(), [view.state, view.whole]);

  return html`
    <div class="chat-scroll" ref=${box} onScroll=${look} tabindex="0" role="region" aria-label=${c("chat.messages")}>
      <${Older} view=${view} onOlder=${onOlder} />
      <ol class="chat-rows">
        ${rows.map((row) => html`<${RowView} key=${row.key} row=${row} acts=${acts} nameOf=${nameOf} dayWords=${dayWords} />`)}
      </ol>
      ${children}
    </div>
    ${(unseen || away) && html`
      <button type="button" class=${unseen ? "button main to-end" : "button to-end"} onClick=${toEnd}>
        <${ChatIcon} name="down" />${unseen ? c("chat.new") : html`<span class="spoken">${c("chat.latest")}</span>`}
      </button>`}
  `;
}

/**
 * @param {{row: Row, acts: BubbleActs, nameOf: (userId: string) => string, dayWords: (day: string, at: number) => string}}
 *   props
 */
function RowView({ row, acts, nameOf, dayWords }) {
  if (row.is === "bubble") return html`<${Bubble} row=${row} acts=${acts} />`;
  if (row.is === "day") return html`<li class="between-rows small quiet"><span>${dayWords(row.day, row.at)}</span></li>`;
  const key = /** @type {"told.added" | "told.removed" | "told.left"} */ (`told.${row.event}`);
  return html`<li class="between-rows small quiet"><span>${c(key, { name: nameOf(row.userId) })}</span></li>`;
}

/** @param {{view: ConversationView, onOlder: () => void}} props */
function Older({ view, onOlder }) {
  if (view.state !== "ready") return null;
  if (view.whole) return view.items.length > 0 && html`<p class="between-rows small quiet"><span>${c("chat.begin")}</span></p>`;
  const words = { idle: c("chat.older"), reading: c("chat.older_reading"), failed: c("chat.older_failed") }[view.older];
  const busy = view.older === "reading" ? "true" : null;
  return html`
    <p class="between-rows">
      <button type="button" class="button plain small" aria-disabled=${busy} onClick=${onOlder}>${words}</button>
    </p>
  `;
}

/** The first row in sight, which must not move. @param {HTMLElement} list */
function heldRow(list) {
  const top = list.getBoundingClientRect().top;
  for (const row of list.querySelectorAll("[data-key]")) {
    const place = row.getBoundingClientRect();
    if (place.bottom > top) return { key: /** @type {HTMLElement} */ (row).dataset.key ?? "", top: place.top };
  }
  return null;
}

/** @param {HTMLElement} list @param {{key: string, top: number} | null} held */
function keepPlace(list, held) {
  if (held === null) return;
  const row = list.querySelector(`[data-key="${held.key}"]`);
  if (row !== null) list.scrollTop += row.getBoundingClientRect().top - held.top;
}
