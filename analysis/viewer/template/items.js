// What only worlds that are not battles have: landmarks, foods, shelves and goals, agents' groups, ways and headings.

const GROUP_NAMES = Array.from({ length: 10 }, (_, group) => `group-${group}`);
const [GONE, WANTED] = [0, 2]; // states of an item; 1: it is there
const TRAIL = 8; // environment steps of a particle's way that are drawn
const HEADINGS = [[0, -1], [0, 1], [-1, 0], [1, 0]]; // north, south, west, east, in pixels

/** Every item with its x, y and state at every moment: the file has only the changes. */
const items = (scenery?.items ?? []).map((item) => ({ ...item, x: [], y: [], state: [] }));
if (scenery !== null) {
  let next = 0;
  for (let moment = 0; moment <= steps; moment++) {
    for (const item of items) for (const column of [item.x, item.y, item.state]) if (moment > 0) column.push(column[moment - 1]);
    for (; next < scenery.item_changes.length && scenery.item_changes[next][0] === moment; next++) {
      const [, number, x, y, state] = scenery.item_changes[next];
      [items[number].x[moment], items[number].y[moment], items[number].state[moment]] = [x, y, state];
    }
  }
}

/** Each agent's own reward so far, at every moment. */
const ownSums = units.slice(0, agentCount).map((_, agent) => sumsOf(replay.individual_rewards.map((rewards) => rewards[agent])));

const groupName = (group) => GROUP_NAMES[group % GROUP_NAMES.length];
const groupColour = (group) => colours[groupName(group)];

/** The colour of a unit: its side's or its group's. */
const colourOf = (unit) => scenery === null ? colours[units[unit].side] : groupColour(scenery.groups[unit]);

/** The text on a unit. */
const textOn = (unit) => scenery === null ? replay.marks[units[unit].type] : scenery.labels[unit] || String(units[unit].index);

/** Whether an agent carries something when a step begins. */
const carries = (agent, moment) => scenery !== null && scenery.load[moment][agent] >= 0;

/** How many items of a type are there at a moment. */
const present = (type, moment) => items.filter((item) => item.type === type && item.state[moment] !== GONE).length;

/** Draw all items at a time, and the ways of particles. */
function drawItems(time) {
  const { step, part } = stepAt(time);
  items.forEach((item, number) => {
    if (item.state[step] === GONE) return;
    const [x, y] = ["x", "y"].map((column) => item[column][step] + (item[column][step + 1] - item[column][step]) * part);
    pen.save();
    if (item.state[step + 1] === GONE) pen.globalAlpha = 1 - 0.85 * part;
    ITEM_FORMS[item.type]({ item, x: across(x), y: down(y), wanted: item.state[step] === WANTED, carried: scenery.load[step].includes(number) });
    pen.restore();
  });
  if (scenery !== null && scenery.kind === "particles") for (let agent = 0; agent < agentCount; agent++) drawTrail(agent, time);
}

const ITEM_FORMS = {
  landmark({ item, x, y }) {
    const arm = 0.22 * view.scale;
    pen.strokeStyle = item.group < 0 ? colours.ink : groupColour(item.group);
    pen.lineWidth = Math.max(3, 0.05 * view.scale);
    line(pen, x - arm, y - arm, x + arm, y + arm);
    line(pen, x - arm, y + arm, x + arm, y - arm);
  },
  food({ item, x, y }) {
    const half = 0.42 * view.scale;
    pen.fillStyle = colours.food;
    pen.beginPath();
    for (const [dx, dy] of [[0, -1], [1, 0], [0, 1], [-1, 0]]) pen.lineTo(x + half * dx, y + half * dy);
    pen.fill();
    inscribe(item.label, x, y, 0.34 * view.scale, colours.card);
  },
  prey(drawn) {
    ITEM_FORMS.food(drawn);
  },
  shelf({ item, x, y, wanted, carried }) {
    const half = 0.42 * view.scale, grouped = item.group >= 0;
    pen.fillStyle = grouped ? groupColour(item.group) : wanted ? colours.requested : colours.shelf;
    pen.save();
    if (grouped && !wanted) pen.globalAlpha *= 0.3;
    pen.fillRect(x - half, y - half, 2 * half, 2 * half);
    pen.restore();
    pen.strokeStyle = carried || wanted ? colours.ink : colours.quiet;
    pen.lineWidth = carried ? 3 : wanted ? 2 : 0.5;
    pen.strokeRect(x - half, y - half, 2 * half, 2 * half);
  },
  home({ x, y }) {
    const half = 0.46 * view.scale;
    pen.fillStyle = colours.empty;
    pen.fillRect(x - half, y - half, 2 * half, 2 * half);
  },
  goal({ x, y }) {
    const half = 0.48 * view.scale;
    pen.fillStyle = colours.goal;
    pen.fillRect(x - half, y - half, 2 * half, 2 * half);
    inscribe("G", x, y, 0.5 * view.scale, colours.ink);
  },
};

function inscribe(text, x, y, size, colour) {
  pen.fillStyle = colour;
  pen.font = `600 ${Math.max(8, Math.min(size, 28))}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(text, x, y + 0.5);
}

/** Draw the last steps of a particle's way, the older the paler. */
function drawTrail(agent, time) {
  const { step } = stepAt(time), first = Math.max(0, step - TRAIL);
  let from = [across(replay.x[first][agent]), down(replay.y[first][agent])];
  pen.save();
  pen.strokeStyle = colourOf(agent);
  pen.lineWidth = 2;
  for (let moment = first + 1; moment <= step + 1; moment++) {
    const to = moment <= step ? [across(replay.x[moment][agent]), down(replay.y[moment][agent])] : place(agent, time);
    pen.globalAlpha = 0.15 + (0.5 * (moment - first)) / (TRAIL + 1);
    line(pen, ...from, ...to);
    from = to;
  }
  pen.restore();
}

/** Draw the tip that shows where an agent faces. */
function drawHeading(agent, x, y, radius, time) {
  const { step, part } = stepAt(time);
  const heading = scenery.heading[part < 0.5 ? step : step + 1][agent];
  if (heading < 0) return;
  const [dx, dy] = HEADINGS[heading];
  pen.fillStyle = colourOf(agent);
  pen.strokeStyle = colours.ground;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(x + radius * (0.75 * dx + 0.66 * dy), y + radius * (0.75 * dy + 0.66 * dx));
  pen.lineTo(x + 1.6 * radius * dx, y + 1.6 * radius * dy);
  pen.lineTo(x + radius * (0.75 * dx - 0.66 * dy), y + radius * (0.75 * dy - 0.66 * dx));
  pen.fill();
  pen.stroke();
}
