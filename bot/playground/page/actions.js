// What hovering over a message offers: react, reply, edit, delete.

import * as api from "./api.js";
import { el, icon } from "./dom.js";
import { confirm, place } from "./overlays.js";
import { toggleReaction } from "./parts.js";
import { state } from "./state.js";

const QUICK = ["👍", "❤️", "😂", "😮", "😢", "🎉"];
const EPHEMERAL = 64;

export function actions(message) {
  const own = message.author.id === state.me.id;
  const owner = state.guild?.owner_id === state.me.id;
  const bar = el("div.actions", { role: "toolbar", "aria-label": "Message Actions" });
  if (message.flags & EPHEMERAL) return bar;
  bar.append(
    act("smile", "Add Reaction", (event) => pickReaction(message, event.currentTarget)),
    act("reply", "Reply", () => state.tell("reply", message)),
  );
  if (own) bar.append(act("edit", "Edit", () => state.tell("edit", message.id)));
  bar.append(act("copy", "Copy Text", () => navigator.clipboard?.writeText(message.content)));
  if (own || owner) bar.append(act("trash", "Delete", (event) => remove(message, event.shiftKey)));
  return bar;
}

const act = (name, title, onclick) =>
  el("button.icon", { type: "button", title, "aria-label": title, onclick, "data-action": name }, icon(name));

async function remove(message, atOnce) {
  const sure = atOnce || (await confirm("Delete Message", "Are you sure you want to delete this message?", "Delete"));
  if (sure) await api.del(`/channels/${message.channel_id}/messages/${message.id}`);
}

function pickReaction(message, anchor) {
  const menu = el("div.picker", {}, QUICK.map((name) => emoji(message, name)));
  document.body.append(menu);
  place(menu, anchor);
  const close = (event) => {
    if (menu.contains(event.target)) return;
    menu.remove();
    document.removeEventListener("pointerdown", close, true);
  };
  document.addEventListener("pointerdown", close, true);
}

function emoji(message, name) {
  const react = (event) => {
    event.currentTarget.parentElement.remove();
    toggleReaction(message, name, false);
  };
  return el("button", { type: "button", onclick: react }, name);
}

/** The right-click menu of a message is its actions, in place. */
export function start() {
  document.addEventListener("contextmenu", (event) => {
    const article = event.target.closest("article.message");
    if (!article || event.target.closest("a, img, textarea") || !getSelection().isCollapsed) return;
    event.preventDefault();
    for (const other of document.querySelectorAll("article.open")) other.classList.remove("open");
    article.classList.add("open");
  });
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".actions"))
      for (const article of document.querySelectorAll("article.open")) article.classList.remove("open");
  });
}
