// The episode as it was recorded, and the questions the rest of the page asks of it.
// Time is in environment steps: 3.5 is half way between moments 3 and 4. Step s leads from moment s to moment s + 1.

const replay = JSON.parse(document.getElementById("replay").textContent);
const steps = replay.team_reward.length;
const units = replay.units;
const agentCount = units.filter((unit) => unit.side === "ally").length;
const scenery = replay.scenery ?? null; // of worlds that are not battles
const byId = (id) => document.getElementById(id);

/** The sums so far of a list of rewards, from 0. */
function sumsOf(rewards) {
  const sums = [0];
  for (const reward of rewards) sums.push(sums[sums.length - 1] + reward);
  return sums;
}

const sums = sumsOf(replay.team_reward);

/** The step a time lies in, and how far: the end of the battle belongs to its last step. */
function stepAt(time) {
  const step = Math.min(Math.floor(time), steps - 1);
  return { step, part: time - step };
}

/** One of the columns x, y, health, shield, energy_or_cooldown of a unit, between two moments. */
function valueAt(column, unit, time) {
  const { step, part } = stepAt(time);
  const [from, to] = [replay[column][step][unit], replay[column][step + 1][unit]];
  return from + (to - from) * part;
}

/** Whether a unit still stands at the moment a step begins. */
const standsAt = (unit, moment) => scenery !== null || replay.health[moment][unit] > 0;

/** Everybody who attacks or heals in a step: {unit, target, heals}. */
function deedsOf(step) {
  const deeds = [];
  if (scenery !== null) return deeds;
  for (let unit = 0; unit < units.length; unit++) {
    const target = replay.target[step + 1][unit];
    if (target < 0 || target === unit || !standsAt(unit, step)) continue;
    deeds.push({ unit, target, heals: units[unit].side === units[target].side });
  }
  return deeds;
}

/** What an agent chose in a step: {action, name, explored, alive}. */
function choiceOf(agent, step) {
  const action = replay.actions[step][agent];
  return { action, name: replay.action_names[agent][action], explored: replay.explored[step][agent] === 1, alive: standsAt(agent, step) };
}

/** How many of a side still stand at a moment. */
const standing = (side, moment) => units.filter((unit, i) => unit.side === side && standsAt(i, moment)).length;

/** A type as words: "spine crawler". */
const words = (type) => type.replaceAll("_", " ");

/** A number with a few digits, and a true minus sign. */
function figure(value, digits = 2) {
  const text = Math.abs(value).toFixed(digits);
  return (value < 0 && Number(text) !== 0 ? "\u2212" : "") + text;
}
