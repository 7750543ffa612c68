// Suggestions for a search box: the combobox pattern of the ARIA Authoring Practices, with a list popup.
import { compact } from "./formatting.js";
import { root } from "./root.js";

const DEBOUNCE_MS = 200;
const NAME_PREFIX = /^[a-z0-9][a-z0-9._-]*$/i;
let listCount = 0;

export function suggest(form) {
  const input = form.querySelector("input[name=q]");
  const list = document.createElement("ul");
  list.id = `suggestions-${++listCount}`;
  list.className = "suggestions";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Packages");
  form.append(list);
  for (const [name, value] of Object.entries({
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": list.id,
  })) input.setAttribute(name, value);

  let timer, pending, active = -1, shownFor = "";

  const show = (packages) => {
    active = -1;
    input.removeAttribute("aria-activedescendant");
    list.replaceChildren(...packages.map((row, position) => option(list.id, row, position)));
    list.hidden = packages.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
  };
  const close = () => show([]);
  const activate = (position) => {
    const options = [...list.children];
    active = (position + options.length + 1) % (options.length + 1);
    if (active === options.length) active = -1;
    options.forEach((item, index) => item.setAttribute("aria-selected", String(index === active)));
    if (active < 0) {
      input.removeAttribute("aria-activedescendant");
      return;
    }
    input.setAttribute("aria-activedescendant", options[active].id);
    options[active].scrollIntoView({ block: "nearest" });
  };
  const openPackage = (name) => location.assign(`${root}/packages/${encodeURIComponent(name)}`);

  const search = async () => {
    const text = input.value.trim();
    pending?.abort();
    if (text === "" || text.length > 200 || !NAME_PREFIX.test(text)) return close();
    pending = new AbortController();
    try {
      const response = await fetch(`${root}/api/search?limit=8&q=${encodeURIComponent(text)}`, { signal: pending.signal });
      if (!response.ok) return close();
      const { data } = await response.json();
      shownFor = text;
      if (document.activeElement === input) show(data);
    } catch (error) {
      if (error.name !== "AbortError") close();
    }
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, DEBOUNCE_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) search();
      else if (event.key === "ArrowDown") activate(active + 1);
      else activate(active < 0 ? list.children.length - 1 : active - 1);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      openPackage(list.children[active].dataset.name);
    }
  });
  form.addEventListener("submit", (event) => {
    const text = input.value.trim();
    const names = [...list.children].map((item) => item.dataset.name);
    const normalized = text.toLowerCase().replace(/[-_.]+/g, "-");
    if (shownFor === text && names.includes(normalized)) {
      event.preventDefault();
      openPackage(normalized);
    }
  });
  input.addEventListener("blur", () => setTimeout(close, 150));
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const item = event.target.closest("li");
    if (item) openPackage(item.dataset.name);
  });
}

function option(listId, row, position) {
  const item = document.createElement("li");
  item.id = `${listId}-${position}`;
  item.dataset.name = row.package;
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", "false");
  const downloads = document.createElement("span");
  downloads.className = "quiet";
  downloads.textContent = `${compact(row.downloads)} / month`;
  item.append(row.package, " ", downloads);
  return item;
}
