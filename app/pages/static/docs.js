// The API reference: Swagger UI on openapi.yaml.
import { onThemeChange, theme } from "./current_theme.js";

const container = document.querySelector("#reference");
// Swagger UI has the contract's title outside of landmarks, and goes on with headings of level 3.
const landmark = (Info, { React: { createElement } }) => (properties) =>
  createElement("section", { "aria-label": "About the API" }, createElement(Info, properties));
const headed = (Operations, { React: { createElement, Fragment } }) => (properties) =>
  createElement(Fragment, null, createElement("h2", { className: "hidden" }, "Operations"), createElement(Operations, properties));
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
  plugins: [{ components: { ServersContainer: () => null }, wrapComponents: { InfoContainer: landmark, operations: headed } }],
});
