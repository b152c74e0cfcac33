// The display: shows what the stand says, at once; goes on with the standard loop when the stand is out of reach.
"use strict";

const SILENCE = 25000; // ms without a word, after which a connection is taken for lost
const FADE = 600; // ms, as in display.css
const part = (id) => document.getElementById(id);
const state = { loop: read("loop") || [], place: 0, shown: "", screen: null, built: null, timer: 0, wait: 500, silence: 0, socket: null, catalogue: null };

function read(name) {
  try { return JSON.parse(localStorage.getItem(name)); } catch { return null; }
}

async function put(screen) {
  // a new screen over the old one, once its medium can be seen
  const built = build(screen), first = !state.built;
  state.screen = screen;
  state.built = built;
  part("stage").append(built.section);
  await Promise.all([built.ready, document.fonts.ready]);
  if (state.built !== built) { built.section.remove(); return; } // another one has come meanwhile
  fit(built.section);
  if (first) built.section.style.transition = "none"; // over the page's own words, which are the same
  document.documentElement.dataset.content = screen.content;
  built.section.classList.add("shown");
  if (built.film) play(built.film);
  for (const other of part("stage").querySelectorAll(".screen")) if (other !== built.section) first ? other.remove() : leave(other);
}

function leave(section) {
  for (const film of section.querySelectorAll("video")) film.muted = true;
  section.setAttribute("aria-hidden", "true");
  section.classList.add("leaving");
  setTimeout(() => section.remove(), FADE + 100);
}

function show(screen, key) {
  if (state.shown === key) return;
  state.shown = key;
  put(screen);
}

function alone() {
  // the next content of the standard loop, until the stand is back
  clearTimeout(state.timer);
  if (!state.loop.length) return;
  const screen = state.loop[state.place++ % state.loop.length];
  show(screen, `alone ${state.place}`);
  state.timer = setTimeout(alone, 1000 * screen.seconds);
}

function lost() {
  clearTimeout(state.silence);
  if (state.socket) { state.socket.onclose = state.socket.onmessage = null; state.socket.close(); state.socket = null; }
  if (document.documentElement.dataset.line !== "lost") {
    document.documentElement.dataset.line = "lost";
    part("line").textContent = "·";
    clearTimeout(state.timer);
    state.timer = setTimeout(alone, 4000); // what is shown stays for a moment
  }
  setTimeout(connect, state.wait * (0.75 + Math.random() / 2));
  state.wait = Math.min(2 * state.wait, 10000);
}

function heard(event) {
  clearTimeout(state.silence);
  state.silence = setTimeout(lost, SILENCE);
  let told;
  try { told = JSON.parse(event.data); } catch { return; }
  if (document.documentElement.dataset.line !== "live") {
    document.documentElement.dataset.line = "live";
    part("line").textContent = "";
    clearTimeout(state.timer);
    state.wait = 500;
    state.catalogue = null;
  }
  if (told.catalogue !== state.catalogue) { state.catalogue = told.catalogue; learn(); }
  if (told.screen) {
    show(told.screen, told.screen.impression);
    state.socket.send(JSON.stringify({ shown: told.screen.impression }));
  }
}

function connect() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/display/live`);
  state.socket = socket;
  socket.onmessage = heard;
  socket.onclose = lost;
  state.silence = setTimeout(lost, SILENCE);
}

async function learn() {
  try {
    const answer = await fetch("/display/loop");
    if (!answer.ok) return;
    state.loop = (await answer.json()).contents;
    localStorage.setItem("loop", JSON.stringify(state.loop));
    keep(state.loop.flatMap((each) => [each.media?.landscape?.file, each.media?.portrait?.file, each.logo]).filter(Boolean));
  } catch { /* the stand is away: the loop of the last time stays */ }
}

async function keep(files) {
  // the media of the loop into the worker's store, and those of earlier loops out of it
  for (const file of files) fetch(file).catch(() => {});
  const wanted = new Set(files.map((file) => new URL(file, location.href).href));
  for (const name of (await window.caches?.keys()) || []) {
    const store = await caches.open(name);
    for (const kept of await store.keys())
      if (new URL(kept.url).pathname.startsWith("/media/") && !wanted.has(kept.url)) store.delete(kept);
  }
}

let turned = isPortrait();
window.addEventListener("resize", () => {
  if (turned !== isPortrait() && state.screen) put(state.screen); // the medium of the other orientation
  else if (state.built) fit(state.built.section);
  turned = isPortrait();
});
document.addEventListener("click", () => document.documentElement.requestFullscreen?.().catch(() => {}));
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/worker.js").catch(() => {});
connect();
