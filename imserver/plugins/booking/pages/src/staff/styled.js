/** The look of the staff's screens, loaded with them: customers need none of it. The document names its address. */

/** Resolves when it is there; also if it does not come: words without a look are better than none. @returns {Promise<void>} */
export function styled() {
  const address = document.querySelector('meta[name="staff-style"]')?.getAttribute("content");
  if (!address || document.querySelector(`link[href="${address}"]`) !== null) return Promise.resolve();
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = address;
  return new Promise((resolve) => {
    link.onload = link.onerror = () => resolve();
    document.head.append(link);
  });
}
