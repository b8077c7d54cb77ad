// Draw: the paper, and beside it what the nets make of the drawing while the pen moves.

import { ask, download, fileName } from "/asking.js";
import { chooseFile, dropZone, el, icon, iconButton, menu, slider } from "/dom.js";
import { History } from "/history.js";
import { Live } from "/live.js";
import { Paper, drawingPng } from "/paper.js";
import { UNIT, readStrokes, thinned } from "/strokes.js";

const KEPT = "studio.drawing", BRUSHES = [20, 260], PICTURES = "image/*", ANY = "image/*,.svg,.json,application/json";
const MADE_BY = "cali-sketch studio";
const SKINS = { light: "#f0cdb4", medium: "#c48f68", dark: "#7b4f35" };
const HAIRS = { fair: "#d9b66d", brown: "#6d4526", black: "#221d1b" };

let studio, panel, paper, work, live, choice, parts, borrower = null, made = {};

export const tab = { id: "draw", title: "Draw", order: 1, mount, shown };

/** `given`: { strokes, from } of another tab. */
function shown(given) {
  if (borrower) borrowDesk(panel, null);
  paper?.refresh();
  if (given?.strokes) take(given.strokes, given.from);
}

/** Lends paper, tools and drawing to another tab's panel, until Draw is shown again; `heard`: is told the strokes. */
export function borrowDesk(to, heard) {
  borrower = heard && { shown: studio.shown, heard };
  to.prepend(parts.desk);
  paper.refresh();
  sendAll();
}

function mount(within, of) {
  [studio, panel] = [of, within];
  choice = { model: studio.about.first, refine: 0.5, tones: {} };
  parts = { photo: pictureCard("photo", "Photo"), strokes: pictureCard("strokes", "Calibrated strokes") };
  const canvas = el("canvas", { class: "paper", id: "paper", tabindex: "0", role: "application", "aria-label": "Paper. Draw with a pen, finger or mouse; by keys: arrows move the pen, Enter puts it down and lifts it." });
  work = new History(changed);
  const hooks = { growing: (strokes) => send(strokes, false), say: (text) => { parts.said.textContent = text; }, zoom: showZoom, trace: () => parts.traceSize?.set(paper.trace.size) };
  parts.zoom = el("button", { type: "button", class: "zoom", title: "All of the paper (0)", "aria-label": "Zoom: all of the paper", onclick: () => paper.zoomToFit() }, "100%");
  parts.said = el("p", { class: "unseen", role: "status", "aria-live": "polite" });
  paper = new Paper(canvas, work, hooks, studio.about.eyes);
  const sheet = el("div", { class: "sheet" }, canvas);
  dropZone(sheet, openFile);
  panel.append(
    parts.desk = el("div", { class: "desk" }, rail(), el("div", { class: "middle" }, files(), sheet, below(), traceRow())),
    el("div", { class: "made" }, parts.photo, el("div", { class: "made-below" }, parts.strokes, controls())),
    parts.said);
  live = new Live(show, showState);
  document.addEventListener("keydown", keyDown);
  document.addEventListener("keyup", (event) => { if (event.key === " ") paper.spaced = false; });
  document.addEventListener("paste", (event) => { if (visible() && event.clipboardData.files[0]) openFile(event.clipboardData.files[0]); });
  chooseModel(choice.model);
  tool("pen");
  restore();
}

const visible = () => studio.shown === (borrower?.shown ?? "draw");

// What is on the page

function rail() {
  const pick = (name, label, key) => {
    const button = iconButton(name, label, () => tool(name), key);
    button.dataset.tool = name;
    button.setAttribute("aria-pressed", "false");
    return button;
  };
  const toggle = (name, label, key, get, set) => {
    const button = iconButton(name, label, () => { set(!get()); button.setAttribute("aria-pressed", String(get())); paper.refresh(); }, key);
    button.setAttribute("aria-pressed", String(get()));
    return button;
  };
  parts.undo = iconButton("undo", "Undo", () => work.undo(), "Control+Z");
  parts.redo = iconButton("redo", "Redo", () => work.redo(), "Control+Shift+Z");
  parts.mirror = toggle("mirror", "Mirror: draw both halves", "M", () => paper.symmetric, (on) => { paper.symmetric = on; });
  parts.guide = toggle("guide", "Guide of the face", "G", () => paper.guide, (on) => { paper.guide = on; });
  parts.trace = iconButton("trace", "Photo to trace", chooseTrace, "T");
  parts.clear = iconButton("clear", "Clear the paper", clear, "Control+Backspace");
  parts.tools = el("div", { class: "rail", role: "toolbar", "aria-label": "Drawing", "aria-controls": "paper" },
    pick("pen", "Pen", "B"), pick("eraser", "Eraser of strokes", "E"), pick("hand", "Hand: move the paper", "H"),
    el("hr"), parts.undo, parts.redo, el("hr"), parts.mirror, parts.guide, parts.trace, el("hr"), parts.clear);
  return parts.tools;
}

function files() {
  const examples = studio.about.examples.map((path) => [nameOf(path), "star", () => example(path)]);
  parts.save = menu("Save", "save", [
    ["Photo, PNG", "photo", savePhoto], ["Calibrated strokes, PNG", "pen", () => saveMade("strokes")],
    ["Calibrated strokes, SVG", "pen", () => saveSvg("strokes")], ["Drawing, PNG", "pen", saveDrawing],
    ["Drawing, SVG", "pen", () => saveSvg("drawing")], ["Project, to go on later", "save", saveProject]]);
  return el("div", { class: "files" },
    el("button", { type: "button", class: "button", id: "open", title: "A drawing as a picture, or a project (Control+O)", onclick: open }, icon("open"), el("span", {}, "Open")),
    menu("Examples", "star", examples), parts.save);
}

const nameOf = (path) => path.replace(/^.*\/|\.json$/g, "").replace(/-/g, " ").replace(/^./, (first) => first.toUpperCase());

function below() {
  parts.brush = slider("Brush", { min: 0, max: 1, step: 0.01, value: Math.log(paper.brush / BRUSHES[0]) / Math.log(BRUSHES[1] / BRUSHES[0]), shown: (value) => (brushOf(value) / 10).toFixed(0), oninput: (value) => { paper.brush = brushOf(value); dot(); } });
  parts.dot = el("i", { class: "dot", "aria-hidden": "true" });
  const smooth = slider("Smoothing", { min: 0, max: 1, step: 0.05, value: paper.smoothing, shown: (value) => `${Math.round(100 * value)}%`, oninput: (value) => { paper.smoothing = value; } });
  dot();
  return el("div", { class: "below" }, el("div", { class: "brush" }, el("span", { class: "dot-place" }, parts.dot), parts.brush), smooth,
    el("div", { class: "zooms", role: "group", "aria-label": "Zoom" }, iconButton("minus", "Zoom out", () => paper.zoomBy(1 / 1.4), "-"), parts.zoom, iconButton("plus", "Zoom in", () => paper.zoomBy(1.4), "+")));
}

const brushOf = (value) => Math.round(BRUSHES[0] * (BRUSHES[1] / BRUSHES[0]) ** value);

function dot() {
  const px = Math.max(2, Math.min(20, (paper.brush * 640) / UNIT));
  parts.dot.style.width = parts.dot.style.height = `${px}px`;
}

function traceRow() {
  const alpha = slider("Photo's strength", { min: 0.05, max: 0.9, step: 0.05, value: 0.35, shown: (value) => `${Math.round(100 * value)}%`, oninput: (value) => { paper.trace.alpha = value; paper.refresh(); } });
  parts.traceSize = slider("Photo's size", { min: 0.2, max: 4, step: 0.01, value: 1, shown: (value) => `${Math.round(100 * value)}%`, oninput: (value) => { paper.trace.size = value; paper.refresh(); } });
  const move = iconButton("move", "Move the photo to trace", () => tool(paper.tool === "move" ? "pen" : "move"));
  move.dataset.tool = "move";
  parts.traceAlpha = alpha;
  const away = iconButton("close", "Take the photo to trace away", () => { paper.trace = null; traced(); });
  parts.traceRow = el("div", { class: "below trace-row", hidden: true }, alpha, parts.traceSize, el("div", { class: "zooms" }, move, away));
  return parts.traceRow;
}

function pictureCard(name, title) {
  const image = el("img", { id: name, alt: "", hidden: true });
  const empty = name === "photo" ? el("div", { class: "empty" }, icon("guide"), el("p", {}, "Draw a face: its photo appears here."), el("p", { class: "hint" }, "Put the eyes on the guide's line.")) : el("div", { class: "empty" }, el("p", { class: "hint" }, "Your lines as the nets read them"));
  const state = name === "photo" ? el("span", { class: "state", id: "state" }) : null;
  const card = el("figure", { class: `card ${name}` }, el("figcaption", {}, el("span", {}, title), state), el("div", { class: "frame" }, image, empty));
  return Object.assign(card, { image, empty, state });
}

function controls() {
  const models = el("div", { class: "choices", role: "radiogroup", "aria-label": "Model" }, studio.about.models.map((model) =>
    el("label", { title: model.text }, el("input", { type: "radio", name: "model", value: model.name, onchange: () => chooseModel(model.name) }), el("span", {}, model.title))));
  parts.refine = slider("Refine", { min: 0, max: 1, step: 0.05, value: choice.refine, shown: refineText, oninput: (value) => { choice.refine = value; sendAll(); } });
  parts.tones = el("div", { class: "tones", role: "radiogroup", "aria-label": "Tone: skin and hair" });
  parts.draw = el("button", { type: "button", class: "button", id: "another", title: "Another draw of colours and light (N)", "aria-label": "Another draw of colours and light", onclick: another }, icon("dice"), el("span", {}, "Another"));
  parts.like = el("button", { type: "button", class: "button like", id: "like", title: "Takes colours and light of a photo: drop it here, or choose a file", onclick: async () => like(await chooseFile(PICTURES)) }, icon("photo"), el("span", {}, "Like a photo"));
  dropZone(parts.like, like);
  parts.hint = el("p", { class: "hint", id: "model-hint" });
  parts.styles = el("div", { class: "styles" }, el("h3", {}, "Tone"), parts.tones, el("div", { class: "row" }, parts.draw, parts.like));
  return el("div", { class: "controls" }, el("h3", {}, "Model"), models, parts.hint, parts.refine, parts.styles);
}

const refineText = (value) => (value === 0 ? "my lines" : value === 1 ? "a plausible face" : `${Math.round(100 * value)}%`);

// Choices

function tool(name) {
  paper.tool = name;
  paper.canvas.dataset.tool = name;
  for (const button of parts.desk.querySelectorAll("[data-tool].tool")) button.setAttribute("aria-pressed", String(button.dataset.tool === name));
  paper.refresh(false);
}

function chooseModel(name) {
  const model = studio.about.models.find((each) => each.name === name) || studio.about.models[0];
  choice = { ...choice, model: model.name, tones: {} };
  document.querySelector(`input[name=model][value="${model.name}"]`).checked = true;
  parts.hint.textContent = `${capital(model.text)}. Refinement: model Photo.`;
  parts.hint.hidden = model.levels;
  parts.refine.disable(!model.levels);
  parts.refine.hidden = !model.levels;
  parts.draw.hidden = !model.draws;
  parts.tones.hidden = !model.tones.length;
  parts.tones.replaceChildren(...["", ...model.tones].map(swatch));
  toned();
  sendAll();
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function swatch(tone) {
  const [skin, hair] = tone.split("-");
  const name = tone ? `${capital(skin)} skin${hair ? `, ${hair} hair` : ""}` : "Neutral";
  const face = el("i", { "aria-hidden": "true" });
  if (tone) Object.assign(face.style, { background: SKINS[skin], borderColor: hair ? HAIRS[hair] : SKINS[skin] });
  return el("label", { class: tone ? "swatch" : "swatch neutral", title: name },
    el("input", { type: "radio", name: "tone", value: tone, "aria-label": name, onchange: () => setTones(tone ? { tone } : {}) }), face);
}

function setTones(tones) {
  choice = { ...choice, tones };
  toned();
  sendAll();
}

/** Shows which tone, draw or photo is chosen. */
function toned() {
  const { tone, seed, skin } = choice.tones;
  for (const input of parts.tones.querySelectorAll("input")) input.checked = seed === undefined && !skin && input.value === (tone || "");
  parts.draw.classList.toggle("chosen", seed !== undefined);
  parts.like.classList.toggle("chosen", Boolean(skin));
}

function another() {
  const { draws } = studio.about.models.find((each) => each.name === choice.model);
  if (!draws) return studio.say("Other colours: choose the model Photo.");
  const before = choice.tones.seed;
  let seed = Math.floor(Math.random() * draws);
  if (seed === before) seed = (seed + 1) % draws;
  setTones({ seed });
}

async function like(file) {
  if (!file) return;
  await studio.trying(async () => {
    const { code, skin } = await (await ask(`like?model=${choice.model}`, file)).json();
    setTones(code ? { code, skin } : { skin });
    studio.say(`${code ? "Colours and light are those" : "The skin's colour is that"} of your photo; its shapes are not taken.`);
  });
}

// The line to the nets

function send(strokes, lifted) {
  if (borrower) borrower.heard(strokes, lifted);
  else if (strokes.length) live.send({ ...choice, strokes }, lifted);
  else blank();
}

const sendAll = () => { if (live) send(paper.strokes(), true); };

function changed(strokes) {
  parts.undo.disabled = !work.past.length;
  parts.redo.disabled = !work.future.length;
  parts.clear.disabled = !strokes.length;
  paper.refresh();
  send(strokes, true);
  keep(strokes);
}

function blank() {
  live?.forget();
  for (const name of ["photo", "strokes"]) {
    parts[name].image.hidden = true;
    parts[name].empty.hidden = false;
  }
  made = {};
  parts.photo.dataset.number = "0";
}

function show(reply) {
  if (reply.error) return studio.say(reply.error, "fault");
  for (const name of ["photo", "strokes"]) {
    const { image, empty } = parts[name], old = image.src;
    image.src = URL.createObjectURL(reply.parts[name]);
    image.alt = name === "photo" ? "Photo made of your drawing: somebody who does not exist" : "Your drawing, calibrated";
    image.hidden = false;
    empty.hidden = true;
    if (old) setTimeout(() => URL.revokeObjectURL(old), 2000);
  }
  made = reply.parts;
  parts.photo.dataset.number = String(reply.number);
  parts.photo.state.title = `The nets took ${reply.ms} ms`;
}

function showState(state, reason) {
  const text = { open: "", waiting: "drawing …", away: "not connected" }[state];
  parts.photo.dataset.state = state;
  parts.photo.state.textContent = text;
  if (reason && reason !== parts.reason) studio.say(reason, "fault");
  parts.reason = reason;
}

const showZoom = (zoom) => { parts.zoom.textContent = `${Math.round(100 * zoom)}%`; };

// Files

async function open() {
  const file = await chooseFile(ANY);
  if (file) openFile(file);
}

/** A project's strokes, or a picture's lines as strokes. */
async function openFile(file) {
  await studio.trying(async () => {
    if (file.name.endsWith(".json") || file.type === "application/json") return openProject(await file.text());
    studio.say("Reading the drawing …");
    const { strokes, notes } = await (await ask("intake", file)).json();
    take(strokes, notes.length ? `Read as strokes: ${notes.join("; ")}.` : "Read as strokes: erase, undo and draw on.");
  });
}

function openProject(text) {
  let told;
  try { told = JSON.parse(text); } catch { told = null; }
  const strokes = told?.made_by === MADE_BY ? readStrokes(told.strokes) : null;
  if (!strokes) throw new Error("This is no project of the studio.");
  if (studio.about.models.some((model) => model.name === told.model)) {
    chooseModel(told.model);
    choice = { ...choice, refine: Number(told.refine) || 0, tones: told.tones || {} };
    parts.refine.set(choice.refine);
    toned();
  }
  take(strokes, "Your project is open.");
}

async function example(path) {
  await studio.trying(async () => {
    const answer = await fetch(`/${path}`);
    if (!answer.ok) throw new Error("This example is missing.");
    take((await answer.json()).strokes, "");
  });
}

function take(strokes, text) {
  paper.zoomToFit();
  work.change(strokes.map(thinned));
  if (text) studio.say(text);
}

function clear() {
  if (!work.strokes.length) return;
  work.change([]);
  studio.say("The paper is clear; undo brings the drawing back.");
}

const nothing = () => studio.say("Draw something first.");

function savePhoto() { saveMade("photo"); }

function saveMade(name) {
  if (!made[name]) return nothing();
  download(made[name], fileName(name, "png"));
}

async function saveDrawing() {
  if (!work.strokes.length) return nothing();
  download(await drawingPng(work.strokes, 1024), fileName("drawing", "png"));
}

async function saveSvg(name) {
  if (!work.strokes.length) return nothing();
  await studio.trying(async () => {
    const answer = await ask(`${name}.svg`, { ...choice, strokes: work.strokes });
    download(await answer.blob(), fileName(name, "svg"));
  });
}

function saveProject() {
  const project = { made_by: MADE_BY, version: 1, ...choice, strokes: work.strokes };
  download(new Blob([JSON.stringify(project)], { type: "application/json" }), fileName("project", "json"));
}

/** The drawing stays in this browser, so that closing the page loses nothing. */
function keep(strokes) {
  clearTimeout(parts.keeping);
  parts.keeping = setTimeout(() => {
    try { localStorage.setItem(KEPT, JSON.stringify(strokes)); } catch { /* the browser keeps nothing, or not so much */ }
  }, 400);
}

function restore() {
  let kept = null;
  try { kept = readStrokes(JSON.parse(localStorage.getItem(KEPT))); } catch { /* nothing was kept */ }
  if (kept?.length) studio.say("Your last drawing is back.");
  work.begin(kept || []);
}

// A photo to trace; it stays in this browser

async function chooseTrace() {
  if (paper.trace) {
    const { alpha, hidden } = paper.trace;
    Object.assign(paper.trace, hidden ? { alpha: hidden, hidden: 0 } : { alpha: 0, hidden: alpha });
    return traced();
  }
  const file = await chooseFile(PICTURES);
  if (!file) return;
  await studio.trying(async () => {
    let image;
    try { image = await createImageBitmap(file); } catch { throw new Error("This picture cannot be shown here."); }
    paper.trace = { image, alpha: 0.35, size: 1, x: UNIT / 2, y: UNIT / 2, hidden: 0 };
    tool("move");
    studio.say("Drag the photo until its eyes lie on the guide's; the wheel sizes it. Then take the pen.");
    traced();
  });
}

function traced() {
  const { trace } = paper;
  parts.traceRow.hidden = !trace;
  parts.trace.setAttribute("aria-pressed", String(Boolean(trace)));
  if (!trace && paper.tool === "move") tool("pen");
  if (trace) { parts.traceAlpha.set(trace.alpha); parts.traceSize.set(trace.size); }
  paper.refresh();
}

// Keys

const KEYS = {
  b: () => tool("pen"), e: () => tool("eraser"), h: () => tool("hand"), m: () => parts.mirror.click(), g: () => parts.guide.click(),
  t: () => parts.trace.click(), n: another, "+": () => paper.zoomBy(1.4), "=": () => paper.zoomBy(1.4), "-": () => paper.zoomBy(1 / 1.4), 0: () => paper.zoomToFit(),
  "[": () => thicker(-0.08), "]": () => thicker(0.08),
};
const CONTROLLED = { z: () => work.undo(), y: () => work.redo(), o: open, s: saveProject, backspace: clear };

function thicker(by) {
  const input = parts.brush.querySelector("input");
  input.value = Number(input.value) + by;
  input.dispatchEvent(new Event("input"));
}

function keyDown(event) {
  if (!visible() || document.querySelector("dialog[open]") || event.target.matches("input:not([type=range], [type=radio]), select, textarea")) return;
  const key = event.key.toLowerCase();
  const controlled = event.ctrlKey || event.metaKey;
  const action = controlled ? (key === "z" && event.shiftKey ? () => work.redo() : CONTROLLED[key]) : event.altKey ? null : KEYS[key];
  if (key === " " && document.activeElement === paper.canvas) { paper.spaced = true; event.preventDefault(); }
  if (!action) return;
  event.preventDefault();
  action();
}
