// A chart embedded in another site.
import { Figure, drawForPrint } from "./charts.js";
import { onThemeChange } from "./current_theme.js";

const element = document.querySelector("[data-chart]");
const figure = new Figure(element);
const urls = [element.dataset.chart];
const draw = () => figure.draw(urls);
draw();
onThemeChange(draw);
drawForPrint(new Map([[element, figure]]), () => urls);
