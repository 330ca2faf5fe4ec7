// Discord's markdown → DOM nodes. Text becomes text nodes only; links open in a new tab and are http(s).

import { el, fullTime } from "./dom.js";
import { state } from "./state.js";

/** The nodes of a whole message. */
export function render(text) {
  return blocks(text);
}

// ── blocks: fences, quotes, headings, subtext, lists ──

function blocks(text) {
  const nodes = [];
  const fence = /```(?:([\w+#.-]+)\n)?\n*([^]*?)\n*```/g;
  let from = 0;
  for (const match of text.matchAll(fence)) {
    if (!match[2].trim()) continue;
    nodes.push(...lines(text.slice(from, match.index).replace(/\n$/, "")));
    nodes.push(el("pre", {}, el("code", { "data-language": match[1] }, match[2])));
    from = match.index + match[0].length;
    if (text[from] === "\n") from++;
  }
  if (from < text.length) nodes.push(...lines(text.slice(from)));
  return nodes;
}

function lines(text) {
  if (!text) return [];
  const nodes = [];
  const rows = text.split("\n");
  let plain = [];
  const flush = () => {
    if (plain.length) nodes.push(...inline(plain.join("\n")));
    plain = [];
  };
  for (let at = 0; at < rows.length; at++) {
    const [block, used] = blockAt(rows, at);
    if (!block) {
      plain.push(rows[at]);
      continue;
    }
    flush();
    nodes.push(block);
    at += used - 1;
  }
  flush();
  return nodes;
}

/** The block that starts at a row and how many rows it takes; [null] for plain text. */
function blockAt(rows, at) {
  const row = rows[at];
  if (row.startsWith(">>> ")) {
    const rest = [row.slice(4), ...rows.slice(at + 1)];
    return [el("blockquote", {}, lines(rest.join("\n"))), rest.length];
  }
  if (row.startsWith("> ")) {
    const quoted = takeWhile(rows, at, (one) => one.startsWith("> "));
    return [el("blockquote", {}, lines(quoted.map((one) => one.slice(2)).join("\n"))), quoted.length];
  }
  const heading = /^(#{1,3}) +(\S.*)$/.exec(row);
  if (heading) return [el(`h${heading[1].length + 2}`, {}, inline(heading[2])), 1];
  if (/^-# +\S/.test(row)) return [el("small.subtext", {}, inline(row.slice(2).trim())), 1];
  const bullet = /^ {0,3}(?:[-*]|(\d+)\.) +\S/.exec(row);
  if (bullet) return list(rows, at, bullet[1]);
  return [null, 1];
}

function list(rows, at, start) {
  const marker = start ? /^ *\d+\. +/ : /^ *[-*] +/;
  const items = takeWhile(rows, at, (one) => marker.test(one));
  const entries = items.map((one) => el("li", {}, inline(one.replace(marker, ""))));
  return [el(start ? "ol" : "ul", start ? { start: Number(start) } : {}, entries), items.length];
}

function takeWhile(rows, at, test) {
  let end = at;
  while (end < rows.length && test(rows[end])) end++;
  return rows.slice(at, end);
}

// ── inline: each rule is tried where the text stands; the first that fits wins ──

const RULES = [
  [/\\([^\w\s])/y, (m) => m[1]],
  [/(`+)([^]*?[^`])\1(?!`)/y, (m) => el("code", {}, m[2].trim() || m[2])],
  [/<@!?(\d+)>/y, (m) => mention(`@${state.nameOf(m[1])}`, { "data-user": m[1] })],
  [/<@&(\d+)>/y, (m) => mention(`@${state.roles.get(m[1])?.name ?? "unknown-role"}`)],
  [/<#(\d+)>/y, (m) => channelMention(m[1])],
  [/<\/([^:>]+):\d+>/y, (m) => mention(`/${m[1]}`)],
  [/<t:(-?\d+)(?::([tTdDfFR]))?>/y, (m) => timestamp(Number(m[1]), m[2] ?? "f")],
  [/<a?:(\w+):\d+>/y, (m) => `:${m[1]}:`],
  [/@(everyone|here)\b/y, (m) => mention(m[0])],
  [/\[([^\]]+)\]\(<?(https?:\/\/[^\s)>]+)>?\)/y, (m) => link(m[2], inline(m[1]))],
  [/<(https?:\/\/[^\s>]+)>/y, (m) => link(m[1], m[1])],
  [/https?:\/\/[^\s<]+[^\s<.,:;"'\])]/y, (m) => link(m[0], m[0])],
  [/\|\|([^]+?)\|\|/y, (m) => spoiler(inline(m[1]))],
  [/\*\*\*([^]+?)\*\*\*(?!\*)/y, (m) => el("strong", {}, el("em", {}, inline(m[1])))],
  [/\*\*([^]+?)\*\*(?!\*)/y, (m) => el("strong", {}, inline(m[1]))],
  [/__([^]+?)__(?!_)/y, (m) => el("u", {}, inline(m[1]))],
  [/\*(?=\S)((?:\*\*|[^*])+?)\*(?!\*)/y, (m) => el("em", {}, inline(m[1]))],
  [/\b_((?:__|[^_])+?)_\b/y, (m) => el("em", {}, inline(m[1]))],
  [/~~([^]+?)~~/y, (m) => el("s", {}, inline(m[1]))],
  [/\n/y, () => el("br")],
];
const SPECIAL = /[\\`<@[|*_~\n]|https?:/g;

function inline(text) {
  const nodes = [];
  let plain = "";
  let at = 0;
  while (at < text.length) {
    SPECIAL.lastIndex = at;
    const next = SPECIAL.exec(text)?.index ?? text.length;
    plain += text.slice(at, next);
    at = next;
    if (at >= text.length) break;
    const [node, length] = ruleAt(text, at);
    if (node === null) plain += text[at];
    else if (typeof node === "string") plain += node;
    else {
      if (plain) nodes.push(plain);
      plain = "";
      nodes.push(node);
    }
    at += length;
  }
  if (plain) nodes.push(plain);
  return nodes;
}

function ruleAt(text, at) {
  for (const [pattern, make] of RULES) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return [make(match), match[0].length];
  }
  return [null, 1];
}

const mention = (text, properties = {}) => el("span.mention", properties, text);
const link = (href, content) => el("a", { href, target: "_blank", rel: "noreferrer noopener" }, content);

function channelMention(id) {
  const channel = state.channels.get(id);
  return mention(`#${channel?.name ?? "unknown"}`, { "data-channel": id });
}

function spoiler(content) {
  const open = (event) => event.currentTarget.classList.add("open");
  return el("span.spoiler", { onclick: open, tabIndex: 0, role: "button", "aria-label": "Spoiler" }, content);
}

const relative = new Intl.RelativeTimeFormat("en-US", { numeric: "auto" });
const STYLES = {
  t: { timeStyle: "short" },
  T: { timeStyle: "medium" },
  d: { dateStyle: "short" },
  D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" },
  F: { dateStyle: "full", timeStyle: "short" },
};

function timestamp(seconds, style) {
  const iso = new Date(seconds * 1000).toISOString();
  const text = style === "R" ? ago(seconds) : new Intl.DateTimeFormat("en-US", STYLES[style]).format(seconds * 1000);
  return el("span.timestamp", { title: fullTime(iso) }, text);
}

function ago(seconds) {
  const left = seconds - Date.now() / 1000;
  const units = [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [unit, size] = units.find(([, one]) => Math.abs(left) >= one) ?? ["second", 1];
  return relative.format(Math.round(left / size), unit);
}
