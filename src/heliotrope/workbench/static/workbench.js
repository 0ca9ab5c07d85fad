// What makes the pages livelier. Everything works without it.

// Progress: events instead of reloading.
for (const job of document.querySelectorAll("[data-job]")) {
  const step = job.querySelector("[data-step]");
  const bar = job.querySelector("[data-bar]");
  const events = new EventSource(`${job.dataset.job}/events`);
  events.onmessage = (message) => {
    const said = JSON.parse(message.data);
    if (said.status !== "running") {
      events.close();
      location.assign(job.dataset.job);
      return;
    }
    if (step.textContent !== said.step) step.textContent = said.step;
    if (said.total > 1) {
      bar.max = said.total;
      bar.value = said.done;
    } else {
      bar.removeAttribute("value");
    }
  };
}

// Files dropped on a form, their names said, and those that are too large refused before sending.
for (const drop of document.querySelectorAll("[data-drop]")) {
  const field = drop.querySelector("input[type=file]");
  const said = drop.form?.querySelector("[data-chosen]") ?? drop.parentElement.querySelector("[data-chosen]");
  const say = () => {
    const files = [...field.files];
    const size = files.reduce((sum, file) => sum + file.size, 0);
    const isTooLarge = size > Number(drop.dataset.most);
    field.setCustomValidity(isTooLarge ? drop.dataset.tooLarge : "");
    said.hidden = files.length === 0;
    said.textContent = isTooLarge ? drop.dataset.tooLarge : files.map((file) => file.name).join(", ");
  };
  field.addEventListener("change", say);
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    drop.addEventListener(name, () => drop.classList.remove("over"));
  }
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) {
      field.files = event.dataTransfer.files;
      say();
    }
  });
}

// A choice in a filter takes effect at once.
for (const form of document.querySelectorAll("form.filters:not(.still)")) {
  for (const choice of form.querySelectorAll("select")) {
    choice.addEventListener("change", () => form.requestSubmit());
  }
}

// Text that was changed and not saved is not lost by leaving.
for (const text of document.querySelectorAll("textarea[data-kept]")) {
  const before = text.value;
  let isSent = false;
  text.form.addEventListener("submit", () => (isSent = true));
  addEventListener("beforeunload", (event) => {
    if (!isSent && text.value !== before) event.preventDefault();
  });
}
