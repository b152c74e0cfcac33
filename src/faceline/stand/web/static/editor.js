// Shows what is typed as the display will show it, before it is saved.
"use strict";

const form = document.getElementById("content");
const told = document.getElementById("preview-told");
const frames = [...document.querySelectorAll(".previews iframe")];
const PAUSE = 400; // ms without a key, after which what is typed is looked at
const state = { screen: null, timer: 0, asked: 0 };

function send(frame) {
  if (state.screen) frame.contentWindow.postMessage(state.screen, location.origin);
}

const saidAbove = document.querySelector("main > .wrong"); // what the page itself says of the last try to save

function say(given, old, status = 0) {
  const text = given === saidAbove?.textContent ? "" : given;
  tellRefusal(told, { message: text, status });
  told.className = text ? "wrong" : "";
  for (const frame of frames) frame.classList.toggle("old", old);
}

async function look() {
  const asked = ++state.asked;
  let answer;
  try {
    answer = await (await ask(`${form.action}/preview`, { method: "POST", body: new URLSearchParams(new FormData(form)) })).json();
  } catch (error) { answer = { refused: error }; }
  if (asked !== state.asked) return; // typed on meanwhile
  if (answer.screen) {
    state.screen = answer.screen;
    frames.forEach(send);
  }
  if (answer.refused) { say(answer.refused.message, true, answer.refused.status); return; }
  const label = answer.field && form.querySelector(`label[for="${CSS.escape(answer.field)}"]`);
  const why = label ? `${label.firstChild.textContent.trim()}: ${answer.why}` : answer.why;
  say(answer.changed || (why ? _("Not shown yet. %(why)s", { why }) : ""), Boolean(why));
}

form.addEventListener("input", () => { clearTimeout(state.timer); state.timer = setTimeout(look, PAUSE); });
const begun = () => form.elements.title.value || form.elements.name.value;
window.addEventListener("focus", () => { if (begun()) look(); }); // somebody else may have changed it meanwhile
for (const frame of frames) frame.addEventListener("load", () => send(frame));
if (begun()) look();
