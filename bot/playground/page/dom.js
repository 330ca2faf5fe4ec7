// Building elements. Text only ever enters through text nodes and properties, never as markup.

export const $ = (selector, root = document) => root.querySelector(selector);

/** el("a.link", {href}, "text", child): tag with classes, properties (data-* and aria-* as attributes), children. */
export function el(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key.includes("-") || key === "role" || key === "for") element.setAttribute(key, value === true ? "" : value);
    else element[key] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const ICONS = {
  hash: "M9.6 3 8.7 8H4v2h4.4l-.8 4H3v2h4.2L6.3 21h2l.9-5h5l-.9 5h2l.9-5H21v-2h-4.3l.8-4H22V8h-4.2l.9-5h-2l-.9 5h-5l.9-5h-2.1zm.8 7h5l-.8 4h-5l.8-4z",
  lock: "M17 10V8A5 5 0 0 0 7 8v2H5v11h14V10h-2zM9 8a3 3 0 0 1 6 0v2H9V8zm4 8.7V19h-2v-2.3a1.6 1.6 0 1 1 2 0z",
  thread: "M4 4h16v10h-7l-4 4v-4H4V4zm4 4v2h8V8H8z",
  at: "M12 2a10 10 0 1 0 5.5 18.4l-1.1-1.7A8 8 0 1 1 20 12v1.2a1.8 1.8 0 0 1-3.6 0V7.6h-2v.8a4.6 4.6 0 1 0 .6 6.7A3.8 3.8 0 0 0 22 13.2V12A10 10 0 0 0 12 2zm0 12.6a2.6 2.6 0 1 1 0-5.2 2.6 2.6 0 0 1 0 5.2z",
  plus: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm5 11h-4v4h-2v-4H7v-2h4V7h2v4h4v2z",
  send: "M3 20.5 21 12 3 3.5v6.6L14 12 3 13.9z",
  reply: "M10 8.3V4l-8 7.5L10 19v-4.5c5.5 0 8.7 1.7 11.5 5.5-.8-5.6-3.9-11-11.5-11.7z",
  edit: "M3 17.2V21h3.8L17.8 9.9l-3.7-3.7L3 17.2zM20.7 7a1 1 0 0 0 0-1.4l-2.3-2.3a1 1 0 0 0-1.4 0l-1.8 1.8 3.7 3.7L20.7 7z",
  trash: "M15 3.5 14 2.5h-4l-1 1H4v2h16v-2h-5zM5.5 7l1 13a2 2 0 0 0 2 1.8h7a2 2 0 0 0 2-1.8l1-13h-13z",
  smile: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zM8.5 8a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3zm7 0a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3zM12 18a5.5 5.5 0 0 1-5.2-4h10.4A5.5 5.5 0 0 1 12 18z",
  people: "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm7.5 0a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM1 20c0-4 3.5-6.5 8-6.5s8 2.5 8 6.5H1zm17.8 0H23c0-3.3-2.7-5.5-6-5.5-.6 0-1.1.1-1.6.2 2.1 1.2 3.4 3 3.4 5.3z",
  menu: "M3 5h18v2H3V5zm0 6h18v2H3v-2zm0 6h18v2H3v-2z",
  close: "m18.4 7-1.4-1.4-5 5-5-5L5.6 7l5 5-5 5L7 18.4l5-5 5 5 1.4-1.4-5-5 5-5z",
  sun: "M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM11 1h2v4h-2V1zm0 18h2v4h-2v-4zM1 11h4v2H1v-2zm18 0h4v2h-4v-2zM4.2 2.8 7 5.6 5.6 7 2.8 4.2l1.4-1.4zM18.4 17l2.8 2.8-1.4 1.4-2.8-2.8 1.4-1.4zM2.8 19.8 5.6 17 7 18.4l-2.8 2.8-1.4-1.4zM17 5.6l2.8-2.8 1.4 1.4L18.4 7 17 5.6z",
  moon: "M20.7 15.6A9 9 0 0 1 8.4 3.3 9 9 0 1 0 20.7 15.6z",
  file: "M6 2h8l6 6v14H4V2h2zm7 1.5V9h5.5L13 3.5z",
  mute: "M3 9v6h4l5 5V4L7 9H3zm13.6 3 2.7 2.7-1.4 1.4-2.7-2.7-2.7 2.7-1.4-1.4 2.7-2.7-2.7-2.7 1.4-1.4 2.7 2.7 2.7-2.7 1.4 1.4-2.7 2.7z",
  pin: "m15 2 7 7-2 1-3.5 3.5.5 4.5-2 2-4.5-4.5L4 22l-2 0 0-2 6.5-6.5L4 9l2-2 4.5.5L14 4l1-2z",
  brush: "M20.7 3.3a2.4 2.4 0 0 0-3.4 0L8.6 12l3.4 3.4 8.7-8.7a2.4 2.4 0 0 0 0-3.4zM7.2 13.4c-2 .3-3 1.6-3.2 3.6-.1 1.2-.8 2-2 2.4 1.300 1.200 3.200 1.600 4.900 1.600 2.300 0 3.900-1.500 3.900-3.900z",
  copy: "M8 2h12v14H8V2zM4 6h2v12h10v2H4V6z",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const time = new Intl.DateTimeFormat("en-US", { hour: "numeric", minute: "2-digit" });
const date = new Intl.DateTimeFormat("en-US", { month: "numeric", day: "numeric", year: "numeric" });
const longDate = new Intl.DateTimeFormat("en-US", { month: "long", day: "numeric", year: "numeric" });
const full = new Intl.DateTimeFormat("en-US", { dateStyle: "full", timeStyle: "short" });

export const dayOf = (iso) => longDate.format(new Date(iso));
export const clock = (iso) => time.format(new Date(iso));
export const fullTime = (iso) => full.format(new Date(iso));

/** "Today at 9:41 AM", "Yesterday at 9:41 AM", "11/19/2026 9:41 AM" */
export function when(iso) {
  const moment = new Date(iso);
  const day = dayOf(iso);
  const yesterday = new Date(Date.now() - 86_400_000);
  if (day === longDate.format(new Date())) return time.format(moment);
  if (day === longDate.format(yesterday)) return `Yesterday at ${time.format(moment)}`;
  return `${date.format(moment)}, ${time.format(moment)}`;
}

export function bytes(size) {
  if (size < 1024) return `${size} bytes`;
  if (size < 1024 * 1024) return `${(size / 1024).toFixed(2)} KB`;
  return `${(size / 1024 / 1024).toFixed(2)} MB`;
}
