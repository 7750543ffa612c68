// The current theme: read it, toggle it, listen for changes. Paper is light.
const system = matchMedia("(prefers-color-scheme: dark)");

export function theme() {
  const { printing, theme } = document.documentElement.dataset;
  if (printing !== undefined) return "light";
  return theme ?? (system.matches ? "dark" : "light");
}

export function toggleTheme() {
  const chosen = theme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = chosen;
  try {
    localStorage.setItem("theme", chosen);
  } catch {
    // Storage is disabled: the choice lasts until the page is left.
  }
  dispatchEvent(new Event("themechange"));
}

export function onThemeChange(listener) {
  addEventListener("themechange", listener);
  system.addEventListener("change", listener);
}
