// Keys press buttons; without this script the page does everything with forms and access keys.
"use strict";
(() => {
  const STORE = "calibrant-keys";
  let on = true;
  try { on = localStorage.getItem(STORE) !== "off"; } catch { /* storage may be refused */ }

  const typing = (e) => e.target.closest("input, textarea, select, [contenteditable]");
  document.addEventListener("keydown", (e) => {
    if (!on || e.ctrlKey || e.altKey || e.metaKey || e.isComposing || e.repeat) return;
    if (typing(e)) {
      if (e.key === "Escape") e.target.blur();
      return;
    }
    const key = CSS.escape(e.key.toLowerCase());
    const field = document.querySelector(`[data-focus="${key}"]`);
    const pressed = document.querySelector(`[data-key="${key}"]`);
    if (field) field.focus();
    else if (pressed) {
      pressed.click();
      const details = pressed.closest("details");
      if (pressed.tagName === "SUMMARY" && details.open) details.querySelector("input[required]").focus();
    } else return;
    e.preventDefault();
  });

  // A second press while the first is on its way sends nothing. The page may be shown again from
  // the browser's memory, then it sends as before.
  let sent = false;
  document.addEventListener("submit", (e) => {
    if (sent) e.preventDefault();
    sent = true;
  });
  window.addEventListener("pageshow", () => { sent = false; });

  // Single keys can be in the way of assistive software, so they can be turned off.
  const place = document.getElementById("shortcuts");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "minor";
  const say = () => {
    button.setAttribute("aria-pressed", String(on));
    button.textContent = `Single keys: ${on ? "on" : "off"}`;
    document.documentElement.classList.toggle("nokeys", !on);
  };
  button.addEventListener("click", () => {
    on = !on;
    try { localStorage.setItem(STORE, on ? "on" : "off"); } catch { /* as above */ }
    say();
  });
  say();
  place.append(button);
  place.hidden = false;
})();
