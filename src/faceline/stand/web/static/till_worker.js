// Keeps the page of a till, so that it opens without the network.
"use strict";

const STORE = "till-2";
const PARTS = ["/redeem", "/static/fonts.css", "/static/pages.css", "/static/till.css", "/static/till.js", "/static/words.js", "/static/icon.svg"];

self.addEventListener("install", (event) => event.waitUntil(
  caches.open(STORE).then((store) => store.addAll(PARTS)).catch(() => {}).then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== location.origin || address.search) return;
  if (PARTS.includes(address.pathname) || address.pathname.startsWith("/static/")) event.respondWith(newest(event.request));
});

async function newest(request) {
  const store = await caches.open(STORE);
  try {
    const answer = await fetch(request);
    if (answer.status === 200) store.put(request, answer.clone());
    return answer;
  } catch (error) {
    const kept = await store.match(request);
    if (kept) return kept;
    throw error;
  }
}
