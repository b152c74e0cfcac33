// The operator's live view: points and boxes of faces, decisions, health.
"use strict";

const part = (id) => document.getElementById(id);
const canvas = part("view");
const pen = canvas.getContext("2d");
const LINES = [[0, 16], [17, 21], [22, 26], [27, 30], [31, 35], [36, 41, true], [42, 47, true], [48, 59, true], [60, 67, true]];
const FACTS = ["now", "reason", "probability", "arm", "people", "fps", "latency", "camera", "written", "displays", "enrolled", "dropped", "damaged"];
const columns = document.querySelectorAll(".faces th");
const QUIET = 4000; // ms without a word, ten of which come in a second
let heard = Date.now();
const picture = canvas.dataset.picture === "yes" ? new Image() : null;

function fact(id, text, bad = false) {
  part(id).textContent = text;
  part(id).classList.toggle("bad", bad);
}

function face(each, w, h) {
  const points = each.points.map(([x, y]) => [x * w, y * h]);
  const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
  const left = Math.min(...xs), top = Math.min(...ys), right = Math.max(...xs), bottom = Math.max(...ys);
  const colour = each.attending ? "#8fe0c0" : "#a9b7c2";
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = 2;
  for (const [from, to, closed] of LINES) {
    pen.beginPath();
    for (let i = from; i <= to; i++) pen.lineTo(...points[i]);
    if (closed) pen.closePath();
    pen.stroke();
  }
  const pad = 0.12 * (right - left);
  pen.globalAlpha = 0.8;
  pen.lineWidth = 1.5;
  pen.strokeRect(left - pad, top - 2 * pad, right - left + 2 * pad, bottom - top + 3 * pad);
  pen.globalAlpha = 1;
  pen.font = "600 22px system-ui, sans-serif";
  pen.fillText(each.name ? `${each.label} · ${each.name}` : each.label, left - pad, top - 2 * pad - 10);
  pen.font = "18px system-ui, sans-serif";
  pen.fillText(each.interested ? `${each.group} · ${_("interest")}` : each.group, left - pad, bottom + pad + 24);
}

function draw(told, instead = "") {
  canvas.height = Math.round(canvas.width / told.ratio);
  pen.fillStyle = "#14232b";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  if (!instead && picture?.complete && picture.naturalWidth) pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  if (!told.faces.length) {
    pen.fillStyle = "#a9b7c2";
    pen.font = "24px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.fillText(instead || (told.health.camera ? _("Nobody is there.") : _("No frames from the camera")), canvas.width / 2, canvas.height / 2);
    pen.textAlign = "left";
  }
  for (const each of told.faces) face(each, canvas.width, canvas.height);
}

function who(identity) {
  if (!identity) return "–";
  const { why, probability, similarity, wanted, seconds } = identity;
  const sure = probability === null || similarity < 0 ? "" : ` · ${chance(probability)}`;
  const alike = similarity < 0 ? "" : ` · ${_("%(value)s of %(wanted)s", { value: number(similarity, 2), wanted: number(wanted, 2) })}`;
  return `${why}${sure}${alike}${seconds === null ? "" : ` · ${_("for %(count)s s", { count: number(seconds) })}`}`;
}

function chance(probability) {
  if (probability > 0.99) return _("over %(share)s", { share: share(0.99) });
  return probability < 0.01 ? _("under %(share)s", { share: share(0.01) }) : share(probability);
}

function row(each) {
  const line = document.createElement("tr");
  const signed = (value) => signOf(value) + number(Math.abs(value), 2);
  const cells = [each.name ? `${each.label} ${each.name}` : each.label, who(each.identity), each.attending ? _("to the screen") : _("away"),
    each.cluster ? `${each.group} · ${_("like: %(name)s", { name: each.cluster })}` : each.group,
    number(each.dwell, 1), number(each.attention, 1), signed(each.smile), signed(each.brow_raise), signed(each.mouth_open),
    share(each.eye_opening), each.interested ? _("yes") : ""];
  cells.forEach((text, i) => {
    const cell = document.createElement("td");
    cell.textContent = text;
    cell.className = columns[i].className; // as its heading: a number, or what a phone leaves out
    line.append(cell);
  });
  return line;
}

function warn(texts) {
  const box = part("warnings");
  if (box.dataset.told === texts.join("|")) return; // told once, not ten times a second
  box.dataset.told = texts.join("|");
  box.replaceChildren(...texts.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
}

function silent(since) {
  // nothing old stays: no faces, no rates, and since when
  const time = since.toLocaleTimeString("en-GB");
  draw({ ratio: canvas.width / canvas.height, faces: [], health: { camera: true } }, _("The stand is silent"));
  for (const id of FACTS) fact(id, "–");
  nobody("–");
  warn([_("The stand is silent since %(time)s: it sees and shows nothing new. Look whether it still runs.", { time })]);
}

function nobody(text) {
  const cell = Object.assign(document.createElement("td"), { textContent: text, colSpan: 11 });
  const line = document.createElement("tr");
  line.append(cell);
  part("faces").replaceChildren(line);
}

function tell(told) {
  heard = Date.now();
  if (told.silent !== null) { silent(new Date(heard - 1000 * told.silent)); return; }
  draw(told);
  const { health, decision, screen } = told;
  fact("now", screen ? screen.name : "–");
  fact("reason", decision ? decision.reason : "–");
  fact("probability", decision ? share(decision.probability) : "–");
  fact("arm", decision?.arm || "–");
  fact("people", String(told.faces.length));
  fact("fps", number(health.fps, 1));
  fact("latency", health.latency === null ? "–" : `${number(health.latency)} ms`, health.latency > 100);
  fact("camera", health.camera ? _("gives frames") : _("lost"), !health.camera);
  fact("written", health.logging ? number(health.written) : _("paused, %(count)s wait", { count: number(health.pending) }), !health.logging);
  fact("displays", String(health.displays));
  fact("enrolled", health.enrolled === null ? _("off: no face model") : _("%(count)s can be recognised", { count: number(health.enrolled) }));
  fact("dropped", number(health.dropped));
  fact("damaged", number(health.damaged));
  const rows = told.faces.map(row);
  if (rows.length) part("faces").replaceChildren(...rows);
  else nobody(_("Nobody is there."));
  warn(health.warnings);
}

setInterval(() => { if (Date.now() - heard > QUIET) silent(new Date(heard)); }, 1000); // the line may be dead and look open

function connect() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/operator/live`);
  socket.onmessage = (event) => tell(JSON.parse(event.data));
  socket.onclose = (event) => {
    if (event.code === 1008) { location.href = "/login"; return; }
    silent(new Date(heard));
    if (event.code === 1011) warn([_("A fault inside the stand ended the live view; its log says which. It is tried again.")]);
    setTimeout(connect, 1500);
  };
}

connect();
if (picture) setInterval(() => { picture.src = `/operator/picture?${Date.now()}`; }, 500);
