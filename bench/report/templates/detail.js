// What opens when a cell is chosen: seeds, interval, published numbers, records; and a glance at it under the pointer.
const dialog = document.getElementById("detail");
const peek = document.getElementById("peek");

function facts(pairs) {
  return make("dl", {}, ...pairs.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));
}

function runTable(runs) {
  const rows = runs.map((run) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, String(run.seed)),
      make("td", {}, run.accuracy === null ? "–" : run.accuracy.toFixed(2)),
      make(
        "td",
        { className: "text" },
        run.outcome === "ok" ? "ended well" : [run.outcome, run.reason].filter(Boolean).join(": "),
      ),
      make("td", {}, run.record ? make("a", { href: run.record }, "record") : "–"),
    ),
  );
  const heads = ["Seed", "Accuracy (%)", "Outcome", "Record"].map((text) =>
    make("th", { scope: "col", className: text === "Outcome" ? "text" : "" }, text),
  );
  return make(
    "div",
    { className: "scroll" },
    make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows)),
  );
}

function publishedRow(row) {
  const pill = make(
    "span",
    { className: `pill v-${row.colour}` },
    make("b", { ariaHidden: "true" }, row.letter),
    row.verdict,
  );
  const why = row.why.length
    ? make(
        "div",
        {},
        make("p", { className: "facts" }, row.verdict === "not comparable" ? "Not comparable because of" : "Why"),
        make("ul", {}, ...row.why.map((text) => make("li", {}, text))),
      )
    : null;
  return make(
    "div",
    { className: "row" },
    pill,
    make(
      "span",
      { className: "facts" },
      row.anchor ? " the published number of this cell" : " another published number",
    ),
    why,
    facts(row.facts),
  );
}

function show(number) {
  const cell = DATA.cells[number];
  const close = make("button", { type: "button", className: "close quiet" }, "Close");
  close.addEventListener("click", () => dialog.close());
  const published = cell.published.length
    ? cell.published.map(publishedRow)
    : [make("p", { className: "facts" }, "Nothing published about this cell is known here.")];
  const problems = [...cell.failures, cell.warnings].filter(Boolean).map((text) => make("li", {}, text));
  const curve = cell.curve === null ? [] : [make("h3", {}, "Training"), ...detailCharts(DATA.trainings[cell.curve])];
  dialog.replaceChildren(
    close,
    make("h2", { id: "detail-title" }, cell.title.replaceAll(/[,[]/g, "$&\u200b")),
    make("p", { className: "facts" }, cell.place),
    make("p", { className: "big" }, cell.ours),
    problems.length ? make("ul", { className: "outcome" }, ...problems) : (null ?? ""),
    make("h3", {}, "Seeds"),
    cell.runs.length ? runTable(cell.runs) : make("p", {}, "no runs"),
    make("h3", {}, "Published"),
    ...published,
    make("h3", {}, "This cell"),
    facts(cell.facts),
    ...curve,
  );
  hidePeek();
  dialog.showModal();
  dialog.scrollTop = 0;
  drawDetail(cell.curve === null ? null : DATA.trainings[cell.curve]);
}
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

function glance(cell) {
  const seeds = cell.runs.map((run) => (run.accuracy === null ? run.outcome : run.accuracy.toFixed(2))).join(", ");
  const interval = cell.facts.find(([name]) => name.startsWith("95 %"));
  const anchor = cell.published.find((row) => row.anchor);
  const lines = [
    cell.title,
    `Ours: ${cell.ours}`,
    seeds && `Seeds: ${seeds}`,
    interval && `95 % interval: ${interval[1]}`,
  ];
  if (anchor)
    lines.push(
      `${anchor.facts[0][0]}: ${anchor.facts[0][1]}`,
      `Verdict: ${anchor.verdict}`,
      ...anchor.why.slice(0, 3).map((text) => `· ${text}`),
    );
  return lines.filter(Boolean).join("\n");
}
function showPeek(button) {
  peek.textContent = glance(DATA.cells[button.dataset.cell]);
  peek.hidden = false;
  const place = button.getBoundingClientRect();
  const { width, height } = peek.getBoundingClientRect();
  const below = place.bottom + height + 8 < innerHeight;
  peek.style.left = `${Math.max(8, Math.min(place.left, innerWidth - width - 8))}px`;
  peek.style.top = `${below ? place.bottom + 6 : Math.max(8, place.top - height - 6)}px`;
  button.setAttribute("aria-describedby", "peek");
}
function hidePeek() {
  peek.hidden = true;
  all("[aria-describedby=peek]").forEach((button) => button.removeAttribute("aria-describedby"));
}
const cellOf = (event) => (event.target instanceof Element ? event.target.closest("[data-cell]") : null);
document.addEventListener("click", (event) => {
  const button = cellOf(event);
  if (button) show(button.dataset.cell);
});
document.addEventListener("pointerover", (event) => {
  if (event.pointerType === "mouse") {
    const button = cellOf(event);
    if (button) showPeek(button);
    else hidePeek();
  }
});
document.addEventListener("focusin", (event) => {
  const button = cellOf(event);
  if (button?.matches(":focus-visible")) showPeek(button);
  else hidePeek();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hidePeek();
});
addEventListener("scroll", hidePeek, { passive: true });
