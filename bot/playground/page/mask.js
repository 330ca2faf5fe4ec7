// The mask page: chooses a persona, lends its portrait and mask to the paper, shows the crop, saves.

import { $, el, fill, icon } from "./dom.js";
import { boxOf, cropAround, drawCrop } from "./maskcrop.js";
import { Paper } from "./maskpaper.js";

const BASE = "/api/v10/mien/personas";
const session = JSON.parse($("#session").textContent);
const paper = new Paper($("#canvas"));
let personas = [];
let current = null;
let dirty = false;

// ── the server ──

async function ask(path, options = {}) {
  const response = await fetch(BASE + path, { ...options, headers: { Authorization: session.owner.token, ...options.headers } });
  if (response.ok) return response;
  throw new Error((await response.json().catch(() => ({}))).message ?? `The server answered ${response.status}.`);
}

const picture = async (path, options) => createImageBitmap(await (await ask(path, options)).blob());
const at = (what) => `/${encodeURIComponent(current.slug)}/${what}`;
const sending = async (method) => ({ method, body: await paper.png(), headers: { "Content-Type": "image/png" } });

function say(text, kind = "") {
  $("#said").textContent = text;
  $("#said").className = kind;
}

/** Runs what a button starts; the button rests meanwhile, and a failure becomes its sentence. */
async function working(button, text, work) {
  button.disabled = true;
  say(text);
  try {
    await work();
  } catch (error) {
    say(error.message, "failed");
  } finally {
    button.disabled = false;
    drawButtons();
  }
}

// ── one persona ──

async function open(slug) {
  current = personas.find((one) => one.slug === slug) ?? personas[0];
  location.hash = current.slug;
  $("#persona").value = current.slug;
  fill($("#expression"), current.expressions.map((name) => el("option", { value: name }, name)));
  $("#sample").hidden = true;
  say("Opening the portrait…");
  try {
    const [portrait, mask] = await Promise.all([picture(at("portrait")), picture(at("mask"))]);
    $("#work").hidden = false;
    paper.lay(portrait, mask);
    $("#size").max = Math.round(Math.max(portrait.width, portrait.height) / 2);
    resize(Math.round(Math.max(portrait.width, portrait.height) / 14));
    dirty = false;
    drawResult();
    say(about());
  } catch (error) {
    $("#work").hidden = true;
    say(error.message, "failed");
  }
}

function about() {
  if (!current.writable) return `The folder ${current.folder} is read-only: masks can be looked at, not saved.`;
  return current.own ? `This is ${current.name}'s own mask.png.` : `${current.name} has no mask.png yet: this is a proposal.`;
}

// ── what is shown beside the paper ──

function drawResult() {
  const { width, height } = paper.mask;
  const values = paper.values();
  const box = boxOf(values, width, height);
  const canvas = $("#crop");
  if (!box) {
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    $("#place").textContent = "Nothing is painted: there is no place for a face.";
  } else {
    drawCrop(canvas, paper.portrait, paper.mask, cropAround(box, width, height));
    const share = values.reduce((count, value) => count + (value > 0), 0) / values.length;
    $("#place").textContent = `${box.right - box.left} × ${box.bottom - box.top} pixels, ${(100 * share).toFixed(1)} % of the picture`;
  }
  drawButtons(Boolean(box));
}

function drawButtons(some = boxOf(paper.values(), paper.mask.width, paper.mask.height) !== null) {
  $("#undo").disabled = !paper.past.length;
  $("#redo").disabled = !paper.future.length;
  $("#save").disabled = !some || !current?.writable;
  $("#try").disabled = !some;
}

function resize(size) {
  paper.size = Math.min(Math.max(size, 2), Number($("#size").max));
  $("#size").value = paper.size;
  $("#size-shown").textContent = paper.size;
  paper.draw();
}

function erase(wanted) {
  paper.erasing = wanted;
  $("#erase").setAttribute("aria-checked", String(wanted));
  $("#paint").setAttribute("aria-checked", String(!wanted));
}

// ── buttons and keys ──

const save = () =>
  working($("#save"), "Saving…", async () => {
    const { saved } = await (await ask(at("mask"), await sending("PUT"))).json();
    dirty = false;
    current.own = true;
    say(`Saved as ${saved}; the next faces are painted with it.`, "done");
  });

const propose = () =>
  working($("#propose"), "Looking for the face…", async () => {
    paper.replace(await picture(at("proposal")));
    say("This is a proposal; it is not saved yet.");
  });

const sample = () =>
  working($("#try"), "Painting; the first face takes longer…", async () => {
    const name = $("#expression").value;
    const painted = await (await ask(`${at("sample")}?expression=${encodeURIComponent(name)}`, await sending("POST"))).blob();
    URL.revokeObjectURL($("#sample").src);
    Object.assign($("#sample"), { src: URL.createObjectURL(painted), alt: `${current.name}, ${name}`, hidden: false });
    say(`${name}, painted under this mask.`);
  });

const step = (size) => Math.max(1, Math.round(size * 0.15));
const KEYS = {
  "[": () => resize(paper.size - step(paper.size)),
  "]": () => resize(paper.size + step(paper.size)),
  e: () => erase(!paper.erasing),
  b: () => erase(false),
  "+": () => paper.zoom(1.4),
  "=": () => paper.zoom(1.4),
  "-": () => paper.zoom(1 / 1.4),
  0: () => paper.fit(),
};

function key(event) {
  if (!paper.portrait || event.target.matches("select, textarea")) return;
  const name = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (name === "z") event.shiftKey ? paper.redo() : paper.undo();
    else if (name === "y") paper.redo();
    else if (name === "s") !$("#save").disabled && save();
    else return;
  } else if (KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
}

const CLICKS = {
  paint: () => erase(false),
  erase: () => erase(true),
  undo: () => paper.undo(),
  redo: () => paper.redo(),
  clear: () => paper.replace(null),
  propose,
  closer: () => paper.zoom(1.4),
  farther: () => paper.zoom(1 / 1.4),
  whole: () => paper.fit(),
  save,
  try: sample,
};

async function start() {
  document.documentElement.dataset.theme = localStorage.getItem("playground.theme") ?? "dark";
  $("#back").append(icon("reply"));
  for (const [id, does] of Object.entries(CLICKS)) $(`#${id}`).addEventListener("click", does);
  $("#size").addEventListener("input", () => resize(Number($("#size").value)));
  $("#persona").addEventListener("change", () => open($("#persona").value));
  document.addEventListener("keydown", key);
  let drawn = 0;
  paper.addEventListener("stroke", () => {
    cancelAnimationFrame(drawn);
    drawn = requestAnimationFrame(drawResult);
  });
  paper.addEventListener("change", () => ((dirty = true), drawResult()));
  addEventListener("beforeunload", (event) => dirty && event.preventDefault());
  try {
    personas = await (await ask("")).json();
    if (!personas.length) return say("There are no personas yet: docs/personas.md shows how to write one.");
    fill($("#persona"), personas.map(({ slug, name }) => el("option", { value: slug }, name)));
    await open(decodeURIComponent(location.hash.slice(1)));
  } catch (error) {
    say(error.message, "failed");
  }
}

start();
