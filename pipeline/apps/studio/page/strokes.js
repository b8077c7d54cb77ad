// Strokes: whole numbers, four a point (x, y, width in parts of the paper's side; darkness), as they travel and are kept.

export const UNIT = 10000, DARKEST = 100;
const STEP = 18;  // a point nearer to the last one than this is left out
const TOLERANCE = [3.5, 6, 4];  // of place, width and darkness, when a finished stroke is thinned out

/** A stroke while it is drawn: smoothed, of the brush's width, as dark as the pen is pressed. */
export class Growing {
  constructor(width, smoothing) {
    this.width = width;
    this.follow = 1 - 0.9 * smoothing;  // by how much the line follows the pen, a sample
    this.flat = [];
    this.at = null;
  }

  /** The pen's place in units, and its pressure in [0, 1]; null: a pen that knows none. */
  add(x, y, pressure) {
    this.raw = [x, y, pressure];
    if (this.at === null) this.at = [x, y, pressure ?? 0.5];
    else this.at = this.raw.map((value, i) => this.at[i] + ((value ?? 0.5) - this.at[i]) * this.follow);
    const [ax, ay] = this.at, n = this.flat.length;
    if (n && Math.hypot(ax - this.flat[n - 4], ay - this.flat[n - 3]) < STEP) return;
    this._put(this.at, pressure !== null);
  }

  _put([x, y, p], pressed) {
    const width = pressed ? this.width * (0.55 + 0.9 * p) : this.width;
    const dark = pressed ? DARKEST * (0.25 + 0.75 * Math.min(1, 1.4 * p)) : DARKEST;
    this.flat.push(Math.round(x), Math.round(y), Math.max(1, Math.round(width)), Math.round(dark));
  }

  /** The finished stroke: its end where the pen was lifted, thinned out. */
  done() {
    if (this.flat.length > 4 || this.at && this.at !== this.raw) {
      const [x, y] = this.raw, n = this.flat.length;
      if (Math.hypot(x - this.flat[n - 4], y - this.flat[n - 3]) >= STEP) this._put([x, y, this.at[2]], this.raw[2] !== null);
    }
    return thinned(this.flat);
  }
}

/** Ramer, Douglas and Peucker's: without points that lie where a straight line between others runs. */
export function thinned(flat) {
  const n = flat.length / 4, keep = new Uint8Array(n), waiting = [[0, n - 1]];
  keep[0] = keep[n - 1] = 1;
  while (waiting.length) {
    const [a, b] = waiting.pop();
    const [worst, at] = furthest(flat, a, b);
    if (worst > 1) { keep[at] = 1; waiting.push([a, at], [at, b]); }
  }
  return flat.filter((_, i) => keep[i >> 2]);
}

function furthest(flat, a, b) {
  let worst = 0, at = a;
  for (let i = a + 1; i < b; i++) {
    const [far, share] = distance(flat[4 * i], flat[4 * i + 1], flat, a, b);
    const between = (j) => flat[4 * a + j] + share * (flat[4 * b + j] - flat[4 * a + j]);
    const off = Math.max(far / TOLERANCE[0], Math.abs(flat[4 * i + 2] - between(2)) / TOLERANCE[1], Math.abs(flat[4 * i + 3] - between(3)) / TOLERANCE[2]);
    if (off > worst) { worst = off; at = i; }
  }
  return [worst, at];
}

/** Of a place from the line between two points of a stroke, and how far along the nearest place lies. */
function distance(x, y, flat, a, b) {
  const ax = flat[4 * a], ay = flat[4 * a + 1], dx = flat[4 * b] - ax, dy = flat[4 * b + 1] - ay;
  const long = dx * dx + dy * dy;
  const share = long ? Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / long)) : 0;
  return [Math.hypot(x - ax - share * dx, y - ay - share * dy), share];
}

const boxes = new WeakMap();

function box(flat) {
  if (!boxes.has(flat)) {
    const found = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < flat.length; i += 4) {
      found[0] = Math.min(found[0], flat[i]); found[2] = Math.max(found[2], flat[i]);
      found[1] = Math.min(found[1], flat[i + 1]); found[3] = Math.max(found[3], flat[i + 1]);
    }
    boxes.set(flat, found);
  }
  return boxes.get(flat);
}

/** Whether a stroke comes nearer to a place than `reach`. */
export function touches(flat, x, y, reach) {
  const [left, top, right, bottom] = box(flat);
  if (x < left - reach || x > right + reach || y < top - reach || y > bottom + reach) return false;
  const last = flat.length / 4 - 1;
  for (let i = 0; i < Math.max(1, last); i++) {
    if (distance(x, y, flat, i, Math.min(i + 1, last))[0] < reach + flat[4 * i + 2] / 2) return true;
  }
  return false;
}

/** The stroke on the paper's other half. */
export const mirrored = (flat) => flat.map((value, i) => (i % 4 ? value : UNIT - value));

/** Draws a stroke as the server does: parts of one width and darkness as lines with round ends; or in one colour. */
export function paint(context, flat, colour = null) {
  const last = flat.length / 4 - 1;
  let i = 0;
  do {
    const b = Math.min(i + 1, last), width = between(flat, i, b, 2, 4), dark = between(flat, i, b, 3, 7);
    context.beginPath();
    context.moveTo(flat[4 * i], flat[4 * i + 1]);
    do {
      i++;
      const to = Math.min(i, last);
      context.lineTo(flat[4 * to], flat[4 * to + 1]);
    } while (i < last && between(flat, i, i + 1, 2, 4) === width && between(flat, i, i + 1, 3, 7) === dark);
    const shade = Math.round(255 * (1 - Math.min(1, dark / DARKEST)));
    context.strokeStyle = colour || `rgb(${shade},${shade},${shade})`;
    context.lineWidth = width;
    context.stroke();
  } while (i < last);
}

/** The mean of two points' value, in steps, so that runs of alike parts are long. */
const between = (flat, a, b, j, step) => Math.max(step, step * Math.round((flat[4 * a + j] + flat[4 * b + j]) / 2 / step));

/** What a file holds as strokes; null where it holds something else. */
export function readStrokes(told) {
  const whole = (flat) => Array.isArray(flat) && flat.length >= 4 && flat.length % 4 === 0 && flat.every(Number.isInteger);
  return Array.isArray(told) && told.every(whole) ? told : null;
}
