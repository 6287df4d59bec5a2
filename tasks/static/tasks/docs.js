// The API's documentation in the theme that was chosen in the admin, else in that of the system.
"use strict";

(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  function show() {
    const chosen = localStorage.getItem("_x_adminTheme"); // as the admin's frame keeps it: JSON
    const isDark = chosen === '"dark"' || (chosen !== '"light"' && system.matches);
    document.documentElement.classList.toggle("dark-mode", isDark);
  }
  system.addEventListener("change", show);
  show();
})();
