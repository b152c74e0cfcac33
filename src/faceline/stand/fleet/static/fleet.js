// The table of all stands: looked at again every few seconds, and narrowed by what is typed.
"use strict";

const box = document.getElementById("rows");
const wanted = ["find", "group", "state"].map((id) => document.getElementById(id));

function narrow() {
  const [find, group, state] = wanted.map((field) => field.value.toLowerCase());
  for (const row of box.querySelectorAll("tbody tr")) {
    const { dataset } = row;
    row.hidden = !(row.textContent.toLowerCase().includes(find) && (!group || dataset.group === group) && (!state || dataset.state === state));
  }
}

async function again() {
  try {
    const answer = await ask("/operator/rows");
    const table = box.querySelector(".scroll");
    const [left, focused] = [table?.scrollLeft || 0, document.activeElement?.getAttribute("href")];
    box.innerHTML = await answer.text();
    const now = box.querySelector(".scroll");
    if (now) now.scrollLeft = left;
    if (focused) box.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
    narrow();
    box.classList.remove("old");
  } catch (error) {
    if (error.status === 303) { location.href = "/login"; return; }
    const told = error.status ? `${error.message} ${box.dataset.old}` : box.dataset.away;
    if (!box.classList.contains("old")) box.prepend(Object.assign(document.createElement("p"), { className: "wrong", role: "alert" }));
    tellRefusal(box.firstElementChild, { message: told });
    box.classList.add("old");
  }
}

for (const field of wanted) field.addEventListener("input", narrow);
narrow();
setInterval(again, 1000 * Number(box.dataset.every));
