// The page: its tabs, its theme, what it says. A tab is a file of tabs/ that exports `tab`; nothing else names it.

import { el, icon, iconButton } from "/dom.js";

const studio = {
  about: null,
  tabs: new Map(),

  /** A sentence that goes away by itself. */
  say(text, kind = "note") {
    const shown = el("div", { class: `toast ${kind}` }, text);
    document.getElementById("toasts").replaceChildren(shown);
    setTimeout(() => shown.remove(), kind === "fault" ? 9000 : 5000);
  },

  /** Does what may fail, and says so. */
  async trying(work) {
    try {
      return await work();
    } catch (error) {
      this.say(error.message, "fault");
      return null;
    }
  },

  /** Shows a tab, and hands it something that another one has. */
  show(id, given) {
    for (const [name, { button, panel }] of this.tabs) {
      button.setAttribute("aria-selected", String(name === id));
      button.tabIndex = name === id ? 0 : -1;
      panel.hidden = name !== id;
    }
    this.shown = id;
    history.replaceState(null, "", `#${id}`);
    this.tabs.get(id).tab.shown?.(given);
  },
};

function addTab(tab) {
  const button = el("button", { type: "button", role: "tab", id: `tab-${tab.id}`, "aria-controls": `panel-${tab.id}`, onclick: () => studio.show(tab.id) }, tab.title);
  const panel = el("section", { role: "tabpanel", id: `panel-${tab.id}`, class: `panel ${tab.id}`, "aria-labelledby": `tab-${tab.id}`, hidden: true });
  document.getElementById("tabs").append(button);
  document.getElementById("panels").append(panel);
  studio.tabs.set(tab.id, { tab, button, panel });
  tab.mount(panel, studio);
}

function moveAmongTabs(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const ids = [...studio.tabs.keys()];
  const next = ids[(ids.indexOf(studio.shown) + step + ids.length) % ids.length];
  studio.show(next);
  studio.tabs.get(next).button.focus();
  event.preventDefault();
}

function themeButton() {
  const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const button = iconButton("moon", "Light or dark", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    localStorage.setItem("studio.theme", document.documentElement.dataset.theme);
    draw();
  });
  const draw = () => button.replaceChildren(icon(dark() ? "sun" : "moon"));
  const kept = localStorage.getItem("studio.theme");
  if (kept) document.documentElement.dataset.theme = kept;
  draw();
  return button;
}

const KEYS = [
  ["B, E, H", "pen, eraser, hand"], ["Ctrl Z, Ctrl Shift Z", "undo, redo"], ["[ and ]", "thinner, thicker"],
  ["M", "mirror: both halves of the face at once"], ["G", "guide of the face"], ["T", "show or hide the photo to trace"],
  ["+, −, 0", "zoom in, out, all of the paper"], ["Space and drag", "move the paper; also two fingers"],
  ["Ctrl O, Ctrl S", "open a picture or project, save the project"], ["N", "another draw of colours and light"],
  ["Ctrl Backspace", "clear the paper"],
  ["M, B, C, I", "Edit: erase, pen, colour, pipette"], ["X", "Edit: before and after"],
  ["Arrows, Enter", "with the paper in focus: move the pen, put it down or lift it; Shift: larger steps"],
];

function helpDialog() {
  const rows = KEYS.map(([keys, text]) => [el("dt", {}, keys), el("dd", {}, text)]);
  const dialog = el("dialog", { class: "help", "aria-labelledby": "help-title" },
    el("h2", { id: "help-title" }, "Keys"), el("dl", {}, rows.flat()),
    el("p", {}, "A pen with pressure draws thinner and thicker, lighter and darker; its other end erases. While it is in use, fingers and the palm move the paper alone."),
    el("p", {}, "The photo shows somebody who does not exist. Skin tone, age and likeness are guesses: it is no evidence of who was drawn."),
    el("form", { method: "dialog" }, el("button", { class: "button", type: "submit" }, "Close")));
  document.body.append(dialog);
  return dialog;
}

async function begin() {
  const dialog = helpDialog();
  const keys = iconButton("keys", "Keys and help", () => dialog.showModal(), "?");
  document.getElementById("top-actions").append(themeButton(), keys);
  document.addEventListener("keydown", (event) => {
    if (event.key === "?" && !event.target.matches("input, textarea, select")) keys.click();
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => event.preventDefault());
  document.getElementById("tabs").addEventListener("keydown", moveAmongTabs);
  studio.about = await (await fetch("/api/about")).json();
  const found = await Promise.all(studio.about.tabs.map((path) => import(`/${path}`)));
  document.getElementById("loading").remove();
  found.map((module) => module.tab).sort((a, b) => a.order - b.order).forEach(addTab);
  const asked = location.hash.slice(1);
  studio.show(studio.tabs.has(asked) ? asked : studio.tabs.keys().next().value);
}

begin().catch(() => {
  document.getElementById("loading").textContent = "The studio could not be opened: is its program still running? Reload the page.";
});
