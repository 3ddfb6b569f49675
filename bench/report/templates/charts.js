// Charts: one specification a kind, drawn one after the other when nothing else is to be done,
// and a legend of buttons for all charts of a section.
const LOOKS = new Map(DATA.looks.map((look) => [look.method, look]));
const CROWDED = 12; // more bands than this would hide each other
const OPTIONS = {
  actions: false,
  renderer: "svg",
  ast: true,
  defaultStyle: false,
  logLevel: 1,
  tooltip: { disableDefaultStyle: true },
};
let hidden = [];

async function draw(element, kind, rows, signals = {}) {
  const methods = new Set(rows.map((row) => row.method).filter((method) => method !== "dense"));
  const crowded = methods.size > CROWDED;
  const spec = structuredClone(DATA.specs[kind]);
  spec.config.aria = false; // the figure has a text of its own
  spec.data = { name: "rows", values: rows };
  const inside = make("div", { className: "drawing" }); // Vega sets roles of its own, the figure keeps its text
  element.replaceChildren(inside);
  const { view } = await vegaEmbed(inside, spec, OPTIONS);
  view.addEventListener("click", (event, item) => {
    if (item?.datum?.cell !== undefined) show(item.datum.cell);
  });
  for (const [name, value] of Object.entries({ crowded, hidden, ...signals })) view.signal(name, value);
  await view.runAsync();
  return view;
}

/** A training's points; `share` says them as a share of it, so that short and long ones can be compared. */
function trainingRows(training, share = false) {
  const last = training.epoch.at(-1);
  return training.epoch.map((epoch, index) => ({
    x: share ? (100 * epoch) / last : epoch,
    method: training.method,
    epoch,
    accuracy: training.accuracy[index],
    low: training.low[index],
    high: training.high[index],
    flips: training.flips[index],
  }));
}

const PATHS = {
  circle: "M4 0A4 4 0 1 1-4 0A4 4 0 1 1 4 0",
  square: "M-3.5-3.5H3.5V3.5H-3.5Z",
  "triangle-up": "M0-4L4 3.5H-4Z",
  "triangle-down": "M0 4L4-3.5H-4Z",
  "triangle-right": "M4 0L-3.5 4V-4Z",
  "triangle-left": "M-4 0L3.5 4V-4Z",
  diamond: "M0-4.5L4 0L0 4.5L-4 0Z",
  cross: "M-1.5-4H1.5V-1.5H4V1.5H1.5V4H-1.5V1.5H-4V-1.5H-1.5Z",
};
function swatch(look) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ width: 26, height: 12, viewBox: "-13 -6 26 12", "aria-hidden": "true" }))
    svg.setAttribute(name, value);
  const line = document.createElementNS(svg.namespaceURI, "path");
  line.setAttribute("d", "M-13 0H13");
  line.setAttribute("style", `stroke: ${look.colour}; stroke-width: 1.6; stroke-dasharray: ${look.stroke.join(" ")}`);
  const mark = document.createElementNS(svg.namespaceURI, "path");
  mark.setAttribute("d", PATHS[look.shape]);
  mark.setAttribute("style", `fill: ${look.colour}`);
  svg.append(line, mark);
  return svg;
}

const waiting = [];
const idle = window.requestIdleCallback ?? ((callback) => setTimeout(callback, 50));
function drawNext() {
  const next = waiting.shift();
  if (next) idle(() => next().then(drawNext), { timeout: 500 });
}

class Charts {
  /** The charts of a section: accuracy against what is kept, and training at one operating point. */
  constructor(box) {
    this.section = DATA.sections[box.dataset.section];
    this.trainings = this.section.trainings.map((index) => DATA.trainings[index]);
    this.point = box.querySelector("select.point");
    this.floor = box.querySelector("select.floor");
    this.floor.addEventListener("input", () => this.update());
    this.views = new Map();
    this.chosen = new Set();
    this.point.addEventListener("input", () => this.retrain());
    const methods = [...new Set(this.section.rows.filter((row) => !row.dense).map((row) => row.method))];
    box.querySelector(".legend").append(...methods.map((method) => make("li", {}, this.button(method))));
    all(".chart", box).forEach((element) => waiting.push(() => this.show(element)));
    document.addEventListener("filtered", () => this.update());
  }

  button(method) {
    const button = make("button", { type: "button", "aria-pressed": "false" }, swatch(LOOKS.get(method)), method);
    button.addEventListener("click", () => {
      if (!this.chosen.delete(method)) this.chosen.add(method);
      button.setAttribute("aria-pressed", String(this.chosen.has(method)));
      this.update();
    });
    for (const [name, extra] of [
      ["pointerenter", [method]],
      ["focus", [method]],
      ["pointerleave", []],
      ["blur", []],
    ])
      button.addEventListener(name, () => this.update(extra));
    return button;
  }

  rows(kind) {
    if (kind === "sparsity" || kind === "macs") return this.section.rows;
    const at = this.trainings.filter(
      (training) => !training.points.length || training.points.includes(this.point.value),
    );
    return at.flatMap((training) => trainingRows(training, true));
  }

  async show(element) {
    const kind = element.dataset.spec;
    const signals = {
      chosen: [...this.chosen],
      floor: Number(this.floor.value),
      along: "Share of the run's epochs (%)",
    };
    this.views.set(kind, await draw(element, kind, this.rows(kind), signals));
  }

  update(extra = []) {
    const chosen = [...this.chosen, ...extra];
    for (const view of this.views.values())
      view.signal("chosen", chosen).signal("hidden", hidden).signal("floor", Number(this.floor.value)).runAsync();
  }

  retrain() {
    for (const kind of ["accuracy", "flips"]) {
      const view = this.views.get(kind);
      if (view) view.data("rows", this.rows(kind)).runAsync();
    }
  }
}

document.addEventListener("filtered", (event) => {
  hidden = event.detail;
});
all(".charts").forEach((box) => new Charts(box));
drawNext();

// The curves of one cell, in what opens when it is chosen.
function detailCharts(training) {
  const what =
    training.stages.length > 1
      ? ` Stages: ${training.stages.map(([name, start]) => `${name} from epoch ${start}`).join(", ")}.`
      : "";
  return [
    make(
      "p",
      { className: "facts" },
      `Mean of ${training.seeds} ${training.seeds === 1 ? "seed" : "seeds"}, the band from the lowest to the highest.${what}`,
    ),
    ...["accuracy", "flips"].map((kind) =>
      make("div", {
        className: "chart",
        role: "img",
        "data-kind": kind,
        ariaLabel:
          kind === "flips" ? "Mask flips over the epochs of this run" : "Test accuracy over the epochs of this run",
      }),
    ),
  ];
}
let opened = [];
async function drawDetail(training) {
  if (!training) return;
  const rows = trainingRows(training);
  opened = await Promise.all(all(".chart", dialog).map((element) => draw(element, element.dataset.kind, rows)));
}
dialog.addEventListener("close", () => {
  for (const view of opened.splice(0)) view.finalize();
});
