// What is on the paper, and how it came there: every change can be taken back.

const MOST = 400;  // changes that are remembered

export class History {
  constructor(onchange) {
    this.strokes = [];
    this.past = [];
    this.future = [];
    this.onchange = onchange;
  }

  /** Puts other strokes on the paper; strokes themselves never change. */
  change(strokes) {
    this.past = [...this.past.slice(-MOST), this.strokes];
    this.future = [];
    this._show(strokes);
  }

  /** As `change`, of what has no past. */
  begin(strokes) {
    [this.past, this.future] = [[], []];
    this._show(strokes);
  }

  undo() { return this._step(this.past, this.future); }

  redo() { return this._step(this.future, this.past); }

  _step(from, to) {
    if (!from.length) return false;
    to.push(this.strokes);
    this._show(from.pop());
    return true;
  }

  _show(strokes) {
    this.strokes = strokes;
    this.onchange(strokes);
  }
}
