// Before anything is shown: the reader's choice of theme, and that there are scripts.
(() => {
  const root = document.documentElement;
  root.dataset.scripts = "on";
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  } catch {
    // Storage is off: the system's theme it is.
  }
})();
