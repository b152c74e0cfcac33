// Films that are being converted: looked at again until they are done.
"use strict";

const files = document.getElementById("files");
const converting = () => [...files.querySelectorAll(".converting")].map((each) => each.dataset.name);

async function again() {
  const before = converting();
  const told = document.getElementById("converted");
  try {
    files.innerHTML = await (await ask("/operator/contents/files")).text();
  } catch (error) { tellRefusal(told, error); return; }
  tellRefusal(told, { message: "" });
  const ended = before.filter((name) => !converting().includes(name));
  const failed = ended.filter((name) => files.querySelector(`.fault[data-name="${CSS.escape(name)}"]`));
  if (!ended.length) return;
  told.className = failed.length ? "unseen" : ""; // the list shows what failed, and why
  told.textContent = failed.length ? _("Not converted: %(name)s", { name: failed.join(", ") }) : _("Converted, and ready: %(name)s", { name: ended.join(", ") });
}

setInterval(() => { if (converting().length) again(); }, 2000);
