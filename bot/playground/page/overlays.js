// What lies over the page: profiles, pictures in full size, questions, modals of applications.

import * as api from "./api.js";
import { avatarOf, faceOf } from "./avatars.js";
import { $, el, fill } from "./dom.js";
import { ask } from "./interactions.js";
import { render } from "./markdown.js";
import { state } from "./state.js";

const popout = $("#popout");
const dialog = $("#dialog");

function showDialog(kind, ...children) {
  dialog.className = kind;
  fill(dialog, ...children);
  dialog.showModal();
}

dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

export function lightbox(file) {
  const image = el("img", { src: file.url, alt: file.description ?? "" });
  const open = el("a", { href: file.url, target: "_blank", rel: "noopener" }, "Open in Browser");
  showDialog("lightbox", image, open);
}

/** Resolves to true when the person says yes. */
export function confirm(title, text, yes) {
  return new Promise((answer) => {
    const close = (value) => () => (dialog.close(), answer(value));
    const buttons = el(
      "footer",
      {},
      el("button.link", { type: "button", onclick: close(false) }, "Cancel"),
      el("button.button.danger", { type: "button", onclick: close(true), autofocus: true }, yes),
    );
    showDialog("question", el("h2", {}, title), el("p", {}, text), buttons);
    dialog.addEventListener("close", () => answer(false), { once: true });
  });
}

// ── profiles ──

export function place(element, anchor) {
  element.hidden = false;
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = element;
  const right = box.right + 12;
  const left = right + width < innerWidth ? right : Math.max(8, box.left - width - 12);
  element.style.left = `${Math.min(left, innerWidth - width - 8)}px`;
  element.style.top = `${Math.max(8, Math.min(box.top, innerHeight - height - 8))}px`;
}

/** The card of a message's author; a persona's card shows the face of that message. */
export function profile(message, anchor) {
  const persona = message.webhook_id === message.author.id;
  card(persona ? message.author.username : state.nameOf(message.author.id), message.author, faceOf(message, 256), anchor, persona);
}

export function memberProfile(user, anchor) {
  card(state.nameOf(user.id), user, avatarOf(user, 256), anchor, false);
}

function card(name, user, face, anchor, persona) {
  const openDm = async () => {
    const channel = await api.post("/users/@me/channels", { recipients: [user.id] });
    popout.hidden = true;
    state.tell("open", channel.id);
  };
  const roles = (state.members.get(user.id)?.roles ?? []).map((id) => state.roles.get(id)).filter(Boolean);
  fill(
    popout,
    el("div.banner"),
    el("img.face", { src: face, alt: "", onclick: () => lightbox({ url: face, description: name }) }),
    el("h3", {}, name, user.bot ? el("span.tag", {}, "APP") : null),
    el("p.handle", {}, persona ? "speaks through a webhook" : user.username),
    roles.length ? el("div.roles", {}, roles.map((role) => el("span.role", {}, role.name))) : null,
    !persona && user.id !== state.me.id ? el("button.button.primary", { type: "button", onclick: openDm }, "Message") : null,
  );
  place(popout, anchor);
}

document.addEventListener("pointerdown", (event) => {
  if (!popout.hidden && !popout.contains(event.target)) popout.hidden = true;
});
document.addEventListener("keydown", (event) => event.key === "Escape" && (popout.hidden = true));

// ── modals of applications ──

export function modal(data) {
  const failure = el("p.failure");
  const inputs = [];
  const rows = data.components.map((row) => modalRow(row, inputs)).filter(Boolean);
  const submit = async (event) => {
    event.preventDefault();
    const values = { custom_id: data.custom_id, components: inputs.map((read) => read()) };
    try {
      const about = { type: 5, application_id: data.application.id, channel_id: data.channel_id, data: values };
      await ask({ ...about, ...(data.message_id ? { message_id: data.message_id } : {}) });
      dialog.close();
    } catch (error) {
      failure.textContent = error.message || "Something went wrong. Try again.";
    }
  };
  const buttons = el(
    "footer",
    {},
    el("button.link", { type: "button", onclick: () => dialog.close() }, "Cancel"),
    el("button.button.primary", { type: "submit" }, "Submit"),
  );
  showDialog("modal", el("form", { onsubmit: submit }, el("h2", {}, data.title), rows, failure, buttons));
}

/** One row: a label with its input; action rows (older modals) hold the input directly. */
function modalRow(row, inputs) {
  if (row.type === 10) return el("div.text-display", {}, render(row.content));
  const part = row.component ?? row.components?.[0];
  const input = part?.type === 4 ? textInput(part) : part?.type === 3 ? selectInput(part) : null;
  if (!input) return null;
  const read = { [4]: () => ({ value: input.value }), [3]: () => ({ values: [...input.selectedOptions].map((o) => o.value) }) };
  inputs.push(() => {
    const answered = { type: part.type, custom_id: part.custom_id, id: part.id, ...read[part.type]() };
    return row.component ? { type: row.type, id: row.id, component: answered } : { type: 1, components: [answered] };
  });
  const label = el("label", {}, el("b", {}, row.label ?? part.label ?? "", part.required === false ? null : el("i", {}, " *")));
  if (row.description) label.append(el("small", {}, row.description));
  label.append(input);
  return label;
}

function textInput(part) {
  const input = el(part.style === 2 ? "textarea" : "input", { placeholder: part.placeholder ?? "", value: part.value ?? "" });
  input.required = part.required !== false;
  if (part.min_length) input.minLength = part.min_length;
  input.maxLength = part.max_length ?? 4000;
  return input;
}

function selectInput(part) {
  const options = part.options.map((option) => el("option", { value: option.value, selected: option.default }, option.label));
  return el("select", { multiple: part.max_values > 1, required: part.required !== false }, options);
}
