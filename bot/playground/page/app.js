// The page: a small client of the REST API and the gateway, logged in as one of the people.

import * as actions from "./actions.js";
import * as api from "./api.js";
import * as composer from "./composer.js";
import { $, el, fill, icon } from "./dom.js";
import * as events from "./events.js";
import { Gateway } from "./gateway.js";
import * as interactions from "./interactions.js";
import * as messages from "./messages.js";
import { modal } from "./overlays.js";
import * as sidebar from "./sidebar.js";
import { state } from "./state.js";

const SPEAKER_KEY = "playground.speaker";
const session = JSON.parse($("#session").textContent);
const gateway = new Gateway();

function speak(id) {
  const person = session.people.find((one) => one.id === id) ?? session.people[0];
  localStorage.setItem(SPEAKER_KEY, person.id);
  api.speakAs(person.token);
  gateway.connect(person.token);
}

/** Opens a channel by its id; reads its history the first time. */
async function open(channelId) {
  const channel = state.channels.get(channelId);
  if (!channel) return;
  const before = state.channelId;
  state.unreadFrom = state.isUnread(channel) ? (state.readUpTo(channelId) ?? null) : null;
  state.channelId = channelId;
  location.hash = channelId;
  $("#app").classList.remove("show-sidebar", "show-members");
  sidebar.showDms(channel.type === 1);
  drawTitle(channel);
  drawTyping();
  composer.arrive(before);
  messages.draw();
  messages.toBottom();
  if (!state.loaded.has(channelId)) await messages.loadHistory(channelId);
  if (!document.hidden) state.markRead(channelId);
}

function drawTitle(channel) {
  const muted = state.isMuted(channel);
  fill($("#title-icon"), icon(channel.type === 1 ? "at" : muted ? "lock" : channel.type >= 10 ? "thread" : "hash"));
  $("#title-name").textContent = state.titleOf(channel);
  $("#title-topic").textContent = channel.topic ?? "";
  $("#app").classList.toggle("dm", channel.type === 1);
  document.title = `${channel.type === 1 ? "@" : "#"}${state.titleOf(channel)} | ${state.guild?.name ?? "Playground"}`;
}

function drawTyping() {
  const names = [...(state.typing.get(state.channelId)?.keys() ?? [])].map((id) => state.nameOf(id));
  const box = $("#typing");
  box.classList.toggle("on", names.length > 0);
  if (!names.length) return fill(box);
  const bold = names.slice(0, 3).flatMap((name, at) => [at ? (at === names.length - 1 ? " and " : ", ") : "", el("b", {}, name)]);
  const who = names.length > 3 ? ["Several people"] : bold;
  fill(box, el("span.dots", {}, el("i"), el("i"), el("i")), el("span", {}, who, names.length === 1 ? " is typing…" : " are typing…"));
}

function welcome() {
  const wanted = location.hash.slice(1);
  const last = state.channels.has(state.channelId) ? state.channelId : null;
  open(state.channels.has(wanted) ? wanted : (last ?? state.guildChannels()[0]?.id));
}

events.listen(gateway);
interactions.listen(gateway, modal);
state.on("guild", welcome);
state.on("open", open);
state.on("typing", drawTyping);
state.on("channels", () => {
  if (state.channelId && state.me && !state.channel) open(state.guildChannels()[0]?.id);
});
sidebar.start(speak);
messages.start();
composer.start();
actions.start();
addEventListener("hashchange", () => {
  const wanted = location.hash.slice(1);
  if (wanted !== state.channelId) open(wanted);
});
document.addEventListener("click", (event) => {
  const { channel } = event.target.closest?.("[data-channel]")?.dataset ?? {};
  if (channel) open(channel);
});
gateway.addEventListener("offline", () => document.body.classList.add("offline"));
gateway.addEventListener("online", () => document.body.classList.remove("offline"));
speak(localStorage.getItem(SPEAKER_KEY));
