// Filters, opens and points out what stands in the page already. Nothing here is needed to read it.
const page = document;

// Folded away on paper means lost: what was closed opens to be printed and closes again after.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...page.querySelectorAll("details.lists:not([open])")];
  for (const part of opened) part.open = true;
});
addEventListener("afterprint", () => { for (const part of opened) part.open = false; });

// The contents fold away again once a reader on a phone has chosen.
const contents = page.querySelector(".contents details");
contents?.addEventListener("click", event => {
  if (event.target.closest("a")) contents.open = false;
});

// One filter for the lines and the pages of the children.
const template = page.getElementById("filter-form");
if (template) {
  const box = page.querySelector("#every_child .scroll");
  box.before(template.content.cloneNode(true));
  const form = page.querySelector("form.filter");
  const { group, name } = form.elements;
  const status = form.querySelector("[role=status]");
  const lines = [...box.querySelectorAll("tr[data-groups]")];
  const pages = [...page.querySelectorAll(".child[data-groups]")];
  const links = new Map([...page.querySelectorAll(".contents a")].map(a => [a.hash.slice(1), a]));
  const isWanted = item =>
    (!group.value || item.dataset.groups.split(" ").includes(group.value)) &&
    item.dataset.name.toLowerCase().includes(name.value.trim().toLowerCase());
  const filter = () => {
    let shown = 0;
    for (const line of lines) shown += !line.classList.toggle("filtered", !isWanted(line));
    for (const child of pages) child.classList.toggle("filtered", !isWanted(child));
    for (const child of pages) {
      links.get(child.id)?.classList.toggle("filtered", child.classList.contains("filtered"));
    }
    const isAll = !group.value && !name.value.trim();
    const said = status.dataset.say.replace("{shown}", shown).replace("{total}", lines.length);
    status.textContent = isAll ? "" : said;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  // A number leads to its children: in the lines, filtered, with the choice ready to be changed.
  page.addEventListener("click", event => {
    const link = event.target.closest("a[data-group]");
    if (!link) return;
    event.preventDefault();
    form.reset();
    group.value = link.dataset.group;
    filter();
    history.pushState(null, "", "#every_child");
    page.getElementById("every_child").scrollIntoView();
    group.focus({ preventScroll: true });
  });
  // A link to a child that the filter hides shows everyone again.
  const reveal = () => {
    const child = pages.find(item => `#${item.id}` === location.hash);
    if (!child?.classList.contains("filtered")) return;
    form.reset();
    setTimeout(() => child.scrollIntoView());
  };
  addEventListener("hashchange", reveal);
}

// Everything that folds on a child's page, opened and closed at once.
const words = page.getElementById("words").dataset;
for (const child of page.querySelectorAll(".child")) {
  const button = page.createElement("button");
  button.type = "button";
  button.className = "open-all screen-only";
  button.textContent = words.open;
  button.setAttribute("aria-describedby", `h-${child.id}`);
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") === "false";
    for (const part of child.querySelectorAll("details")) part.open = open;
    button.setAttribute("aria-expanded", String(open));
    button.textContent = open ? words.close : words.open;
  });
  child.querySelector("h3").after(button);
}

// A value names its cell in the source: under the pointer, or with the arrow keys from value to value.
const tip = page.createElement("div");
tip.className = "tip";
tip.id = "tip";
tip.setAttribute("role", "tooltip");
tip.hidden = true;
page.body.append(tip);
const point = cell => {
  tip.textContent = cell.dataset.at;
  tip.hidden = false;
  const place = cell.getBoundingClientRect();
  const left = Math.min(place.left, innerWidth - tip.offsetWidth - 8);
  const above = place.top - tip.offsetHeight - 6;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${above > 0 ? above : place.bottom + 6}px`;
  cell.setAttribute("aria-describedby", "tip");
};
const leave = () => {
  tip.hidden = true;
  page.querySelector("[aria-describedby=tip]")?.removeAttribute("aria-describedby");
};
for (const table of page.querySelectorAll(".with-cells")) {
  const cells = [...table.querySelectorAll("td[data-at]")];
  cells[0]?.setAttribute("tabindex", "0");
  table.addEventListener("pointerover", event => {
    const cell = event.target.closest("td[data-at]");
    if (cell) point(cell); else leave();
  });
  table.addEventListener("pointerleave", leave);
  table.addEventListener("focusin", event => {
    if (event.target.matches("td[data-at]")) point(event.target);
  });
  table.addEventListener("focusout", leave);
  table.addEventListener("keydown", event => {
    const from = event.target;
    if (event.key === "Escape") leave();
    if (!from.matches("td[data-at]")) return;
    const column = from.cellIndex;
    const rows = [...table.tBodies[0].rows];
    const row = rows.indexOf(from.parentElement);
    const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const [down, right] = steps[event.key];
    let [y, x] = [row + down, column + right];
    let to = rows[y]?.cells[x];
    while (to && !to.matches("[data-at]")) to = rows[y += down]?.cells[x += right];
    if (!to) return;
    from.removeAttribute("tabindex");
    to.setAttribute("tabindex", "0");
    to.focus();
  });
}
