// Buttons, select menus and components v2 of messages, and what happens when they are used.

import { avatarOf } from "./avatars.js";
import { el } from "./dom.js";
import { ask } from "./interactions.js";
import { render } from "./markdown.js";
import { lightbox } from "./overlays.js";
import { state } from "./state.js";

const STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "linked" };
const LINK = 5;

const makers = {
  1: (part, message) => el("div.row", {}, part.components.map((one) => component(one, message))),
  2: button,
  3: select,
  5: (part, message) => select({ ...part, options: userOptions() }, message),
  6: (part, message) => select({ ...part, options: roleOptions() }, message),
  7: (part, message) => select({ ...part, options: [...userOptions(), ...roleOptions()] }, message),
  8: (part, message) => select({ ...part, options: channelOptions() }, message),
  9: section,
  10: (part) => el("div.text-display", {}, render(part.content)),
  11: (part) => el("img.thumbnail", { src: part.media.url, alt: part.description ?? "", onclick: () => lightbox(part.media) }),
  12: (part) => el("div.gallery", {}, part.items.map(galleryItem)),
  13: (part) => el("a.file", { href: part.file.url }, part.name ?? part.file.url.split("/").pop().split("?")[0]),
  14: (part) => el(part.divider === false ? "div.gap" : "hr"),
  17: container,
};

export function components(message) {
  if (!message.components.length) return null;
  return el("div.components", {}, message.components.map((part) => component(part, message)));
}

const component = (part, message) => makers[part.type]?.(part, message) ?? null;

function section(part, message) {
  const texts = el("div", {}, part.components.map((one) => component(one, message)));
  return el("div.section", {}, texts, component(part.accessory, message));
}

function container(part, message) {
  const box = el("div.container", {}, part.components.map((one) => component(one, message)));
  if (part.accent_color) box.style.borderLeftColor = `#${part.accent_color.toString(16).padStart(6, "0")}`;
  return box;
}

const galleryItem = ({ media, description }) =>
  el("div.picture", {}, el("img", { src: media.url, alt: description ?? "", onclick: () => lightbox(media) }));

// ── buttons ──

function button(part, message) {
  const label = [part.emoji?.name, part.label].filter(Boolean).join(" ");
  const look = STYLES[part.style] ?? "secondary";
  if (part.style === LINK)
    return el(`a.button.${look}`, { href: part.url, target: "_blank", rel: "noreferrer noopener" }, label, " ↗");
  const element = el(`button.button.${look}`, { type: "button", "data-custom-id": part.custom_id }, el("span", {}, label));
  element.disabled = Boolean(part.disabled);
  element.addEventListener("click", () => use(element, message, part));
  return element;
}

/** Shows the waiting dots until the application has answered; says so when it did not. */
async function use(element, message, part, values) {
  if (element.classList.contains("waiting")) return;
  element.classList.add("waiting");
  const data = { component_type: part.type, custom_id: part.custom_id, ...(values ? { values } : {}) };
  const row = element.closest(".components");
  row?.querySelector(".failure")?.remove();
  try {
    await ask({ type: 3, application_id: message.application_id, message_id: message.id, data });
  } catch (error) {
    row?.append(el("div.failure", {}, error.message || "This interaction failed"));
  } finally {
    element.classList.remove("waiting");
  }
}

// ── select menus ──

function select(part, message) {
  const chosen = new Set(part.options.filter((option) => option.default).map((option) => option.value));
  const box = el("div.select", { tabIndex: part.disabled ? -1 : 0, role: "combobox", "data-custom-id": part.custom_id });
  box.setAttribute("aria-disabled", String(Boolean(part.disabled)));
  const label = el("span.select-label");
  const options = el("div.select-options", { role: "listbox", hidden: true });
  const show = () => {
    const names = part.options.filter((option) => chosen.has(option.value)).map((option) => option.label);
    label.textContent = names.join(", ") || part.placeholder || "Make a selection";
    label.classList.toggle("placeholder", !names.length);
  };
  const open = () => {
    options.hidden = false;
    options.classList.toggle("up", box.getBoundingClientRect().bottom + options.offsetHeight > innerHeight - 90);
  };
  const close = () => {
    options.hidden = true;
    if (part.max_values > 1 && chosen.size >= part.min_values) use(box, message, part, [...chosen]);
  };
  const choose = (option) => {
    if (part.max_values > 1) {
      chosen.has(option.value) ? chosen.delete(option.value) : chosen.size < part.max_values && chosen.add(option.value);
    } else {
      chosen.clear();
      chosen.add(option.value);
      options.hidden = true;
      use(box, message, part, [option.value]);
    }
    show();
    for (const [at, row] of [...options.children].entries())
      row.setAttribute("aria-selected", String(chosen.has(part.options[at].value)));
  };
  options.append(...part.options.map((option) => optionRow(option, chosen, choose)));
  box.append(label, el("span.chevron", {}, "⌄"), options);
  box.addEventListener("click", (event) => {
    if (part.disabled || event.target.closest(".option")) return;
    options.hidden ? open() : close();
  });
  box.addEventListener("keydown", (event) => selectKey(event, box, options, open, close));
  box.addEventListener("focusout", (event) => !box.contains(event.relatedTarget) && !options.hidden && close());
  show();
  return box;
}

function optionRow(option, chosen, choose) {
  const row = el(
    "div.option",
    { role: "option", tabIndex: -1, "data-value": option.value, "aria-selected": String(chosen.has(option.value)) },
    option.image ? el("img", { src: option.image, alt: "" }) : (option.emoji?.name ?? null),
    el("div", {}, option.label, option.description ? el("small", {}, option.description) : null),
  );
  row.addEventListener("click", (event) => {
    event.stopPropagation();
    choose(option);
  });
  return row;
}

function selectKey(event, box, options, open, close) {
  const rows = [...options.children];
  const at = rows.indexOf(document.activeElement);
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    open();
    rows.at((at + (event.key === "ArrowDown" ? 1 : -1)) % rows.length)?.focus();
  } else if (event.key === "Enter" || event.key === " ") {
    at >= 0 ? rows[at].click() : open();
  } else if (event.key === "Escape") {
    close();
    box.focus();
  } else return;
  event.preventDefault();
}

const userOptions = () =>
  [...state.members.values()].map(({ user }) => ({ value: user.id, label: state.nameOf(user.id), image: avatarOf(user, 32) }));
const roleOptions = () => [...state.roles.values()].map((role) => ({ value: role.id, label: `@${role.name.replace("@", "")}` }));
const channelOptions = () => state.guildChannels().map((channel) => ({ value: channel.id, label: `#${channel.name}` }));
