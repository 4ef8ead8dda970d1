/** What a screen with messages keeps: the conversation, posts without an answer, the time while it matters, the window's height. */

import { useEffect, useState } from "../view.js";
import { Conversation } from "./conversation.js";

/** @import { ChatItem, ConversationView, Readers } from "./conversation.js" */
/** @import { Line } from "../line/line.js" */

/** @type {{conversation: Conversation | null, view: ConversationView | null}} */
const NO_CONVERSATION = { conversation: null, view: null };

/**
 * @param {Line} line
 * @param {string} id  "": there is none yet.
 * @param {(item: ChatItem, view: ConversationView) => void} arrived
 * @param {{keeps?: boolean, readers?: Readers}} [how]  See `Conversation`.
 */
export function useConversation(line, id, arrived, how = {}) {
  const client = line.client();
  const [one, setOne] = useState(NO_CONVERSATION);
  useEffect(() => {
    if (id === "") return setOne(NO_CONVERSATION);
    const conversation = new Conversation(id, line, client, (view, item) => {
      setOne({ conversation, view });
      if (item !== null) arrived(item, view);
    }, how);
    setOne((before) => ({ conversation, view: before.view?.id === id ? before.view : conversation.view }));
    void conversation.open();
    return () => conversation.close();
  }, [id, client]);
  return one;
}

/** @param {Line} line */
export function useUnsent(line) {
  const [unsent, setUnsent] = useState(line.unsent);
  useEffect(() => line.unsentChanged(() => setUnsent(line.unsent)), []);
  return unsent;
}

/** Now, each second while it matters. @param {boolean} runs */
export function useClock(runs) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!runs) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [runs]);
  return now;
}

/** The screen fills the window: its list scrolls, and what one writes stays in sight above a keyboard. */
export function fillWindow() {
  const { classList, style } = document.documentElement;
  const measure = () => style.setProperty("--seen", `${visualViewport?.height ?? innerHeight}px`);
  classList.add("chatting");
  measure();
  visualViewport?.addEventListener("resize", measure);
  return () => {
    classList.remove("chatting");
    visualViewport?.removeEventListener("resize", measure);
  };
}
