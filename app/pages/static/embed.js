// One chart in somebody else's page.
import { Figure } from "./charts.js";
import { onThemeChange } from "./theme_of.js";

for (const place of document.querySelectorAll("[data-chart]")) {
  const figure = new Figure(place);
  const draw = () => figure.draw([place.dataset.chart]);
  draw();
  onThemeChange(draw);
}
