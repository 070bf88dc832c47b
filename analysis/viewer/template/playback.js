// Time: play, pause, scrub, step, speed; mouse and keyboard.

const STEPS_PER_SECOND = 2; // at speed 1: an environment step is half a second of game time
const PLAY = "M4 2.5v11L13 8z", PAUSE = "M3.5 3h3v10h-3zM9.5 3h3v10h-3z";
const state = { time: 0, playing: false, picked: -1, shown: null };
let lastFrame = 0;

function show() {
  if (view.ground === null) return; // the page has no width yet; it is shown when it gets one
  drawBattle(state.time, state.picked);
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

function buildLegend() {
  const entry = (mark, text) => { const item = element("li"); item.append(mark, text); byId("legend").append(item); };
  const sign = (className, colour) => { const made = element("i", className); made.style.color = `var(--${colour})`; if (className === "disc") made.style.background = `var(--${colour})`; return made; };
  entry(sign("disc", "ally"), "agents");
  entry(sign("disc", "enemy"), "enemies");
  for (const type of new Set(units.map((unit) => unit.type))) entry(element("b", "", replay.marks[type]), words(type));
  entry(sign("", "ally"), "attack");
  if (replay.target.some((row) => row.some((target, i) => target >= 0 && units[target].side === units[i].side))) entry(sign("dashed", "heal"), "heal");
  entry(sign("ring", "explored"), "explored");
  entry(element("b", "", "\u2715"), "fallen");
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
  canvas.title = found < 0 ? "" : `${units[found].side === "ally" ? "agent" : "enemy"} ${units[found].index}, ${words(units[found].type)}: ` +
    `${figure(valueAt("health", found, state.time), 0)} of ${figure(units[found].health_max, 0)} health`;
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
