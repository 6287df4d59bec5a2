// Shortcuts on every page of the admin, with a help sheet at "?"; and the sidebar's folded groups, which it remembers.
// Nothing happens while somebody types in a field.
"use strict";

(() => {
  const PAGES = [
    ["h", "Dashboard", "/admin/"],
    ["t", "Tasks", "/tasks/task/"],
    ["d", "Dead letters", "/tasks/deadletter/"],
    ["q", "Queues", "/tasks/queue/"],
    ["w", "Workers", "/tasks/worker/"],
  ];
  const G_LASTS = 1500; // milliseconds that a `g` waits for its second key
  let pressedG = 0;

  const link = (ending) => document.querySelector(`#nav-sidebar-apps a[href$="${ending}"]`);
  const available = () => PAGES.filter(([, , ending]) => link(ending));

  function isTyping(target) {
    return target.isContentEditable || target.matches?.("input, select, textarea");
  }

  function focusSearch() {
    const search = document.getElementById("searchbar");
    if (search) {
      search.focus();
      search.select();
    } else {
      link("/tasks/task/")?.click();
    }
  }

  // --- The help sheet ------------------------------------------------------------------------------------------------

  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    element.className = className;
    element.append(...children);
    return element;
  }

  function row(keys, words) {
    const pressed = keys.map((key) => make("kbd", "ty-key", key));
    return make("div", "", make("dt", "", ...pressed), make("dd", "", words));
  }

  function openHelp() {
    const close = make("button", "ty-quiet", "Close");
    close.type = "button";
    close.addEventListener("click", () => sheet.close());
    const sheet = make(
      "dialog",
      "ty-sheet",
      make("h2", "", "Shortcuts"),
      make(
        "dl",
        "",
        ...available().map(([key, name]) => row(["g", key], `go to ${name}`)),
        row(["/"], "search"),
        row(["?"], "this sheet"),
        row(["Esc"], "close it"),
      ),
      close,
    );
    sheet.setAttribute("aria-label", "Shortcuts");
    sheet.addEventListener("close", () => sheet.remove());
    sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
    document.body.append(sheet);
    sheet.showModal();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const page = Date.now() - pressedG < G_LASTS && available().find(([key]) => key === event.key);
    pressedG = event.key === "g" && !page ? Date.now() : 0;
    if (page) {
      event.preventDefault();
      link(page[2]).click();
    } else if (event.key === "?") {
      event.preventDefault();
      openHelp();
    } else if (event.key === "/") {
      event.preventDefault();
      focusSearch();
    }
  });

  // --- The sidebar -----------------------------------------------------------------------------------------------------

  document.addEventListener("DOMContentLoaded", () => {
    for (const group of document.querySelectorAll("details.ty-nav-group")) {
      const key = `taskyard-folded-${group.dataset.name}`;
      group.open = localStorage.getItem(key) !== "1" || Boolean(group.querySelector("[aria-current]"));
      group.addEventListener("toggle", () => localStorage.setItem(key, group.open ? "0" : "1"));
    }
    // The frame's own switches of the sidebar are made for a pointer alone.
    for (const button of document.querySelectorAll("[x-on\\:click^='sidebar']")) {
      button.setAttribute("role", "button");
      button.setAttribute("aria-label", "Sidebar");
      button.tabIndex = 0;
      button.addEventListener("keydown", (event) => ["Enter", " "].includes(event.key) && button.click());
    }
  });
})();
