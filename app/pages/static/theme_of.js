// Which theme a page has now, and when it changes.
const system = matchMedia("(prefers-color-scheme: dark)");

export function theme() {
  return document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light");
}

export function toggleTheme() {
  const chosen = theme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = chosen;
  try {
    localStorage.setItem("theme", chosen);
  } catch {
    // Storage is off: the choice lasts as long as the page.
  }
  dispatchEvent(new Event("themechange"));
}

export function onThemeChange(listener) {
  addEventListener("themechange", listener);
  system.addEventListener("change", listener);
}
