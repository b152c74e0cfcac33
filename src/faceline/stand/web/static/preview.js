// A content of the draft as the display would show it; its files come from the editor's side.
"use strict";

const stage = document.getElementById("stage");
const screen_ = JSON.parse(stage.dataset.screen.replaceAll('"/media/', '"/operator/contents/media/'));

async function preview() {
  const built = build(screen_);
  stage.replaceChildren(built.section);
  await Promise.all([built.ready, document.fonts.ready]);
  fit(built.section);
  built.section.style.transition = "none";
  built.section.classList.add("shown");
  if (built.film) { built.film.muted = true; play(built.film); }
}

window.addEventListener("resize", preview);
preview();
