/** Apps that open links in themselves: such a browser has a store of its own, forgets it, and takes no reminders. */

/** By what their browser calls itself. The name is for people. */
const APPS = /** @type {const} */ ([
  [/MicroMessenger/i, "微信 WeChat"],
  [/\bQQ\//i, "QQ"],
  [/Weibo/i, "微博 Weibo"],
  [/AlipayClient/i, "支付宝 Alipay"],
  [/DingTalk/i, "钉钉 DingTalk"],
  [/Instagram/i, "Instagram"],
  [/FBA[NV]/i, "Facebook"],
  [/\bLine\//i, "LINE"],
]);

/** The app that this is inside; null: a browser. @param {string} agent  `navigator.userAgent` */
export const appOf = (agent) => APPS.find(([pattern]) => pattern.test(agent))?.[1] ?? null;
