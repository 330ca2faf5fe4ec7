// Slash commands: the list that opens at "/", the pills of their options, autocomplete, and running them.

import * as api from "./api.js";
import { avatarOf } from "./avatars.js";
import { $, el, fill } from "./dom.js";
import { ask } from "./interactions.js";
import { state } from "./state.js";

const SUB = 1, GROUP = 2, INTEGER = 4, BOOLEAN = 5, USER = 6, CHANNEL = 7, ROLE = 8, MENTIONABLE = 9, NUMBER = 10;
const ATTACHMENT = 11;
const AUTOCOMPLETE_MS = 150;

const field = $("#composer");
const popup = $("#commands");
const bar = $("#command-bar");
let note = () => {};
let index = []; // every command and subcommand of the place, flat
let rows = []; // what the popup offers: {element, pick}
let at = 0;
let current = null; // the command being filled: {entry, pills: Map(name → pill)}
let timer = 0;
let round = 0; // of autocomplete: late answers to older text are dropped

// ── the list ──

/** "persona set" and "persona list" are two entries of one command, as in Discord's list. */
function flatten(command, application) {
  const leaf = (path, options, description) => ({ command, application, path, options: options ?? [], description });
  const walk = (options, path) =>
    (options ?? []).filter((one) => one.type === SUB || one.type === GROUP).flatMap((one) =>
      one.type === GROUP ? walk(one.options, [...path, one]) : [leaf([...path, one], one.options, one.description)],
    );
  const subs = walk(command.options, []);
  return subs.length ? subs : [leaf([], command.options, command.description)];
}

const nameOf = (entry) => [entry.command.name, ...entry.path.map((one) => one.name)].join(" ");

async function load() {
  const { applications, application_commands } = await api.get(`/guilds/${state.guildId}/application-command-index`);
  const byId = new Map(applications.map((application) => [application.id, application]));
  const chat = application_commands.filter((command) => command.type === 1);
  index = chat.flatMap((command) => flatten(command, byId.get(command.application_id)));
  index.sort((one, other) => nameOf(one).localeCompare(nameOf(other)));
}

export function typed() {
  const match = /^\/([\w\- ]*)$/.exec(field.value);
  if (!match) return hide();
  const offer = () => {
    const wanted = match[1].toLowerCase();
    const starts = index.filter((entry) => nameOf(entry).startsWith(wanted));
    const holds = index.filter((entry) => !starts.includes(entry) && nameOf(entry).includes(wanted));
    show([...starts, ...holds].map(commandRow), index.length ? "No command is called that." : "No commands are registered yet.");
  };
  if (match[1] === "" || !index.length) load().then(() => field.value === match[0] && offer(), () => hide());
  if (index.length) offer();
}

function commandRow(entry) {
  const needed = entry.options.filter((option) => option.required).map((option) => el("code", {}, option.name));
  const face = avatarOf({ id: entry.application.id, avatar: entry.application.icon }, 64);
  const element = el(
    "div.choice.command",
    { role: "option", "data-command": nameOf(entry) },
    el("img", { src: face, alt: "" }),
    el("div", {}, el("b", {}, `/${nameOf(entry)}`), needed, el("small", {}, entry.description)),
    el("span.from", {}, entry.application.name),
  );
  return { element, pick: () => begin(entry) };
}

// ── the popup ──

function show(offered, otherwise) {
  rows = offered;
  at = 0;
  popup.hidden = !rows.length && !otherwise;
  for (const { element, pick } of rows) {
    element.addEventListener("pointerdown", (event) => (event.preventDefault(), pick()));
    element.addEventListener("pointermove", () => highlight(rows.findIndex((row) => row.element === element)));
  }
  fill(popup, rows.length ? rows.map((row) => row.element) : el("p.empty", {}, otherwise));
  highlight(0);
}

function hide() {
  rows = [];
  popup.hidden = true;
}

function highlight(next) {
  if (!rows.length) return;
  rows[at]?.element.removeAttribute("aria-selected");
  at = (next + rows.length) % rows.length;
  rows[at].element.setAttribute("aria-selected", "true");
  rows[at].element.scrollIntoView({ block: "nearest" });
}

/** True when the popup has used the key. */
export function key(event) {
  if (popup.hidden || !rows.length) return false;
  if (event.key === "ArrowDown") highlight(at + 1);
  else if (event.key === "ArrowUp") highlight(at - 1);
  else if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey)) rows[at].pick();
  else if (event.key === "Escape") hide();
  else return false;
  event.preventDefault();
  return true;
}

// ── filling a command ──

export const active = () => current !== null;

function begin(entry) {
  hide();
  current = { entry, pills: new Map() };
  field.value = "";
  field.dispatchEvent(new Event("input"));
  field.hidden = true;
  bar.hidden = false;
  fill(bar, el("b.name", {}, `/${nameOf(entry)}`));
  for (const option of entry.options.filter((one) => one.required)) addPill(option);
  bar.append(el("input.end", { "aria-label": "More options", onkeydown: endKey, onfocus: offerMore, oninput: endTyped }));
  focusNext();
}

export function cancel(text = "") {
  if (!current) return;
  current = null;
  hide();
  bar.hidden = true;
  field.hidden = false;
  field.value = text;
  field.dispatchEvent(new Event("input"));
  field.focus();
}

function addPill(option) {
  const type = option.type === ATTACHMENT ? "file" : "text";
  const input = el("input", { type, "data-option": option.name, spellcheck: false, autocomplete: "off", "aria-label": option.description });
  const pill = { option, input, value: undefined };
  const element = el("label.pill", { title: option.description }, el("span", {}, option.name), input);
  input.addEventListener("input", () => {
    pill.value = undefined;
    element.classList.remove("wrong");
    size(input);
    offerValues(pill);
  });
  input.addEventListener("focus", () => offerValues(pill));
  if (type === "file") input.addEventListener("change", focusNext);
  input.addEventListener("keydown", (event) => pillKey(event, pill, element));
  size(input);
  current.pills.set(option.name, pill);
  pill.element = element;
  const end = bar.querySelector(".end");
  end ? end.before(element) : bar.append(element);
  return pill;
}

const size = (input) => input.type !== "file" && (input.style.width = `${Math.max(4, input.value.length + 1)}ch`);

function focusNext() {
  const empty = [...current.pills.values()].find((pill) => pill.option.required && !pill.input.value);
  (empty?.input ?? bar.querySelector(".end")).focus();
}

function pillKey(event, pill, element) {
  if (key(event)) return;
  if (event.key === "Enter") {
    event.preventDefault();
    run();
  } else if (event.key === "Escape") {
    cancel();
  } else if (event.key === "Tab" && !event.shiftKey) {
    event.preventDefault();
    focusNext();
  } else if (event.key === "Backspace" && !pill.input.value) {
    event.preventDefault();
    if (pill.option.required) return cancel(`/${nameOf(current.entry)}`);
    current.pills.delete(pill.option.name);
    element.remove();
    bar.querySelector(".end").focus();
  }
}

// ── further, optional options ──

const unused = () => current.entry.options.filter((option) => !current.pills.has(option.name));

function offerMore(event) {
  const wanted = event.target.value.trim().toLowerCase();
  show(unused().filter((option) => option.name.startsWith(wanted)).map(optionRow));
  rows.length && rows[at].element.removeAttribute("aria-selected");
}

const endTyped = (event) => (size(event.target), offerMore(event));

function optionRow(option) {
  const element = el("div.choice", { role: "option", "data-option": option.name }, el("b", {}, option.name), el("small", {}, option.description));
  const pick = () => {
    bar.querySelector(".end").value = "";
    addPill(option).input.focus();
  };
  return { element, pick };
}

/** At the end Enter runs the command; the list of optional ones is for Tab, arrows and the mouse. */
function endKey(event) {
  const chosen = rows[at]?.element.hasAttribute("aria-selected");
  if (event.key === "Enter" && !chosen && !event.target.value) {
    event.preventDefault();
    run();
  } else if (event.key === "Backspace" && !event.target.value) {
    event.preventDefault();
    const last = [...current.pills.values()].at(-1);
    last ? last.input.focus() : cancel(`/${nameOf(current.entry)}`);
  } else if (event.key === "Escape") {
    cancel();
  } else key(event);
}

// ── values ──

async function offerValues(pill) {
  const { option, input } = pill;
  clearTimeout(timer);
  if (option.autocomplete) {
    const mine = ++round;
    show([], "Loading options…");
    timer = setTimeout(() => autocomplete(pill, mine), AUTOCOMPLETE_MS);
    return;
  }
  const wanted = input.value.replace(/^[@#]/, "").toLowerCase();
  const fitting = known(option).filter(({ name }) => name.replace(/^[@#]/, "").toLowerCase().includes(wanted));
  show(fitting.slice(0, 25).map((choice) => valueRow(pill, choice)), known(option).length ? "No option fits." : "");
  if (!known(option).length) hide();
}

/** The values an option allows; empty when it takes any text or number. */
function known(option) {
  if (option.choices) return option.choices;
  if (option.type === BOOLEAN) return [{ name: "True", value: true }, { name: "False", value: false }];
  const users = () => [...state.members.values()].map(({ user }) => ({ name: `@${state.nameOf(user.id)}`, value: user.id, face: avatarOf(user, 32) }));
  const roles = () => [...state.roles.values()].map((role) => ({ name: `@${role.name.replace(/^@/, "")}`, value: role.id }));
  if (option.type === USER) return users();
  if (option.type === ROLE) return roles();
  if (option.type === MENTIONABLE) return [...users(), ...roles()];
  if (option.type === CHANNEL) return state.guildChannels().map(({ id, name }) => ({ name: `#${name}`, value: id }));
  return [];
}

async function autocomplete(pill, mine) {
  try {
    const choices = await ask(question(4, pill));
    if (mine !== round || document.activeElement !== pill.input) return;
    show(choices.map((choice) => valueRow(pill, choice)), "No options match your search.");
  } catch {
    if (mine === round) show([], "Loading options failed.");
  }
}

function valueRow(pill, choice) {
  const element = el("div.choice", { role: "option", "data-value": String(choice.value) });
  element.append(choice.face ? el("img", { src: choice.face, alt: "" }) : "", el("span", {}, choice.name));
  const pick = () => {
    pill.value = choice.value;
    pill.input.value = choice.name;
    size(pill.input);
    hide();
    focusNext();
  };
  return { element, pick };
}

// ── running ──

function valueOf({ option, input, value }) {
  if (option.type === ATTACHMENT) return input.files.length ? filesOf().indexOf(input.files[0]) : undefined;
  if (value !== undefined) return value;
  const text = input.value.trim();
  const named = known(option).find((choice) => choice.name.toLowerCase() === text.toLowerCase());
  if (named) return named.value;
  if (option.type === INTEGER) return /^-?\d+$/.test(text) ? Number(text) : undefined;
  if (option.type === NUMBER) return text && !Number.isNaN(Number(text)) ? Number(text) : undefined;
  return known(option).length ? undefined : text || undefined;
}

/** What files were chosen, in the order in which they are sent. */
const filesOf = () => [...current.pills.values()].flatMap((pill) => [...(pill.input.files ?? [])]);

/** The body of POST /interactions; `focused` is the pill being completed. */
function question(type, focused) {
  const { entry, pills } = current;
  let options = [...pills.values()]
    .filter((pill) => pill === focused || valueOf(pill) !== undefined)
    .map((pill) => ({
      type: pill.option.type,
      name: pill.option.name,
      value: pill === focused ? pill.input.value : valueOf(pill),
      ...(pill === focused ? { focused: true } : {}),
    }));
  for (const step of [...entry.path].reverse()) options = [{ type: step.type, name: step.name, options }];
  const { id, name, version } = entry.command;
  return { type, application_id: entry.command.application_id, data: { id, name, version, type: 1, options } };
}

export async function run() {
  const wrong = [...current.pills.values()].filter((pill) => valueOf(pill) === undefined && (pill.option.required || pill.input.value));
  for (const pill of wrong) pill.element.classList.add("wrong");
  if (wrong.length) return wrong[0].input.focus();
  const sent = question(2);
  const files = filesOf();
  const name = nameOf(current.entry);
  cancel();
  try {
    await ask(sent, files);
  } catch (error) {
    note(`/${name}: ${error.message}`);
  }
}

export function start(tell) {
  note = tell;
  state.on("guild", () => load().catch(() => {}));
}
