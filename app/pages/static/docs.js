// The API reference: Swagger UI on openapi.yaml.
import { onThemeChange, theme } from "./current_theme.js";

const container = document.querySelector("#reference");
const applyTheme = () => document.documentElement.classList.toggle("dark-mode", theme() === "dark");

applyTheme();
onThemeChange(applyTheme);
globalThis.SwaggerUIBundle({
  domNode: container,
  url: container.dataset.contract,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  docExpansion: "list",
  tryItOutEnabled: true,
  validatorUrl: null,
  // The only server is the one that serves this page.
  plugins: [{ components: { ServersContainer: () => null } }],
});
