// Edit: what is brushed away from a photo of a face comes back as lines and colours say, while the brush moves.

import { ask, download, fileName } from "/asking.js";
import { chooseFile, dropZone, el, icon, iconButton, slider } from "/dom.js";
import { History } from "/history.js";
import { Live, unpacked } from "/live.js";
import { PhotoPaper } from "/photo_paper.js";
import { UNIT } from "/strokes.js";

const EXAMPLE = "/photos/rendered.webp";
const TOOLS = [["mask", "brush", "Brush: erase from the photo", "M"], ["lines", "pen", "Pen: lines in what is erased", "B"], ["colours", "colours", "Colour brush", "C"], ["pipette", "pipette", "Pipette: a colour of the photo", "I"], ["eraser", "eraser", "Eraser of lines, colours or brushing", "E"], ["hand", "hand", "Hand: move the photo", "H"]];
const SIZES = { mask: [150, 2400, 800], lines: [20, 260, 70], colours: [80, 1600, 420] };  // least, most, first; units
const PALETTE = [["Black", "#1d1a19"], ["Brown", "#5b3a26"], ["Blond", "#c9a25c"], ["Gray", "#8d8a86"], ["White", "#f4f1ec"], ["Light skin", "#ecc6ab"], ["Medium skin", "#bd8a64"], ["Dark skin", "#75492f"], ["Lips", "#b4524f"], ["Blue", "#4a6f9e"]];

let studio, paper, work, live, choice, parts, file, after;
const strokes = new WeakMap();  // of which kind and colour a stroke is

export const tab = { id: "edit", title: "Edit", order: 3, mount, shown };

function mount(panel, of) {
  studio = of;
  choice = { photo: "", calibrated: true, colour: PALETTE[1][1], sizes: Object.fromEntries(Object.entries(SIZES).map(([kind, sizes]) => [kind, sizes[2]])) };
  parts = {};
  parts.said = el("p", { class: "unseen", role: "status", "aria-live": "polite" });
  parts.zoom = el("button", { type: "button", class: "zoom", title: "All of the face (0)", "aria-label": "Zoom: all of the face", onclick: () => paper.zoomToFit() }, "100%");
  const canvas = el("canvas", { class: "paper", id: "photo-paper", tabindex: "0", role: "application", "aria-label": "Your photo. Erase and draw with a pen, finger or mouse; by keys: arrows move the brush, Enter puts it down and lifts it." });
  work = new History(changed);
  const hooks = { growing: (all) => send(all, false), say: (text) => { parts.said.textContent = text; }, zoom: (zoom) => { parts.zoom.textContent = `${Math.round(100 * zoom)}%`; }, drawn: (stroke) => strokes.set(stroke, brush()), picked };
  paper = new PhotoPaper(canvas, work, hooks, studio.about.eyes, kindOf);
  parts.sheet = el("div", { class: "sheet" }, canvas);
  parts.desk = el("div", { class: "desk" }, rail(), el("div", { class: "middle" }, files(), parts.sheet, below()));
  parts.made = el("div", { class: "made" }, result(), controls());
  parts.begin = begin();
  dropZone(panel, open);
  panel.append(parts.begin, parts.desk, parts.made, parts.said);
  parts.desk.hidden = parts.made.hidden = true;
  document.addEventListener("keydown", keyDown);
  document.addEventListener("keyup", (event) => { if (event.key === " ") paper.spaced = false; });
  document.addEventListener("paste", (event) => { if (visible() && event.clipboardData.files[0]) open(event.clipboardData.files[0]); });
  tool("mask");
  work.begin([]);
}

/** Asks for the net when the tab is first shown; without one there is a sentence in place of all. */
async function shown() {
  paper.refresh();
  if (parts.asked) return;
  parts.asked = true;
  const told = await studio.trying(async () => (await ask("editor", "")).json());
  if (told?.remedy) parts.begin.replaceChildren(el("p", { class: "loading" }, told.remedy));
}

const visible = () => studio.shown === "edit";

/** What the next stroke will be. */
const brush = () => ({ kind: paper.tool, colour: paper.tool === "colours" ? choice.colour : null });

const kindOf = (stroke) => strokes.get(stroke) || brush();

// What is on the page

function begin() {
  const drop = el("button", { type: "button", class: "drop", id: "edit-photo", onclick: choosePhoto }, icon("photo"), el("strong", {}, "Drop a photo of a face"),
    el("span", { class: "hint" }, "or choose a file. The machine that runs the studio keeps it while this page is open, no longer."));
  return el("div", { class: "begin" }, drop, el("button", { type: "button", class: "button", id: "edit-example", onclick: example }, icon("star"), el("span", {}, "Try it on a rendered face")));
}

function rail() {
  const pick = ([name, drawn, label, key]) => {
    const button = iconButton(drawn, label, () => tool(name), key);
    button.dataset.tool = name;
    return button;
  };
  parts.undo = iconButton("undo", "Undo", () => work.undo(), "Control+Z");
  parts.redo = iconButton("redo", "Redo", () => work.redo(), "Control+Shift+Z");
  parts.clear = iconButton("clear", "Take all back", clear, "Control+Backspace");
  parts.rail = el("div", { class: "rail", role: "toolbar", "aria-label": "Editing", "aria-controls": "photo-paper" },
    TOOLS.map(pick), el("hr"), parts.undo, parts.redo, el("hr"), parts.clear);
  return parts.rail;
}

function files() {
  return el("div", { class: "files" },
    el("button", { type: "button", class: "button", title: "A photo of a face (Control+O)", onclick: choosePhoto }, icon("open"), el("span", {}, "Open photo")),
    el("button", { type: "button", class: "button", id: "save-edited", title: "The whole photo, as PNG (Control+S)", onclick: save }, icon("save"), el("span", {}, "Save photo")));
}

function below() {
  parts.size = slider("Brush size", { min: 0, max: 1, step: 0.01, value: 0.5, shown: () => String(Math.round(paper?.brush / 10) || ""), oninput: resize });
  return el("div", { class: "below" }, parts.size,
    el("div", { class: "zooms", role: "group", "aria-label": "Zoom" }, iconButton("minus", "Zoom out", () => paper.zoomBy(1 / 1.4), "-"), parts.zoom, iconButton("plus", "Zoom in", () => paper.zoomBy(1.4), "+")));
}

function result() {
  parts.shown = el("canvas", { id: "edited", role: "img", "aria-label": "The edited photo" });
  parts.state = el("span", { class: "state" });
  parts.hint = el("p", { class: "hint" });
  parts.compare = slider("Before or after", { min: 0, max: 1, step: 0.01, value: 1, shown: (share) => (share === 1 ? "after" : share === 0 ? "before" : "both"), oninput: () => compare() });
  const drag = (event) => {
    const box = parts.shown.getBoundingClientRect();
    if (event.buttons) comparing(Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)));
  };
  parts.shown.addEventListener("pointerdown", drag);
  parts.shown.addEventListener("pointermove", drag);
  parts.card = el("figure", { class: "card edited" }, el("figcaption", {}, el("span", {}, "Edited"), parts.state), el("div", { class: "frame" }, parts.shown));
  return el("div", { class: "result" }, parts.card, parts.compare, parts.hint);
}

function controls() {
  parts.palette = el("div", { class: "tones", role: "radiogroup", "aria-label": "Colour" }, PALETTE.map(([name, colour]) => swatch(name, colour)));
  parts.other = el("input", { type: "color", id: "other-colour", value: choice.colour, oninput: () => setColour(parts.other.value) });
  const scn = el("input", { type: "checkbox", role: "switch", id: "calibrate", checked: true, onchange: () => { choice.calibrated = scn.checked; sendAll(); } });
  return el("div", { class: "controls" }, el("h3", {}, "Colour"), parts.palette,
    el("label", { class: "other", for: "other-colour" }, parts.other, el("span", {}, "Another colour")),
    el("p", { class: "hint" }, "Hair and the frames of glasses: paint their colour, then draw their lines."),
    el("label", { class: "switch", for: "calibrate" }, scn, el("span", {}, "Calibrate my strokes")),
    el("p", { class: "hint" }, "A rough hand's lines go through the net that makes them those of a face."));
}

function swatch(name, colour) {
  const dot = el("i", { "aria-hidden": "true" });
  Object.assign(dot.style, { background: colour, borderColor: colour });
  return el("label", { class: "swatch", title: name }, el("input", { type: "radio", name: "colour", value: colour, "aria-label": name, onchange: () => setColour(colour) }), dot);
}

// Choices

function tool(name) {
  paper.tool = name;
  paper.canvas.dataset.tool = name;
  for (const button of parts.rail.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", String(button.dataset.tool === name));
  const sizes = SIZES[name];
  parts.size.disable(!sizes);
  if (sizes) {
    paper.brush = choice.sizes[name];
    parts.size.set(Math.log(paper.brush / sizes[0]) / Math.log(sizes[1] / sizes[0]));
  }
  paper.refresh(false);
}

function resize(share) {
  const [least, most] = SIZES[paper.tool];
  paper.brush = choice.sizes[paper.tool] = Math.round(least * (most / least) ** share);
  parts.size.set(share);
  paper.refresh(false);
}

function setColour(colour) {
  choice.colour = colour;
  parts.other.value = colour;
  for (const input of parts.palette.querySelectorAll("input")) input.checked = input.value === colour;
  tool("colours");
}

function picked(rgb) {
  setColour(`#${rgb.map((value) => value.toString(16).padStart(2, "0")).join("")}`);
  parts.said.textContent = `Colour ${choice.colour}`;
}

// The line to the net

/** Strokes by kind; colours in runs of one colour, in the order in which they were painted. */
function message(all) {
  const told = { photo: choice.photo, calibrated: choice.calibrated, mask: [], lines: [], colours: [] };
  let last = null;
  for (const stroke of all) {
    const { kind, colour } = kindOf(stroke);
    if (kind !== "colours") { told[kind].push(stroke); continue; }
    if (colour !== last) told.colours.push([[1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)), []]);
    told.colours.at(-1)[1].push(stroke);
    last = colour;
  }
  return told;
}

function send(all, lifted) {
  if (choice.photo) parts.card.dataset.asked = String(live.send(message(all), lifted));
}

const sendAll = () => send(paper.strokes(), true);

function changed(all) {
  parts.undo.disabled = !work.past.length;
  parts.redo.disabled = !work.future.length;
  parts.clear.disabled = !all.length;
  const erased = all.some((stroke) => kindOf(stroke).kind === "mask");
  parts.hint.textContent = erased ? "" : all.length ? "Lines and colours count where the photo is erased: brush over it, too." : "Brush over what is to change, then draw what is to be there.";
  paper.refresh();
  sendAll();
}

async function show(reply) {
  if (reply.error) return studio.say(reply.error, "fault");
  if (reply.again) return (await upload(file)) && sendAll();
  const image = reply.parts.patch ? await createImageBitmap(reply.parts.patch) : null;
  if (after && after.number > reply.number) return;
  after = { number: reply.number, image, x: reply.x, y: reply.y };
  parts.card.dataset.number = String(reply.number);
  parts.state.title = `The net took ${reply.ms} ms`;
  compare();
}

function showState(state, reason) {
  if (state === "open" && parts.card.dataset.state === "away") sendAll();
  parts.card.dataset.state = state;
  parts.state.textContent = { open: "", waiting: "drawing …", away: "not connected" }[state];
  if (reason && reason !== parts.reason) studio.say(reason, "fault");
  parts.reason = reason;
}

/** The photo, edited left of the slider's place, as it was right of it. */
function compare() {
  const context = parts.shown.getContext("2d"), { image, place } = paper.photo, share = Number(parts.compare.querySelector("input").value);
  const side = Math.round((image.width * UNIT) / place[2]), x = Math.round((place[0] * side) / UNIT), y = Math.round((place[1] * side) / UNIT);
  if (parts.shown.width !== side) parts.shown.width = parts.shown.height = side;
  context.clearRect(0, 0, side, side);
  context.drawImage(image, x, y);
  if (after?.image && share > 0) {
    context.save();
    context.beginPath();
    context.rect(0, 0, share * side, side);
    context.clip();
    context.drawImage(after.image, x + after.x, y + after.y);
    context.restore();
  }
  if (share === 0 || share === 1) return;
  context.fillStyle = "#fff";
  context.fillRect(share * side - 1, 0, 2, side);
}

function comparing(share) {
  parts.compare.set(share);
  compare();
}

// Photos

async function choosePhoto() { open(await chooseFile("image/*")); }

async function example() {
  await studio.trying(async () => {
    const answer = await fetch(EXAMPLE);
    if (!answer.ok) throw new Error("This example is missing.");
    await open(await answer.blob());
  });
}

async function open(given) {
  if (!given || !(await upload(given))) return;
  file = given;
  after = null;
  live = live || new Live(show, showState, "editing");
  live.forget();
  [parts.begin.hidden, parts.desk.hidden, parts.made.hidden] = [true, false, false];
  paper.zoomToFit();
  comparing(1);
  work.begin([]);
}

/** Gives a photo to the server, also when that has forgotten it; -> whether it took it. */
async function upload(given) {
  if (parts.busy) return false;
  parts.busy = true;
  parts.begin.firstChild.classList.add("busy");
  const told = await studio.trying(async () => unpacked(await (await ask("edit", given)).arrayBuffer(), () => "image/png"));
  if (told) {
    paper.photo = { image: await createImageBitmap(told.parts.photo), place: told.place, reach: told.reach };
    choice.photo = told.photo;
  }
  parts.begin.firstChild.classList.remove("busy");
  parts.busy = false;
  return Boolean(told);
}

async function save() {
  if (!choice.photo) return;
  await studio.trying(async () => download(await (await ask("edited.png", message(work.strokes))).blob(), fileName("edited", "png")));
}

function clear() {
  if (!work.strokes.length) return;
  work.change([]);
  studio.say("The photo is as it was; undo brings your edits back.");
}

// Keys

const KEYS = {
  ...Object.fromEntries(TOOLS.map(([name, , , key]) => [key.toLowerCase(), () => tool(name)])),
  x: () => comparing(Number(parts.compare.querySelector("input").value) === 1 ? 0 : 1),
  "+": () => paper.zoomBy(1.4), "=": () => paper.zoomBy(1.4), "-": () => paper.zoomBy(1 / 1.4), 0: () => paper.zoomToFit(),
  "[": () => thicker(-0.08), "]": () => thicker(0.08),
};
const CONTROLLED = { z: () => work.undo(), y: () => work.redo(), s: save, backspace: clear };

function thicker(by) {
  const input = parts.size.querySelector("input");
  if (input.disabled) return;
  input.value = Number(input.value) + by;
  input.dispatchEvent(new Event("input"));
}

function keyDown(event) {
  if (!visible() || document.querySelector("dialog[open]") || event.target.matches("input:not([type=range], [type=radio], [type=checkbox]), select, textarea")) return;
  const key = event.key.toLowerCase(), controlled = event.ctrlKey || event.metaKey;
  const action = controlled ? (key === "o" ? choosePhoto : choice.photo && (key === "z" && event.shiftKey ? () => work.redo() : CONTROLLED[key])) : event.altKey || !choice.photo ? null : KEYS[key];
  if (key === " " && document.activeElement === paper.canvas) { paper.spaced = true; event.preventDefault(); }
  if (!action) return;
  event.preventDefault();
  action();
}
