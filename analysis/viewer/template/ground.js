// The canvas: from map cells to pixels, and the ground under the battle.

const canvas = byId("battle");
const pen = canvas.getContext("2d");
const MARGIN = 3; // cells around the units' ways

/** The part of the map in which anybody ever was, in cells, with a margin. */
const seen = (() => {
  const all = (column) => replay[column].flat();
  const bounds = (values, size) => {
    const low = Math.max(0, Math.min(...values) - MARGIN), high = Math.min(size, Math.max(...values) + MARGIN);
    return [low, Math.max(high, low + 8)];
  };
  const [left, right] = bounds(all("x"), replay.walkable[0].length);
  const [bottom, top] = bounds(all("y"), replay.walkable.length);
  return { left, right, bottom, top };
})();

const view = { width: 0, height: 0, scale: 1, ground: null }; // CSS pixels; pixels per cell; the drawn ground
let colours = {};

const across = (x) => view.width / 2 + (x - (seen.left + seen.right) / 2) * view.scale;
const down = (y) => view.height / 2 - (y - (seen.bottom + seen.top) / 2) * view.scale;

/** Take the colours of the style sheet, which follow the reader's light or dark setting. */
function readColours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ink", "quiet", "ground", "grid", "wall", "ally", "enemy", "heal", "explored", "health", "low", "shield", "empty", "dead", "card"];
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
  replay.walkable.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      if (row[x] !== ".") continue;
      brush.fillStyle = colours.ground;
      brush.fillRect(across(x) - 0.3, down(y + 1) - 0.3, view.scale + 0.6, view.scale + 0.6); // no seams
    }
  });
  brush.lineWidth = 1;
  replay.walkable.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      if (row[x] === "." && view.scale > 8) brush.strokeRect(across(x), down(y + 1), view.scale, view.scale);
    }
  });
  return sheet;
}

function drawGround() {
  pen.save();
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.drawImage(view.ground, 0, 0);
  pen.restore();
}
