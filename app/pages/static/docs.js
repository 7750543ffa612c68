// The API reference: Swagger UI draws what openapi.yaml says.
import { onThemeChange, theme } from "./theme_of.js";

const place = document.querySelector("#reference");
const follow = () => document.documentElement.classList.toggle("dark-mode", theme() === "dark");

follow();
onThemeChange(follow);
globalThis.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.contract,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  docExpansion: "list",
  tryItOutEnabled: true,
  validatorUrl: null,
  // There is one server: the one that serves this.
  plugins: [{ components: { ServersContainer: () => null } }],
});
