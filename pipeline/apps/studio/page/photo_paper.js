// The photo as paper: what is erased lies under a veil, on which lines and colours are drawn.

import { Paper } from "/paper.js";
import { UNIT, paint, touches } from "/strokes.js";

const VEIL = "#d9efec", SEEN = 0.78, BEYOND = "rgba(20, 22, 22, .5)";
export const ABOVE = ["lines", "colours", "mask"];  // kinds of strokes, from above

export class PhotoPaper extends Paper {
  /** `kind(stroke)`: { kind, colour }; `hooks` besides: picked(colour) by the pipette. */
  constructor(canvas, history, hooks, eyes, kind) {
    super(canvas, history, hooks, eyes);
    this.kind = kind;
    this.photo = null;  // { image, place, reach }: where it lies, and the corners of what can be erased, in units
    this.veil = document.createElement("canvas");
    this.smoothing = 0.3;
  }

  /** All strokes of a kind on paper, the one under the pen left out. */
  _of(kind) { return this.history.strokes.filter((stroke) => this.kind(stroke).kind === kind && !this.doomed?.has(stroke)); }

  _drawLayer() {
    const context = this.layer.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, this.layer.width, this.layer.height);
    if (!this.photo) return;
    this._transform(context);
    const { image, place: [x, y, width, height] } = this.photo;
    context.drawImage(image, x, y, width, height);
    this._drawVeil(context);
    this._drawBeyond(context);
    for (const stroke of this._of("colours")) paint(context, stroke, this.kind(stroke).colour);
    for (const stroke of this._of("lines")) paint(context, stroke);
  }

  /** All of the mask as one sheet, so that crossings are no denser. */
  _drawVeil(context) {
    this.veil.width = this.layer.width;
    this.veil.height = this.layer.height;
    const veil = this.veil.getContext("2d");
    this._transform(veil);
    for (const stroke of this._of("mask")) paint(veil, stroke, VEIL);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = SEEN;
    context.drawImage(this.veil, 0, 0);
    context.globalAlpha = 1;
    this._transform(context);
  }

  /** What no brush reaches is darkened. */
  _drawBeyond(context) {
    const { place: [x, y, width, height], reach } = this.photo;
    context.beginPath();
    context.rect(x, y, width, height);
    reach.forEach(([px, py], i) => (i ? context.lineTo(px, py) : context.moveTo(px, py)));
    context.closePath();
    context.fillStyle = BEYOND;
    context.fill("evenodd");
  }

  _drawGrowing(context) {
    if (!this.photo) return;
    for (const stroke of this._growing()) {
      const { kind, colour } = this.kind(stroke);
      context.globalAlpha = kind === "mask" ? SEEN : 1;
      paint(context, stroke, kind === "mask" ? VEIL : colour);
      context.globalAlpha = 1;
    }
  }

  _drawCursor(context) {
    super._drawCursor(context);
    if (!this.hover || this.growing || !["mask", "colours"].includes(this.tool)) return;
    const px = UNIT / (this.side * this.view.zoom);
    for (const [colour, width] of [["#fff", 3], ["#2f5d62", 1.5]]) {
      context.beginPath();
      context.arc(this.hover[0], this.hover[1], this.brush / 2, 0, 2 * Math.PI);
      context.strokeStyle = colour;
      context.lineWidth = width * px;
      context.stroke();
    }
  }

  /** Only lines are drawn as hard as a pen is pressed. */
  _pressure(event) { return this.tool === "lines" ? super._pressure(event) : null; }

  _begin(event, at) {
    if (this.tool === "pipette") this._pick(at.ux, at.uy);
    else super._begin(event, at);
  }

  _keyPress() {
    if (this.tool !== "pipette") return super._keyPress();
    this.key = this.key || this._keyPlace();
    this._pick(this.key.x, this.key.y);
  }

  /** The photo's colour at a place: the mean of some pixels. */
  _pick(x, y) {
    const { image, place: [left, top, width, height] } = this.photo, one = document.createElement("canvas");
    const across = Math.round(((x - left) / width) * image.width), down = Math.round(((y - top) / height) * image.height);
    if (across < 0 || down < 0 || across >= image.width || down >= image.height) return;
    one.width = one.height = 1;
    const context = one.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.drawImage(image, across - 2, down - 2, 5, 5, 0, 0, 1, 1);
    this.hooks.picked([...context.getImageData(0, 0, 1, 1).data.slice(0, 3)]);
  }

  /** The eraser takes one kind a stroke of its own: the uppermost that it meets first. */
  _touched(x, y, reach) {
    const met = this.history.strokes.filter((stroke) => touches(stroke, x, y, reach));
    if (!this.doomed.size) this.takes = ABOVE.find((kind) => met.some((stroke) => this.kind(stroke).kind === kind));
    return met.filter((stroke) => this.kind(stroke).kind === this.takes);
  }
}
