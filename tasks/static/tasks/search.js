// Completes the words and values of the search grammar below the box that has data-complete: arrows choose, Enter or
// Tab takes, Escape closes; Enter without a choice searches.
"use strict";

(() => {
  const PAUSE = 120; // milliseconds without a key before the server is asked

  function start(box) {
    const list = document.getElementById(box.getAttribute("aria-controls"));
    let timer = 0, asked = 0, chosen = -1, offered = [];

    function close() {
      offered = [];
      chosen = -1;
      list.hidden = true;
      list.replaceChildren();
      box.setAttribute("aria-expanded", "false");
      box.removeAttribute("aria-activedescendant");
    }

    function show(suggestions) {
      close();
      if (!suggestions.length || document.activeElement !== box) return;
      offered = suggestions;
      offered.forEach((suggestion, place) => {
        const item = document.createElement("li");
        item.id = `search-completion-${place}`;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", "false");
        const label = document.createElement("b");
        label.textContent = suggestion.label;
        const help = document.createElement("span");
        help.textContent = suggestion.help;
        item.append(label, help);
        item.addEventListener("mousedown", (event) => {
          event.preventDefault(); // the box keeps the focus
          take(place);
        });
        list.append(item);
      });
      list.hidden = false;
      box.setAttribute("aria-expanded", "true");
    }

    function choose(place) {
      chosen = (place + offered.length) % offered.length;
      [...list.children].forEach((item, each) => item.setAttribute("aria-selected", String(each === chosen)));
      list.children[chosen].scrollIntoView({ block: "nearest" });
      box.setAttribute("aria-activedescendant", list.children[chosen].id);
    }

    function take(place) {
      const text = offered[place].text, rest = box.value.slice(box.selectionStart);
      close();
      box.value = text + rest;
      box.setSelectionRange(text.length, text.length);
      box.focus();
      if (/[:.]$/.test(text)) ask();
    }

    function ask() {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const mine = ++asked;
        const written = box.value.slice(0, box.selectionStart);
        try {
          const answer = await fetch(`${box.dataset.complete}?q=${encodeURIComponent(written)}`, { headers: { Accept: "application/json" } });
          if (answer.ok && mine === asked) show((await answer.json()).suggestions);
        } catch {
          close(); // without completion the box still searches
        }
      }, PAUSE);
    }

    box.addEventListener("input", ask);
    box.addEventListener("blur", close);
    box.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" && list.hidden) {
        ask();
      } else if (list.hidden) {
        return;
      } else if (event.key === "ArrowDown") {
        choose(chosen + 1);
      } else if (event.key === "ArrowUp") {
        choose(chosen < 0 ? offered.length - 1 : chosen - 1);
      } else if ((event.key === "Enter" && chosen >= 0) || (event.key === "Tab" && !event.shiftKey)) {
        take(Math.max(chosen, 0));
      } else if (event.key === "Escape") {
        close();
      } else {
        return;
      }
      event.preventDefault();
    });
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-complete]").forEach(start));
})();
