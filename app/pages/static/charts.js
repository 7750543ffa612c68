// Draws the API's Chart.js data; if that fails, shows the server's picture of the chart instead.
import { compact, grouped, longDay, shortDay } from "./formatting.js";
import { theme } from "./current_theme.js";

const LINE_DASHES = [[], [6, 4], [2, 3], [9, 3, 2, 3]];

export class Figure {
  constructor(element) {
    this.plot = element.querySelector(".plot");
    this.title = (element.querySelector("h3") ?? element.querySelector("figcaption")).textContent;
    this.drawCount = 0;
    this.hiddenLabels = new Set();
  }

  /** Draw the charts at `urls`. Several become one chart with a series for each package; only the latest call counts. */
  async draw(urls) {
    const draw = ++this.drawCount;
    this.payload = undefined;
    this.plot.classList.add("waiting");
    try {
      const payloads = await Promise.all(urls.map(fetchChart));
      if (draw !== this.drawCount) return;
      this.payload = payloads.length > 1 ? merged(payloads) : payloads[0];
      this.show(this.payload);
    } catch (error) {
      if (draw !== this.drawCount) return;
      this.showPictures(urls, error);
    } finally {
      if (draw === this.drawCount) this.plot.classList.remove("waiting");
    }
  }

  /** The same at once: a printer waits for nothing. */
  drawAtOnce(urls) {
    this.drawCount++;
    this.plot.classList.remove("waiting");
    try {
      const payloads = urls.map(fetchChartAtOnce);
      this.show(payloads.length > 1 ? merged(payloads) : payloads[0]);
    } catch {
      // What has been shown is printed, in the new size.
      this.chart?.resize();
    }
  }

  /** Draw again what is drawn, if it is still what is asked for. */
  restore(urls) {
    if (this.payload) this.show(this.payload);
    else this.draw(urls);
  }

  show(payload) {
    this.chart?.destroy();
    this.chart = undefined;
    if (payload.datasets.length === 0) {
      const nothing = payload.leftOut.length > 0 && payload.labels.length === 0;
      this.plot.replaceChildren(message(nothing ? `No complete ${payload.granularity} in this period.` : "No downloads in this period."));
      return;
    }
    const box = document.createElement("div");
    box.className = "canvas";
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", description(payload));
    box.append(canvas);
    this.plot.replaceChildren(box, this.legend(payload));
    if (notes(payload)) this.plot.append(message(notes(payload), "quiet"));
    for (const dataset of payload.datasets) dataset.hidden = this.hiddenLabels.has(dataset.label);
    this.chart = new globalThis.Chart(canvas, { type: payload.chartType, data: payload, options: options() });
  }

  /** Buttons, since Chart.js's own legend cannot be used by keyboard. */
  legend(payload) {
    const list = document.createElement("ul");
    list.className = "legend";
    list.setAttribute("aria-label", "Series");
    payload.datasets.forEach((dataset, position) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", String(!this.hiddenLabels.has(dataset.label)));
      const swatch = document.createElement("i");
      swatch.style.backgroundColor = dataset.borderColor;
      button.append(swatch, labelOf(dataset.label));
      button.addEventListener("click", () => {
        const shown = this.hiddenLabels.delete(dataset.label);
        if (!shown) this.hiddenLabels.add(dataset.label);
        button.setAttribute("aria-pressed", String(shown));
        this.chart.setDatasetVisibility(position, shown);
        this.chart.update();
      });
      const item = document.createElement("li");
      item.append(button);
      list.append(item);
    });
    return list;
  }

  showPictures(urls, error) {
    this.chart?.destroy();
    this.chart = undefined;
    if (error instanceof ChartError) {
      this.plot.replaceChildren(message(error.message));
      return;
    }
    this.plot.replaceChildren(
      ...urls.map((url) => {
        const image = new Image(1200, 600);
        image.alt = this.title;
        image.src = withQuery(url, { format: "svg", theme: theme() });
        return image;
      }),
    );
  }
}

class ChartError extends Error {}

export function withQuery(url, values) {
  const whole = new URL(url, location.href);
  for (const [name, value] of Object.entries(values)) whole.searchParams.set(name, value);
  return whole.pathname + whole.search;
}

async function fetchChart(url) {
  const response = await fetch(withQuery(url, { format: "json", theme: theme() }));
  if (!response.ok) {
    const problem = await response.json();
    throw new ChartError(problem.detail ?? "The server returned an error.");
  }
  return response.json();
}

function fetchChartAtOnce(url) {
  const request = new XMLHttpRequest();
  request.open("GET", withQuery(url, { format: "json", theme: theme() }), false);
  request.send();
  if (request.status !== 200) throw new ChartError();
  return JSON.parse(request.responseText);
}

/** Draw figures, a map from elements, for the width and the color of paper while they are printed. */
export function drawForPrint(figures, urlsOf) {
  const root = document.documentElement;
  addEventListener("beforeprint", () => {
    root.toggleAttribute("data-printing", true);
    figures.forEach((figure, element) => figure.drawAtOnce(urlsOf(element)));
  });
  addEventListener("afterprint", () => {
    root.toggleAttribute("data-printing", false);
    figures.forEach((figure, element) => figure.restore(urlsOf(element)));
  });
}

/** One chart of several packages, each with a single series. */
function merged(payloads) {
  const labels = [...new Set(payloads.flatMap((payload) => payload.labels))].sort();
  const missingDays = [...new Set(payloads.flatMap((payload) => payload.missingDays))].sort();
  const leftOut = [...new Set(payloads.flatMap((payload) => payload.leftOut))].sort();
  return {
    chartType: payloads[0].chartType,
    title: payloads.map((payload) => payload.package).join(", "),
    labels,
    missingDays,
    leftOut,
    granularity: payloads[0].granularity,
    datasets: payloads.map((payload, position) => {
      const data = payload.datasets[0]?.data;
      const counts = new Map(payload.labels.map((label, index) => [label, data ? data[index] : 0]));
      const color = colorOf(`--series-${position + 1}`);
      return {
        label: payload.package,
        data: labels.map((label) => counts.get(label) ?? null),
        borderColor: color,
        backgroundColor: color,
        borderDash: payloads[0].chartType === "line" ? LINE_DASHES[position % LINE_DASHES.length] : undefined,
        borderWidth: payloads[0].chartType === "line" ? 2 : 0,
        pointRadius: Math.max(...payloads.map((each) => each.datasets[0]?.pointRadius ?? 0)),
      };
    }),
  };
}

function options() {
  const [ink, quiet, line, surface] = ["--ink", "--quiet", "--line", "--surface"].map(colorOf);
  return {
    responsive: true,
    maintainAspectRatio: false,
    animation: false,
    // A date that is not loaded is null: the line is broken there.
    spanGaps: false,
    interaction: { mode: "index", intersect: false },
    elements: { point: { radius: 0, hoverRadius: 4, hitRadius: 8 }, line: { tension: 0 } },
    scales: {
      x: {
        grid: { display: false },
        border: { color: line },
        ticks: {
          color: quiet,
          autoSkipPadding: 28,
          maxRotation: 0,
          callback(value) {
            return shortDay(this.getLabelForValue(value));
          },
        },
      },
      y: {
        beginAtZero: true,
        grid: { color: line },
        border: { display: false },
        ticks: { color: quiet, maxTicksLimit: 6, callback: (value) => (Number.isInteger(value) ? compact(value) : "") },
      },
    },
    plugins: {
      legend: { display: false },
      tooltip: {
        backgroundColor: surface,
        titleColor: ink,
        bodyColor: ink,
        borderColor: line,
        borderWidth: 1,
        padding: 10,
        boxPadding: 4,
        usePointStyle: true,
        itemSort: (a, b) => b.raw - a.raw,
        callbacks: {
          title: (items) => longDay(items[0].label),
          label: (item) => ` ${labelOf(item.dataset.label)}: ${grouped(item.raw)}`,
        },
      },
    },
  };
}

/** The computed value of a color property: canvases do not know var() and light-dark(). */
function colorOf(property) {
  const probe = document.createElement("i");
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}

const LABELS = { null: "unknown", with_mirrors: "with mirrors", without_mirrors: "without mirrors" };
const labelOf = (label) => LABELS[label] ?? label;

function description(payload) {
  const last = payload.labels.length - 1;
  const values = payload.datasets.map((dataset) => `${labelOf(dataset.label)} ${grouped(dataset.data[last])}`);
  return `${payload.title}, ${longDay(payload.labels[0])} to ${longDay(payload.labels[last])}. At the end: ${values.join(", ")}. ${notes(payload)}`.trim();
}

const LISTED_DAYS = 3;

/** Which days are not loaded, and which weeks or months are left out, in words. */
function notes(payload) {
  const { missingDays, leftOut, granularity } = payload;
  const more = missingDays.length - LISTED_DAYS;
  const rest = more > 0 ? ` and ${grouped(more)} more` : "";
  const gaps = missingDays.length > 0 ? `Not loaded: ${missingDays.slice(0, LISTED_DAYS).join(", ")}${rest}.` : "";
  return `${gaps} ${leftOut.length > 0 ? `Incomplete ${granularity}s are left out.` : ""}`.trim();
}

function message(text, className = "message") {
  const paragraph = document.createElement("p");
  paragraph.className = className;
  paragraph.textContent = text;
  return paragraph;
}
