// The line to the server: the newest drawing goes out, numbered; a reply older than what is shown is passed over.

const LEAST_MS = 45;  // between two messages
const WAITS_MS = [300, 1000, 3000, 8000];  // before the line is tried again

/** Takes a reply apart: its header, and its parts as Blobs. */
export function unpacked(buffer, types) {
  const length = new DataView(buffer).getUint32(0);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const parts = {};
  let at = 4 + length;
  for (const [name, size] of Object.entries(header.parts)) {
    parts[name] = new Blob([new Uint8Array(buffer, at, size)], { type: types(name) });
    at += size;
  }
  return { ...header, parts };
}

export class Live {
  /** `onreply(reply)`: newer than all before; `onstate(state)`: "open", "waiting" or "away"; `path`: whom it asks. */
  constructor(onreply, onstate, path = "live") {
    this.path = path;
    this.onreply = onreply;
    this.onstate = onstate;
    this.number = 0;
    this.shown = 0;
    this.tries = 0;
    this.newest = null;
    this._connect();
  }

  /** Sends a drawing soon; one that was not sent yet is replaced. `lifted`: the pen is, so this one is waited for.
   *  -> its number. */
  send(message, lifted) {
    this.number += 1;
    this.newest = { lifted, ...message, number: this.number };
    this._schedule();
    this.onstate(this._open() ? "waiting" : "away");
    return this.number;
  }

  /** Forgets what is under way: its reply will be passed over. */
  forget() {
    this.number += 1;
    this.shown = this.number;
    this.newest = null;
    this.onstate(this._open() ? "open" : "away");
  }

  _open() { return this.socket.readyState === WebSocket.OPEN; }

  _schedule() {
    if (this.timer) return;
    const wait = Math.max(0, (this.sentAt || 0) + LEAST_MS - performance.now());
    this.timer = setTimeout(() => { this.timer = null; this._flush(); }, wait);
  }

  _flush() {
    if (!this.newest || !this._open()) return;
    if (this.socket.bufferedAmount > 1e6) return this._schedule();
    this.sentAt = performance.now();
    this.socket.send(JSON.stringify(this.newest));
    this.unanswered = this.newest;
    this.newest = null;
  }

  _connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/api/${this.path}`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.tries = 0;
      this.newest = this.newest || this.unanswered;
      this.onstate(this.newest ? "waiting" : "open");
      this._flush();
    };
    this.socket.onmessage = (event) => this._take(unpacked(event.data, () => "image/png"));
    this.socket.onclose = (event) => {
      this.onstate("away", event.reason);
      setTimeout(() => this._connect(), WAITS_MS[Math.min(this.tries++, WAITS_MS.length - 1)]);
    };
  }

  _take(reply) {
    if (reply.number <= this.shown) return;
    this.shown = reply.number;
    if (reply.number === this.number) this.unanswered = null;
    this.onstate(reply.number === this.number ? "open" : "waiting");
    this.onreply(reply);
  }
}
