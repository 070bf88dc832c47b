// The canvas: from map cells to pixels, and the ground under the episode.

const canvas = byId("battle");
const pen = canvas.getContext("2d");
const MARGIN = 3; // cells around the units' ways

const BESIDE = 0.5; // around the ways of particles
const BORDER = 0.25; // cells around a whole grid

/** The least and the most of a column of the units and one of the items. */
function extent(column, itemColumn) {
  let [low, high] = [Infinity, -Infinity];
  for (const row of [...replay[column], ...(scenery === null ? [] : items.map((item) => item[itemColumn]))]) {
    for (const value of row) [low, high] = [Math.min(low, value), Math.max(high, value)];
  }
  return [low, high];
}

/** What is shown, in cells: of a battle where anybody ever was, of particles where anything was, else the grid. */
const seen = (() => {
  const around = (low, high, by) => [low - by, high + by];
  const within = ([low, high], size) => [Math.max(0, low - MARGIN), Math.max(Math.min(size, high + MARGIN), Math.max(0, low - MARGIN) + 8)];
  const [across, up] = [extent("x", "x"), extent("y", "y")];
  const bounds = scenery === null ? [within(across, replay.walkable[0].length), within(up, replay.walkable.length)]
    : scenery.kind === "particles" ? [around(...across, BESIDE), around(...up, BESIDE)]
    : scenery.size.map((size) => around(0, size, BORDER));
  const [[left, right], [bottom, top]] = bounds;
  return { left, right, bottom, top };
})();

const view = { width: 0, height: 0, scale: 1, ground: null }; // CSS pixels; pixels per cell; the drawn ground
let colours = {};

const across = (x) => view.width / 2 + (x - (seen.left + seen.right) / 2) * view.scale;
const down = (y) => view.height / 2 - (y - (seen.bottom + seen.top) / 2) * view.scale;

/** Take the colours of the style sheet, which follow the reader's light or dark setting. */
function readColours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ink", "quiet", "ground", "grid", "wall", "ally", "enemy", "heal", "explored", "health", "low", "shield", "empty", "dead", "card", "food", "shelf", "requested", "goal", ...GROUP_NAMES];
  colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** Fit the canvas to the page and draw the ground once for this size. */
function layOut() {
  const sharpness = window.devicePixelRatio || 1;
  const [wide, high] = [seen.right - seen.left, seen.top - seen.bottom];
  view.width = byId("field").clientWidth;
  view.height = Math.round(Math.max(220, Math.min(view.width * (high / wide), window.innerHeight * 0.62)));
  view.scale = Math.min(view.width / wide, view.height / high);
  canvas.width = Math.round(view.width * sharpness);
  canvas.height = Math.round(view.height * sharpness);
  canvas.style.height = `${view.height}px`;
  pen.setTransform(sharpness, 0, 0, sharpness, 0, 0);
  view.ground = drawnGround(sharpness);
}

function drawnGround(sharpness) {
  const sheet = document.createElement("canvas");
  sheet.width = canvas.width;
  sheet.height = canvas.height;
  const brush = sheet.getContext("2d");
  brush.scale(sharpness, sharpness);
  brush.fillStyle = colours.wall;
  brush.fillRect(0, 0, view.width, view.height);
  brush.strokeStyle = colours.grid;
  brush.lineWidth = 1;
  if (scenery === null) drawMap(brush);
  else if (scenery.kind === "particles") drawPlane(brush);
  else drawGrid(brush);
  return sheet;
}

function drawMap(brush) {
  replay.walkable.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      if (row[x] !== ".") continue;
      brush.fillStyle = colours.ground;
      brush.fillRect(across(x) - 0.3, down(y + 1) - 0.3, view.scale + 0.6, view.scale + 0.6); // no seams
    }
  });
  replay.walkable.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      if (row[x] === "." && view.scale > 8) brush.strokeRect(across(x), down(y + 1), view.scale, view.scale);
    }
  });
}

/** A plane without borders, with a line at every unit of length. */
function drawPlane(brush) {
  brush.fillStyle = colours.ground;
  brush.fillRect(0, 0, view.width, view.height);
  const half = { x: view.width / view.scale / 2, y: view.height / view.scale / 2 };
  const [x, y] = [(seen.left + seen.right) / 2, (seen.bottom + seen.top) / 2];
  for (let at = Math.ceil(x - half.x); at <= x + half.x; at++) line(brush, across(at), 0, across(at), view.height);
  for (let at = Math.ceil(y - half.y); at <= y + half.y; at++) line(brush, 0, down(at), view.width, down(at));
}

function drawGrid(brush) {
  const [columns, rows] = scenery.size;
  brush.fillStyle = colours.ground;
  brush.fillRect(across(0), down(rows), columns * view.scale, rows * view.scale);
  for (let x = 0; x <= columns; x++) line(brush, across(x), down(0), across(x), down(rows));
  for (let y = 0; y <= rows; y++) line(brush, across(0), down(y), across(columns), down(y));
}

function line(brush, fromX, fromY, toX, toY) {
  brush.beginPath();
  brush.moveTo(fromX, fromY);
  brush.lineTo(toX, toY);
  brush.stroke();
}

function drawGround() {
  pen.save();
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.drawImage(view.ground, 0, 0);
  pen.restore();
}
