// Charts: the API's Chart.js payload, drawn as it is; where that fails, the server's own picture of it.
import { compact, grouped, longDay, shortDay } from "./numbers.js";
import { theme } from "./theme_of.js";

const DASH = [[], [6, 4], [2, 3], [9, 3, 2, 3]];

export class Figure {
  constructor(element) {
    this.plot = element.querySelector(".plot");
    this.title = (element.querySelector("h3") ?? element.querySelector("figcaption")).textContent;
    this.round = 0;
    this.hidden = new Set();
  }

  /** Draw what `urls` answer, each a chart's URL; several are one chart with a line for each package. */
  async draw(urls) {
    const round = ++this.round;
    this.plot.classList.add("waiting");
    try {
      const payloads = await Promise.all(urls.map(ask));
      if (round !== this.round) return;
      this.show(payloads.length > 1 ? merged(payloads) : payloads[0]);
    } catch (error) {
      if (round !== this.round) return;
      this.showPictures(urls, error);
    } finally {
      if (round === this.round) this.plot.classList.remove("waiting");
    }
  }

  show(payload) {
    this.chart?.destroy();
    this.chart = undefined;
    if (payload.datasets.length === 0) {
      this.plot.replaceChildren(message("No downloads in this period."));
      return;
    }
    const box = document.createElement("div");
    box.className = "canvas";
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", description(payload));
    box.append(canvas);
    this.plot.replaceChildren(box, this.legend(payload));
    for (const dataset of payload.datasets) dataset.hidden = this.hidden.has(dataset.label);
    this.chart = new globalThis.Chart(canvas, { type: payload.chartType, data: payload, options: options() });
  }

  /** Buttons, because what is drawn on a canvas has no keyboard. */
  legend(payload) {
    const list = document.createElement("ul");
    list.className = "legend";
    list.setAttribute("aria-label", "Series");
    payload.datasets.forEach((dataset, position) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", String(!this.hidden.has(dataset.label)));
      const swatch = document.createElement("i");
      swatch.style.backgroundColor = dataset.borderColor;
      button.append(swatch, nameOf(dataset.label));
      button.addEventListener("click", () => {
        const shown = this.hidden.delete(dataset.label);
        if (!shown) this.hidden.add(dataset.label);
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
    if (error instanceof RefusedError) {
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

class RefusedError extends Error {}

export function withQuery(url, values) {
  const whole = new URL(url, location.href);
  for (const [name, value] of Object.entries(values)) whole.searchParams.set(name, value);
  return whole.pathname + whole.search;
}

async function ask(url) {
  const answer = await fetch(withQuery(url, { format: "json", theme: theme() }));
  if (!answer.ok) {
    const problem = await answer.json();
    throw new RefusedError(problem.detail ?? "The server did not answer.");
  }
  return answer.json();
}

/** One chart of several packages, whose charts have one series each. */
function merged(payloads) {
  const labels = [...new Set(payloads.flatMap((payload) => payload.labels))].sort();
  return {
    chartType: payloads[0].chartType,
    title: payloads.map((payload) => payload.package).join(", "),
    labels,
    datasets: payloads.map((payload, position) => {
      const counts = new Map(payload.labels.map((label, index) => [label, payload.datasets[0]?.data[index] ?? 0]));
      const color = colorOf(`--series-${position + 1}`);
      return {
        label: payload.package,
        data: labels.map((label) => counts.get(label) ?? 0),
        borderColor: color,
        backgroundColor: color,
        borderDash: payloads[0].chartType === "line" ? DASH[position % DASH.length] : undefined,
        borderWidth: payloads[0].chartType === "line" ? 2 : 0,
        pointRadius: 0,
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
          label: (item) => ` ${nameOf(item.dataset.label)}: ${grouped(item.raw)}`,
        },
      },
    },
  };
}

/** A color of the style sheet as a canvas takes it: light-dark() has to be worked out first. */
function colorOf(property) {
  const probe = document.createElement("i");
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}

const NAMES = { null: "unknown", with_mirrors: "with mirrors", without_mirrors: "without mirrors" };
const nameOf = (label) => NAMES[label] ?? label;

function description(payload) {
  const last = payload.labels.length - 1;
  const values = payload.datasets.map((dataset) => `${nameOf(dataset.label)} ${grouped(dataset.data[last])}`);
  return `${payload.title}, ${longDay(payload.labels[0])} to ${longDay(payload.labels[last])}. At the end: ${values.join(", ")}.`;
}

function message(text) {
  const paragraph = document.createElement("p");
  paragraph.className = "message";
  paragraph.textContent = text;
  return paragraph;
}
