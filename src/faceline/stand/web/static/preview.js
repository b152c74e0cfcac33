// A content as the display would show it; its files come from the editor's side. The page around it sends what is typed.
"use strict";

const stage = document.getElementById("stage");
let shown = null;

async function preview() {
  if (!shown) return;
  const built = build(shown);
  stage.replaceChildren(built.section);
  await Promise.all([built.ready, document.fonts.ready]);
  fit(built.section);
  built.section.style.transition = "none";
  built.section.classList.add("shown");
  if (built.film) { built.film.muted = true; play(built.film); }
}

function take(text) {
  if (text === stage.dataset.taken) return;
  stage.dataset.taken = text;
  shown = JSON.parse(text.replaceAll('"/media/', '"/operator/contents/media/'));
  preview();
}

window.addEventListener("resize", preview);
window.addEventListener("message", (event) => { if (event.origin === location.origin && event.data?.campaign) take(JSON.stringify(event.data)); });
take(stage.dataset.screen);
