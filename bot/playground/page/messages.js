// The message list: grouping, live edits, history, the NEW line, and staying at the bottom.

import * as api from "./api.js";
import { faceOf } from "./avatars.js";
import { actions } from "./actions.js";
import { components } from "./components.js";
import { $, clock, dayOf, el, fill, fullTime, icon, when } from "./dom.js";
import { mentionsMe } from "./events.js";
import { render } from "./markdown.js";
import { attachments, embeds, reactions } from "./parts.js";
import { profile } from "./overlays.js";
import { newer, state } from "./state.js";

const GROUP_MS = 7 * 60_000;
const PAGE = 50;
const EPHEMERAL = 64;
const LOADING = 128;
const COMMAND_ANSWER = 20;

const list = $("#messages");
const scroller = $("#scroller");
const jump = $("#jump");
let atBottom = true;
const loading = new Set(); // channels whose history is on its way

// ── one message ──

/** Discord's rule, trap included: the same webhook under the same name hides a second face. */
function isGrouped(message, before) {
  if (!before || message.message_reference || message.type === COMMAND_ANSWER) return false;
  const sameAuthor = before.author.id === message.author.id && before.author.username === message.author.username;
  const soon = new Date(message.timestamp) - new Date(before.timestamp) < GROUP_MS;
  return sameAuthor && soon && dayOf(message.timestamp) === dayOf(before.timestamp);
}

function article(message, before) {
  const grouped = isGrouped(message, before);
  const mine = mentionsMe(message) && message.author.id !== state.me.id;
  const element = el("article.message", { "data-id": message.id, "data-author": message.author.id });
  element.classList.toggle("grouped", grouped);
  element.classList.toggle("mentioned", mine);
  element.classList.toggle("ephemeral", Boolean(message.flags & EPHEMERAL));
  const showProfile = (event) => profile(message, event.currentTarget);
  fill(
    element,
    reference(message),
    el("img.avatar", { src: faceOf(message), alt: "", loading: "eager", onclick: showProfile }),
    el("time.gutter", { dateTime: message.timestamp, title: fullTime(message.timestamp) }, clock(message.timestamp)),
    el("div.body", {}, header(message, showProfile), content(message), extras(message)),
    actions(message),
  );
  return element;
}

function header(message, showProfile) {
  const name = el("span.author", { onclick: showProfile }, state.authorName(message));
  name.style.color = state.colourOf(message.author.id);
  const app = message.author.bot ? el("span.tag", {}, "APP") : null;
  const time = el("time", { dateTime: message.timestamp, title: fullTime(message.timestamp) }, when(message.timestamp));
  return el("header", {}, name, app, time);
}

function content(message) {
  const box = el("div.content");
  if (message.flags & LOADING) {
    box.classList.add("thinking");
    return fill(box, el("span.dots", {}, el("i"), el("i"), el("i")), ` ${state.authorName(message)} is thinking…`);
  }
  fill(box, render(message.content));
  const onlyEmoji = /^(?:\p{Extended_Pictographic}[\uFE0F\u200D]*\s*){1,27}$/u.test(message.content);
  box.classList.toggle("jumbo", onlyEmoji);
  if (message.edited_timestamp && !message.webhook_id)
    box.append(el("span.edited", { title: fullTime(message.edited_timestamp) }, " (edited)"));
  return box;
}

function extras(message) {
  return el(
    "div.extras",
    {},
    attachments(message),
    embeds(message),
    components(message),
    reactions(message),
    message.flags & EPHEMERAL ? dismissal(message) : null,
  );
}

function dismissal(message) {
  const dismiss = () => {
    state.messages.get(message.channel_id)?.delete(message.id);
    state.tell("deleted", message.id);
  };
  return el("div.only-you", {}, "Only you can see this • ", el("button.link", { type: "button", onclick: dismiss }, "Dismiss message"));
}

function reference(message) {
  const meta = message.interaction_metadata;
  if (message.type === COMMAND_ANSWER && meta) return commandReference(meta);
  if (!message.message_reference) return null;
  const target = message.referenced_message;
  if (!target) return el("div.reference", {}, el("span.gone", {}, "Original message was deleted"));
  const preview = target.content || (target.attachments.length ? "Click to see attachment" : "Click to see message");
  const name = el("span.name", {}, state.authorName(target));
  name.style.color = state.colourOf(target.author.id);
  return el(
    "div.reference",
    { onclick: () => jumpTo(target.id), "data-to": target.id },
    el("img", { src: faceOf(target, 32), alt: "" }),
    target.author.bot ? el("span.tag", {}, "APP") : null,
    name,
    el("span.preview", {}, render(preview.split("\n")[0].slice(0, 160))),
  );
}

function commandReference(meta) {
  const user = state.users.get(meta.user.id) ?? meta.user;
  const face = el("img", { src: faceOf({ author: user }, 32), alt: "" });
  const name = el("span.name", {}, state.nameOf(user.id));
  return el("div.reference.command", {}, face, name, " used ", el("span.mention", {}, `/${meta.name}`));
}

// ── the list ──

export function draw() {
  const messages = state.list(state.channelId);
  const nodes = [];
  let before = null;
  let marked = !state.unreadFrom;
  for (const message of messages) {
    if (!before || dayOf(before.timestamp) !== dayOf(message.timestamp))
      nodes.push(el("li.divider", { role: "separator" }, el("span", {}, dayOf(message.timestamp))));
    if (!marked && newer(message.id, state.unreadFrom) && message.author.id !== state.me.id) {
      nodes.push(el("li.divider.new", { role: "separator" }, el("b", {}, "NEW")));
      before = null;
    }
    marked ||= newer(message.id, state.unreadFrom);
    nodes.push(el("li", {}, article(message, before)));
    before = message;
  }
  fill(list, nodes);
  drawIntro();
}

function drawIntro() {
  const channel = state.channel;
  const intro = $("#intro");
  intro.hidden = !channel || !state.complete.has(channel.id);
  if (intro.hidden) return;
  const title = state.titleOf(channel);
  if (channel.type === 1) {
    const face = el("img", { src: faceOf({ author: channel.recipients[0] }, 256), alt: "" });
    const text = `This is the beginning of your direct message history with ${title}.`;
    fill(intro, face, el("h2", {}, title), el("p", {}, text));
  } else {
    const text = `This is the start of the #${title} channel. ${channel.topic ?? ""}`;
    fill(intro, el("div.badge", {}, icon("hash")), el("h2", {}, `Welcome to #${title}!`), el("p", {}, text));
  }
}

function redraw(id) {
  const messages = state.list(state.channelId);
  const at = messages.findIndex((message) => message.id === id);
  const old = at >= 0 && list.querySelector(`article[data-id="${id}"]`);
  if (!old) return;
  const before = old.classList.contains("grouped") ? messages[at - 1] : null;
  keepPlace(() => exchange(old, article(messages[at], before)));
}

/** Only what can change is exchanged: the face of a growing message must not flicker. */
function exchange(old, fresh) {
  old.className = `${fresh.className}${old.classList.contains("open") ? " open" : ""}`;
  for (const part of [".content", ".extras", ".actions"]) old.querySelector(`:scope ${part}`).replaceWith(fresh.querySelector(part));
}

function append(message) {
  if (message.channel_id !== state.channelId || !state.messages.has(message.channel_id)) return;
  const own = message.author.id === state.me.id;
  const messages = state.list(state.channelId);
  if (messages.at(-1)?.id !== message.id) return keepPlace(draw);
  if (document.hidden && !state.unreadFrom) state.unreadFrom = messages.at(-2)?.id ?? null;
  const before = messages.at(-2);
  const newDay = !before || dayOf(before.timestamp) !== dayOf(message.timestamp);
  keepPlace(() => {
    if (newDay) list.append(el("li.divider", { role: "separator" }, el("span", {}, dayOf(message.timestamp))));
    list.append(el("li", {}, article(message, before)));
  });
  if (own) toBottom();
  if (atBottom && !document.hidden) state.markRead(state.channelId);
}

// ── scrolling ──

function keepPlace(change) {
  const follow = atBottom;
  change();
  if (follow) toBottom();
  else jump.hidden = false;
}

export function toBottom() {
  scroller.scrollTop = scroller.scrollHeight;
  atBottom = true;
  jump.hidden = true;
}

export async function loadHistory(channelId) {
  if (loading.has(channelId) || state.complete.has(channelId)) return;
  loading.add(channelId);
  const oldest = state.list(channelId)[0]?.id;
  if (!state.messages.has(channelId)) state.messages.set(channelId, new Map()); // what arrives meanwhile is kept
  try {
    const page = await api.get(`/channels/${channelId}/messages?limit=${PAGE}${oldest ? `&before=${oldest}` : ""}`);
    const height = scroller.scrollHeight - scroller.scrollTop;
    if (page.length < PAGE) state.complete.add(channelId);
    state.addHistory(channelId, page);
    state.loaded.add(channelId);
    if (channelId !== state.channelId) return;
    draw();
    scroller.scrollTop = scroller.scrollHeight - height;
    if (!oldest) toBottom();
  } finally {
    loading.delete(channelId);
  }
}

function jumpTo(id) {
  const target = list.querySelector(`article[data-id="${id}"]`);
  if (!target) return;
  target.scrollIntoView({ block: "center", behavior: "smooth" });
  target.classList.remove("found");
  requestAnimationFrame(() => target.classList.add("found"));
}

export function start() {
  state.on("message", append);
  state.on("edited", redraw);
  state.on("deleted", () => keepPlace(draw));
  state.on("members", () => state.channelId && keepPlace(draw));
  scroller.addEventListener("scroll", () => {
    atBottom = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
    jump.hidden = atBottom;
    if (atBottom && state.channelId && state.isUnread(state.channel)) state.markRead(state.channelId);
    if (scroller.scrollTop < 300 && state.loaded.has(state.channelId)) loadHistory(state.channelId);
  });
  new ResizeObserver(() => atBottom && toBottom()).observe(list);
  new ResizeObserver(() => atBottom && toBottom()).observe(scroller);
  jump.addEventListener("click", toBottom);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && atBottom && state.channelId) state.markRead(state.channelId);
  });
}
