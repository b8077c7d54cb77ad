// Photo to sketches: a face's photo in the four styles, as drawn, simplified, and as an unpractised hand repeats it.

import { ask, download, fileName } from "/asking.js";
import { chooseFile, dropZone, el, icon } from "/dom.js";
import { unpacked } from "/live.js";

const KINDS = [["raw", "as drawn"], ["simplified", "simplified"], ["deformed", "rough hand"]];
const NAMES = { xdog: "XDoG", fdog: "FDoG", photocopy: "Photocopy", photosketch: "Photo-sketch" };

let studio, result, drop, top;

export const tab = { id: "sketches", title: "Photo to sketches", order: 2, mount };

function mount(panel, of) {
  studio = of;
  drop = el("button", { type: "button", class: "drop", id: "drop-photo", onclick: async () => draw(await chooseFile("image/*")) },
    icon("photo"), el("strong", {}, "Drop a photo of a face"), el("span", { class: "hint" }, "or choose a file. It is drawn on the machine that runs the studio and kept nowhere."));
  dropZone(panel, draw);
  result = el("div", { class: "styles-grid", "aria-live": "polite" });
  top = el("div", { class: "sketches-top" }, drop);
  panel.append(top, result);
}

async function draw(file) {
  if (!file) return;
  drop.classList.add("busy");
  drop.setAttribute("aria-busy", "true");
  await studio.trying(async () => {
    const answer = await ask("sketches", file);
    show(unpacked(await answer.arrayBuffer(), (name) => (name.endsWith(".svg") ? "image/svg+xml" : "image/png")));
  });
  drop.classList.remove("busy");
  drop.removeAttribute("aria-busy");
}

function show({ styles, strokes, parts }) {
  for (const image of document.querySelectorAll(".sketches img")) URL.revokeObjectURL(image.src);
  top.replaceChildren(drop, picture(parts.photo, "The face, cut as the nets know faces", "face"));
  result.replaceChildren(...styles.map((name) => row(name, strokes[name], parts)));
}

function row(name, strokes, parts) {
  const title = NAMES[name] || name;
  const pictures = KINDS.map(([kind, text]) => picture(parts[`${name}.${kind}`], `${title}, ${text}`, text, `${name}-${kind}`));
  return el("section", { class: "style-row", "aria-label": title },
    el("header", {}, el("h2", {}, title),
      el("button", { type: "button", class: "button", onclick: () => download(parts[`${name}.svg`], fileName(name, "svg")) }, icon("save"), el("span", {}, "SVG")),
      el("button", { type: "button", class: "button", onclick: () => studio.show("draw", { strokes, from: `${title} of your photo: draw on.` }) }, icon("pen"), el("span", {}, "Draw on it"))),
    el("div", { class: "pictures" }, pictures));
}

function picture(blob, alt, text, name) {
  const image = el("img", { src: URL.createObjectURL(blob), alt });
  const caption = name ? el("button", { type: "button", class: "quiet", "aria-label": `Save ${alt}`, onclick: () => download(blob, fileName(name, "png")) }, el("span", {}, text), icon("save")) : el("span", {}, text);
  return el("figure", { class: name ? "card" : "card face" }, el("div", { class: "frame" }, image), el("figcaption", {}, caption));
}
