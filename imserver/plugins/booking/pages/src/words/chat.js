/** The words of chat, devices and links: loaded with these screens, so that the first tap needs none. */

import { hasWords, t } from "./page.js";
import { speaking } from "./spoken.js";

export const CHAT = {
  // The conversation
  "chat.title": { zh: "与{shop}聊天", en: "Chat with {shop}" },
  "chat.messages": { zh: "消息", en: "Messages" },
  "chat.today": { zh: "今天", en: "Today" },
  "chat.yesterday": { zh: "昨天", en: "Yesterday" },
  "chat.you": { zh: "我", en: "You" },
  "chat.shop": { zh: "门店", en: "The shop" },
  "chat.says": { zh: "{name}：{text}", en: "{name}: {text}" },
  "chat.empty": { zh: "有什么想问的，直接写在这里", en: "Ask the shop anything" },
  "chat.empty_text": {
    zh: "可以预约、改约、取消，也可以问路、问价格。助手马上回复，店员看到后也会回复。",
    en: "Book, move or cancel, or ask for the way and prices. The assistant answers at once, the staff when they see it.",
  },
  "chat.failed": { zh: "消息没有读到", en: "The messages could not be read" },
  "chat.failed_text": { zh: "服务器没有回应，页面会自动再试。", en: "The server did not answer. The page tries again by itself." },
  "chat.older": { zh: "更早的消息", en: "Older messages" },
  "chat.older_reading": { zh: "正在读取…", en: "Reading…" },
  "chat.older_failed": { zh: "没有读到，点一下再试", en: "Could not be read. Tap to try again" },
  "chat.begin": { zh: "对话从这里开始", en: "The conversation begins here" },
  "chat.new": { zh: "新消息", en: "New messages" },
  "chat.latest": { zh: "回到最新消息", en: "To the newest message" },
  "chat.typing": { zh: "{name}正在输入…", en: "{name} is writing…" },
  "chat.typing_shop": { zh: "门店正在输入…", en: "The shop is writing…" },
  "chat.retracted": { zh: "消息已撤回", en: "This message was taken back" },
  "chat.unknown": { zh: "本页面无法显示这条消息，请重新载入。", en: "This page cannot show this message. Load it again." },
  "chat.edited": { zh: "已修改", en: "edited" },
  "chat.map": { zh: "地图", en: "Map" },
  "chat.opens": { zh: "（在新窗口打开）", en: "(opens in a new window)" },
  "chat.reaction": { zh: "{emoji} {count} 人", en: "{emoji} by {count}" },
  "chat.reaction_mine": { zh: "{emoji} {count} 人，包括我", en: "{emoji} by {count}, you among them" },
  "told.added": { zh: "{name}加入了对话", en: "{name} joined" },
  "told.removed": { zh: "{name}离开了对话", en: "{name} was removed" },
  "told.left": { zh: "{name}离开了对话", en: "{name} left" },
  "told.somebody": { zh: "有人", en: "Somebody" },

  // What the page posted for somebody who tapped
  "own.book": { zh: "选了 {when} · {service}", en: "Chose {when} · {service}" },
  "own.move": { zh: "想改到 {when}", en: "Move it to {when}" },
  "own.confirm": { zh: "是，确认", en: "Yes, that is right" },
  "own.cancel": { zh: "想取消", en: "Cancel it" },
  "own.cancel_yes": { zh: "是，取消", en: "Yes, cancel it" },
  "own.longer": { zh: "请再保留一会儿", en: "Hold it longer, please" },
  "own.consent": { zh: "同意保存信息", en: "I agree to the data notice" },
  "own.language": { zh: "换了语言", en: "Changed the language" },
  "own.sent": { zh: "已填写：{facts}", en: "Sent: {facts}" },
  "own.first": { zh: "第一次来", en: "first visit" },
  "own.again": { zh: "来过", en: "has been here before" },
  "own.agreed": { zh: "同意保存信息", en: "agreed to the data notice" },
  "own.yes": { zh: "请预约 {when} · {service}", en: "please book {when} · {service}" },
  "own.comma": { zh: "，", en: ", " },
  "their.take": { zh: "店员来回复", en: "A person answers now" },
  "their.give_back": { zh: "交还助手", en: "The assistant answers again" },
  "own.full": { zh: "原文", en: "As it was sent" },

  // Ticks: what became of one's own message
  "tick.sending": { zh: "发送中", en: "Sending" },
  "tick.waiting": { zh: "等网络恢复后自动发送", en: "Goes out when the connection is back" },
  "tick.sent": { zh: "已送达门店", en: "Stored by the shop" },
  "tick.read": { zh: "店员已读", en: "Read by the staff" },
  "tick.refused": { zh: "没有发出", en: "Not sent" },
  "tick.pressed": { zh: "点了按钮", en: "Button pressed" },

  // Buttons of cards
  "card.pressed": { zh: "已点", en: "pressed" },
  "card.opens": { zh: "打开对话", en: "Open the conversation" },
  "card.sending": { zh: "正在发送", en: "sending" },
  "card.more": { zh: "显示全部 {count} 个选项", en: "Show all {count} choices" },

  // What is written
  "write.label": { zh: "写给{to}", en: "Message to {to}" },
  "write.hint": { zh: "写消息…", en: "Write a message…" },
  "write.send": { zh: "发送", en: "Send" },
  "write.keys": { zh: "回车发送，Shift 加回车换行", en: "Enter sends, Shift and Enter begin a new line" },
  "write.left": { zh: "还可以写 {count} 个字", en: "{count} characters left" },
  "write.too_long": {
    zh: "多了 {count} 个字：一条消息最多 10000 字，请分成几条。",
    en: "{count} characters too many: a message has at most 10,000. Send it in parts.",
  },
  "write.offline": { zh: "没有连接：写好的消息会在恢复后自动发送。", en: "No connection: what you send goes out by itself when it is back." },
  "write.not_kept": {
    zh: "这个浏览器不保存数据：消息发出之前请不要关闭页面。",
    en: "This browser keeps nothing: do not close the page before your messages have gone out.",
  },
  "refused.again": { zh: "再发一次", en: "Send again" },
  "refused.discard": { zh: "删除", en: "Discard" },
  "refused.LOST": {
    zh: "门店的记录恢复到了较早的备份，这条消息不在里面。",
    en: "The shop's records were restored from an earlier copy, without this message.",
  },
  "refused.MOVED": {
    zh: "换账号之前写的，可能没有送达门店。",
    en: "Written before this phone went on as this account. It may not have arrived.",
  },
  "refused.TOO_LONG": { zh: "太长了：一条消息最多 10000 字。", en: "Too long: a message has at most 10,000 characters." },
  "refused.TOO_MANY": { zh: "等待发送的消息太多，请稍后再试。", en: "Too many messages are waiting. Try again later." },
  "refused.FORBIDDEN": { zh: "这个对话已经不能发消息了。", en: "You can no longer write in this conversation." },
  "refused.NO_GUESTS": {
    zh: "这里暂时不接受新的访客，请打电话给门店。",
    en: "New visitors are not let in here at the moment. Please call the shop.",
  },
  "refused.NOT_FOUND": { zh: "这个对话已经不存在了。", en: "This conversation does not exist any more." },
  "refused.QUOTA": { zh: "今天发的太多了，请明天再试，或打电话。", en: "That is too much for today. Try tomorrow, or call." },
  "refused.OFFLINE": { zh: "没有网络，没有发出。", en: "There is no network. It was not sent." },
  "refused.COOKIES": {
    zh: "这个浏览器不接受 Cookie，门店认不出您。请允许本页使用 Cookie，或打电话。",
    en: "This browser keeps no cookies, so the shop could not know you again. Allow cookies for this page, or call.",
  },
  "refused.RATE_LIMITED": { zh: "太频繁了，请过一分钟再试。", en: "Too many tries in a short time. Wait a minute." },
  "refused.other": { zh: "没有发出。", en: "It was not sent." },

  // The strip on top
  "strip.next": { zh: "下次预约", en: "Next appointment" },
  "strip.open": { zh: "查看", en: "Open" },
  "strip.held": { zh: "时间已为您保留", en: "Held for you" },
  "strip.continue": { zh: "继续预约", en: "Go on" },
  "strip.human": { zh: "已通知店员，看到后会在这里回复。", en: "The staff have been told and will answer here." },
  "strip.human_closed": {
    zh: "已通知店员。现在不在营业时间，开店后在这里回复。",
    en: "The staff have been told. The shop is closed now; they answer here when it opens.",
  },
  "strip.human_since": { zh: "从 {time} 开始等", en: "Waiting since {time}" },

  // Why the line is not well, and what helps
  "stopped.title": { zh: "这个页面已断开", en: "This page is not connected" },
  "stopped.SIGNED_OUT": {
    zh: "这个浏览器已退出登录，上面保存的消息和资料都删除了。退出不会取消预约；不确定预约是否还在，请打电话给门店。",
    en:
      "This browser was signed out, and what it kept of you is deleted. That cancels nothing: if you are not sure of an " +
      "appointment, call the shop.",
  },
  "stopped.OTHER_ACCOUNT": {
    zh: "在另一个标签页里，这个浏览器换成了别的账号。请重新载入，看到现在这个账号。",
    en: "In another tab this browser became a different account. Load the page again to see that one.",
  },
  "stopped.ELSEWHERE": { zh: "对话已在另一个标签页打开。", en: "The conversation is open in another tab." },
  "stopped.OUTDATED": {
    zh: "页面和门店服务器的版本不一致，请重新载入。",
    en: "This page and the shop's server are of different versions. Load it again.",
  },
  "stopped.OLD_TAB": {
    zh: "另一个标签页里还开着旧版页面，请先关掉它。",
    en: "An older version of this page is open in another tab. Close it first.",
  },
  "stopped.REFUSED": { zh: "服务器没有接受这个页面，请重新载入。", en: "The server does not take this page. Load it again." },
  "stopped.FAILED": {
    zh: "页面出错了，请重新载入。消息都在门店。",
    en: "Something went wrong in this page. Load it again; the shop has all messages.",
  },
  "stopped.reload": { zh: "重新载入", en: "Load again" },
  "stopped.begin": { zh: "重新开始", en: "Start again" },
  "stopped.here": { zh: "在这里使用", en: "Use it here" },

  // Browsers inside other apps
  "in_app.title": { zh: "建议用浏览器打开", en: "Better in your browser" },
  "in_app.text": {
    zh: "在{app}里，下次可能找不到这次的预约，也收不到提醒。点右上角的“…”，选“在浏览器打开”；或在聊天里留下手机号。",
    en:
      "Inside {app} you may not find this appointment again, and no reminder reaches you. Open the menu and choose " +
      "“open in browser”, or leave your number in the chat.",
  },
  "in_app.copy": { zh: "复制网址", en: "Copy the address" },
  "in_app.hide": { zh: "就在这里继续", en: "Stay here" },
  "copied": { zh: "已复制", en: "Copied" },
  "copy_failed": { zh: "复制不了，请长按选择。", en: "It could not be copied. Press and hold to select it." },

  // My browsers
  "devices.title": { zh: "我的浏览器", en: "My browsers" },
  "devices.text_staff": {
    zh: "这些浏览器可以看到门店的预约和顾客的消息。不认识的请退出。",
    en: "These browsers see the shop's appointments and what its customers write. Sign out those that you do not know.",
  },
  "devices.text": {
    zh: "这些浏览器可以看到您的预约和消息。不认识的请退出。",
    en: "These browsers see your appointments and messages. Sign out those that you do not know.",
  },
  "devices.none": {
    zh: "这个浏览器还没有登录。第一次预约或写消息时会自动登录。",
    en: "Nobody is signed in here yet. Your first appointment or message does that by itself.",
  },
  "devices.failed": { zh: "浏览器列表没有读到", en: "The list could not be read" },
  "devices.this": { zh: "这个浏览器", en: "This browser" },
  "devices.unnamed": { zh: "浏览器", en: "Browser" },
  "devices.seen": { zh: "上次使用：{time}", en: "Last used {time}" },
  "devices.made": { zh: "登录于 {time}", en: "Signed in {time}" },
  "devices.name": { zh: "改名", en: "Rename" },
  "devices.name_label": { zh: "这个浏览器的名字", en: "A name for this browser" },
  "devices.save": { zh: "保存", en: "Save" },
  "devices.cancel": { zh: "取消", en: "Cancel" },
  "devices.revoke": { zh: "退出", en: "Sign out" },
  "devices.revoke_of": { zh: "让“{name}”退出登录", en: "Sign out “{name}”" },
  "devices.revoked": { zh: "“{name}”已退出登录", en: "“{name}” is signed out" },
  "devices.named": { zh: "已改名", en: "Renamed" },
  "devices.leave": { zh: "退出这个浏览器", en: "Sign out here" },
  "devices.leave_sure": {
    zh: "退出后，这里保存的消息和资料都会删除。{guest}门店的预约不变。",
    en: "What this browser keeps of you is deleted. {guest}Your appointments at the shop stand.",
  },
  "devices.leave_guest": {
    zh: "如果没有在别的浏览器里登录，以后就回不到这个账号了。",
    en: "If you are signed in nowhere else, there is no way back to this account. ",
  },
  "devices.leave_unsent": { zh: "还有 {count} 条消息没有发出，会丢失。", en: "{count} messages have not gone out and will be lost." },
  "devices.leave_yes": { zh: "退出并删除", en: "Sign out and delete" },
  "devices.act_failed": { zh: "没有成功", en: "That did not work" },

  // What did not work with this browser's account
  "undone.OFFLINE": { zh: "连不上服务器，没有改动。请再试一次。", en: "The server was not reached, and nothing has changed. Try again." },
  "undone.RATE_LIMITED": {
    zh: "次数太多了。请过些时候再试，或请门店帮忙。",
    en: "That was done too often. Try again later, or ask the shop.",
  },
  "undone.NOT_FOUND": { zh: "这个浏览器已经不在列表里了。", en: "This browser is not on the list any more." },
  "undone.COOKIES": {
    zh: "这个浏览器不保存 Cookie，无法保持登录。请为本页面允许 Cookie。",
    en: "This browser keeps no cookies, so it could not stay signed in. Allow cookies for this page.",
  },
  "undone.other": { zh: "我们这边出了问题，请再试一次。", en: "Something went wrong at our end. Try again." },

  // Another phone
  "other.title": { zh: "在另一台手机上使用", en: "Use it on another phone" },
  "other.text": {
    zh: "生成一个链接，用另一台手机扫码或打开。10 分钟内有效，只能用一次。",
    en: "Make a link, and scan or open it on the other phone. It is good for ten minutes, once.",
  },
  "other.make": { zh: "生成链接", en: "Make a link" },
  "other.again": { zh: "重新生成", en: "Make another one" },
  "other.until": { zh: "{time} 前有效", en: "Good until {time}" },
  "other.over": { zh: "链接已过期", en: "The link has expired" },
  "other.qr": { zh: "二维码：用另一台手机扫一扫", en: "QR code: scan it with the other phone" },
  "other.copy": { zh: "复制链接", en: "Copy the link" },
  "other.warn": {
    zh: "拿到链接的人能看到您的预约和消息，不要发给别人。",
    en: "Whoever opens it sees your appointments and messages: give it to nobody else.",
  },

  // A new phone at the counter
  "join.title": { zh: "我以前来过", en: "I have been here before" },
  "join.text": {
    zh: "换了手机？在门店柜台，用六位数字把这台手机接回您原来的账号，两边的预约都在。",
    en: "A new phone? At the counter of the shop, six digits bring it back to your old account. The appointments of both stay.",
  },
  "join.show": { zh: "显示数字", en: "Show the digits" },
  "join.again": { zh: "再显示一次", en: "Show new ones" },
  "join.say": { zh: "请念给柜台的店员：", en: "Read this out to the people at the counter:" },
  "join.code": { zh: "数字：{digits}", en: "The digits: {digits}" },
  "join.until": { zh: "{time} 前有效。请不要关闭本页。", en: "Good until {time}. Leave this page open." },
  "join.ask": { zh: "您是{shop}的 {name} 吗？", en: "Are you {name}, of {shop}?" },
  "join.coming_none": { zh: "这个账号现在没有预约。", en: "This account has no appointment to come." },
  "join.coming_one": { zh: "这个账号有 1 个预约。", en: "This account has one appointment to come." },
  "join.coming": { zh: "这个账号有 {count} 个预约。", en: "This account has {count} appointments to come." },
  "join.means": {
    zh: "选“是我”后，这台手机就能看到那个账号的预约和消息，在这台手机上约的也会转过去。",
    en: "With “yes, that is me” this phone sees the appointments and messages of that account, and what was booked here goes over to it.",
  },
  "join.same_code": { zh: "店员那边显示的数字：{code}", en: "The people of the shop see the same digits: {code}" },
  "join.yes": { zh: "是我", en: "Yes, that is me" },
  "join.no": { zh: "不是我", en: "No" },
  "join.doing": { zh: "请稍等…", en: "One moment…" },
  "join.over": { zh: "数字已失效，什么都没有改变。", en: "The digits are over. Nothing was changed." },
  "join.unsent": {
    zh: "还有 {count} 条消息没有发出。现在继续的话，可以之后在聊天里再发。",
    en: "{count} messages have not gone out yet. If you go on now, you can send them again in the chat.",
  },
  "join.anyway": { zh: "继续", en: "Go on" },

  // The landing of a link
  "link.title": { zh: "在这个浏览器登录", en: "Sign in in this browser" },
  "link.whose": { zh: "{host} 的链接", en: "A link of {host}" },
  "link.text": {
    zh: "登录后，这个浏览器就能看到这个账号的预约和消息。",
    en: "Then this browser sees the appointments and messages of the account that it is for.",
  },
  "link.instead": {
    zh: "这个浏览器现在是另一个账号。登录后会换成链接里的账号，原来保存在这里的内容会删除。",
    en: "This browser is another account now. It becomes the link's account, and what it kept of the other one is deleted.",
  },
  "link.yes": { zh: "登录", en: "Sign in" },
  "link.doing": { zh: "正在登录…", en: "Signing in…" },
  "link.gone": { zh: "这个链接用不了了", en: "This link is used up" },
  "link.gone_text": {
    zh: "它已经用过，或者过了 10 分钟。请在原来的浏览器里重新生成一个。",
    en: "It was used, or ten minutes have passed. Make another one in the first browser.",
  },
  "link.missing": { zh: "链接不完整", en: "The link is incomplete" },
  "link.missing_text": { zh: "请从原来的浏览器整个复制，或扫二维码。", en: "Copy all of it from the first browser, or scan its QR code." },
  "link.failed": { zh: "登录没有成功", en: "Signing in did not work" },
  "link.home": { zh: "去首页", en: "To the start" },
};

/** @typedef {keyof typeof CHAT} ChatKey */

export const c = speaking(CHAT);

/**
 * The words of a code, of ours or of every screen's; else the general ones.
 *
 * @param {"refused" | "stopped"} kind
 * @param {string} code
 */
export function wordsOf(kind, code) {
  const key = `${kind}.${code}`;
  if (key in CHAT) return c(/** @type {ChatKey} */ (key));
  const failed = `failed.${code}`;
  return hasWords(failed) ? t(failed) : c("refused.other");
}
