// A chart embedded in another site.
import { Figure } from "./charts.js";
import { onThemeChange } from "./current_theme.js";

for (const element of document.querySelectorAll("[data-chart]")) {
  const figure = new Figure(element);
  const draw = () => figure.draw([element.dataset.chart]);
  draw();
  onThemeChange(draw);
}
