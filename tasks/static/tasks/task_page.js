// Buttons that copy a text as it is shown, and links that open what they lead to.
"use strict";

(() => {
  async function copy(text) {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
      return;
    }
    // Without HTTPS there is no clipboard to write to: the browser copies what is selected.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  for (const button of document.querySelectorAll("[data-copies]")) {
    button.addEventListener("click", async () => {
      const words = button.textContent;
      try {
        await copy(document.getElementById(button.dataset.copies).textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed by the browser";
      }
      setTimeout(() => { button.textContent = words; }, 1500);
    });
  }

  // A link to an attempt opens its traceback, for whoever came for that.
  function openTarget() {
    const target = location.hash.startsWith("#attempt-") && document.getElementById(location.hash.slice(1));
    if (target) {
      const around = target.closest("details");
      for (const each of [around, ...target.querySelectorAll("details")]) {
        if (each) each.open = true;
      }
      target.scrollIntoView();
    }
  }
  window.addEventListener("hashchange", openTarget);
  openTarget();
})();
