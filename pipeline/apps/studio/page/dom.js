// Elements and icons of the page, made in one call each.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, listeners (`onclick`), and children (elements or text; null is left out). */
export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const PATHS = {
  pen: "M4 20l1-4.5L16.5 4a2.1 2.1 0 013 0l.5.5a2.1 2.1 0 010 3L8.5 19 4 20zM14.5 6l3.5 3.5",
  eraser: "M9 20h11M5.3 15.2L14 6.5a2 2 0 012.8 0l2.7 2.7a2 2 0 010 2.8L11.5 20H9.3l-4-2a2 2 0 010-2.8zM9.8 10.7l5.5 5.5",
  hand: "M8 12V6.2a1.4 1.4 0 012.8 0V11 4.7a1.4 1.4 0 012.8 0V11 5.7a1.4 1.4 0 012.8 0V12 8.7a1.4 1.4 0 012.8 0v5.8c0 3.5-2.3 6.5-6 6.5-3 0-4.6-1.2-6-3.6l-2.6-4.3a1.4 1.4 0 012.3-1.5L8 13.5",
  undo: "M9 7L4.5 11.5 9 16M5 11.5h9a5 5 0 010 10h-2",
  redo: "M15 7l4.5 4.5L15 16M19 11.5h-9a5 5 0 000 10h2",
  brush: "M20 3.5l-8.5 9M11.5 12.5l-2-2M9.3 12.2c-2.6-.4-4.3 1.2-4.6 3.6-.2 1.6-.9 2.6-2.2 3.2 3.3 1.6 8.3 1 9-3 .3-1.8-.6-3.4-2.2-3.8zM20 3.5l-9 7.2",
  colours: "M12 3.5a8.5 8.5 0 100 17c1.6 0 2-1 1.6-2.2-.5-1.5.2-2.8 2-2.8h2.2c1.6 0 2.7-1.2 2.7-3.2 0-5-3.8-8.8-8.5-8.8zM7.5 12.5h.01M9.5 8.5h.01M14 7.5h.01M17 10.8h.01",
  pipette: "M13.5 7.5l3 3M4 20l1-3.5 8.5-8.5M7.5 19L16 10.5M4 20l3.5-1M12 6l1.5 1.5M18 12l-1.5-1.5M14 8l3-3.6a1.8 1.8 0 012.6 2.6L16 10",
  mirror: "M12 3v18M9 7L4 17h5zM15 7l5 10h-5z",
  guide: "M12 3c4.2 0 6.5 3.2 6.5 8S15.8 21 12 21 5.5 15.8 5.5 11 7.8 3 12 3zM6 11h12M12 11v4",
  trace: "M4 5h16v14H4zM4 16l4.5-4.5 4 4 2.5-2.5 5 5M15.5 9.5h.01",
  clear: "M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13M10.5 11v5.5M13.5 11v5.5",
  open: "M4 19V6h6l2 2.5h8V19zM12 11.5v5M9.5 14l2.5-2.5 2.5 2.5",
  save: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M4.5 20h15",
  star: "M12 4l2.4 5 5.6.7-4.1 3.8 1.1 5.5-5-2.8-5 2.8 1.1-5.5L4 9.7 9.6 9z",
  dice: "M5 5h14v14H5zM9 9h.01M15 15h.01M15 9h.01M9 15h.01M12 12h.01",
  photo: "M12 12.5a4 4 0 100-8 4 4 0 000 8zM4.5 20.5c.8-4 3.8-6 7.5-6s6.7 2 7.5 6",
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  sun: "M12 16a4 4 0 100-8 4 4 0 000 8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4",
  moon: "M19.5 14.5A8 8 0 019.5 4.5a8 8 0 1010 10z",
  keys: "M9.2 9.2a2.9 2.9 0 115 2c-1.1.9-2.2 1.6-2.2 3.1M12 17.8h.01",
  move: "M12 3v18M3 12h18M12 3L9.5 5.5M12 3l2.5 2.5M12 21l-2.5-2.5M12 21l2.5-2.5M3 12l2.5-2.5M3 12l2.5 2.5M21 12l-2.5-2.5M21 12l-2.5 2.5",
};

/** A line icon, hidden from screen readers: the control that holds it has a label. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" })) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon alone, labelled for screen readers and by a tip; `key`: its shortcut. */
export function iconButton(name, label, onclick, key = "") {
  const tip = key ? `${label} (${key})` : label;
  return el("button", { class: "tool", type: "button", "aria-label": label, title: tip, "aria-keyshortcuts": key || null, onclick }, icon(name));
}

/** A slider with its label and value as text; `shown` turns the value into text. */
export function slider(label, { min, max, step, value, shown = String, oninput }) {
  const id = `slider-${label.toLowerCase().replace(/\W+/g, "-")}`;
  const out = el("output", { for: id }, shown(value));
  const input = el("input", { type: "range", id, min, max, step, value });
  const show = () => {
    out.textContent = shown(Number(input.value));
    input.setAttribute("aria-valuetext", out.textContent);
  };
  input.addEventListener("input", () => { show(); oninput(Number(input.value)); });
  show();
  const whole = el("div", { class: "slider" }, el("label", { for: id }, label), input, out);
  whole.set = (to) => { input.value = to; show(); };
  whole.disable = (off) => { input.disabled = off; whole.classList.toggle("off", off); };
  return whole;
}

/** Asks for a file; -> File or null. */
export function chooseFile(accept) {
  return new Promise((resolve) => {
    const input = el("input", { type: "file", accept, class: "unseen", "aria-hidden": "true", tabindex: "-1" });
    input.addEventListener("change", () => { resolve(input.files[0] || null); input.remove(); });
    input.addEventListener("cancel", () => { resolve(null); input.remove(); });
    document.body.append(input);
    input.click();
  });
}

/** A menu behind a button: [label, icon, action] each. Arrow keys move, Escape closes. */
export function menu(label, iconName, entries) {
  const list = el("div", { class: "menu-list", role: "menu", "aria-label": label, hidden: true });
  const button = el("button", { type: "button", class: "button", "aria-haspopup": "menu", "aria-expanded": "false" }, icon(iconName), el("span", {}, label));
  const whole = el("div", { class: "menu" }, button, list);
  const items = () => [...list.querySelectorAll("button")];
  const show = (open) => {
    list.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (open) items()[0]?.focus();
  };
  whole.fill = (given) => list.replaceChildren(...given.map(([text, name, action]) =>
    el("button", { type: "button", role: "menuitem", tabindex: "-1", onclick: () => { show(false); button.focus(); action(); } }, icon(name), el("span", {}, text))));
  whole.fill(entries);
  button.addEventListener("click", () => show(list.hidden));
  whole.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && list.hidden) { show(true); event.preventDefault(); event.stopPropagation(); }
    else if (step) {
      const all = items();
      all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
      event.preventDefault(); event.stopPropagation();
    } else if (event.key === "Escape" && !list.hidden) { show(false); button.focus(); event.stopPropagation(); }
  });
  whole.addEventListener("focusout", (event) => { if (!whole.contains(event.relatedTarget)) show(false); });
  return whole;
}

/** Takes files that are dropped on an element, and shows that it would. */
export function dropZone(element, ondrop) {
  const over = (on) => element.classList.toggle("dropping", on);
  element.addEventListener("dragover", (event) => { event.preventDefault(); event.stopPropagation(); over(true); });
  element.addEventListener("dragleave", () => over(false));
  element.addEventListener("drop", (event) => {
    event.preventDefault(); event.stopPropagation(); over(false);
    if (event.dataTransfer.files[0]) ondrop(event.dataTransfer.files[0]);
  });
}
