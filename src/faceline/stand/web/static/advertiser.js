// The figures, read anew now and then; what is open or has the focus stays where nothing changed.
"use strict";

const box = document.getElementById("figures");
let known = null;
setInterval(async () => {
  try {
    const answer = await fetch(box.dataset.from);
    if (answer.redirected) location.href = "/login";
    else if (answer.ok) {
      const text = await answer.text();
      if (known !== null && text !== known) box.innerHTML = text; // made by the server, escaped by its templates
      known = text;
    }
  } catch { /* the stand is away: the figures of the last time stay */ }
}, 15000);
