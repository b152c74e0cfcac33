// Keeps the display's page, its loop and its media, so that it also starts while the stand is away.
"use strict";

const STORE = "display-4";
const KEPT = (path) => path === "/display" || path === "/display/loop" || path.startsWith("/static/") || path.startsWith("/media/");

self.addEventListener("install", (event) => {
  const first = ["/display", "/display/loop", "/static/fonts.css", "/static/display.css", "/static/words.js", "/static/screen.js", "/static/display.js",
    "/static/icon.svg", ...["serif", "sans", "arabic", "arabic-bold", "hebrew", "hebrew-bold"].map((name) => `/static/fonts/${name}.woff2`)];
  event.waitUntil(caches.open(STORE).then((store) => store.addAll(first)).catch(() => {}).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => event.waitUntil(claim()));

async function claim() {
  for (const name of await caches.keys()) if (name !== STORE) await caches.delete(name);
  await self.clients.claim();
}


self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== location.origin || !KEPT(address.pathname)) return;
  if (address.search && !address.pathname.startsWith("/media/")) return; // a token is kept nowhere
  event.respondWith(newest(event.request));
});

async function newest(request) {
  const store = await caches.open(STORE);
  try {
    const answer = await fetch(request);
    if (answer.ok && answer.status === 200) store.put(request, answer.clone());
    return answer;
  } catch (error) {
    const kept = await store.match(request);
    if (kept) return kept;
    throw error;
  }
}
