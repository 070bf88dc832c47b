// Team reward: a bar for each step, a line for the sum so far, both from 0, each on its own scale.

const chart = byId("chart");
const HIGH = 100; // of the drawing, stretched to the page
let cursor = null;

function shape(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Draw the chart once; seek(time) is called when it is clicked. */
function buildChart(seek) {
  const top = Math.max(...replay.team_reward, 0), bottom = Math.min(...replay.team_reward, 0);
  const most = Math.max(...sums, 0), least = Math.min(...sums, 0);
  // One zero line for both scales: as much room below it as the one that goes deeper needs.
  const below = Math.max(top > bottom ? -bottom / (top - bottom) : 0, most > least ? -least / (most - least) : 0);
  const zero = HIGH * (1 - below) * 0.96 + 2;
  const room = (high, low) => Math.min(high > 0 ? (zero - 2) / high : Infinity, low < 0 ? (HIGH - 2 - zero) / -low : Infinity);
  const barScale = room(top, bottom), sumScale = room(most, least);
  chart.setAttribute("viewBox", `0 0 ${steps} ${HIGH}`);
  replay.team_reward.forEach((reward, step) => {
    if (reward === 0) return;
    const height = Math.abs(reward) * barScale;
    chart.append(shape("rect", { class: reward < 0 ? "bar negative" : "bar", x: step + 0.1, width: 0.8, y: reward > 0 ? zero - height : zero, height }));
  });
  chart.append(shape("line", { class: "zero", x1: 0, x2: steps, y1: zero, y2: zero }));
  const points = sums.map((sum, moment) => `${moment},${zero - (Number.isFinite(sumScale) ? sum * sumScale : 0)}`);
  chart.append(shape("polyline", { class: "sum", points: points.join(" ") }));
  cursor = shape("line", { class: "cursor", y1: 0, y2: HIGH });
  chart.append(cursor);
  byId("reward-top").textContent = figure(top > 0 ? top : bottom);
  byId("reward-swatch").classList.toggle("negative", top <= 0 && bottom < 0);
  byId("reward-side").textContent = top > 0 || bottom === 0 ? "up" : "down";
  byId("reward-sum").textContent = figure(sums[steps]);
  chart.addEventListener("click", (event) => {
    const box = chart.getBoundingClientRect();
    seek(Math.round(((event.clientX - box.left) / box.width) * steps));
  });
}

/** Move the cursor. */
function showReward(time) {
  cursor.setAttribute("x1", time);
  cursor.setAttribute("x2", time);
  byId("reward-now").textContent = `${figure(sums[Math.floor(time)])} after step ${Math.floor(time)}`;
}
