/** The words of every screen that a booking needs, both languages side by side. */

import { speaking } from "./spoken.js";

export const PAGE = {
  // Every screen
  "page.skip": { zh: "跳到正文", en: "Skip to the content" },
  "page.back": { zh: "返回", en: "Back" },
  "page.call": { zh: "电话 {shop}", en: "Call {shop}" },
  "page.call_short": { zh: "电话", en: "Call" },
  "page.chat": { zh: "聊天", en: "Chat" },
  "page.mine": { zh: "我的预约", en: "My appointments" },
  "page.shops": { zh: "全部门店", en: "All shops" },
  "page.language": { zh: "English", en: "中文" },
  "page.theme.auto": { zh: "颜色：跟随设备", en: "Colours: as this device" },
  "page.theme.light": { zh: "颜色：浅色", en: "Colours: light" },
  "page.theme.dark": { zh: "颜色：深色", en: "Colours: dark" },
  "page.devices": { zh: "我的浏览器", en: "My browsers" },
  "page.staff": { zh: "店员页面", en: "Staff" },
  "page.link": { zh: "在这个浏览器登录", en: "Sign in in this browser" },
  "page.waiting": { zh: "请稍候…", en: "One moment…" },
  "page.retry": { zh: "重试", en: "Try again" },
  "page.map": { zh: "地图", en: "Map" },
  "page.new_window": { zh: "（在新窗口打开）", en: "(opens in a new window)" },

  // The line
  "line.offline": { zh: "没有网络，显示的是上次的内容。", en: "No network. You see what was last known." },
  "line.waiting": { zh: "连接断开了，页面会自动重连。", en: "The connection is lost. The page tries again by itself." },
  "line.stopped": { zh: "页面已断开连接。", en: "This page is no longer connected." },
  "line.OUTDATED": {
    zh: "页面和门店服务器的版本不一致，请重新载入。",
    en: "This page and the shop's server are of different versions. Load it again.",
  },
  "line.SIGNED_OUT": { zh: "这个浏览器已退出登录。", en: "This browser is signed out." },
  "line.OTHER_ACCOUNT": { zh: "另一个标签页里，这个浏览器换了账号。", en: "In another tab this browser became a different account." },
  "line.ELSEWHERE": { zh: "正在另一个标签页里使用。", en: "You are using this page in another tab." },
  "line.reload": { zh: "重新载入", en: "Load again" },
  "line.begin": { zh: "重新开始", en: "Start again" },
  "line.here": { zh: "在这里使用", en: "Use it here" },
  "line.REPLACED": {
    zh: "门店的记录恢复到了较早的备份，请核对您的预约。",
    en: "The shop's records were restored from an earlier copy: please check your appointments.",
  },
  "line.FULL": {
    zh: "这个浏览器不保存本页的数据。可以照常使用，关闭前请等内容发出。",
    en: "This browser keeps nothing for this page. Everything works; wait until what you send has gone out before you close it.",
  },
  "line.CLEARED": {
    zh: "浏览器的数据被清除了，已发出的内容都在门店。",
    en: "This browser's data was cleared. The shop has everything that was sent.",
  },
  "line.dismiss": { zh: "知道了", en: "OK" },
  "line.joined": {
    zh: "{name} 登录了您的账号。不是您？请让它退出。",
    en: "{name} was signed in to your account. Not you? Sign it out.",
  },
  "line.update": { zh: "页面有新版本。", en: "There is a newer version of this page." },

  // An act that waits
  "act.server": { zh: "门店的服务器正在恢复，请稍候…", en: "The shop's server is coming back: one moment…" },

  // Failures by code. What to do is the button beside them.
  "failed.title": { zh: "没有成功", en: "That did not work" },
  "failed.OFFLINE": { zh: "连不上服务器，没有预约任何时间。", en: "The server was not reached. Nothing was booked." },
  "failed.NO_NETWORK": {
    zh: "现在没有网络。预约需要联网，所以什么都没有发出。",
    en: "There is no network. Booking needs one, so nothing was sent.",
  },
  "failed.COOKIES": {
    zh: "浏览器不保存 Cookie，无法记住这个预约是您的。请为本页面允许 Cookie，或打电话预约。",
    en: "This browser keeps no cookies, so it could not remember that the appointment is yours. Allow cookies for this page, or call.",
  },
  "failed.FRAMED": {
    zh: "嵌在别的网站里时，本页面无法记住这个预约是您的。请在单独的窗口里预约。",
    en: "Inside the page of another site this page could not remember that the appointment is yours. Book in a window of its own.",
  },
  "failed.window": { zh: "在单独的窗口打开", en: "Open in a window of its own" },
  "failed.SIGNED_OUT": { zh: "这个浏览器已退出登录。", en: "This browser is signed out." },
  "failed.RATE_LIMITED": {
    zh: "短时间内尝试太多次了，请一分钟后再试。",
    en: "Too many tries in a short time. Wait a minute, then try again.",
  },
  "failed.NOT_FOUND": { zh: "这一项已经不存在了。", en: "That does not exist any more." },
  "failed.QUOTA": {
    zh: "您未完成的预约已达上限。请先取消一个，或打电话。",
    en: "You have as many open appointments as one person may have here. Cancel one, or call.",
  },
  "failed.SLOW": {
    zh: "回复比平时慢，仍在发送中，请不要重复点击。",
    en: "The answer takes longer than usual. It is still being sent: please do not tap again.",
  },
  "failed.STALE": { zh: "情况已有变化，现在显示的是最新状态。", en: "This has changed in the meantime. You see the newest state now." },
  "failed.OUTDATED": {
    zh: "页面和门店服务器的版本不一致，请重新载入。",
    en: "This page and the shop's server are of different versions. Load the page again.",
  },
  "failed.other": { zh: "我们这边出了问题，没有预约任何时间。", en: "Something went wrong at our end. Nothing was booked." },

  // What could not be read. The page tries again by itself.
  "unread.OFFLINE": { zh: "连不上服务器，页面会自动重试。", en: "The server was not reached. The page tries again by itself." },
  "unread.RATE_LIMITED": {
    zh: "这个网络下同时查询的人太多，页面会自动重试。",
    en: "Too many people ask from this network just now. The page tries again by itself.",
  },
  "unread.OUTDATED": {
    zh: "页面和门店服务器的版本不一致，请重新载入。",
    en: "This page and the shop's server are of different versions. Load the page again.",
  },
  "unread.other": { zh: "我们这边出了问题，页面会自动重试。", en: "Something went wrong at our end. The page tries again by itself." },

  // Shops
  "shops.title": { zh: "选择门店", en: "Choose a shop" },
  "shops.empty": { zh: "目前没有门店接受预约。", en: "No shop takes appointments here at the moment." },
  "shops.failed": { zh: "读取门店列表失败。", en: "The list of shops could not be read." },

  // Shop
  "shop.book": { zh: "预约验光", en: "Book an eye exam" },
  "shop.soonest": { zh: "最近可约", en: "Next free times" },
  "shop.soonest_for": { zh: "{service} · 约 {minutes} 分钟", en: "{service} · about {minutes} minutes" },
  "shop.no_times": { zh: "近几天没有空档。", en: "Nothing is free in the next few days." },
  "shop.ask": { zh: "问问店员", en: "Ask the shop" },
  "shop.gone": { zh: "找不到这家门店", en: "This shop is not here any more" },
  "shop.gone_text": { zh: "这个二维码或链接指向的门店目前不接受预约。", en: "The code or link leads to a shop that takes no appointments now." },
  "shop.hours": { zh: "营业时间", en: "Opening hours" },
  "shop.info": { zh: "来店前请看", en: "Before you come" },
  "shop.parking": { zh: "停车", en: "Parking" },

  // Time
  "time.title": { zh: "选择时间", en: "Choose a time" },
  "time.service": { zh: "项目", en: "What for" },
  "time.minutes": { zh: "{minutes} 分钟", en: "{minutes} min" },
  "time.day": { zh: "日期", en: "Day" },
  "time.today": { zh: "今天", en: "Today" },
  "time.tomorrow": { zh: "明天", en: "Tomorrow" },
  "time.state.free": { zh: "可约", en: "free" },
  "time.state.few": { zh: "紧张", en: "few left" },
  "time.state.full": { zh: "约满", en: "full" },
  "time.state.closed": { zh: "休息", en: "closed" },
  "time.morning": { zh: "上午", en: "Morning" },
  "time.afternoon": { zh: "下午", en: "Afternoon" },
  "time.evening": { zh: "晚上", en: "Evening" },
  "time.taken": { zh: "已约", en: "taken" },
  "time.yours": { zh: "您的", en: "yours" },
  "time.gone": { zh: "{time} 刚刚被别人约走了。", en: "{time} was just taken by somebody else." },
  "time.gone_title": { zh: "刚被约走", en: "Just taken" },
  "time.full": { zh: "{day}已约满。", en: "No free time on {day}." },
  "time.closed": { zh: "{day}休息。", en: "Closed on {day}." },
  "time.over": { zh: "{day}已经过了。", en: "{day} is over." },
  "time.next": { zh: "最近有空：{day}", en: "Next free day: {day}" },
  "time.none": { zh: "近几周都没有空档。", en: "Nothing free in the next weeks." },
  "time.failed": { zh: "读取时间失败。", en: "The times could not be read." },
  "time.earlier": { zh: "更早的日期", en: "Earlier days" },
  "time.later": { zh: "更晚的日期", en: "Later days" },
  "time.taking": { zh: "正在为您保留 {time}…", en: "Holding {time} for you…" },
  "time.taking_slow": { zh: "网络较慢，仍在为您保留 {time}…", en: "Still holding {time} for you… the connection is slow." },
  "time.zone": { zh: "时间以门店当地为准（{zone}）。", en: "Times are those of the shop ({zone})." },
  "time.zone_here": { zh: "那时您的钟是 {here}。", en: "Your clock shows {here} then." },

  // The hold
  "held.for_you": { zh: "已为您保留", en: "Held for you" },
  "held.left": { zh: "保留 {left}", en: "held for {left}" },
  "held.one_minute": { zh: "还剩一分钟，可以延长。", en: "One minute left. You can ask for more time." },
  "held.more": { zh: "延长时间", en: "More time" },
  "held.change": { zh: "换个时间", en: "Another time" },
  "held.continue": { zh: "继续", en: "Continue" },
  "held.over": { zh: "这个时间保留了三分钟，现在别人也可以约了。", en: "The time was held for three minutes and is free for others again." },
  "held.over_title": { zh: "保留已结束", en: "The hold has ended" },
  "held.again": { zh: "再次保留 {time}", en: "Hold {time} again" },
  "held.others": { zh: "看看其他时间", en: "See other times" },
  "held.none": { zh: "还没有为您保留时间", en: "No time is held for you" },
  "held.none_text": { zh: "请先选择时间。", en: "Choose a time first." },
  "held.extended": { zh: "时间已延长。", en: "You have more time." },

  // A time that could not be kept
  "refused.title": { zh: "这个时间不行", en: "This time is not possible" },
  "refused.short": { zh: "{time} 的空档不够做{visit}。", en: "The free time at {time} is too short for {visit}." },
  "refused.outgrown": {
    zh: "{time} 不够做{visit}，所以不再为您保留。",
    en: "{time} is too short for {visit}, so it is not held for you any more.",
  },
  "refused.unfit": { zh: "{time} 有空，但不能做{visit}。", en: "{time} is free, but not for {visit}." },
  "refused.taken": { zh: "{time} 刚刚被别人约走了。", en: "{time} was just taken by somebody else." },
  "refused.other": { zh: "{time} 不能再预约了。", en: "{time} cannot be booked any more." },
  "refused.near": { zh: "{visit}，最近的空档", en: "Nearest free times for {visit}" },

  // You
  "you.title": { zh: "谁来店里？", en: "Who is coming?" },
  "you.name": { zh: "姓名", en: "Name" },
  "you.name_hint": { zh: "到店时我们这样称呼您", en: "As we may call you at the shop" },
  "you.age": { zh: "年龄", en: "Age" },
  "you.first": { zh: "第一次来这家店吗？", en: "First visit to this shop?" },
  "you.yes": { zh: "是", en: "Yes" },
  "you.no": { zh: "不是", en: "No" },
  "you.consent": { zh: "我同意", en: "I agree" },
  "you.consent_title": { zh: "您的信息", en: "Your data" },
  "you.submit": { zh: "确认预约", en: "Book this time" },
  "you.sending": { zh: "正在预约…", en: "Booking…" },
  "you.sending_slow": { zh: "网络较慢，仍在预约…", en: "Still booking… the connection is slow." },
  "you.known": { zh: "已按上次填好；替别人预约请修改。", en: "Filled in from your last visit. Change it for somebody else." },
  "you.becomes": { zh: "将预约：{visit}", en: "This will be: {visit}" },
  "you.late": {
    zh: "离开始不到{hours}：预约后不能在这里改约或取消，只能联系门店。",
    en: "It begins in less than {hours}: once booked, it can no longer be moved or cancelled here, only at the shop.",
  },
  "you.late_call": {
    zh: "离开始不到{hours}：预约后改约或取消只能打电话：{phone}。",
    en: "It begins in less than {hours}: once booked, it is moved or cancelled only by telephone, {phone}.",
  },
  "you.minutes": { zh: "{minutes} 分钟", en: "{minutes} minutes" },
  "you.hour": { zh: "一小时", en: "an hour" },
  "you.hours": { zh: "{hours} 小时", en: "{hours} hours" },
  "you.staff": { zh: "这个时间由门店确认，通常在营业时间内答复。", en: "The shop confirms this time itself, usually within opening hours." },
  "you.differs": { zh: "请再看一下", en: "Please look again" },
  "you.differs_text": { zh: "门店的理解和您填写的不同：", en: "The shop understood something else than you entered:" },
  "you.differs_visit": {
    zh: "按这位来客的情况，门店安排的项目或时长不同，还没有预约：",
    en: "For this person the shop plans another visit. Nothing is booked yet:",
  },
  "you.differs_yes": { zh: "没错，就这样预约", en: "That is right: book" },
  "error.name": { zh: "请填写姓名。", en: "Enter a name." },
  "error.name_long": { zh: "最多 {most} 个字。", en: "At most {most} characters." },
  "error.age": { zh: "请选择年龄。", en: "Choose an age." },
  "error.first": { zh: "请选择是或不是。", en: "Choose yes or no." },
  "error.consent": { zh: "没有您的同意，我们不能保存这个预约。", en: "Without your consent we may not keep this appointment." },
  "error.summary": { zh: "还有 {count} 项没有填写", en: "{count} answers are missing" },
  "error.summary_one": { zh: "还有一项没有填写", en: "One answer is missing" },

  // Booked
  "booked.title": { zh: "预约成功", en: "Booked" },
  "booked.pending": { zh: "等待门店确认", en: "Waiting for the shop" },
  "booked.pending_text": {
    zh: "时间已为您留好，门店还需确认。结果会显示在这里和聊天里。",
    en: "The time is kept for you. The shop still has to confirm it; you see it here and in the chat.",
  },
  "booked.moved": { zh: "改约成功", en: "Moved" },
  "booked.code": { zh: "预约码", en: "Code" },
  "booked.service": { zh: "项目", en: "What for" },
  "booked.where": { zh: "地点", en: "Where" },
  "booked.who": { zh: "姓名", en: "For" },
  "booked.with": { zh: "验光师", en: "With" },
  "booked.calendar": { zh: "加入日历", en: "Add to calendar" },
  "booked.move": { zh: "改约", en: "Move" },
  "booked.cancel": { zh: "取消", en: "Cancel" },
  "booked.chat": { zh: "打开聊天", en: "Open the chat" },
  "booked.print": { zh: "打印", en: "Print" },
  "booked.unknown": { zh: "这个浏览器里没有这个预约", en: "This appointment is not in this browser" },
  "booked.unknown_text": {
    zh: "可能是在另一部手机上预约的，或者是这个浏览器退出登录之前预约的，也可能预约码不对。",
    en: "It may have been booked on another phone, or before this browser was signed out; or the code is wrong.",
  },
  "booked.gone": { zh: "门店没有这个预约了", en: "The shop does not have this appointment any more" },
  "booked.gone_text": {
    zh: "{when} 不在门店的记录里了：记录可能恢复到了较早的备份，或者门店已经关闭。请打电话，或重新预约。",
    en: "{when}: the shop's records may have been restored from an earlier copy, or the shop may have closed. Call, or book again.",
  },
  "booked.said": { zh: "预约成功：{day} {time}。", en: "Booked: {day}, {time}." },
  "booked.said_moved": { zh: "已改到 {day} {time}。", en: "Moved to {day}, {time}." },
  "booked.said_pending": { zh: "已申请 {day} {time}，等待门店确认。", en: "Asked for: {day}, {time}. The shop confirms." },

  // Status of an appointment
  "status.pending": { zh: "等待门店确认", en: "waiting for the shop" },
  "status.confirmed": { zh: "已预约", en: "booked" },
  "status.arrived": { zh: "已到店", en: "you have arrived" },
  "status.in_exam": { zh: "验光中", en: "in the exam" },
  "status.done": { zh: "已完成", en: "done" },
  "status.cancelled": { zh: "已取消", en: "cancelled" },
  "status.no_show": { zh: "未到店", en: "missed" },
  "status.expired": { zh: "已过期", en: "expired" },

  // Mine
  "mine.title": { zh: "我的预约", en: "My appointments" },
  "mine.upcoming": { zh: "即将到来", en: "Upcoming" },
  "mine.past": { zh: "以往", en: "Past" },
  "mine.none": { zh: "还没有预约", en: "No appointment yet" },
  "mine.none_text": { zh: "预约之后会显示在这里（这个浏览器里）。", en: "Once you have booked, you find it here, in this browser." },
  "mine.been_here": { zh: "以前来过，换了手机？", en: "Been here before, on another phone?" },
  "mine.book": { zh: "去预约", en: "Book a time" },
  "mine.failed": { zh: "读取预约失败。", en: "Your appointments could not be read." },
  "mine.held": { zh: "还没有完成", en: "Not finished yet" },
  "mine.gone": { zh: "门店的记录里没有了", en: "Not in the shop's records any more" },
  "mine.gone_text": {
    zh: "记录可能恢复到了较早的备份，或者门店已经关闭。请打电话，或重新预约。",
    en: "They may have been restored from an earlier copy, or the shop may have closed. Call, or book again.",
  },

  // Move and cancel
  "move.title": { zh: "改约", en: "Move the appointment" },
  "move.now": { zh: "现在", en: "Now" },
  "move.to": { zh: "新的时间", en: "New time" },
  "move.yes": { zh: "改到这个时间", en: "Move to this time" },
  "move.keep": { zh: "保留原来的时间", en: "Keep the old time" },
  "move.sending": { zh: "正在改约…", en: "Moving…" },
  "move.not": {
    zh: "这个预约不能在这里改了，请打电话或留言给门店。",
    en: "This appointment can no longer be moved here. Call the shop, or write to it.",
  },
  "cancel.title": { zh: "取消这个预约？", en: "Cancel the appointment?" },
  "cancel.text": { zh: "取消后别人就可以约这个时间。", en: "The time becomes free for others." },
  "cancel.yes": { zh: "确定取消", en: "Yes, cancel it" },
  "cancel.keep": { zh: "不取消", en: "Keep it" },
  "cancel.sending": { zh: "正在取消…", en: "Cancelling…" },
  "cancel.done": { zh: "已取消", en: "Cancelled" },
  "cancel.done_text": { zh: "{day} {time} 已经空出来了。", en: "{day}, {time} is free again." },
  "cancel.said": { zh: "已取消。", en: "Cancelled." },
  "cancel.again": { zh: "重新预约", en: "Book another time" },
  "cancel.not": {
    zh: "这个预约不能在这里取消了，请打电话或留言给门店。",
    en: "This appointment can no longer be cancelled here. Call the shop, or write to it.",
  },

  // An address that is none
  "missing.title": { zh: "没有这个页面", en: "There is no such page" },
  "missing.text": { zh: "网址可能不完整。", en: "The address may have been cut off." },
  "missing.home": { zh: "去看门店", en: "To the shops" },
};

/** @typedef {keyof typeof PAGE} Key */

export const t = speaking(PAGE);

/** Whether there are such words: a code of the server may be newer than this page. @param {string} key @returns {key is Key} */
export const hasWords = (key) => Object.prototype.hasOwnProperty.call(PAGE, key);
