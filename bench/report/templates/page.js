"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** An element with properties and children; texts are only ever set as texts. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

// Light or dark: as the system is, until the button says otherwise.
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
function stored() {
  try {
    return localStorage.getItem("reprune-theme");
  } catch {
    return null;
  }
}
if (stored()) root.dataset.theme = stored();
document.getElementById("theme").addEventListener("click", () => {
  root.dataset.theme = (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("reprune-theme", root.dataset.theme);
  } catch {
    /* then it lasts until the page is closed */
  }
});

// Copying.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = make("textarea", { value: text });
    (button.closest("dialog") ?? document.body).append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  button.textContent = "Copied";
  setTimeout(() => {
    button.textContent = "Copy";
  }, 1500);
});

// Sorting: what is not a number sorts as a text, what is empty comes last.
function sortKey(cell) {
  const text = (cell.dataset.value ?? cell.textContent).trim().replace("−", "-");
  if (text === "" || text === "–" || text === "-") return null;
  const number = Number.parseFloat(text);
  return Number.isNaN(number) ? text : number;
}
function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}
function sort(table, column, direction) {
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => [sortKey(row.cells[column]), row]);
  const filled = keyed.filter(([key]) => key !== null).sort((a, b) => direction * compare(a[0], b[0]));
  const empty = keyed.filter(([key]) => key === null);
  body.append(...[...filled, ...empty].map(([, row]) => row));
}
for (const table of all("table.sortable")) {
  all("thead th", table).forEach((head, column) => {
    const button = make("button", { type: "button", className: "sort" }, ...head.childNodes);
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") === (column ? "descending" : "none");
      const descending = !ascending;
      all("th[aria-sort]", table.tHead).forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sort(table, column, descending ? -1 : 1);
    });
  });
}

// Filtering: rows of all tables; charts hide the methods whose rows are hidden (charts.js listens).
const filter = {
  text: document.getElementById("filter-text"),
  method: document.getElementById("filter-method"),
  verdict: document.getElementById("filter-verdict"),
};
function matches(row, words, family, verdict, judged) {
  if (family && row.dataset.family && row.dataset.family !== family) return false;
  if (verdict && judged && !(row.dataset.verdicts ?? "").split(" ").includes(verdict)) return false;
  const text = row.textContent.toLowerCase();
  return words.every((word) => text.includes(word));
}
function applyFilter() {
  const words = filter.text.value.toLowerCase().split(/\s+/).filter(Boolean);
  const family = filter.method.value;
  const verdict = filter.verdict.value.replaceAll(" ", "-");
  const methods = new Map();
  for (const table of all("table.filterable")) {
    const judged = table.querySelector("tr[data-verdicts]") !== null;
    let left = 0;
    for (const row of table.tBodies[0].rows) {
      row.hidden = !matches(row, words, family, verdict, judged);
      left += row.hidden ? 0 : 1;
      if (table.classList.contains("matrix"))
        methods.set(row.dataset.method, methods.get(row.dataset.method) || !row.hidden);
    }
    table.parentElement.toggleAttribute("data-empty", left === 0);
  }
  const shown = [...methods.values()].filter(Boolean).length;
  const active = words.length > 0 || family || verdict;
  document.getElementById("filter-count").textContent = active ? `${shown} of ${methods.size} methods` : "";
  const hidden = [...methods].filter(([, visible]) => !visible).map(([method]) => method);
  document.dispatchEvent(new CustomEvent("filtered", { detail: hidden }));
}
for (const control of Object.values(filter)) control.addEventListener("input", applyFilter);
document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());

// Where in the contents the reader is.
const links = new Map(all(".toc a").map((link) => [link.hash.slice(1), link]));
const reading = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) links.get(target.id)?.classList.toggle("here", isIntersecting);
  },
  { rootMargin: "-20% 0px -70% 0px" },
);
all("main > section").forEach((section) => reading.observe(section));

addEventListener("beforeprint", () =>
  all("details[data-print]").forEach((each) => {
    each.open = true;
  }),
);
