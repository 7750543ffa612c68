// What a page does beyond what its HTML does by itself.
import { Figure, withQuery } from "./charts.js";
import { suggest } from "./suggest.js";
import { onThemeChange, toggleTheme } from "./theme_of.js";

document.querySelectorAll("[data-suggest]").forEach(suggest);
document.querySelector("[data-theme-toggle]")?.addEventListener("click", toggleTheme);
for (const place of document.querySelectorAll("[data-origin]")) place.textContent = location.origin;
for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy(button));

const about = document.querySelector("[data-about]");
if (about) takeIn(about);

const controls = document.querySelector("[data-controls]");
if (controls) drawFigures(controls);

/** Draw each figure when it comes into view, and all that have been seen anew when something is chosen. */
function drawFigures(controls) {
  const figures = new Map([...document.querySelectorAll("[data-chart]")].map((place) => [place, new Figure(place)]));
  const seen = new Set();
  const draw = (place) => figures.get(place).draw(urlsOf(place, chosen(controls)));
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting || seen.has(target)) continue;
        seen.add(target);
        draw(target);
      }
    },
    { rootMargin: "300px" },
  );
  figures.forEach((_, place) => watcher.observe(place));
  controls.addEventListener("change", () => {
    const { page, ...call } = chosen(controls);
    history.replaceState(null, "", `?${new URLSearchParams(page)}${location.hash}`);
    for (const link of document.querySelectorAll("[data-call]")) {
      const known = Object.entries(call).filter(([name]) => new URL(link.href).searchParams.has(name));
      link.href = withQuery(link.href, Object.fromEntries(known));
    }
    seen.forEach(draw);
  });
  onThemeChange(() => seen.forEach(draw));
}

/** What the form says: as the page's own parameters, and as those of a chart. */
function chosen(controls) {
  const page = Object.fromEntries(new FormData(controls));
  const { start } = controls.querySelector("[name=range]:checked").dataset;
  return { page, start_date: start, granularity: page.granularity, chart: page.chart };
}

function urlsOf(place, { start_date, granularity, chart }) {
  const names = place.dataset.compare?.split(",");
  const paths = names?.map((name) => `/api/packages/${name}/chart/overall?mirrors=false`) ?? [place.dataset.chart];
  return paths.map((path) => withQuery(path, { start_date, granularity, chart }));
}

/** What PyPI and GitHub say is a page by itself; here it comes when it comes. */
async function takeIn(section) {
  const state = section.querySelector("[data-about-state]");
  try {
    const answer = await fetch(section.dataset.about);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const summary = page.querySelector(".summary").textContent;
    const version = page.querySelector("[data-version]")?.textContent;
    document.querySelector("#about-short").textContent = [version, summary].filter(Boolean).join(" · ");
    state.replaceWith(document.adoptNode(page.querySelector("#about")));
  } catch {
    // The link to that page stays.
  }
}

async function copy(button) {
  const code = button.closest(".snippet").querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    // No clipboard without HTTPS: the old way.
    getSelection().selectAllChildren(code);
    document.execCommand("copy");
    getSelection().removeAllRanges();
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1500);
}
