// Beside the field: the agents, and what the picked one thought its actions were worth.

const agentButtons = [];

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Build the list of agents; pick(agent) is called when one is clicked. */
function buildAgents(pick) {
  for (let agent = 0; agent < agentCount; agent++) {
    const button = element("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    const parts = { number: element("span", "number", String(agent)), doing: element("span", "doing"), left: element("span", "left") };
    button.append(parts.number, parts.doing, parts.left);
    button.addEventListener("click", () => pick(agent));
    const item = element("li");
    item.append(button);
    byId("agents").append(item);
    if (scenery !== null) parts.number.style.color = `var(--${groupName(scenery.groups[agent])})`;
    agentButtons.push({ button, ...parts });
  }
}

/** Show what every agent does at a time. */
function showAgents(time, picked) {
  const { step } = stepAt(time), over = time >= steps, moment = over ? steps : step;
  agentButtons.forEach(({ button, doing, left }, agent) => {
    const choice = choiceOf(agent, step), alive = standsAt(agent, moment), unit = units[agent];
    button.setAttribute("aria-pressed", String(agent === picked));
    button.className = alive ? "" : "dead";
    const act = alive && !over ? choice.name + (carries(agent, moment) ? ", loaded" : "") : !alive ? "dead" : scenery === null ? "stands" : "over";
    const explored = alive && !over && choice.explored;
    doing.textContent = `${words(unit.type)}: ${act}${explored ? ", explored" : ""}`;
    doing.className = explored ? "doing explored" : "doing";
    doing.title = doing.textContent;
    if (scenery !== null) {
      left.textContent = figure(ownSums[agent][moment]);
      left.title = "own reward so far";
      return;
    }
    left.textContent = figure(replay.health[moment][agent], 0) +
      (unit.shield_max > 0 ? ` + ${figure(replay.shield[moment][agent], 0)}` : "");
    left.title = unit.shield_max > 0 ? "health + shield" : "health";
  });
}

/** Show the picked agent's Q-values at a time; -1: nobody is picked. */
function showPicked(time, picked) {
  if (picked < 0) return;
  const { step } = stepAt(time), over = time >= steps, choice = choiceOf(picked, step);
  byId("picked").textContent = `Agent ${picked}, ${words(units[picked].type)}`;
  const line = byId("choice");
  line.replaceChildren();
  if (over) line.textContent = standsAt(picked, steps) ? `The ${replay.noun} is over.` : `The ${replay.noun} is over; this agent is dead.`;
  else if (!choice.alive) line.textContent = "Dead: nothing but no-op is left to it.";
  else {
    line.append(`Step ${step}: ${choice.name}, `);
    line.append(element("span", choice.explored ? "explored" : "greedy", choice.explored ? "explored" : "greedy"));
    if (scenery !== null) line.append(`; earns ${figure(replay.individual_rewards[step][picked])}`);
  }
  const list = byId("q-values"), rows = over ? [] : qRows(picked, step);
  list.replaceChildren(...rows);
  const chosen = rows[choice.action]; // a long list shows the chosen action
  if (chosen) list.scrollTop = Math.max(0, chosen.offsetTop - list.offsetTop - list.clientHeight + 2 * chosen.offsetHeight);
  byId("scale").hidden = over;
}

function qRows(agent, step) {
  const values = replay.q_values[step][agent], known = values.filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return values.map((value, action) => {
    const chosen = action === replay.actions[step][agent];
    const row = element("li", value === null ? "unavailable" : chosen ? "chosen" : "");
    const track = element("span", "track"), name = replay.action_names[agent][action];
    const label = element("span", "name", name);
    label.title = name;
    if (value !== null) {
      const filled = element("div", "bar");
      filled.style.width = `${high > low ? 4 + (96 * (value - low)) / (high - low) : 100}%`;
      track.append(filled);
    }
    row.append(element("span", "mark", chosen ? "\u25b6" : ""), label, track, element("span", "value", value === null ? "\u2013" : figure(value, 3)));
    row.setAttribute("aria-label", value === null ? `${name}: not available` : `${name}: ${figure(value, 3)}${chosen ? ", chosen" : ""}`);
    return row;
  });
}
