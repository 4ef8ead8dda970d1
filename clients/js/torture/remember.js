/**
 * Puts one behind the others, of which the oldest goes if there are too many.
 *
 * @template T
 * @param {T[]} list
 * @param {T} one
 * @param {number} most
 */
export function remember(list, one, most) {
  list.push(one);
  if (list.length > most) list.shift();
}
