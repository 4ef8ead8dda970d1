/** The page's first module: puts its parts together. The client is loaded at the first act, or for who has an account here. */

import { isGoing } from "./acts.js";
import { startPage } from "./app.js";
import { createLine } from "./line.js";
import { keepPage } from "./offline/register.js";
import * as reads from "./reads.js";
import { whenJoined } from "./session.js";

const root = document.getElementById("app");
if (root === null) throw new Error("page.html has no place for the page");
const page = startPage({ root, makeLine: createLine, reads });
// Whoever did not make that link signs the other browser out.
whenJoined((browsers) => {
  const before = page.store.get().joined;
  page.store.set({ joined: [before, ...browsers.map(({ label }) => label)].filter(Boolean).join(", ") });
});

/** Nobody loses a form, a hold or an act to a newer version of the page. */
function busy() {
  const { act, drafts, mine } = page.store.get();
  const written = page.line.unsent.length > 0 || Object.values(page.store.get().chat).some(Boolean);
  return isGoing(act) || written || Object.keys(drafts).length > 0 || mine.value?.held != null;
}

// A newer version comes by itself as soon as the page is out of sight and nothing is in work; until then the page says so.
void keepPage({ busy, onUpdate: (update) => page.store.set({ update }) });
