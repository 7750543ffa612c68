// Runs before the first paint: applies the reader's choice of theme, and marks that scripts run.
(() => {
  const root = document.documentElement;
  root.dataset.scripts = "on";
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  } catch {
    // Storage is disabled: the page keeps the system's theme.
  }
})();
