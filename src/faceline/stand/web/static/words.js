// The messages of the page in its language, numbers as that language writes them, and what is answered to scripts.
"use strict";

const words = JSON.parse(document.getElementById("words").content);

function _(message, values = {}) {
  const told = words.messages[message] || message;
  return told.replace(/%\((\w+)\)s/g, (all, name) => (name in values ? String(values[name]) : all));
}

function number(value, places = 0) {
  const digits = { minimumFractionDigits: places, maximumFractionDigits: places, signDisplay: "negative" }; // no -0.00
  return value.toLocaleString(`${words.language}-u-nu-latn`, digits);
}

function signOf(value) {
  // a mark keeps the sign before the number where text runs from right to left
  return (document.dir === "rtl" ? "\u200e" : "") + (value >= 0 ? "+" : "−");
}

function share(value) { return `${number(100 * value)}\u00a0%`; }

async function ask(address, options = {}) {
  // a good answer, or an error that says in words what was refused; its status is 0 where nobody answers
  const refused = (told, status) => Object.assign(new Error(told), { status });
  let answer;
  try {
    answer = await fetch(address, { redirect: "manual", ...options, headers: { accept: "application/json", ...options.headers } });
  } catch { throw refused(_("No answer: the network is away, or the machine behind this page."), 0); }
  if (answer.type === "opaqueredirect") throw refused(_("You are logged out. What you typed is kept."), 303);
  if (answer.ok) return answer;
  const { detail } = await answer.json().catch(() => ({}));
  throw refused(typeof detail === "string" ? detail : _("Refused without a reason (HTTP %(status)s).", { status: answer.status }), answer.status);
}

function tellRefusal(place, { message, status }) {
  // in a place of the page, with the way back in for whoever is logged out
  if (place.dataset.refused === message) return; // a screen reader says it once
  place.dataset.refused = message;
  place.textContent = message;
  const back = `/login?back=${location.pathname}`;
  if (status === 303) place.append(" ", Object.assign(document.createElement("a"), { href: back, textContent: _("Log in") }));
}
