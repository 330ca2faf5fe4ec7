// Servers, channels, members, and who is speaking.

import { avatarOf } from "./avatars.js";
import { $, el, fill, icon } from "./dom.js";
import { memberProfile } from "./overlays.js";
import { state } from "./state.js";

const session = JSON.parse($("#session").textContent);
let inDms = false;

const initials = (name) => name.split(/\s+/).map((word) => word[0]).join("").slice(0, 3);

function channelRow(channel, kind = "hash") {
  const row = el("a.channel", { href: `#${channel.id}`, "data-id": channel.id, role: "treeitem" });
  const muted = state.isMuted(channel);
  const face = channel.type === 1 ? el("img", { src: avatarOf(channel.recipients[0], 64), alt: "" }) : icon(muted ? "lock" : kind);
  const mentions = state.mentioned.get(channel.id);
  row.classList.toggle("active", channel.id === state.channelId);
  row.classList.toggle("unread", state.isUnread(channel) && channel.id !== state.channelId);
  row.classList.toggle("muted", muted);
  row.classList.toggle("thread", kind === "thread");
  if (channel.id === state.channelId) row.setAttribute("aria-selected", "true");
  row.append(face, el("span", {}, state.titleOf(channel)), mentions ? el("b.count", {}, String(mentions)) : "");
  return row;
}

function drawChannels() {
  if (!state.me) return;
  $("#home").classList.toggle("active", inDms);
  $("#guild").classList.toggle("active", !inDms);
  const unread = state.guildChannels().some((channel) => state.isUnread(channel));
  $("#guild").classList.toggle("unread", unread && inDms);
  $("#home").classList.toggle("unread", !inDms && state.dms().some((dm) => state.isUnread(dm)));
  fill($("#place"), inDms ? "Direct Messages" : (state.guild?.name ?? ""));
  fill($("#channels"), inDms ? dmRows() : guildRows());
}

function guildRows() {
  const rows = state.guildChannels().flatMap((channel) => [
    channelRow(channel),
    ...state.threadsOf(channel.id).map((thread) => channelRow(thread, "thread")),
  ]);
  return [el("div.category", {}, "Text Channels"), ...rows];
}

function dmRows() {
  const rows = state.dms().map((dm) => channelRow(dm));
  if (!rows.length) rows.push(el("p.empty", {}, "Click a member of the server and choose Message."));
  return [el("div.category", {}, "Direct Messages"), ...rows];
}

function drawMembers() {
  if (!state.guild) return;
  const members = [...state.members.values()];
  const status = (member) => (member.user.bot ? (state.presences.get(member.user.id) ?? "offline") : "online");
  const group = (title, some) =>
    some.length ? [el("h2", {}, `${title} — ${some.length}`), ...some.map((m) => memberRow(m, status(m)))] : [];
  const online = members.filter((member) => status(member) !== "offline");
  const offline = members.filter((member) => status(member) === "offline");
  const bots = online.filter((member) => member.user.bot);
  fill(
    $("#members"),
    group("Apps", bots),
    group("Online", online.filter((member) => !member.user.bot)),
    group("Offline", offline),
  );
}

function memberRow({ user }, status) {
  const name = el("span.name", {}, state.nameOf(user.id));
  name.style.color = state.colourOf(user.id);
  const row = el(
    `button.member.${status}`,
    { type: "button", "data-id": user.id },
    el("span.face", {}, el("img", { src: avatarOf(user, 64), alt: "" }), el("i.status")),
    name,
    user.bot ? el("span.tag", {}, "APP") : null,
  );
  row.addEventListener("click", () => memberProfile(user, row));
  return row;
}

// ── who is speaking ──

function drawPanel(speak) {
  const people = session.people.map(({ id, name }) => {
    const user = state.users.get(id) ?? { id };
    const active = id === state.me.id;
    const button = el("button.speaker", { type: "button", role: "radio", title: `Speak as ${name}`, "data-id": id });
    button.setAttribute("aria-checked", String(active));
    button.append(el("img", { src: avatarOf(user, 64), alt: "" }), el("span", {}, name));
    button.addEventListener("click", () => !active && speak(id));
    return button;
  });
  fill($("#speakers"), people);
  const light = document.documentElement.dataset.theme === "light";
  const theme = el("button.icon", { type: "button", id: "theme", title: light ? "Dark theme" : "Light theme", onclick: toggleTheme });
  theme.append(icon(light ? "moon" : "sun"));
  const me = state.me;
  const masks = el("a.icon", { href: "/mask", id: "masks", title: "Masks: where faces may change", "aria-label": "Masks" }, icon("brush"));
  fill(
    $("#me"),
    el("span.face", {}, el("img", { src: avatarOf(me, 64), alt: "" }), el("i.status")),
    el("div", {}, el("b", {}, state.nameOf(me.id)), el("small", {}, "Online")),
    state.guild?.owner_id === me.id ? masks : null,
    theme,
  );
}

function toggleTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "light" ? "dark" : "light";
  localStorage.setItem("playground.theme", root.dataset.theme);
  state.tell("panel");
}

export function showDms(wanted) {
  inDms = wanted;
  drawChannels();
}

export function start(speak) {
  document.documentElement.dataset.theme = localStorage.getItem("playground.theme") ?? "dark";
  fill($("#home"), icon("at"));
  const panel = () => state.me && drawPanel(speak);
  state.on("guild", () => {
    $("#guild").textContent = initials(state.guild.name);
    $("#guild").title = state.guild.name;
    drawChannels();
    drawMembers();
    panel();
  });
  state.on("channels", drawChannels);
  state.on("members", () => (drawMembers(), panel()));
  state.on("panel", panel);
  $("#home").addEventListener("click", () => {
    showDms(true);
    const latest = state.dms()[0];
    if (latest) state.tell("open", latest.id);
  });
  $("#guild").addEventListener("click", () => {
    showDms(false);
    if (!state.channel?.guild_id) state.tell("open", state.guildChannels()[0].id);
  });
  const app = $("#app");
  const narrow = () => matchMedia("(max-width: 760px)").matches;
  $("#menu").append(icon("menu"));
  $("#toggle-members").append(icon("people"));
  $("#menu").addEventListener("click", () => app.classList.toggle("show-sidebar"));
  $("#toggle-members").addEventListener("click", () => app.classList.toggle(narrow() ? "show-members" : "hide-members"));
  $("#shade").addEventListener("click", () => app.classList.remove("show-sidebar", "show-members"));
}
