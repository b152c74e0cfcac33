// The display: shows what the stand says, at once; goes on with the standard loop when the stand is out of reach.
"use strict";

const TONES = 6;
const SILENCE = 25000; // ms without a word, after which a connection is taken for lost
const part = (id) => document.getElementById(id);
const state = { loop: read("loop") || [], place: 0, shown: "", timer: 0, wait: 500, silence: 0, socket: null };

function read(name) {
  try { return JSON.parse(localStorage.getItem(name)); } catch { return null; }
}

function toneOf(campaign) {
  let sum = 0;
  for (const letter of campaign) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return sum % TONES;
}

function fill(id, text) {
  part(id).textContent = text || "";
  part(id).hidden = !text;
}

function medium(screen) {
  const place = part("medium");
  place.replaceChildren();
  place.hidden = !screen.media;
  part("stage").classList.toggle("with-medium", Boolean(screen.media));
  if (!screen.media) return;
  const element = document.createElement(screen.film ? "video" : "img");
  if (screen.film) Object.assign(element, { muted: true, loop: true, autoplay: true, playsInline: true });
  else element.alt = "";
  element.addEventListener("error", () => { place.hidden = true; part("stage").classList.remove("with-medium"); });
  element.src = screen.media;
  place.append(element);
}

function put(screen) {
  document.body.className = `tone-${toneOf(screen.campaign)}`;
  fill("greeting", screen.greeting ? `Hello, ${screen.greeting}` : screen.welcome ? "Good to see you again" : "");
  fill("title", screen.title);
  part("title").className = screen.title.length > 22 ? "long" : "";
  fill("text", screen.text);
  fill("offer", screen.offer);
  part("by").textContent = screen.by;
  medium(screen);
  const bar = part("progress");
  bar.className = "";
  void bar.offsetWidth; // begin the animation anew
  bar.style.animationDuration = `${screen.seconds}s`;
  bar.className = "running";
}

function show(screen, key) {
  if (state.shown === key) return;
  state.shown = key;
  document.documentElement.dataset.content = screen.content;
  const article = part("content");
  article.classList.add("leaving");
  setTimeout(() => { put(screen); article.classList.remove("leaving"); }, 120);
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
    learn();
  }
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
    for (const each of state.loop) if (each.media) fetch(each.media).catch(() => {}); // into the worker's store
  } catch { /* the stand is away: the loop of the last time stays */ }
}

document.addEventListener("click", () => document.documentElement.requestFullscreen?.().catch(() => {}));
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/worker.js").catch(() => {});
connect();
