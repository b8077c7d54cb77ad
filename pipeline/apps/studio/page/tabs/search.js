// Search: the faces of an index that the drawing is most like, while the pen moves. A ranking, no identification.

import { ask } from "/asking.js";
import { el, icon } from "/dom.js";
import { Live } from "/live.js";
import { borrowDesk } from "/tabs/draw.js";

const HOW = ["To search, make an index of photos (", el("code", {}, "cali-sketch index FOLDER --out faces.index"), "), then start the studio with it: ", el("code", {}, "cali-sketch studio --index faces.index"), "."];

let studio, panel, live, parts;
const faces = new Map();  // number of a face in the index -> what shows it

export const tab = { id: "search", title: "Search", order: 4, mount, shown };

function mount(within, of) {
  [studio, panel] = [of, within];
  const about = studio.about.search;
  if (!about) return panel.append(el("p", { class: "loading" }, HOW));
  const what = about.by === "photo" ? "The photo made of your drawing is compared." : "Your calibrated strokes are compared.";
  parts = {
    list: el("ol", { class: "matches", "aria-label": "Faces most like the drawing, best first" }),
    state: el("span", { class: "state" }),
    compared: el("img", { alt: "", hidden: true }),
    empty: el("p", { class: "hint" }, "Draw a face: those most like it appear here."),
  };
  parts.card = el("figure", { class: "card compared" }, el("div", { class: "frame" }, parts.compared));
  parts.ranking = el("div", { class: "ranking", "data-state": "open" },
    el("header", {}, parts.card, el("div", {}, el("h2", {}, "Look-alikes"), el("p", {}, "A ranking of look-alikes, never an identification."),
      el("p", { class: "hint" }, `Of ${about.faces} faces, by ${about.embedding}. ${what}`), parts.state)),
    parts.empty, parts.list);
  panel.append(parts.ranking);
}

/** The drawing is that of the tab Draw: its desk comes along. */
function shown() {
  if (!parts) return;
  live = live || new Live(show, showState, "search");
  borrowDesk(panel, send);
}

function send(strokes, lifted) {
  if (strokes.length) return live.send({ strokes }, lifted);
  live.forget();
  parts.list.replaceChildren();
  parts.compared.hidden = true;
  parts.empty.hidden = false;
}

function show(reply) {
  if (reply.error) return studio.say(reply.error, "fault");
  const before = parts.compared.src;
  parts.compared.src = URL.createObjectURL(reply.parts.compared);
  parts.compared.alt = "What is compared: made of your drawing";
  parts.compared.hidden = false;
  parts.empty.hidden = true;
  if (before) setTimeout(() => URL.revokeObjectURL(before), 2000);
  parts.list.replaceChildren(...reply.matches.map(match));
  parts.ranking.dataset.number = String(reply.number);
}

function match({ face, name, cosine }, rank) {
  if (!faces.has(face)) faces.set(face, portrait(face, name));
  const share = el("i", { "aria-hidden": "true" });
  share.style.width = `${Math.round(100 * Math.max(0, cosine))}%`;
  return el("li", {}, el("span", { class: "rank" }, String(rank + 1)), faces.get(face),
    el("div", { class: "who" }, el("span", { class: "name", title: name }, name), el("span", { class: "alike" }, share)),
    el("span", { class: "cosine", title: "Cosine of the two vectors: 1 is the same" }, cosine.toFixed(2)));
}

/** A face's picture, asked for once; without one where its photo is gone. */
function portrait(face, name) {
  const frame = el("span", { class: "portrait" }, icon("photo"));
  ask("face", face).then(async (answer) => {
    if (answer.status === 204) return;
    frame.replaceChildren(el("img", { src: URL.createObjectURL(await answer.blob()), alt: `Face of ${name}` }));
  }).catch(() => faces.delete(face));
  return frame;
}

function showState(state, reason) {
  parts.ranking.dataset.state = state;
  parts.state.textContent = { open: "", waiting: "comparing …", away: "not connected" }[state];
  if (reason) studio.say(reason, "fault");
}
