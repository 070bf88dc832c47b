// The units: discs to scale with mark and number; in battles bars, what they do to each other, and where they died.

const CROWDED = units.length > 24;

/** Draw the episode at a time; picked: an agent or -1. */
function drawEpisode(time, picked) {
  drawGround();
  drawItems(time);
  const { step } = stepAt(time);
  units.forEach((unit, i) => { if (!standsAt(i, step)) drawFallen(i, time); });
  for (const deed of deedsOf(step)) drawDeed(deed, time);
  const fighting = units.map((unit, i) => i).filter((i) => standsAt(i, step));
  for (const i of fighting) faded(i, time, () => drawDisc(i, time, i === picked));
  const aim = picked < 0 || scenery !== null ? -1 : replay.target[step + 1][picked];
  for (const i of fighting) faded(i, time, () => drawFigures(i, time, i === aim)); // above all discs, so that none is hidden
  const at = `at step ${figure(time, time % 1 ? 1 : 0)}:`, moment = Math.floor(time);
  canvas.setAttribute("aria-label", scenery === null
    ? `The battle ${at} ${standing("ally", moment)} of ${agentCount} agents and ` +
      `${standing("enemy", moment)} of ${units.length - agentCount} enemies stand.`
    : `The episode ${at} ${[[agentCount, "agent"], ...typesOfItems.map((type) => [present(type, moment), type])].map(counted).join(", ")}.`);
}

/** The types of the episode's items. */
const typesOfItems = [...new Set(items.map((item) => item.type))];
const PLURALS = { shelf: "shelves", prey: "prey" };
const counted = ([count, noun]) => `${count} ${count === 1 ? noun : PLURALS[noun] ?? `${noun}s`}`;

const place = (unit, time) => [across(valueAt("x", unit, time)), down(valueAt("y", unit, time))];
const radiusOf = (unit) => Math.max(4, units[unit].radius * view.scale);

function drawFallen(unit, time) {
  const [x, y] = place(unit, time), arm = Math.max(3, radiusOf(unit) * 0.5);
  pen.strokeStyle = colours.dead;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(x - arm, y - arm); pen.lineTo(x + arm, y + arm);
  pen.moveTo(x + arm, y - arm); pen.lineTo(x - arm, y + arm);
  pen.stroke();
}

function drawDeed({ unit, target, heals }, time) {
  const from = place(unit, time), to = place(target, time);
  pen.save();
  pen.strokeStyle = heals ? colours.heal : colours[units[unit].side];
  pen.globalAlpha = 0.75;
  pen.lineWidth = heals ? 2.5 : 1.6;
  pen.setLineDash(heals ? [5, 4] : []);
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
  pen.fillStyle = pen.strokeStyle;
  pen.beginPath();
  pen.arc(...to, 3, 0, 2 * Math.PI);
  pen.fill();
  pen.restore();
}

/** Draw a unit that dies in this step ever paler. */
function faded(i, time, draw) {
  const { step, part } = stepAt(time);
  pen.save();
  if (!standsAt(i, step + 1)) pen.globalAlpha = 1 - 0.85 * part;
  draw();
  pen.restore();
}

function drawDisc(i, time, isPicked) {
  const [x, y] = place(i, time), radius = radiusOf(i);
  if (scenery !== null) drawHeading(i, x, y, radius, time);
  pen.fillStyle = colourOf(i);
  disc(x, y, radius);
  pen.fill();
  pen.lineWidth = 1;
  pen.strokeStyle = colours.ground;
  pen.stroke();
  pen.fillStyle = colours.card;
  pen.font = `600 ${Math.max(8, Math.min(radius * 1.1, 18))}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  if (radius >= 6) pen.fillText(textOn(i), x, y + 0.5);
  if (i < agentCount && time < steps && choiceOf(i, stepAt(time).step).explored) ring(x, y, radius + 3, colours.explored, [4, 3]);
  if (isPicked) ring(x, y, radius + 6, colours.ink, []);
}

/** Draw a unit's bars and number; in a crowd, of an enemy only what matters: damage, and the picked agent's target. */
function drawFigures(i, time, isAim) {
  const [x, y] = place(i, time), radius = radiusOf(i);
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  if (scenery !== null) {
    if (scenery.labels[i]) label(String(units[i].index), x, y + radius + 9, colours.ink); // else the number is on the disc
    return;
  }
  const plain = CROWDED && i >= agentCount && !isAim;
  if (!plain || isHurt(i, time)) drawBars(i, x, y - radius - 5, Math.max(radius * 2, 14), time);
  if (plain) return;
  label(String(units[i].index), x, y + radius + 9, i < agentCount ? colours.ink : colours.enemy);
}

function disc(x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
}

function ring(x, y, radius, colour, dashes) {
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  pen.setLineDash(dashes);
  disc(x, y, radius);
  pen.stroke();
  pen.setLineDash([]);
}

function label(text, x, y, colour) {
  pen.font = "600 11px system-ui, sans-serif";
  pen.lineWidth = 3;
  pen.strokeStyle = colours.ground;
  pen.strokeText(text, x, y);
  pen.fillStyle = colour;
  pen.fillText(text, x, y);
}

const isHurt = (i, time) =>
  valueAt("health", i, time) < units[i].health_max || valueAt("shield", i, time) < units[i].shield_max;

function drawBars(i, x, y, width, time) {
  const unit = units[i], health = valueAt("health", i, time) / unit.health_max;
  bar(x, y, width, health, health < 0.35 ? colours.low : colours.health);
  if (unit.shield_max > 0) bar(x, y - 4, width, valueAt("shield", i, time) / unit.shield_max, colours.shield);
}

function bar(x, y, width, share, colour) {
  pen.fillStyle = colours.empty;
  pen.fillRect(x - width / 2, y, width, 3);
  pen.fillStyle = colour;
  pen.fillRect(x - width / 2, y, width * Math.max(0, Math.min(1, share)), 3);
}

/** The standing unit under a point of the canvas, or -1. */
function unitAt(px, py, time) {
  let [found, nearest] = [-1, Infinity];
  const { step } = stepAt(time);
  units.forEach((unit, i) => {
    const [x, y] = place(i, time), distance = Math.hypot(px - x, py - y);
    if (standsAt(i, step) && distance < radiusOf(i) + 6 && distance < nearest) [found, nearest] = [i, distance];
  });
  return found;
}
