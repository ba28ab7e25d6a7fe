"use strict";
// Looks for news every few seconds while the page is visible. What has not changed stays as it is, so that nothing that
// is being read or has the focus is moved.
(function () {
  const every = 5000;
  const live = document.getElementById("live");
  const state = document.getElementById("state");
  let before = "";

  function say(text) {
    if (state.textContent !== text) state.textContent = text;
  }

  function isUsed(section) {
    const focused = document.activeElement;
    if ([...section.querySelectorAll("textarea")].some((one) => one.value)) return true;
    return section.contains(focused) && focused.matches("input, textarea, button");
  }

  function update(text) {
    const fresh = document.createElement("div");
    fresh.innerHTML = text;
    for (const section of fresh.querySelectorAll("section")) {
      const name = section.getAttribute("aria-labelledby");
      const old = live.querySelector('section[aria-labelledby="' + name + '"]');
      if (!old || old.innerHTML === section.innerHTML || isUsed(old)) continue;
      const place = old.contains(document.activeElement) ? document.activeElement.id : "";
      old.replaceWith(section);
      if (place) document.getElementById(place).focus({preventScroll: true});
    }
  }

  async function look() {
    if (document.hidden) return;
    try {
      const response = await fetch("live", {credentials: "same-origin", cache: "no-store"});
      if (response.status === 401) {
        location.reload();
        return;
      }
      if (!response.ok) throw new Error(String(response.status));
      const text = await response.text();
      if (text !== before) update(text);
      before = text;
      say("Looks for news every 5 seconds.");
    } catch (error) {
      say("Not updated: the listener does not answer.");
    }
  }

  setInterval(look, every);
  document.addEventListener("visibilitychange", look);
  say("Looks for news every 5 seconds.");
})();
