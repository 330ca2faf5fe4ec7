// What hangs under a message's text: attachments, embeds, reactions.

import * as api from "./api.js";
import { bytes, el, icon, when } from "./dom.js";
import { render } from "./markdown.js";
import { lightbox } from "./overlays.js";

const isPicture = (file) => (file.content_type ?? "").startsWith("image/") && file.width;

/** A picture box that keeps its shape before the picture is there. */
function picture(file, maxWidth, maxHeight) {
  const scale = Math.min(1, maxWidth / file.width, maxHeight / file.height);
  const image = el("img", { src: file.url, alt: file.description ?? file.filename ?? "", onclick: () => lightbox(file) });
  image.width = Math.max(1, Math.round(file.width * scale));
  image.height = Math.max(1, Math.round(file.height * scale));
  return el("div.picture", {}, image);
}

export function attachments(message) {
  if (!message.attachments.length) return null;
  const pictures = message.attachments.filter(isPicture);
  const others = message.attachments.filter((file) => !isPicture(file));
  const alone = pictures.length === 1;
  return el(
    "div.attachments",
    {},
    pictures.length
      ? el("div.gallery", {}, pictures.map((file) => picture(file, alone ? 550 : 270, alone ? 350 : 270)))
      : null,
    others.map(fileBox),
  );
}

function fileBox(file) {
  const name = el("a", { href: file.url, download: file.filename }, file.filename);
  return el("div.file", {}, icon("file"), el("div", {}, name, el("small", {}, bytes(file.size))));
}

// ── embeds ──

export function embeds(message) {
  if (!message.embeds.length || message.flags & 4) return null;
  return message.embeds.map(embed);
}

const hex = (colour) => `#${colour.toString(16).padStart(6, "0")}`;
const linked = (text, href) =>
  href ? el("a", { href, target: "_blank", rel: "noreferrer noopener" }, text) : text;

function embed(data) {
  const box = el("article.embed");
  if (data.color) box.style.borderColor = hex(data.color);
  const { author, footer, thumbnail, image } = data;
  box.append(
    el(
      "div.embed-text",
      {},
      author ? el("div.embed-author", {}, small(author.icon_url), linked(author.name, author.url)) : null,
      data.title ? el("div.embed-title", {}, linked(data.title, data.url)) : null,
      data.description ? el("div.embed-description", {}, render(data.description)) : null,
      data.fields?.length ? el("div.embed-fields", {}, data.fields.map(embedField)) : null,
    ),
  );
  if (thumbnail) box.append(el("img.thumbnail", { src: thumbnail.url, alt: "", onclick: () => lightbox(thumbnail) }));
  if (image) box.append(el("div.embed-image", {}, image.width ? picture(image, 400, 300) : el("img", { src: image.url, alt: "" })));
  if (footer || data.timestamp) box.append(embedFooter(footer, data.timestamp));
  return box;
}

const small = (url) => (url ? el("img", { src: url, alt: "" }) : null);

function embedField(field) {
  const box = el("div.embed-field", {}, el("b", {}, render(field.name)), el("div", {}, render(field.value)));
  box.classList.toggle("inline", field.inline);
  return box;
}

function embedFooter(footer, timestamp) {
  const text = [footer?.text, timestamp && when(timestamp)].filter(Boolean).join(" • ");
  return el("div.embed-footer", {}, small(footer?.icon_url), text);
}

// ── reactions ──

export function reactions(message) {
  if (!message.reactions?.length) return null;
  return el("div.reactions", {}, message.reactions.map((reaction) => reactionButton(message, reaction)));
}

function reactionButton(message, { emoji, count, me }) {
  const button = el("button.reaction", { type: "button", "aria-pressed": String(me) }, emoji.name, el("b", {}, String(count)));
  button.addEventListener("click", () => toggleReaction(message, emoji.name, me));
  return button;
}

export function toggleReaction(message, name, on) {
  const path = `/channels/${message.channel_id}/messages/${message.id}/reactions/${encodeURIComponent(name)}/@me`;
  return on ? api.del(path) : api.put(path);
}
