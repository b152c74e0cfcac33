// The messages of the page in its language, and numbers as that language writes them.
"use strict";

const words = JSON.parse(document.getElementById("words").content);

function _(message, values = {}) {
  const told = words.messages[message] || message;
  return told.replace(/%\((\w+)\)s/g, (all, name) => (name in values ? String(values[name]) : all));
}

function number(value, places = 0) {
  const digits = { minimumFractionDigits: places, maximumFractionDigits: places };
  return value.toLocaleString(`${words.language}-u-nu-latn`, digits);
}

function signOf(value) {
  // a mark keeps the sign before the number where text runs from right to left
  return (document.dir === "rtl" ? "\u200e" : "") + (value >= 0 ? "+" : "−");
}

function share(value) { return `${number(100 * value)}\u00a0%`; }
