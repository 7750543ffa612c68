// Suggestions below a search box: a combobox with a list, as the ARIA Authoring Practices describe it.
import { compact } from "./numbers.js";

const PAUSE = 120;
const CAN_BEGIN_A_NAME = /^[a-z0-9][a-z0-9._-]*$/i;
let count = 0;

export function suggest(form) {
  const input = form.querySelector("input[name=q]");
  const list = document.createElement("ul");
  list.id = `suggestions-${++count}`;
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

  let timer, flight, active = -1, shownFor = "";

  const show = (packages) => {
    active = -1;
    input.removeAttribute("aria-activedescendant");
    list.replaceChildren(...packages.map((found, position) => option(list.id, found, position)));
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
  const go = (name) => location.assign(`/packages/${encodeURIComponent(name)}`);

  const look = async () => {
    const text = input.value.trim();
    flight?.abort();
    if (text === "" || text.length > 200 || !CAN_BEGIN_A_NAME.test(text)) return close();
    flight = new AbortController();
    try {
      const answer = await fetch(`/api/search?limit=8&q=${encodeURIComponent(text)}`, { signal: flight.signal });
      if (!answer.ok) return close();
      const { data } = await answer.json();
      shownFor = text;
      if (document.activeElement === input) show(data);
    } catch (error) {
      if (error.name !== "AbortError") close();
    }
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) look();
      else if (event.key === "ArrowDown") activate(active + 1);
      else activate(active < 0 ? list.children.length - 1 : active - 1);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      go(list.children[active].dataset.name);
    }
  });
  form.addEventListener("submit", (event) => {
    const text = input.value.trim();
    const names = [...list.children].map((item) => item.dataset.name);
    const exact = text.toLowerCase().replace(/[-_.]+/g, "-");
    if (shownFor === text && names.includes(exact)) {
      event.preventDefault();
      go(exact);
    }
  });
  input.addEventListener("blur", () => setTimeout(close, 150));
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const item = event.target.closest("li");
    if (item) go(item.dataset.name);
  });
}

function option(list, found, position) {
  const item = document.createElement("li");
  item.id = `${list}-${position}`;
  item.dataset.name = found.package;
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", "false");
  const downloads = document.createElement("span");
  downloads.className = "quiet";
  downloads.textContent = `${compact(found.downloads)} / month`;
  item.append(found.package, " ", downloads);
  return item;
}
