// Comfort only: every page works without it.
"use strict";

// What is wrong is read first.
const summary = document.querySelector("[data-focus]");
if (summary) summary.focus();

// A second press must not send a form twice; coming back to the page makes it whole again.
const busy = new Map();
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || !button.dataset.busy) return;
  setTimeout(() => {
    busy.set(button, button.textContent);
    button.textContent = button.dataset.busy;
    button.disabled = true;
  }, 0);
});
window.addEventListener("pageshow", () => {
  for (const [button, text] of busy) {
    button.textContent = text;
    button.disabled = false;
  }
  busy.clear();
});

// Some forms are sent by themselves after a while, unless the reader would rather stay.
const form = document.querySelector("form[data-after]");
if (form) {
  const said = document.querySelector("[data-said]");
  const stay = document.querySelector("[data-stay]");
  // Whoever comes back with the browser's Back finds the lasting page, which sends nobody away.
  form.addEventListener("submit", () => {
    if (form.dataset.leave) history.replaceState(null, "", form.dataset.leave);
  });
  const timer = setTimeout(() => form.requestSubmit(), Number(form.dataset.after) * 1000);
  if (said) said.hidden = false;
  if (stay) {
    stay.addEventListener("click", () => {
      clearTimeout(timer);
      said.hidden = true;
      form.querySelector("button").focus();
    });
  }
}
