// The till: redeems codes at the stand; without the network it checks them itself, and sends them later.
"use strict";

const part = (id) => document.getElementById(id);
const LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const AGAIN = 15000; // ms between two tries to send what waits
const SHOWN = 8; // last codes
const KEPT = 3 * 86400000; // ms for which a code that was taken here is remembered

const read = (name, otherwise) => { try { return JSON.parse(localStorage.getItem(name)) ?? otherwise; } catch { return otherwise; } };
const keep = (name, value) => localStorage.setItem(name, JSON.stringify(value));
let kit = read("till.kit", null);
let queue = read("till.queue", []); // taken here, not counted yet
let taken = read("till.taken", {}); // code: when, of the last days
let last = read("till.last", []).filter(([, , at]) => Date.now() - at < 86400000); // a day

const cleaned = (text) => text.toUpperCase().replaceAll("O", "0").replaceAll(/[IL]/g, "1").replaceAll(/[\s-]/g, "");
const grouped = (code) => code.replace(/(.{4})(?=.)/g, "$1-");

function numbers(code) {
  // day, mark, number and signature of a code, as stand/offers/codes.py writes it
  let value = 0n;
  for (const letter of code) value = (value << 5n) | BigInt(LETTERS.indexOf(letter));
  return { said: value >> 30n, day: Number(value >> 75n), mark: Number((value >> 60n) & 0x7fffn), signature: Number(value & 0x3fffffffn) };
}

const ordinal = (day) => Math.round(Date.parse(`${day}T00:00:00Z`) / 86400000) + 719163; // days since year 1

async function isRight(code, key) {
  const bytes = Uint8Array.from(key.match(/../g), (pair) => parseInt(pair, 16));
  const said = new Uint8Array(7);
  for (let i = 0, rest = code.said; i < 7; i++, rest >>= 8n) said[6 - i] = Number(rest & 0xffn);
  const secret = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const digest = new DataView(await crypto.subtle.sign("HMAC", secret, said));
  return digest.getUint32(0) >>> 2 === code.signature;
}

async function checkAlone(text) {
  // what the stand would answer, as far as this till can know
  if (text.length !== 16 || [...text].some((letter) => !LETTERS.includes(letter))) return { status: "unknown" };
  if (taken[text]) return { status: "already", at: taken[text] };
  if (!kit || !crypto.subtle) return { status: "cannot" };
  const code = numbers(text), known = kit.days;
  const days = Object.keys(known).filter((day) => ordinal(day) % 32 === code.day);
  if (!days.length) return { status: "unknown" };
  if (!(await isRight(code, known[days[0]]))) return { status: "unknown" };
  const offers = kit.offers.filter((offer) => offer.mark === code.mark).map((offer) => offer.offer);
  return offers.length ? { status: "taken", offer: offers.join(" / ") } : { status: "not_yours" };
}

async function send(codes) {
  const body = JSON.stringify({ codes });
  return (await (await ask("/redeem/codes", { method: "POST", headers: { "content-type": "application/json" }, body })).json()).codes;
}

const time = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
const WORDS = {
  taken: (found) => ["good", found.offer, _("Give it now. It is counted.")],
  alone: (found) => ["good", found.offer, _("Give it now. No network: it is counted when the line is back.")],
  already: (found) => ["bad", _("Taken already"), found.at ? _("At %(time)s.", { time: time(found.at) }) : ""],
  expired: () => ["bad", _("Too old"), _("A code holds on its day and on the next.")],
  unknown: () => ["bad", _("Not a code of this stand"), _("Look at it again: letters are easily misread.")],
  not_yours: () => ["bad", _("Not for this till"), _("Another shop redeems it.")],
  cannot: () => ["bad", _("Cannot be checked now"), _("No network, and this till was not connected today.")],
  away: (found) => ["bad", _("Not possible"), found.why],
};

function tell(status, found, text) {
  const [kind, told, more] = WORDS[status](found);
  part("answer").className = `answer ${kind}`;
  part("answer").hidden = false;
  part("told").textContent = told;
  part("more").textContent = more;
  last = [[text, told, Date.now()], ...last].slice(0, SHOWN);
  keep("till.last", last);
  list();
}

function list() {
  if (last.length) part("last").replaceChildren(...last.map(([code, word, at]) => {
    const line = document.createElement("li");
    line.append(Object.assign(document.createElement("span"), { className: "code", textContent: grouped(code) }), `${word} · ${time(at)}`);
    return line;
  }));
}

function line(away) {
  part("line").classList.toggle("away", away);
  part("line").textContent = away ? _("No network") : _("Connected");
  part("waiting").textContent = queue.length ? `· ${_("%(count)s to be sent", { count: queue.length })}` : "";
}

function remember(code, at) {
  taken = Object.fromEntries([...Object.entries(taken).filter(([, when]) => Date.now() - Date.parse(when) < KEPT), [code, at]]);
  keep("till.taken", taken);
}

async function redeem(code) {
  const at = new Date().toISOString();
  try {
    const [found] = await send([{ code, at }]);
    line(false);
    if (found.status !== "later") {
      if (found.status === "taken") remember(code, at);
      tell(found.status, found, code);
      return;
    }
  } catch (error) {
    if (error.status) { tell("away", { why: error.message }, code); return; }
  }
  const found = await checkAlone(code);
  if (found.status === "taken") {
    queue = [...queue, { code, at }];
    keep("till.queue", queue);
    remember(code, at);
  }
  line(true);
  tell(found.status === "taken" ? "alone" : found.status, found, code);
}

async function catchUp() {
  // send what waits, and take the keys of the next day
  try {
    kit = await (await ask("/redeem/kit", { cache: "no-store" })).json();
    keep("till.kit", kit);
    while (queue.length) {
      const part_ = queue.slice(0, 100), found = await send(part_);
      const later = part_.filter((each, i) => found[i].status === "later");
      queue = [...later, ...queue.slice(part_.length)];
      keep("till.queue", queue);
      if (later.length) break;
    }
    line(false);
  } catch (error) {
    line(!error.status);
    if (error.status) part("waiting").textContent = `· ${error.status === 401 ? _("this till was revoked; open its address again") : error.message}`;
  }
}

part("till").addEventListener("submit", (event) => {
  event.preventDefault();
  const code = cleaned(part("code").value);
  part("code").value = "";
  part("code").focus();
  if (code) redeem(code);
});
addEventListener("online", catchUp);
addEventListener("offline", () => line(true));
if (navigator.serviceWorker) navigator.serviceWorker.register("/redeem/worker.js", { scope: "/redeem" });
setInterval(catchUp, AGAIN);
catchUp();
list();
part("code").focus();
