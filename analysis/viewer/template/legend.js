// The legend: what the shapes and colours of this kind of episode mean.

function entry(mark, text) {
  const item = element("li");
  item.append(mark, text);
  byId("legend").append(item);
}

/** A small sign in a colour of the style sheet. */
function sign(className, colour) {
  const made = element("i", className);
  made.style.color = `var(--${colour})`;
  if (FILLED.includes(className)) made.style.background = `var(--${colour})`;
  return made;
}

const FILLED = ["disc", "square", "pale square", "framed square", "diamond"];

function buildLegend() {
  if (scenery === null) buildBattleLegend();
  else buildSceneLegend();
}

function buildBattleLegend() {
  entry(sign("disc", "ally"), "agents");
  entry(sign("disc", "enemy"), "enemies");
  for (const type of new Set(units.map((unit) => unit.type))) entry(element("b", "", replay.marks[type]), words(type));
  entry(sign("", "ally"), "attack");
  if (replay.target.some((row) => row.some((target, i) => target >= 0 && units[target].side === units[i].side))) entry(sign("dashed", "heal"), "heal");
  entry(sign("ring", "explored"), "explored");
  entry(element("b", "", "\u2715"), "fallen");
}

function buildSceneLegend() {
  const grouped = new Set(scenery.groups).size > 1, types = new Set(items.map((item) => item.type));
  const kinds = new Map(scenery.groups.map((group, agent) => [group, words(units[agent].type)]));
  const labelled = scenery.labels.some((label) => label !== "");
  if (grouped) for (const [group, kind] of kinds) entry(sign("disc", groupName(group)), `agents of ${kind}`);
  else entry(sign("disc", groupName(0)), labelled ? "agent, with its level; below, its number" : `${kinds.values().next().value}, with its number`);
  if (scenery.heading[0].some((heading) => heading >= 0)) entry(element("b", "", "\u25b2"), "the tip shows where it faces");
  if (types.has("landmark")) entry(element("b", "", "\u2715"), "landmark, in the colour of its group");
  if (scenery.kind === "particles") entry(sign("", groupName(0)), `way of the last ${TRAIL} steps`);
  if (types.has("food")) entry(sign("diamond", "food"), "food, with its level");
  if (types.has("prey")) entry(sign("diamond", "food"), "prey");
  if (types.has("shelf")) buildShelfLegend(items.some((item) => item.group >= 0));
  if (types.has("goal")) entry(element("b", "", "G"), "goal, to which requested shelves are brought");
  entry(sign("ring", "explored"), "explored");
}

function buildShelfLegend(grouped) {
  entry(sign(grouped ? "pale square" : "square", grouped ? groupName(0) : "shelf"), grouped ? "shelf, in its colour" : "shelf");
  entry(sign("square", grouped ? groupName(0) : "requested"), grouped ? "requested shelf, for agents of that colour" : "requested shelf");
  entry(sign("framed square", grouped ? groupName(0) : "shelf"), "carried by the one on it");
  entry(sign("square", "empty"), "place of a shelf");
}
