// Scripts of all pages: suggestions, theme, copy buttons, charts and the metadata section.
import { Figure, drawForPrint, withQuery } from "./charts.js";
import { root } from "./root.js";
import { suggest } from "./suggest.js";
import { onThemeChange, toggleTheme } from "./current_theme.js";

document.querySelectorAll("[data-suggest]").forEach(suggest);
document.querySelector("[data-theme-toggle]")?.addEventListener("click", toggleTheme);
for (const element of document.querySelectorAll("[data-origin]")) element.textContent = location.origin;
for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy(button));

const about = document.querySelector("[data-about]");
if (about) loadMetadata(about);

const controls = document.querySelector("[data-controls]");
if (controls) drawFigures(controls);

/** Draw each figure when it first comes into view, and redraw the drawn ones when the form or the theme changes. */
function drawFigures(controls) {
  const figures = new Map([...document.querySelectorAll("[data-chart]")].map((element) => [element, new Figure(element)]));
  const drawn = new Set();
  const urlsOf = (element) => chartUrls(element, formValues(controls));
  const draw = (element) => figures.get(element).draw(urlsOf(element));
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting || drawn.has(target)) continue;
        drawn.add(target);
        draw(target);
      }
    },
    { rootMargin: "300px" },
  );
  figures.forEach((_, element) => observer.observe(element));
  controls.addEventListener("change", () => {
    const { page, ...parameters } = formValues(controls);
    history.replaceState(null, "", `?${new URLSearchParams(page)}${location.hash}`);
    for (const link of document.querySelectorAll("[data-call]")) {
      const accepted = Object.entries(parameters).filter(([name]) => new URL(link.href).searchParams.has(name));
      link.href = withQuery(link.href, Object.fromEntries(accepted));
    }
    drawn.forEach(draw);
  });
  onThemeChange(() => drawn.forEach(draw));
  drawForPrint(figures, urlsOf);
  addEventListener("afterprint", () => figures.forEach((_, element) => drawn.add(element)));
}

/** The form's values: as query parameters of the page, and as those of a chart. */
function formValues(controls) {
  const page = Object.fromEntries(new FormData(controls));
  const { start } = controls.querySelector("[name=range]:checked").dataset;
  return { page, start_date: start, granularity: page.granularity, chart: page.chart };
}

function chartUrls(element, { start_date, granularity, chart }) {
  const names = element.dataset.compare?.split(",");
  const paths = names?.map((name) => `${root}/api/packages/${name}/chart/overall?mirrors=false`) ?? [element.dataset.chart];
  return paths.map((path) => withQuery(path, { start_date, granularity, chart }));
}

/** Insert the metadata page into this one once it has loaded: PyPI and GitHub may be slow. */
async function loadMetadata(section) {
  const placeholder = section.querySelector("[data-about-placeholder]");
  try {
    const response = await fetch(section.dataset.about);
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const summary = page.querySelector(".summary").textContent;
    const version = page.querySelector("[data-version]")?.textContent;
    document.querySelector("#about-short").textContent = [version, summary].filter(Boolean).join(" · ");
    placeholder.replaceWith(document.adoptNode(page.querySelector("#about")));
  } catch {
    // The placeholder keeps its link to the metadata page.
  }
}

async function copy(button) {
  const code = button.closest(".snippet").querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    // The clipboard API needs HTTPS.
    getSelection().selectAllChildren(code);
    document.execCommand("copy");
    getSelection().removeAllRanges();
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1500);
}
