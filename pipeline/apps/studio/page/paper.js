// The paper: a canvas that is drawn on by pen, finger, mouse and keys, at any zoom.

import { Growing, UNIT, mirrored, paint, touches } from "/strokes.js";

const MOST_ZOOM = 8, ERASER_PX = 9, PALM_PX = 48, PINCH_MS = 220;
const KEY_STEP = 100, KEY_LARGE = 400;  // of the keyboard's pen, in units

export class Paper {
  /** `history`: of the strokes; `hooks`: growing(strokes) while a line is drawn, say(text) for screen readers,
   *  tool(name) when the pen's own eraser is used, zoom(factor), drawn(stroke) before a
   *  line is on the paper. */
  constructor(canvas, history, hooks, eyes) {
    Object.assign(this, { canvas, history, hooks, eyes });
    this.context = canvas.getContext("2d");
    this.layer = document.createElement("canvas");
    this.tool = "pen";
    this.brush = 64;
    this.smoothing = 0.4;
    this.symmetric = false;
    this.guide = true;
    this.trace = null;  // { image, alpha, size, x, y }: what is drawn below, in units
    this.view = { zoom: 1, x: 0, y: 0 };  // x, y: px of the canvas at which the paper's corner lies
    this.pointers = new Map();
    this.key = null;  // of the keyboard: { x, y, down }
    this._listen();
    new ResizeObserver(() => this._resize()).observe(canvas);
    this._resize();
  }

  /** Draws everything anew, soon. */
  refresh(strokesToo = true) {
    this.stale = this.stale || strokesToo;
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => { this.asked = false; this._draw(); });
  }

  /** All strokes, the one under the pen too. */
  strokes() {
    if (this.doomed) return this.history.strokes.filter((stroke) => !this.doomed.has(stroke));
    return [...this.history.strokes, ...this._growing()];
  }

  zoomBy(factor, x = this.side / 2, y = this.side / 2) {
    const zoom = Math.max(1, Math.min(MOST_ZOOM, this.view.zoom * factor)), by = zoom / this.view.zoom;
    this._look({ zoom, x: x - (x - this.view.x) * by, y: y - (y - this.view.y) * by });
  }

  zoomToFit() { this._look({ zoom: 1, x: 0, y: 0 }); }

  _look({ zoom, x, y }) {
    const most = (this.side || 0) * (zoom - 1);  // none: not shown yet
    this.view = { zoom, x: Math.min(0, Math.max(-most, x)), y: Math.min(0, Math.max(-most, y)) };
    this.hooks.zoom(zoom);
    this.refresh();
  }

  _resize() {
    const side = this.canvas.getBoundingClientRect().width;
    if (!side) return;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const share = this.side ? side / this.side : 1;
    this.side = side;
    this.ratio = ratio;
    for (const canvas of [this.canvas, this.layer]) canvas.width = canvas.height = Math.round(side * ratio);
    this._look({ ...this.view, x: this.view.x * share, y: this.view.y * share });
  }

  // Drawing

  _transform(context) {
    const scale = (this.ratio * this.side * this.view.zoom) / UNIT;
    context.setTransform(scale, 0, 0, scale, this.view.x * this.ratio, this.view.y * this.ratio);
    context.lineCap = context.lineJoin = "round";
  }

  _draw() {
    if (!this.side) return;
    if (this.stale) this._drawLayer();
    this.stale = false;
    const { context } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalCompositeOperation = "source-over";
    context.drawImage(this.layer, 0, 0);
    this._transform(context);
    this._drawGrowing(context);
    this._drawCursor(context);
  }

  _drawGrowing(context) {
    context.globalCompositeOperation = "darken";
    this._growing().forEach((stroke) => paint(context, stroke));
    context.globalCompositeOperation = "source-over";
  }

  _drawLayer() {
    const context = this.layer.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalCompositeOperation = "source-over";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, this.layer.width, this.layer.height);
    this._transform(context);
    if (this.trace) this._drawTrace(context);
    if (this.guide) this._drawGuide(context);
    if (this.symmetric) this._line(context, [[UNIT / 2, 0], [UNIT / 2, UNIT]], "#b9a1c9", [60, 60]);
    context.globalCompositeOperation = "darken";
    for (const stroke of this.history.strokes) if (!this.doomed?.has(stroke)) paint(context, stroke);
  }

  _drawTrace(context) {
    const { image, alpha, size, x, y } = this.trace;
    const scale = (UNIT * size) / Math.max(image.width, image.height);
    context.globalAlpha = alpha;
    context.drawImage(image, x - (image.width * scale) / 2, y - (image.height * scale) / 2, image.width * scale, image.height * scale);
    context.globalAlpha = 1;
  }

  /** Where the nets expect a face: its oval, the line of the eyes, the eyes, and marks of nose and mouth. */
  _drawGuide(context) {
    const { eye_y: y, eye_distance: apart } = this.eyes, middle = UNIT / 2, d = apart * UNIT, at = y * UNIT;
    const colour = "#9cc3cc";
    context.beginPath();
    context.ellipse(middle, at + 0.08 * d, 1.14 * d, 1.72 * d, 0, 0, 2 * Math.PI);
    this._dash(context, colour, [70, 70]);
    this._line(context, [[middle - 1.14 * d, at], [middle + 1.14 * d, at]], colour, [70, 70]);
    for (const side of [-1, 1]) {
      context.beginPath();
      context.ellipse(middle + (side * d) / 2, at, 0.21 * d, 0.1 * d, 0, 0, 2 * Math.PI);
      this._dash(context, colour, []);
    }
    this._line(context, [[middle - 0.13 * d, at + 0.64 * d], [middle + 0.13 * d, at + 0.64 * d]], colour, []);
    this._line(context, [[middle - 0.32 * d, at + 1.04 * d], [middle + 0.32 * d, at + 1.04 * d]], colour, []);
  }

  _line(context, points, colour, dash) {
    context.beginPath();
    points.forEach(([x, y]) => context.lineTo(x, y));
    this._dash(context, colour, dash);
  }

  _dash(context, colour, dash) {
    context.setLineDash(dash);
    context.strokeStyle = colour;
    context.lineWidth = 14 / Math.sqrt(this.view.zoom);
    context.stroke();
    context.setLineDash([]);
  }

  _drawCursor(context) {
    const px = UNIT / (this.side * this.view.zoom);
    if (this.key) {
      const { x, y, down } = this.key;
      context.strokeStyle = down ? "#c2452d" : "#2f5d62";
      context.lineWidth = 2 * px;
      for (const [dx, dy] of [[1, 0], [0, 1]]) {
        context.beginPath();
        context.moveTo(x - 12 * px * dx, y - 12 * px * dy);
        context.lineTo(x + 12 * px * dx, y + 12 * px * dy);
        context.stroke();
      }
    }
    if (this.hover && (this.erasing || this.tool === "eraser")) {
      context.beginPath();
      context.arc(this.hover[0], this.hover[1], ERASER_PX * px, 0, 2 * Math.PI);
      context.strokeStyle = "#8a8378";
      context.lineWidth = 1.5 * px;
      context.stroke();
    }
  }

  // Pen, fingers, mouse

  _listen() {
    const on = (name, then) => this.canvas.addEventListener(name, (event) => then.call(this, event), { passive: false });
    on("pointerdown", this._down);
    on("pointermove", this._move);
    on("pointerup", this._up);
    on("pointercancel", this._up);
    on("pointerleave", () => { this.hover = null; this.refresh(false); });
    on("contextmenu", (event) => event.preventDefault());
    on("wheel", this._wheel);
    on("keydown", this._keyDown);
    on("focus", () => { if (!this.canvas.classList.contains("by-pointer")) { this.key = this._keyPlace(); this.refresh(false); } });
    on("blur", () => { this.canvas.classList.remove("by-pointer"); this._lift(); this.key = null; this.refresh(false); });
  }

  _place(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top, scale = UNIT / (this.side * this.view.zoom);
    return { x, y, ux: (x - this.view.x) * scale, uy: (y - this.view.y) * scale };
  }

  /** A pen tells its pressure; a mouse says .5 for pressed, and some tablets call themselves a mouse. */
  _pressure(event) {
    if (event.pointerType === "touch") return null;
    if (event.pointerType === "pen") return event.pressure || 0.5;
    return event.pressure === 0 || event.pressure === 0.5 || event.pressure === 1 ? null : event.pressure;
  }

  _isPalm(event) {
    return event.pointerType === "touch" && (this.penSeen || Math.max(event.width, event.height) > PALM_PX);
  }

  _down(event) {
    event.preventDefault();
    this.canvas.classList.add("by-pointer");
    this.canvas.focus({ preventScroll: true });
    this.key = null;
    if (event.pointerType === "pen") this.penSeen = true;
    this.canvas.setPointerCapture(event.pointerId);
    const at = this._place(event);
    this.pointers.set(event.pointerId, { ...at, type: event.pointerType, since: event.timeStamp });
    const touching = [...this.pointers.values()].filter((pointer) => pointer.type === "touch");
    if (touching.length === 2 && this.drawing !== "pen") return this._pinch(touching, event);
    if (this.drawing || event.button === 2) return;
    const moves = this.tool === "hand" || this.spaced || event.button === 1 || this._isPalm(event);
    if (moves) this.panning = event.pointerId;
    else if (this.tool === "move" && this.trace) this.moving = event.pointerId;
    else this._begin(event, at);
  }

  _pinch(touching, event) {
    if (this.growing && event.timeStamp - touching[0].since > PINCH_MS) this._lift();
    this._drop();
    this.panning = this.moving = null;
    this.pinching = true;
  }

  _begin(event, at) {
    this.drawing = event.pointerType || "mouse";
    this.pointer = event.pointerId;
    this.erasing = this.tool === "eraser" || (event.pointerType === "pen" && (event.buttons & 32) !== 0);
    if (this.erasing) this._erase(at.ux, at.uy);
    else {
      this.growing = new Growing(this.brush, this.smoothing);
      this.growing.add(at.ux, at.uy, this._pressure(event));
      this._grown();
    }
  }

  _move(event) {
    const before = this.pointers.get(event.pointerId), at = this._place(event);
    this.hover = [at.ux, at.uy];
    if (!before) return this.refresh(false);
    if (this.pinching) return this._pinchMove(event, at);
    Object.assign(before, { px: before.x, py: before.y, x: at.x, y: at.y });
    if (this.panning === event.pointerId) {
      this._look({ zoom: this.view.zoom, x: this.view.x + at.x - before.px, y: this.view.y + at.y - before.py });
    } else if (this.moving === event.pointerId) {
      const scale = UNIT / (this.side * this.view.zoom);
      this.trace.x += (at.x - before.px) * scale;
      this.trace.y += (at.y - before.py) * scale;
      this.refresh();
    } else if (this.drawing && this.pointer === event.pointerId) this._follow(event);
  }

  _follow(event) {
    const coalesced = event.getCoalescedEvents?.() || [];
    for (const each of coalesced.length ? coalesced : [event]) {
      const at = this._place(each);
      if (this.erasing) this._erase(at.ux, at.uy);
      else this.growing?.add(at.ux, at.uy, this._pressure(each));
    }
    if (!this.erasing) this._grown();
    this.refresh(false);
  }

  _pinchMove(event, at) {
    const touching = [...this.pointers.entries()].filter(([, pointer]) => pointer.type === "touch");
    if (touching.length < 2) return;
    const other = touching.find(([id]) => id !== event.pointerId)[1], self = this.pointers.get(event.pointerId);
    const apart = (pointer) => Math.hypot(pointer.x - other.x, pointer.y - other.y);
    const by = apart(at) / Math.max(1, apart(self));
    this._look({ zoom: this.view.zoom, x: this.view.x + (at.x - self.x) / 2, y: this.view.y + (at.y - self.y) / 2 });
    this.zoomBy(by, (at.x + other.x) / 2, (at.y + other.y) / 2);
    Object.assign(self, { x: at.x, y: at.y });
  }

  _up(event) {
    this.pointers.delete(event.pointerId);
    if (this.panning === event.pointerId) this.panning = null;
    if (this.moving === event.pointerId) this.moving = null;
    if (![...this.pointers.values()].some((pointer) => pointer.type === "touch")) this.pinching = false;
    if (this.drawing && this.pointer === event.pointerId) {
      if (event.type === "pointerup" && this.growing) this._follow(event);
      this._lift();
    }
  }

  _wheel(event) {
    event.preventDefault();
    const at = this._place(event);
    if (this.tool === "move" && this.trace) {
      this.trace.size = Math.max(0.2, Math.min(4, this.trace.size * Math.exp(-event.deltaY / 600)));
      this.hooks.trace?.();
      this.refresh();
    } else if (event.ctrlKey || this.view.zoom === 1) this.zoomBy(Math.exp(-event.deltaY / 300), at.x, at.y);
    else this._look({ zoom: this.view.zoom, x: this.view.x - event.deltaX, y: this.view.y - event.deltaY });
  }

  // Lines and erasing

  _growing() {
    const flat = this.growing?.flat;
    if (!flat?.length) return [];
    return this.symmetric ? [flat, mirrored(flat)] : [flat];
  }

  _grown() {
    this.hooks.growing(this.strokes());
    this.refresh(false);
  }

  /** Ends what the pen is doing; it stays on the paper. */
  _lift() {
    const { growing, doomed } = this;
    this._drop();
    if (growing?.raw) {
      const stroke = growing.done();
      this.hooks.drawn?.(stroke);
      this.history.change([...this.history.strokes, stroke, ...(this.symmetric ? [mirrored(stroke)] : [])]);
    } else if (doomed?.size) this.history.change(this.history.strokes.filter((stroke) => !doomed.has(stroke)));
    this.refresh();
  }

  /** Ends what the pen is doing, without a trace. */
  _drop() {
    this.growing = this.doomed = this.drawing = this.pointer = this.erased = null;
    this.erasing = false;
  }

  /** All strokes that lie on the way from where the eraser was. */
  _erase(x, y) {
    const reach = (ERASER_PX * UNIT) / (this.side * this.view.zoom);
    const [fromX, fromY] = this.erased || [x, y], steps = Math.ceil(Math.hypot(x - fromX, y - fromY) / reach) || 1;
    this.erased = [x, y];
    this.doomed = this.doomed || new Set();
    const before = this.doomed.size;
    for (let i = 1; i <= steps; i++) {
      const atX = fromX + ((x - fromX) * i) / steps, atY = fromY + ((y - fromY) * i) / steps;
      this._touched(atX, atY, reach).forEach((stroke) => this.doomed.add(stroke));
    }
    if (this.doomed.size > before) {
      this.hooks.growing(this.strokes());
      this.refresh();
    }
  }

  _touched(x, y, reach) { return this.history.strokes.filter((stroke) => touches(stroke, x, y, reach)); }

  // The keyboard's pen

  _keyDown(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (step) this._keyMove(step, event.shiftKey ? KEY_LARGE : KEY_STEP);
    else if (event.key === "Enter") this._keyPress();
    else if (event.key === "Escape" && this.growing) { this._drop(); this.key.down = false; this._grown(); }
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.refresh(false);
  }

  _keyPlace() { return { x: UNIT / 2, y: this.eyes.eye_y * UNIT, down: false }; }

  _keyMove([dx, dy], step) {
    this.key = this.key || this._keyPlace();
    this.key.x = Math.max(0, Math.min(UNIT, this.key.x + dx * step));
    this.key.y = Math.max(0, Math.min(UNIT, this.key.y + dy * step));
    if (this.growing && this.key.down) {
      this.growing.add(this.key.x, this.key.y, null);
      this._grown();
    }
  }

  _keyPress() {
    this.key = this.key || this._keyPlace();
    const { x, y } = this.key;
    if (this.tool === "eraser") {
      this._erase(x, y);
      this._lift();
    } else if (this.key.down) {
      this.key.down = false;
      this._lift();
      this.hooks.say("Pen lifted");
    } else {
      this.key.down = true;
      this.growing = new Growing(this.brush, 0);
      this.growing.add(x, y, null);
      this._grown();
      this.hooks.say(`Pen down at ${Math.round(x / 100)} percent from the left, ${Math.round(y / 100)} from the top`);
    }
  }
}

/** The drawing alone, black on white, as a PNG of that side. */
export function drawingPng(strokes, side) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, side, side);
  context.setTransform(side / UNIT, 0, 0, side / UNIT, 0, 0);
  context.lineCap = context.lineJoin = "round";
  context.globalCompositeOperation = "darken";
  strokes.forEach((stroke) => paint(context, stroke));
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
