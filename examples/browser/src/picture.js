// Draws what the guest's memory and stack are: cells by when they were carved, and the stack as a way through them.

/** @typedef {import('./guest.js').View} View */

const bits = { north: 1, west: 8, seen: 16, solution: 32 };

/** @param {CanvasRenderingContext2D} to @param {View} view */
export function drawMaze(to, view) {
  const { width, height } = view;
  const size = to.canvas.width / width;
  to.clearRect(0, 0, to.canvas.width, to.canvas.height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) drawCell(to, view, x, y, size);
  drawWalls(to, view, size);
  drawTrail(to, view, size);
}

/** @param {CanvasRenderingContext2D} to @param {View} view @param {number} x @param {number} y @param {number} size */
function drawCell(to, { width, height, cells, carved }, x, y, size) {
  const at = x + y * width;
  const cell = cells[at] ?? 0;
  const age = (carved[at] ?? 0) / (width * height);
  if (age === 0) return;
  const light = cell & bits.solution ? 0.86 : cell & bits.seen ? 0.5 : 0.34;
  const hue = cell & bits.solution ? 85 : 275 - 120 * age;
  to.fillStyle = `oklch(${light} ${cell & bits.solution ? 0.16 : 0.1} ${hue})`;
  to.fillRect(x * size, y * size, size + 0.5, size + 0.5);
}

/**
 * Each cell draws its wall to the north and to the west, where it is carved at all.
 * @param {CanvasRenderingContext2D} to @param {View} view @param {number} size
 */
function drawWalls(to, { width, height, cells, carved }, size) {
  to.beginPath();
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = x + y * width;
      const cell = cells[at] ?? 0;
      if (carved[at] === 0) continue;
      if (!(cell & bits.north)) line(to, x * size, y * size, (x + 1) * size, y * size);
      if (!(cell & bits.west)) line(to, x * size, y * size, x * size, (y + 1) * size);
    }
  to.lineWidth = 2;
  to.strokeStyle = '#0a0c11';
  to.stroke();
}

/** @param {CanvasRenderingContext2D} to @param {View} view @param {number} size */
function drawTrail(to, { trail }, size) {
  const middle = (/** @type {number} */ i) => ((trail[i] ?? 0) + 0.5) * size;
  if (trail.length === 0) return;
  to.beginPath();
  for (let i = 0; i < trail.length; i += 2) to.lineTo(middle(i), middle(i + 1));
  to.lineJoin = 'round';
  to.lineCap = 'round';
  to.strokeStyle = '#ffd16655';
  to.lineWidth = size * 0.7;
  to.stroke();
  to.strokeStyle = '#ffd166';
  to.lineWidth = size * 0.26;
  to.stroke();
  to.beginPath();
  to.arc(middle(trail.length - 2), middle(trail.length - 1), size * 0.55, 0, 7);
  to.fillStyle = '#fff';
  to.fill();
}

/** How deep the stack was, from the beginning until now. @param {CanvasRenderingContext2D} to @param {readonly number[]} depths */
export function drawDepths(to, depths) {
  const { width, height } = to.canvas;
  const most = depths.reduce((deepest, depth) => Math.max(deepest, depth), 50);
  const outline = new Path2D();
  for (let x = 0; x <= width; x++) {
    const depth = depths[Math.round((x / width) * (depths.length - 1))] ?? 0;
    outline.lineTo(x, height - 2 - (depth / most) * (height - 10));
  }
  const area = new Path2D(outline);
  area.lineTo(width, height);
  area.lineTo(0, height);
  to.clearRect(0, 0, width, height);
  to.fillStyle = '#ffd16633';
  to.fill(area);
  to.lineWidth = 2;
  to.strokeStyle = '#ffd166';
  to.stroke(outline);
}

/** @param {CanvasRenderingContext2D} to @param {number} x @param {number} y @param {number} toX @param {number} toY */
function line(to, x, y, toX, toY) {
  to.moveTo(x, y);
  to.lineTo(toX, toY);
}
