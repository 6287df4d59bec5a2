// Keeps the page of a running bulk action up to date: every two seconds, and not while nobody looks at it.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const EVERY = 2000;
  const SLOWEST = 30000;
  const live = document.querySelector("[data-live]");
  if (!live) return;
  const says = document.querySelector("[data-live-says]");
  let timer = 0;
  let wait = EVERY;

  const goesOn = () => live.querySelector("[data-live-part]")?.hasAttribute("data-goes-on");

  function say(words) {
    says.textContent = words;
    says.hidden = words === "";
  }

  function plan() {
    clearTimeout(timer);
    if (goesOn() && !document.hidden) timer = setTimeout(look, wait);
  }

  async function look() {
    try {
      const answer = await fetch(live.dataset.live, { credentials: "same-origin", redirect: "manual" });
      if (answer.type === "opaqueredirect" || answer.status === 403) {
        say("You are signed out: reload the page to sign in again.");
        return;
      }
      if (!answer.ok) throw new Error(answer.statusText);
      // The server has escaped all that it holds; only what differs is put in, so that a focus stays where it is.
      const part = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live-part]");
      const shown = live.querySelector("[data-live-part]");
      if (part && part.outerHTML !== shown.outerHTML) replace(shown, part);
      if (!goesOn()) await showItems();
      wait = EVERY;
      say("");
    } catch {
      wait = Math.min(wait * 2, SLOWEST);
      say("The server does not answer: what is shown may be old. Trying again…");
    }
    plan();
  }

  // Once, at its end: until then the page of items stays as it is for whoever reads it.
  async function showItems() {
    const answer = await fetch(location.href, { credentials: "same-origin", redirect: "manual" });
    if (!answer.ok) throw new Error(answer.statusText);
    const items = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("items");
    if (items) document.getElementById("items").replaceWith(items);
  }

  function replace(shown, part) {
    const focused = shown.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    shown.replaceWith(part);
    if (focused) part.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : goesOn() && look()));
  plan();
});
