/**
 * The icons: outlines in a box of 24 (`icons.svg`, a part of the document), drawn in the colour of the text. They never
 * stand alone.
 */

import { html } from "../view.js";

/**
 * @typedef {"alarm" | "back" | "calendar" | "chat" | "check" | "clock" | "close" | "cut" | "glasses"
 *   | "info" | "next" | "person" | "phone" | "pin" | "print" | "settings"} IconName
 */

/** Beside words, or in a control that has a label. @param {{name: IconName}} props */
export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><use href=${`#icon-${name}`} /></svg>`;
