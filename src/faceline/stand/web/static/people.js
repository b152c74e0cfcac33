// Who is there to choose from; while frames are taken, what the person is to do, and what was wrong with a frame.
"use strict";

const box = document.getElementById("guidance");

function choice({ number, label }, checked) {
  const line = document.getElementById("choice").content.firstElementChild.cloneNode(true);
  Object.assign(line.querySelector("input"), { value: number, checked });
  line.querySelector("strong").textContent = label;
  return line;
}

function present(faces) {
  for (const list of document.querySelectorAll(".present")) {
    const chosen = list.querySelector("input:checked")?.value || list.dataset.chosen; // also if lost for a moment
    if (chosen) list.dataset.chosen = chosen;
    const isChosen = ({ number }) => (chosen ? chosen === number : faces.length === 1); // nobody takes their place
    const lines = new Map([...list.querySelectorAll("input")].map((input) => [input.value, input.closest("label")]));
    for (const each of faces) {
      const line = lines.get(each.number) || list.appendChild(choice(each, isChosen(each)));
      line.querySelector(".place").textContent = each.place;
      lines.delete(each.number);
    }
    for (const gone of lines.values()) gone.remove();
    list.querySelector(".nobody").hidden = faces.length > 0;
  }
}

function tell({ guidance, faces }) {
  present(faces);
  box.hidden = !guidance;
  if (!guidance) return;
  const advice = guidance.advice ? ` ${guidance.advice}.` : "";
  const left = guidance.refused ? ` ${_("%(count)s left out.", { count: guidance.refused })}` : "";
  const taken = _("%(taken)s of %(wanted)s frames.", guidance);
  const text = `${guidance.asked}.${advice} ${taken}${left}`;
  if (box.textContent !== text) box.textContent = text; // told once, not ten times a second
}

function leave({ code }) {
  box.hidden = false;
  box.className = "wrong";
  if (code === 1008) { tellRefusal(box, { message: _("You are logged out. What you typed is kept."), status: 303 }); return; }
  tellRefusal(box, { message: _("No answer: the network is away, or the machine behind this page."), status: 0 });
  setTimeout(connect, 1500);
}

function connect() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/operator/live`);
  socket.onopen = back;
  socket.onmessage = (event) => tell(JSON.parse(event.data));
  socket.onclose = leave;
}

function back() {
  box.className = "told";
  delete box.dataset.refused; // it is said again the next time
}

document.addEventListener("submit", ({ target }) => { // beside the button that was pressed
  if (box && target.querySelector('[name="face"]')) target.append(box);
});
if (box) connect();
