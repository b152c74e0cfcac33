// The figures, read anew now and then.
"use strict";

const box = document.getElementById("figures");
setInterval(async () => {
  try {
    const answer = await fetch(box.dataset.from);
    if (answer.redirected) location.href = "/login";
    else if (answer.ok) box.innerHTML = await answer.text(); // made by the server, escaped by its templates
  } catch { /* the stand is away: the figures of the last time stay */ }
}, 15000);
