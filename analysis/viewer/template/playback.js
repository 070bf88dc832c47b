// Time: play, pause, scrub, step, speed; mouse and keyboard.

const STEPS_PER_SECOND = 2; // at speed 1: in a battle an environment step is half a second of game time
const PLAY = "M4 2.5v11L13 8z", PAUSE = "M3.5 3h3v10h-3zM9.5 3h3v10h-3z";
const state = { time: 0, playing: false, picked: -1, shown: null };
let lastFrame = 0;

function show() {
  if (view.ground === null) return; // the page has no width yet; it is shown when it gets one
  drawEpisode(state.time, state.picked);
  showReward(state.time);
  const scrub = byId("scrub"), whole = Math.floor(state.time);
  scrub.value = String(state.time);
  scrub.setAttribute("aria-valuetext", `step ${whole} of ${steps}`);
  byId("clock").textContent = `${whole} / ${steps}`;
  const key = `${whole} ${state.picked}`; // the lists change from step to step only
  if (key === state.shown) return;
  state.shown = key;
  showAgents(state.time, state.picked);
  showPicked(state.time, state.picked);
}

function seek(time) {
  state.time = Math.max(0, Math.min(steps, time));
  show();
}

function pick(agent) {
  state.picked = agent;
  show();
  agentButtons[agent].button.scrollIntoView({ block: "nearest" });
}

function play(playing) {
  if (playing && state.time >= steps) state.time = 0;
  state.playing = playing;
  byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  byId("play-icon").setAttribute("d", playing ? PAUSE : PLAY);
  if (!playing) return;
  lastFrame = performance.now();
  requestAnimationFrame(tick);
}

function tick(now) {
  if (!state.playing) return;
  const passed = Math.max(0, now - lastFrame) / 1000; // the first frame may carry an earlier time than its request
  lastFrame = now;
  seek(state.time + passed * STEPS_PER_SECOND * Number(byId("speed").value));
  if (state.time >= steps) play(false);
  else requestAnimationFrame(tick);
}

function stepBy(count) {
  play(false);
  seek(count > 0 ? Math.floor(state.time) + count : Math.ceil(state.time) + count);
}

/** What is said of a unit under the mouse. */
function titleOf(unit) {
  const name = `${units[unit].side === "ally" ? "agent" : "enemy"} ${units[unit].index}, ${words(units[unit].type)}`;
  if (scenery !== null) return carries(unit, stepAt(state.time).step) ? `${name}, loaded` : name;
  return `${name}: ${figure(valueAt("health", unit, state.time), 0)} of ${figure(units[unit].health_max, 0)} health`;
}

function changeSpeed(by) {
  const select = byId("speed");
  select.selectedIndex = Math.max(0, Math.min(select.options.length - 1, select.selectedIndex + by));
}

const KEYS = {
  " ": () => play(!state.playing),
  ArrowLeft: () => stepBy(-1),
  ArrowRight: () => stepBy(1),
  ArrowUp: () => changeSpeed(1),
  ArrowDown: () => changeSpeed(-1),
  Home: () => { play(false); seek(0); },
  End: () => { play(false); seek(steps); },
};

function onKey(event) {
  const at = event.target.tagName;
  if (at === "SELECT" || (at === "BUTTON" && event.key === " ") || event.ctrlKey || event.altKey || event.metaKey) return;
  if (!(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
}

byId("scrub").max = String(steps);
byId("scrub").addEventListener("input", (event) => { play(false); seek(Number(event.target.value)); });
byId("play").addEventListener("click", () => play(!state.playing));
byId("back").addEventListener("click", () => stepBy(-1));
byId("forward").addEventListener("click", () => stepBy(1));
canvas.addEventListener("click", (event) => {
  const box = canvas.getBoundingClientRect(), found = unitAt(event.clientX - box.left, event.clientY - box.top, state.time);
  if (found >= 0 && found < agentCount) pick(found);
});
canvas.addEventListener("mousemove", (event) => {
  const box = canvas.getBoundingClientRect(), found = unitAt(event.clientX - box.left, event.clientY - box.top, state.time);
  canvas.style.cursor = found >= 0 && found < agentCount ? "pointer" : "default";
  canvas.title = found < 0 ? "" : titleOf(found);
});
document.addEventListener("keydown", onKey);

function refresh() {
  if (byId("field").clientWidth === 0) return;
  readColours();
  layOut();
  show();
}

new ResizeObserver(() => { if (byId("field").clientWidth !== view.width) refresh(); }).observe(byId("field"));
window.addEventListener("resize", refresh);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
buildAgents(pick);
buildChart(seek);
buildLegend();
refresh();
