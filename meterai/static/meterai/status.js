/* Status pages: says how old the news is, and brings the next one. Without it the time stands there. */
(() => {
  "use strict";
  const EVERY = 15000, OLD = 120;
  const language = document.documentElement.lang;
  const words = new Intl.RelativeTimeFormat(language);
  let ahead = 0; // how far this device's clock is ahead of the server's, in ms

  const main = () => document.querySelector("[data-news]");

  function showAge() {
    const seconds = Math.max(0, Math.round((Date.now() - ahead - Date.parse(main().dataset.news)) / 1000));
    const [n, unit] = seconds < 120 ? [seconds, "second"] : seconds < 7200 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
    const line = document.querySelector(".age");
    const isOld = seconds > OLD;
    line.querySelector("[data-age]").textContent = ` (${words.format(-Math.round(n), unit)})${isOld ? ` ${line.dataset.old}` : ""}`;
    line.classList.toggle("is-old", isOld);
  }

  async function renew() {
    const answer = await fetch(location.pathname, { cache: "no-store", credentials: "omit" });
    const served = Date.parse(answer.headers.get("Date") || "");
    if (served) ahead = Date.now() - served;
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-news]");
    if (!fresh || fresh.dataset.news === main().dataset.news) return;
    const opened = [...document.querySelectorAll("details")].map((one) => one.open);
    const held = main().contains(document.activeElement) && document.activeElement !== main();
    if (held || String(getSelection())) return; // somebody is reading or using it with the keyboard: the next one will do
    main().replaceWith(fresh);
    fresh.querySelectorAll("details").forEach((one, place) => { one.open = Boolean(opened[place]); });
  }

  async function turn() {
    if (!document.hidden) {
      try { await renew(); } catch { /* no line: the age says so */ }
    }
    setTimeout(turn, EVERY * (0.8 + 0.4 * Math.random()));
  }

  showAge();
  setInterval(showAge, 1000);
  setTimeout(turn, EVERY * Math.random());
})();
