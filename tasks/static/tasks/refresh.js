// Reads the parts of a page anew that have data-refresh, an address, every few seconds; not in a tab that nobody sees.
// Their data-age says how old what is shown is, and what keeps it from being read.
"use strict";

(() => {
  const EVERY = 5000;
  const WITHIN = 10000; // an answer that takes longer is none
  const parts = new Map();

  function isTouched(part) {
    // What somebody works with must not vanish under their hands.
    const focused = document.activeElement;
    return part.contains(focused) && focused.matches("input, select, textarea, a, button, summary");
  }

  async function refresh(id, state) {
    const part = document.getElementById(id);
    if (document.hidden || state.asking || !part || isTouched(part)) return;
    state.asking = true;
    try {
      const answer = await fetch(state.address, {
        headers: { "X-Refresh": "1" },
        signal: AbortSignal.timeout(WITHIN),
      });
      const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(id);
      if (answer.redirected || !found) {
        state.trouble = answer.redirected ? "signed out: load the page again" : `no answer (${answer.status})`;
      } else if (!isTouched(part)) {
        part.replaceWith(found);
        state.readAt = Date.now();
        state.trouble = "";
      }
    } catch {
      state.trouble = "no answer, trying again";
    }
    state.asking = false;
    show(id, state);
  }

  function show(id, state) {
    const place = document.getElementById(id)?.querySelector("[data-age]");
    if (!place) return;
    const seconds = Math.round((Date.now() - state.readAt) / 1000);
    const age = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
    place.textContent = state.trouble ? `${age} old: ${state.trouble}` : seconds < 2 ? "now" : `${age} old`;
    place.classList.toggle("ty-alarm", Boolean(state.trouble) || seconds > 30);
  }

  for (const part of document.querySelectorAll("[data-refresh][id]")) {
    parts.set(part.id, { address: part.dataset.refresh, readAt: Date.now(), asking: false, trouble: "" });
  }
  setInterval(() => parts.forEach((state, id) => refresh(id, state)), EVERY);
  setInterval(() => parts.forEach((state, id) => show(id, state)), 1000);
  document.addEventListener("visibilitychange", () => parts.forEach((state, id) => refresh(id, state)));
})();
