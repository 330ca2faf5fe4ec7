// The text field: sending, replying, editing, uploading, telling that one types.

import * as api from "./api.js";
import { $, el, fill, icon } from "./dom.js";
import * as commands from "./commands.js";
import { toBottom } from "./messages.js";
import { state } from "./state.js";

const LIMIT = 2000;
const TYPING_EVERY_MS = 8000;
const MAX_FILES = 10;

const field = $("#composer");
const form = $("#form");
let replyTo = null;
let pingReply = true;
let files = [];
let lastTyping = 0;
const drafts = new Map(); // channel → text not sent yet

export function note(text) {
  const notice = $("#notice");
  fill(notice, el("span", {}, text), el("button.icon", { type: "button", "aria-label": "Close", onclick: hideNote }, icon("close")));
  notice.hidden = false;
}

const hideNote = () => ($("#notice").hidden = true);

// ── sending ──

async function send() {
  const content = field.value.trim();
  if (!content && !files.length) return;
  if (content.length > LIMIT) return note(`Your message is too long: ${content.length} of ${LIMIT} characters.`);
  const channelId = state.channelId;
  const payload = { content, nonce: api.nonce() };
  if (replyTo) {
    payload.message_reference = { channel_id: channelId, message_id: replyTo.id };
    payload.allowed_mentions = { parse: ["users", "roles", "everyone"], replied_user: pingReply };
  }
  const sent = { text: field.value, files };
  reset();
  try {
    await api.post(`/channels/${channelId}/messages`, api.withFiles(payload, sent.files));
  } catch (error) {
    field.value ||= sent.text; // nothing typed is lost
    files = sent.files;
    drawUploads();
    grow();
    note(error.message);
  }
}

function reset() {
  field.value = "";
  files = [];
  drafts.delete(state.channelId);
  stopReply();
  drawUploads();
  hideNote();
  grow();
  toBottom();
  lastTyping = 0;
}

function grow() {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, innerHeight / 2)}px`;
  const left = LIMIT - field.value.length;
  $("#counter").textContent = left < 200 ? String(left) : "";
  $("#counter").classList.toggle("over", left < 0);
  form.classList.toggle("filled", Boolean(field.value.trim() || files.length));
}

function tellTyping() {
  if (!field.value || field.value.startsWith("/") || Date.now() - lastTyping < TYPING_EVERY_MS) return;
  lastTyping = Date.now();
  api.post(`/channels/${state.channelId}/typing`).catch(() => {});
}

// ── replying and uploading ──

function reply(message) {
  replyTo = message;
  pingReply = message.author.id !== state.me.id;
  drawReply();
  field.focus();
}

function drawReply() {
  const bar = $("#reply-bar");
  bar.hidden = !replyTo;
  if (!replyTo) return;
  const toggle = () => ((pingReply = !pingReply), drawReply());
  fill(
    bar,
    el("span", {}, "Replying to ", el("b", {}, state.authorName(replyTo))),
    el("button.ping", { type: "button", "aria-pressed": String(pingReply), onclick: toggle }, pingReply ? "@ ON" : "@ OFF"),
    el("button.icon", { type: "button", "aria-label": "Stop replying", onclick: stopReply }, icon("close")),
  );
}

function stopReply() {
  replyTo = null;
  drawReply();
}

function addFiles(added) {
  files = [...files, ...added].slice(0, MAX_FILES);
  drawUploads();
  grow();
  field.focus();
}

function drawUploads() {
  const box = $("#uploads");
  box.hidden = !files.length;
  fill(box, files.map(upload));
}

function upload(file, at) {
  const remove = () => ((files = files.filter((_, other) => other !== at)), drawUploads(), grow());
  const picture = file.type.startsWith("image/") ? el("img", { src: URL.createObjectURL(file), alt: "" }) : icon("file");
  const button = el("button.icon", { type: "button", "aria-label": "Remove", onclick: remove }, icon("trash"));
  return el("div.upload", {}, button, picture, el("span", {}, file.name));
}

// ── editing one's own messages, in place ──

function edit(id) {
  const article = document.querySelector(`article[data-id="${id}"]`);
  const message = state.messages.get(state.channelId)?.get(id);
  if (!article || !message || article.querySelector(".editor")) return;
  const box = el("textarea.editor", { value: message.content, maxLength: 4000 });
  const stop = () => (state.tell("edited", id), field.focus());
  const save = async () => {
    const content = box.value.trim();
    if (content && content !== message.content) await api.patch(`/channels/${message.channel_id}/messages/${id}`, { content });
    stop();
  };
  const hint = el(
    "small.hint",
    {},
    "escape to ",
    el("button.link", { type: "button", onclick: stop }, "cancel"),
    " • enter to ",
    el("button.link", { type: "button", onclick: save }, "save"),
  );
  box.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") stop();
    if (event.key === "Enter" && !event.shiftKey) (event.preventDefault(), save());
  });
  fill(article.querySelector(".content"), box, hint);
  box.style.height = `${box.scrollHeight}px`;
  box.focus();
  box.setSelectionRange(box.value.length, box.value.length);
}

function editLast() {
  const own = state.list(state.channelId).filter((message) => message.author.id === state.me.id && !message.webhook_id);
  if (own.length) edit(own.at(-1).id);
}

// ── keys ──

function key(event) {
  if (commands.key(event)) return;
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  } else if (event.key === "Escape") {
    replyTo ? stopReply() : toBottom();
  } else if (event.key === "ArrowUp" && !field.value) {
    event.preventDefault();
    editLast();
  }
}

/** Typing anywhere on the page lands in the field. */
function typedElsewhere(event) {
  const typing = event.target.closest?.("input, textarea, select, dialog, [role=combobox]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1 || event.key === " ") return;
  field.focus();
}

/** Another channel or another speaker: its own draft, no reply. */
export function arrive(before) {
  if (before) field.value ? drafts.set(before, field.value) : drafts.delete(before);
  field.value = drafts.get(state.channelId) ?? "";
  stopReply();
  commands.cancel();
  const channel = state.channel;
  field.placeholder = channel ? `Message ${channel.type === 1 ? "@" : "#"}${state.titleOf(channel)}` : "";
  grow();
  if (!matchMedia("(pointer: coarse)").matches) field.focus();
}

export function start() {
  fill($("#attach"), icon("plus"));
  fill($("#send"), icon("send"));
  commands.start(note);
  field.addEventListener("keydown", key);
  field.addEventListener("input", () => (grow(), tellTyping(), commands.typed()));
  form.addEventListener("submit", (event) => (event.preventDefault(), commands.active() ? commands.run() : send()));
  $("#attach").addEventListener("click", () => $("#files").click());
  $("#files").addEventListener("change", (event) => (addFiles(event.target.files), (event.target.value = "")));
  field.addEventListener("paste", (event) => event.clipboardData.files.length && (event.preventDefault(), addFiles(event.clipboardData.files)));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => (event.preventDefault(), addFiles(event.dataTransfer.files)));
  document.addEventListener("keydown", typedElsewhere);
  state.on("reply", reply);
  state.on("edit", edit);
}
