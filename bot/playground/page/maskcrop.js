// Which square of the portrait is painted: the arithmetic of avatar/mask.py (crop_around), and its picture.

const CONTEXT = 1 / 8;
const CONTEXT_PX = [32, 64];

/** {left, top, right, bottom} of what is not zero, right and bottom exclusive; null for an empty mask. */
export function boxOf(values, width, height) {
  let left = width, top = height, right = 0, bottom = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (values[y * width + x]) {
        if (x < left) left = x;
        if (x >= right) right = x + 1;
        if (y < top) top = y;
        bottom = y + 1;
      }
  return right ? { left, top, right, bottom } : null;
}

export function cropAround(box, width, height) {
  const longer = Math.max(box.right - box.left, box.bottom - box.top);
  const scale = Math.max(width, height) / 512;
  const context = Math.min(Math.max(longer * CONTEXT, CONTEXT_PX[0] * scale), CONTEXT_PX[1] * scale);
  const side = Math.max(longer, Math.min(Math.round(longer + 2 * context), width, height));
  const place = (start, end, length) => {
    if (side > length) return Math.floor((length - side) / 2);
    return Math.min(Math.max(Math.floor((start + end - side) / 2), 0), length - side);
  };
  return { left: place(box.left, box.right, width), top: place(box.top, box.bottom, height), side };
}

/** Draws the crop into a square canvas: what may change in full, the rest paler. */
export function drawCrop(canvas, portrait, mask, crop) {
  const context = canvas.getContext("2d");
  const to = canvas.width;
  const part = [crop.left, crop.top, crop.side, crop.side, 0, 0, to, to];
  context.globalCompositeOperation = "copy";
  context.globalAlpha = 1;
  context.drawImage(mask, ...part);
  context.globalCompositeOperation = "source-in";
  context.drawImage(portrait, ...part);
  context.globalCompositeOperation = "destination-over";
  context.globalAlpha = 0.35;
  context.drawImage(portrait, ...part);
  context.globalAlpha = 1;
}
