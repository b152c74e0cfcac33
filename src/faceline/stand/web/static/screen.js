// Makes the screen of a content: its layout, media, colours and texts, which are made to fit.
"use strict";

const TONES = 6;
const RIGHT_TO_LEFT = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFF]/;
const SMALLEST = 0.25; // of the size that a text is made for
const TEXT = 5.5; // the least size of a headline, as --size in display.css, while its words fit
const TEXT_FIRST = 0.66; // texts shrink to so much before the headline does
const READY = 4000; // ms after which a screen is shown although its medium has not come
const SVG = "http://www.w3.org/2000/svg";

function make(name, kind, text) {
  const element = document.createElement(name);
  element.className = kind;
  if (text) { element.textContent = text; element.dir = "auto"; }
  return element;
}

function toneOf(campaign) {
  let sum = 0;
  for (const letter of campaign) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return sum % TONES;
}

function directionOf(text) {
  const first = text.match(/\p{L}/u);
  return first && RIGHT_TO_LEFT.test(first[0]) ? "rtl" : "ltr";
}

function isPortrait() { return window.innerHeight > window.innerWidth; }

function play(film) {
  film.play().catch(() => { film.muted = true; film.play().catch(() => {}); }); // a browser may refuse sound
}

function mediumOf(media, seconds) {
  // the picture or film for this orientation, and a promise that it can be seen
  const version = (isPortrait() ? media.portrait : media.landscape) || media.landscape || media.portrait;
  const element = document.createElement(version.film ? "video" : "img");
  const ready = new Promise((resolve, reject) => {
    element.addEventListener(version.film ? "loadeddata" : "load", resolve);
    element.addEventListener("error", reject);
  });
  if (version.film) {
    Object.assign(element, { muted: !media.sound, playsInline: true, preload: "auto" });
    const since = performance.now();
    element.addEventListener("ended", () => { if (performance.now() - since < 1000 * seconds - 1500) play(element); });
  } else element.alt = "";
  element.src = version.file;
  if (media.fit) element.style.objectFit = media.fit;
  return { element, ready, film: version.film };
}

function codeOf(qr, code) {
  const box = make("div", "qr");
  const image = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  image.setAttribute("viewBox", `0 0 ${qr.size} ${qr.size}`);
  image.setAttribute("shape-rendering", "crispEdges");
  path.setAttribute("d", qr.path);
  image.append(path);
  box.append(image);
  if (code) box.append(make("p", "code", code.slice(0, 9)), make("p", "code", code.slice(10)));
  return box;
}

function pageOf(screen, section) {
  // a web page over the rest, once it is there; what is below stays where it does not come
  const frame = document.createElement("iframe");
  frame.className = "page";
  frame.setAttribute("sandbox", "allow-scripts");
  frame.referrerPolicy = "no-referrer";
  frame.tabIndex = -1;
  frame.title = screen.name;
  frame.addEventListener("load", () => { if (frame.src) section.classList.add("with-page"); });
  fetch(screen.page, { mode: "no-cors", credentials: "omit", cache: "no-store" }) // an error page of the browser loads too
    .then(() => { frame.src = screen.page; section.append(frame); })
    .catch(() => {});
}

function brandOf(screen) {
  const box = make("div", "brand");
  if (screen.logo) {
    const logo = document.createElement("img");
    logo.src = screen.logo;
    logo.alt = screen.by;
    logo.addEventListener("error", () => logo.replaceWith(make("span", "by", screen.by)));
    box.append(logo);
  } else box.append(make("span", "by", screen.by));
  return box;
}

function greetingOf(screen) {
  if (screen.greeting) return _("Hello, %(name)s", { name: screen.greeting });
  return screen.welcome ? _("Good to see you again") : "";
}

function progressOf(seconds) {
  const bar = make("div", "progress");
  bar.setAttribute("aria-hidden", "true");
  const inner = document.createElement("div");
  inner.style.animationDuration = `${seconds}s`;
  bar.append(inner);
  return bar;
}

function texts(screen, section) {
  const greeting = greetingOf(screen);
  const copy = make("div", "copy");
  const head = screen.layout === "offer" ? make("div", "panel") : copy;
  if (greeting) copy.append(make("p", "greeting", greeting));
  copy.append(make("h1", "title", screen.title));
  if (screen.text) copy.append(make("p", "text", screen.text));
  if (screen.offer) head.append(make("p", "offer", screen.offer.replace(/ (?=[%€$£¥])/g, "\u00a0")));
  if (head !== copy) section.append(head);
  section.append(copy);
  const foot = make("footer", "foot");
  foot.append(brandOf(screen));
  section.append(foot, progressOf(screen.seconds));
  if (screen.qr) section.append(codeOf(screen.qr, screen.code));
}

function laidOver(screen, section) {
  const asked = screen.media.overlay || [];
  const strip = make("div", "strip");
  if (asked.includes("brand")) strip.append(brandOf(screen));
  if (asked.includes("greeting") && greetingOf(screen)) strip.append(make("p", "greeting", greetingOf(screen)));
  if (asked.includes("offer") && screen.offer) strip.append(make("p", "offer", screen.code ? `${screen.offer} · ${screen.code}` : screen.offer));
  if (strip.childElementCount) section.append(strip);
  if (asked.includes("progress")) section.append(progressOf(screen.seconds));
}

function addMedium(screen, section) {
  const medium = mediumOf(screen.media, screen.seconds);
  const place = make("div", "medium");
  place.append(medium.element);
  if (screen.layout === "full") {
    if (screen.media.background === "blur" && !medium.film) {
      const backdrop = medium.element.cloneNode();
      backdrop.className = "backdrop";
      backdrop.style.objectFit = "cover";
      place.prepend(backdrop);
    } else if (screen.media.background !== "blur") section.style.setProperty("--ground", screen.media.background);
  }
  section.append(place);
  medium.ready.catch(() => {
    place.remove();
    section.classList.replace(section.classList[1], "statement"); // a medium that does not come leaves no hole
    if (!section.querySelector(".copy")) texts({ ...screen, layout: "statement", title: screen.title || screen.name }, section);
    fit(section);
  });
  return medium;
}

function build(screen) {
  // the section of a screen, a promise that it can be shown, and its film
  const section = make("section", `screen ${screen.layout === "offer" ? "offer-first" : screen.layout} tone-${toneOf(screen.campaign)}`);
  section.dir = directionOf(screen.title || screen.text || screen.offer || "");
  for (const [name, colour] of Object.entries(screen.colours || {})) section.style.setProperty(`--${name}`, colour);
  const medium = screen.media ? addMedium(screen, section) : null;
  if (screen.layout === "full") laidOver(screen, section);
  else texts(screen, section);
  if (screen.page) pageOf(screen, section);
  const late = new Promise((resolve) => setTimeout(resolve, READY));
  const ready = medium ? Promise.race([medium.ready.catch(() => {}), late]) : Promise.resolve();
  return { section, ready, film: medium?.film ? medium.element : null };
}

function over(element) {
  return element.scrollHeight > element.clientHeight + 1 || element.scrollWidth > element.clientWidth + 1;
}

function largest(least, holds) {
  // the largest factor of a size, from the least to 1, at which something holds
  if (holds(1)) return 1;
  let [low, high] = [least, 1];
  while (high - low > 0.01) {
    const middle = (low + high) / 2;
    if (holds(middle)) low = middle; else high = middle;
  }
  return 0.98 * low; // sizes are rounded to pixels
}

function fitHead(element) {
  // a headline: no word is broken, and not too many lines while it stays larger than the text below
  const style = getComputedStyle(element);
  const most = Number(style.getPropertyValue("--lines"));
  const text = TEXT / Number(style.getPropertyValue("--size"));
  const sized = (factor) => element.style.setProperty("--own", factor);
  element.classList.remove("breaks");
  const whole = largest(SMALLEST, (factor) => { sized(factor); return element.scrollWidth <= element.clientWidth + 1; });
  const lines = largest(text, (factor) => {
    sized(factor);
    return element.scrollHeight <= (most + 0.4) * parseFloat(getComputedStyle(element).lineHeight);
  });
  sized(Math.min(whole, lines));
  element.classList.toggle("breaks", element.scrollWidth > element.clientWidth + 1); // a word that is longer than any line
}

function fit(section) {
  for (const box of section.querySelectorAll(".copy, .panel")) {
    const sized = (text, head) => { box.style.setProperty("--fit", text); box.style.setProperty("--head", head); };
    sized(1, 1);
    for (const head of box.querySelectorAll(".title, .panel .offer")) fitHead(head);
    const alone = largest(TEXT_FIRST, (factor) => { sized(factor, 1); return !over(box); });
    sized(alone, 1);
    if (!over(box)) continue;
    const both = largest(SMALLEST, (factor) => { sized(TEXT_FIRST * factor, factor); return !over(box); });
    sized(TEXT_FIRST * both, both);
  }
}
