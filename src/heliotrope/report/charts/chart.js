// What charts do where scripts run: values beside pointer and keyboard, and Vega to zoom and save.
// Without this script the drawings stay as they are, with their titles and their tables.
(() => {
  "use strict";
  const words = JSON.parse(document.getElementById("chart-words").textContent);
  const MARKS = ".panel-plot title";
  const [LETTER, LABELS, LEAST_PLOT, MOST_LABEL] = [7, 120, 120, 260];
  const [CELL, GAP, TALL_GAP] = [190, 44, 48];
  const make = (name, text, kind) => {
    const element = document.createElement(name);
    if (text) element.textContent = text;
    if (kind) element.className = kind;
    return element;
  };
  const unpack = async (packed) => {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };

  // One box shows what a mark says; screen readers hear it from one quiet line of the page.
  const box = make("div", "", "chart-tip");
  const spoken = make("div", "", "hidden");
  box.hidden = true;
  spoken.setAttribute("role", "status");
  document.body.append(box, spoken);
  let shown = null;
  const hide = () => {
    if (shown) shown.classList.remove("is-shown");
    shown = null;
    box.hidden = true;
  };
  const show = (mark, text) => {
    if (mark === shown) return;
    hide();
    shown = mark;
    mark.classList.add("is-shown");
    const [first, ...more] = text.split("\n");
    box.replaceChildren(make("strong", first), ...more.map((line) => make("span", line)));
    box.hidden = false;
    const at = mark.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const left = Math.min(Math.max(at.left + at.width / 2 - box.offsetWidth / 2, 4),
      width - box.offsetWidth - 4);
    const above = at.top - box.offsetHeight - 8;
    box.style.left = `${left + scrollX}px`;
    box.style.top = `${(above < 0 ? at.bottom + 8 : above) + scrollY}px`;
  };

  const follow = (drawing) => {
    // A title is the mark's own words; as an attribute it makes no second box of the browser's.
    const marks = [];
    for (const title of drawing.querySelectorAll(MARKS)) {
      title.parentNode.dataset.says = title.textContent;
      marks.push(title.parentNode);
      title.remove();
    }
    if (!marks.length) return;
    const middle = (mark) => {
      const at = mark.getBoundingClientRect();
      return at.left + at.width / 2;
    };
    let order = null;
    let place = -1;
    const step = (by) => {
      order ??= marks.map((mark, n) => [middle(mark), n, mark])
        .sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((item) => item[2]);
      place = Math.min(Math.max(place + by, 0), order.length - 1);
      show(order[place], order[place].dataset.says);
      spoken.textContent = order[place].dataset.says;
    };
    drawing.tabIndex = 0;
    drawing.setAttribute("aria-keyshortcuts", "ArrowLeft ArrowRight Home End Escape");
    drawing.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
      if (event.key === "Escape") hide();
      if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      step(steps[event.key]);
    });
    drawing.addEventListener("blur", hide);
    drawing.addEventListener("pointerover", (event) => {
      const mark = event.target.closest("[data-says]");
      if (mark) show(mark, mark.dataset.says);
      else hide();
    });
    drawing.addEventListener("pointerleave", hide);
  };

  // Vega is unpacked when a chart is first asked for: reading the report does not wait for it.
  let vega = null;
  const wakeVega = () => {
    vega ??= unpack(document.getElementById("vega").textContent.trim()).then((text) => {
      document.head.append(Object.assign(document.createElement("script"), { textContent: text }));
      return window.heliotropeVega;
    });
    return vega;
  };

  const ours = () => {
    const style = getComputedStyle(document.documentElement);
    return Object.entries(words.palette).map(([name, color]) =>
      [color, style.getPropertyValue(`--${name}`).trim() || color]);
  };
  const colored = (text) =>
    ours().reduce((all, [from, to]) => all.replaceAll(`"${from}"`, `"${to}"`), text);
  const acrossOf = (spec) => {
    for (const panel of spec.vconcat ?? [])
      for (const layer of panel.layer)
        if (layer.encoding.x?.scale) return layer.encoding.x.scale.domain;
    return null;
  };
  const fit = (spec, plot, limit) => {
    for (const panel of spec.concat ?? []) panel.title.limit = panel.width;
    for (const panel of spec.vconcat ?? []) {
      panel.width = plot;
      const [name, unit] = panel.title.text.split(/, (.*)/s);
      if (unit && panel.title.text.length * LETTER > plot) {
        panel.title.text = [name, unit];
        spec.spacing = TALL_GAP;
      }
      panel.title.limit = plot;
      for (const layer of panel.layer) {
        layer.mark.clip = layer.mark.type !== "text";
        const { x, y } = layer.encoding;
        if (y?.axis) y.axis.labelLimit = limit;
        if (x?.axis?.values) {
          delete x.axis.values;
          x.axis.titleLimit = plot;
          x.axis.tickCount = Math.max(2, Math.floor(plot / 90));
        }
      }
    }
    return spec;
  };
  const look = (spec, [low, high]) => {
    for (const panel of spec.vconcat)
      for (const layer of panel.layer)
        if (layer.encoding.x?.scale) layer.encoding.x.scale.domain = [low, high];
    return spec;
  };

  const open = (chart) => {
    const drawing = chart.querySelector(".drawing");
    const bar = make("div", "", "chart-bar");
    const view = make("div", "", "vega-view");
    const toggle = make("button", words.open);
    toggle.type = "button";
    toggle.setAttribute("aria-expanded", "false");
    const tools = make("span", "", "chart-tools");
    tools.hidden = true;
    bar.append(toggle, tools);
    view.hidden = true;
    drawing.after(bar, view);
    const state = { text: null, whole: null, part: null, result: null };

    const draw = async () => {
      const { embed } = await wakeVega();
      const spec = JSON.parse(colored(state.text));
      const across = Math.floor((view.clientWidth + GAP) / (CELL + GAP));
      if (spec.concat) spec.columns = Math.max(1, across);
      state.plot ??= Math.max(LEAST_PLOT, view.clientWidth - LABELS);
      fit(spec, state.plot, Math.min(MOST_LABEL, view.clientWidth / 3));
      state.whole ??= acrossOf(spec);
      state.part ??= state.whole;
      if (state.part) look(spec, state.part);
      spec.background = "transparent";
      spec.padding = { left: 2, right: 12, top: 8, bottom: 8 };
      state.result?.finalize();
      state.result = await embed(view, spec, {
        ast: true, actions: false, renderer: "svg", mode: "vega-lite",
        loader: { load: () => Promise.reject(new Error("offline")) },
        tooltip: (handler, event, item, value) => {
          if (!value) return hide();
          const at = event.target;
          const lines = typeof value === "object" ? Object.values(value) : [value];
          show(at, lines.filter(Boolean).map(String).join("\n"));
        },
      });
    };
    // How wide the labels are is known once they are drawn: the plot then takes the rest.
    const drawToFit = async () => {
      await draw();
      const over = view.querySelector("svg").width.baseVal.value - view.clientWidth;
      if (Math.abs(over) < 2) return;
      state.plot = Math.max(LEAST_PLOT, state.plot - over);
      await draw();
    };
    const zoom = (by, shift) => {
      const [low, high] = state.part;
      const [first, last] = state.whole;
      const span = Math.min((high - low) * by, last - first);
      let from = (low + high) / 2 - span / 2 + (high - low) * shift;
      from = Math.min(Math.max(from, first), last - span);
      state.part = [from, from + span];
      return draw();
    };
    const save = async (kind) => {
      const url = await state.result.view.toImageURL(kind, kind === "png" ? 3 : 1);
      const link = make("a");
      link.href = url;
      link.download = `chart.${kind}`;
      link.click();
    };
    const tool = (text, label, act) => {
      const button = make("button", text);
      button.type = "button";
      button.title = label;
      button.setAttribute("aria-label", label);
      button.addEventListener("click", act);
      tools.append(button);
    };
    const fill = () => {
      if (state.whole) {
        tool("+", words.closer, () => zoom(0.5, 0));
        tool("−", words.wider, () => zoom(2, 0));
        tool("◀", words.earlier, () => zoom(1, -0.5));
        tool("▶", words.later, () => zoom(1, 0.5));
      }
      tool("SVG", words.svg, () => save("svg"));
      tool("PNG", words.png, () => save("png"));
    };
    toggle.addEventListener("click", async () => {
      const opens = view.hidden;
      toggle.disabled = true;
      try {
        state.text ??= await unpack(chart.dataset.vegaLite);
        view.hidden = !opens;
        if (opens) await drawToFit();
        if (opens && !tools.childElementCount) fill();
        drawing.hidden = opens;
        tools.hidden = !opens;
        toggle.textContent = opens ? words.close : words.open;
        toggle.setAttribute("aria-expanded", String(opens));
      } catch (error) {
        view.hidden = true;
        tools.replaceChildren(words.failed);
        tools.hidden = false;
        console.error(error);
      } finally {
        toggle.disabled = false;
      }
    });
  };

  for (const chart of document.querySelectorAll(".chart[data-vega-lite]")) {
    follow(chart.querySelector(".drawing"));
    if (chart.dataset.vegaLite && "DecompressionStream" in window) open(chart);
  }
  addEventListener("keydown", (event) => event.key === "Escape" && hide());
})();
