// The figures, read anew now and then; what is open or has the focus stays where nothing changed.
"use strict";

const box = document.getElementById("figures");
const away = document.getElementById("away");
let known = null;
setInterval(async () => {
  try {
    const text = await (await ask(box.dataset.from)).text();
    if (known !== null && text !== known) box.innerHTML = text; // made by the server, escaped by its templates
    known = text;
    away.hidden = true;
  } catch (error) {
    if (error.status === 303) location.href = "/login";
    away.hidden = false; // the figures of the last time stay
    tellRefusal(away, error);
  }
}, 15000);
