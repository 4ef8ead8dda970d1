/**
 * Where one writes: as many lines as it needs, 10,000 characters, and Enter that never cuts a word that an input method
 * composes.
 */

import { MAX_CHARACTERS } from "../line/posts.js";
import { html, useLayoutEffect, useRef } from "../view.js";
import { ChatIcon } from "./icons.js";
import { c } from "../words/chat.js";

/** From here on the rest is counted. */
const COUNT_FROM = MAX_CHARACTERS - 500;
/** More is scrolled inside. */
const MAX_LINES = 6;

/**
 * @param {object} props
 * @param {string} props.to  To whom.
 * @param {string} props.text
 * @param {(text: string) => void} props.onText
 * @param {(text: string) => void} props.onSend
 * @param {string} [props.hint]  What happens to what is sent now, if that is out of the ordinary.
 */
export function Composer({ to, text, onText, onSend, hint }) {
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const count = [...text].length;
  const over = count - MAX_CHARACTERS;
  const empty = text.trim() === "";
  useLayoutEffect(() => grow(/** @type {HTMLTextAreaElement} */ (area.current)), [text]);

  const send = () => {
    const field = /** @type {HTMLTextAreaElement} */ (area.current);
    if (!empty && over <= 0) onSend(text.trim());
    field.focus();
  };
  /** @param {KeyboardEvent} event */
  const key = (event) => {
    // 229: what Safari says of the Enter that ends a composition, after `isComposing` is false again.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    // A thumb has a button to send with, and no Shift for a new line.
    if (matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    send();
  };
  return html`
    <form class="composer" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), send())}>
      ${hint && html`<p class="small quiet hint" id="write-hint">${hint}</p>`}
      <div class="composer-row">
        <textarea ref=${area} class="input" rows="1" value=${text} placeholder=${c("write.hint")}
          aria-label=${c("write.label", { to })} aria-describedby=${hint ? "write-hint" : null}
          aria-invalid=${over > 0 ? "true" : null} enterkeyhint="send" autocomplete="off"
          onInput=${() => onText(/** @type {HTMLTextAreaElement} */ (area.current).value)} onKeyDown=${key} />
        <button type="submit" class="button main send" aria-disabled=${empty || over > 0 ? "true" : null}
          aria-label=${c("write.send")} title=${c("write.keys")}>
          <${ChatIcon} name="send" />
        </button>
      </div>
      ${over > 0 ? html`<p class="error" role="alert">${c("write.too_long", { count: over })}</p>`
        : count > COUNT_FROM && html`<p class="small quiet number" role="status">${c("write.left", { count: -over })}</p>`}
    </form>
  `;
}

/** @param {HTMLTextAreaElement} area */
function grow(area) {
  area.style.height = "auto";
  const { lineHeight, paddingTop, paddingBottom } = getComputedStyle(area);
  const most = parseFloat(lineHeight) * MAX_LINES + parseFloat(paddingTop) + parseFloat(paddingBottom) + 2;
  area.style.height = `${Math.min(area.scrollHeight + 2, most)}px`;
  area.style.overflowY = area.scrollHeight > most ? "auto" : "hidden";
}
