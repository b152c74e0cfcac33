// What is typed into a form outlives a session that ends: after the next login it stands there again.
"use strict";

const KEPT = "typed "; // before the path of a form; kept by this tab alone, until it is saved or somebody logs out
const here = KEPT + location.pathname;
const typed = document.querySelector("form[data-kept]");

function forget() {
  for (const name of Object.keys(sessionStorage)) if (name.startsWith(KEPT)) sessionStorage.removeItem(name);
}

function keep() {
  const fields = [...new FormData(typed)].filter(([name]) => name !== "csrf");
  sessionStorage.setItem(here, JSON.stringify({ session: typed.elements.csrf.value, fields }));
}

function restore(fields) {
  const wanted = (name) => fields.filter(([other]) => other === name).map(([, value]) => value);
  for (const field of typed.elements) {
    if (!field.name || field.name === "csrf" || field.name === "face") continue; // others may stand there now
    if (["checkbox", "radio"].includes(field.type)) field.checked = wanted(field.name).includes(field.value);
    else if (wanted(field.name).length) field.value = wanted(field.name)[0];
  }
  const told = _("What you typed before you were logged out stands here again. It is not saved yet.");
  document.querySelector("main h1").after(Object.assign(document.createElement("p"), { className: "told", role: "status", textContent: told }));
}

if (document.querySelector("main > .told")) forget(); // what was typed is saved
if (typed) {
  const kept = JSON.parse(sessionStorage.getItem(here));
  if (kept && kept.session !== typed.elements.csrf.value && !document.querySelector(".wrong, .fault")) restore(kept.fields);
  sessionStorage.removeItem(here);
  typed.addEventListener("input", keep);
  typed.addEventListener("submit", keep);
}
document.querySelector('form[action="/logout"]')?.addEventListener("submit", forget);
