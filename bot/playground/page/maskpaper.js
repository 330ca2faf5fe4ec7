// The paper: a portrait with a mask over it, brushed on by pointers, zoomed and moved. It knows no server.

const TINT = "rgb(235 60 90)";
const STRENGTH = 0.45;
const MOST_UNDO = 40;
const MOST_ZOOM = 16;

function canvasOf(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

export class Paper extends EventTarget {
  constructor(canvas) {
    super();
    this.canvas = canvas;
    this.size = 40; // of the brush, in pixels of the portrait
    this.erasing = false;
    this.portrait = null;
    this.mask = canvasOf(1, 1); // white where the face may change, with its strength as alpha
    this.tinted = canvasOf(1, 1);
    this.past = [];
    this.future = [];
    this.view = { scale: 1, x: 0, y: 0 };
    this.pointers = new Map();
    this.cursor = null;
    this.listen();
    new ResizeObserver(() => this.fit()).observe(canvas);
  }

  // ── what lies on it ──

  /** A portrait and its mask, both ImageBitmaps of one size; a mask is read by its brightness. */
  lay(portrait, mask) {
    this.portrait = portrait;
    for (const canvas of [this.mask, this.tinted]) Object.assign(canvas, { width: portrait.width, height: portrait.height });
    this.past = [];
    this.future = [];
    this.put(mask);
    this.fit();
  }

  /** Replaces the mask as one step that can be undone. */
  replace(mask) {
    this.remember();
    mask ? this.put(mask) : this.ink().clearRect(0, 0, this.mask.width, this.mask.height);
    this.changed();
  }

  put(mask) {
    const context = this.ink();
    context.globalCompositeOperation = "copy";
    context.drawImage(mask, 0, 0, this.mask.width, this.mask.height);
    context.globalCompositeOperation = "source-over";
    const data = context.getImageData(0, 0, this.mask.width, this.mask.height);
    for (let at = 0; at < data.data.length; at += 4) {
      data.data[at + 3] = (data.data[at] * data.data[at + 3]) / 255;
      data.data[at] = data.data[at + 1] = data.data[at + 2] = 255;
    }
    context.putImageData(data, 0, 0);
  }

  ink() {
    return this.mask.getContext("2d", { willReadFrequently: true });
  }

  /** The mask's values, one byte a pixel. */
  values() {
    const { width, height } = this.mask;
    const { data } = this.ink().getImageData(0, 0, width, height);
    const found = new Uint8Array(width * height);
    for (let at = 0; at < found.length; at++) found[at] = data[4 * at + 3];
    return found;
  }

  /** The mask as a PNG, white on black. */
  png() {
    const { width, height } = this.mask;
    const flat = canvasOf(width, height);
    const context = flat.getContext("2d");
    context.fillRect(0, 0, width, height);
    context.drawImage(this.mask, 0, 0);
    return new Promise((done) => flat.toBlob(done, "image/png"));
  }

  // ── undo ──

  remember() {
    this.past.push(this.values());
    if (this.past.length > MOST_UNDO) this.past.shift();
    this.future = [];
  }

  undo() {
    this.swap(this.past, this.future);
  }

  redo() {
    this.swap(this.future, this.past);
  }

  swap(from, to) {
    if (!from.length) return;
    to.push(this.values());
    const values = from.pop();
    const data = new ImageData(this.mask.width, this.mask.height);
    for (let at = 0; at < values.length; at++) data.data.set([255, 255, 255, values[at]], 4 * at);
    this.ink().putImageData(data, 0, 0);
    this.changed();
  }

  changed() {
    this.draw();
    this.dispatchEvent(new Event("change"));
  }

  // ── the view ──

  /** The whole portrait in the middle. */
  fit() {
    const ratio = devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.canvas;
    Object.assign(this.canvas, { width: Math.max(1, clientWidth * ratio), height: Math.max(1, clientHeight * ratio) });
    if (!this.portrait) return;
    const { width, height } = this.portrait;
    const scale = Math.min(clientWidth / width, clientHeight / height);
    this.least = scale;
    this.view = { scale, x: (clientWidth - width * scale) / 2, y: (clientHeight - height * scale) / 2 };
    this.draw();
  }

  /** Zooms so that the place under (x, y) stays where it is. */
  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const scale = Math.min(Math.max(this.view.scale * factor, this.least), this.least * MOST_ZOOM);
    const real = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * real, y: y - (y - this.view.y) * real };
    this.move(0, 0);
  }

  /** Some of the portrait always stays in sight. */
  move(x, y) {
    const { clientWidth, clientHeight } = this.canvas;
    const wide = this.portrait.width * this.view.scale, tall = this.portrait.height * this.view.scale;
    const held = (place, size, room) => Math.min(Math.max(place, Math.min(room - size, room * 0.25 - size * 0.25)), Math.max(0, (room - size) / 2));
    this.view.x = held(this.view.x + x, wide, clientWidth);
    this.view.y = held(this.view.y + y, tall, clientHeight);
    this.draw();
  }

  draw() {
    if (!this.portrait) return;
    const context = this.canvas.getContext("2d");
    const ratio = devicePixelRatio || 1;
    const { scale, x, y } = this.view;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * x, ratio * y);
    context.imageSmoothingEnabled = scale * ratio < 3;
    context.drawImage(this.portrait, 0, 0);
    context.globalAlpha = STRENGTH;
    context.drawImage(this.tint(), 0, 0);
    context.globalAlpha = 1;
    if (this.cursor) this.drawCursor(context, ratio);
  }

  tint() {
    const context = this.tinted.getContext("2d");
    context.globalCompositeOperation = "copy";
    context.fillStyle = TINT;
    context.fillRect(0, 0, this.tinted.width, this.tinted.height);
    context.globalCompositeOperation = "destination-in";
    context.drawImage(this.mask, 0, 0);
    return this.tinted;
  }

  drawCursor(context, ratio) {
    const pen = 1 / this.view.scale / ratio;
    for (const [colour, more] of [["black", 2], ["white", 0]]) {
      context.beginPath();
      context.arc(this.cursor.x, this.cursor.y, Math.max(0.5, this.size / 2 - more * pen), 0, 7);
      context.lineWidth = 2 * pen;
      context.strokeStyle = colour;
      context.stroke();
    }
  }

  // ── pointers ──

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => this.up(event));
    canvas.addEventListener("pointerleave", () => !this.pointers.size && ((this.cursor = null), this.draw()));
    canvas.addEventListener("wheel", (event) => (event.preventDefault(), this.portrait && this.zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY)), { passive: false });
  }

  placeOf(event) {
    return { x: (event.offsetX - this.view.x) / this.view.scale, y: (event.offsetY - this.view.y) / this.view.scale };
  }

  down(event) {
    if (!this.portrait || event.button === 2) return;
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    if (this.pointers.size > 1) return this.giveUpStroke();
    if (event.button === 1) return;
    this.remember();
    this.stroke = this.placeOf(event);
    this.line(this.stroke, this.stroke);
  }

  /** A second finger: it was no stroke but the beginning of a pinch. */
  giveUpStroke() {
    if (!this.stroke) return;
    this.stroke = null;
    this.undo();
    this.future = [];
    this.changed();
  }

  moved(event) {
    if (!this.portrait) return;
    const before = this.pointers.get(event.pointerId);
    this.cursor = event.pointerType === "touch" && !this.stroke ? null : this.placeOf(event);
    if (!before) return this.draw();
    if (this.pointers.size > 1) return this.pinch(event, before);
    this.pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    if (!this.stroke) return this.move(event.offsetX - before.x, event.offsetY - before.y);
    const place = this.placeOf(event);
    this.line(this.stroke, place);
    this.stroke = place;
  }

  pinch(event, before) {
    const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    const now = { x: event.offsetX, y: event.offsetY };
    const apart = (place) => Math.hypot(place.x - other.x, place.y - other.y) || 1;
    this.pointers.set(event.pointerId, now);
    this.zoom(apart(now) / apart(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
    this.move((now.x - before.x) / 2, (now.y - before.y) / 2);
  }

  up(event) {
    this.pointers.delete(event.pointerId);
    if (event.pointerType === "touch") this.cursor = null;
    if (!this.stroke) return this.draw();
    this.stroke = null;
    this.changed();
  }

  line(from, to) {
    const context = this.ink();
    context.globalCompositeOperation = this.erasing ? "destination-out" : "source-over";
    context.strokeStyle = "white";
    context.lineCap = "round";
    context.lineWidth = this.size;
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y + 0.01); // a line of no length leaves no dot
    context.stroke();
    context.globalCompositeOperation = "source-over";
    this.draw();
    this.dispatchEvent(new Event("stroke"));
  }
}
