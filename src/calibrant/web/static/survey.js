// Says what became of a change that was saved without leaving the page. Without this script, and
// without htmx, the page is one form with buttons that save it.
"use strict";
(() => {
  const say = (text) => { document.getElementById("said").textContent = text; };
  const lost = () => say("Not saved: the server could not be reached. Please press Save in a moment.");
  document.addEventListener("htmx:sendError", lost);
  document.addEventListener("htmx:timeout", lost);
  document.addEventListener("htmx:responseError", () => say("Not saved just now. Please press Save."));
  // What the browser kept of a form from before a reload is not what this page was made with.
  document.querySelectorAll("form[hx-post]").forEach((form) => { form.autocomplete = "off"; });
})();
