// Meterai: small helps on top of pages that work without script. Markup contracts: docs/design.md.
"use strict";
(() => {
  const words = document.body.dataset;
  const all = (what, root = document) => root.querySelectorAll(what);

  // A permanent status line: text put here is read out once, wherever the change happened.
  const speaker = document.querySelector("[data-speaker]");
  const say = (text) => { if (speaker && speaker.textContent !== text) speaker.textContent = text; };

  const offline = document.querySelector("[data-offline]");
  const showOffline = (is) => { if (offline) offline.hidden = !is; };
  addEventListener("offline", () => showOffline(true));
  addEventListener("online", () => showOffline(false));

  // <form data-once>: one submit per page view. The server remains the judge.
  const release = (form) => {
    delete form.dataset.sent;
    for (const button of all("[data-was]", form)) {
      button.innerHTML = button.dataset.was;
      button.disabled = false;
      delete button.dataset.was;
    }
  };
  const hold = (form, button) => {
    form.dataset.sent = "1";
    // After the event, so that the button's own name and value are still sent.
    setTimeout(() => {
      if (!button) return;
      button.dataset.was = button.innerHTML;
      button.disabled = true;
      button.textContent = button.dataset.busy || words.busy;
    });
  };
  addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !("once" in form.dataset)) return;
    if (form.dataset.sent) return event.preventDefault();
    hold(form, event.submitter || form.querySelector("button:not([type=button])"));
    if ("upload" in form.dataset && form.querySelector("[type=file]")) {
      event.preventDefault();
      upload(form, event.submitter);
    }
  });
  addEventListener("pageshow", (event) => { if (event.persisted) all("[data-sent]").forEach(release); });

  // <form data-once data-upload>: progress while a file is sent; the form stays filled in when the line drops.
  function upload(form, button) {
    const request = new XMLHttpRequest();
    const bar = form.querySelector("progress");
    const body = new FormData(form);
    if (button && button.name) body.append(button.name, button.value);
    const failed = () => {
      release(form);
      showOffline(true);
      if (bar) bar.hidden = true;
    };
    request.upload.onprogress = (event) => {
      showOffline(false);
      if (bar) { bar.hidden = false; bar.max = event.total; bar.value = event.loaded; }
    };
    request.onerror = request.ontimeout = failed;
    request.onload = () => {
      if (request.status >= 502 || request.status === 429) return failed();
      const here = location.href.split("#")[0];
      if (request.status < 400 && request.responseURL !== here && request.responseURL !== form.action) {
        return location.assign(request.responseURL);
      }
      const fresh = new DOMParser().parseFromString(request.responseText, "text/html");
      const main = fresh.querySelector("main");
      if (!main) return failed();
      document.querySelector("main").replaceWith(main);
      document.title = fresh.title;
      wake(main);
      toErrors();
    };
    request.open("POST", form.action);
    request.send(body);
  }

  // [data-poll=URL][data-every=seconds]: fetch the page or fragment again, swap only what changed, rest while hidden.
  function poll(region) {
    const every = Math.max(2, Number(region.dataset.every) || 4) * 1000;
    let pause = every;
    let last = null;
    let timer = 0;
    const later = () => { clearTimeout(timer); timer = setTimeout(ask, pause * (0.8 + 0.4 * Math.random())); };
    async function ask() {
      if (!region.isConnected || region.dataset.pollDone) return;
      if (document.hidden) return; // visibilitychange starts it again
      try {
        const answer = await fetch(region.dataset.poll, { headers: { "X-Requested-With": "fetch" }, cache: "no-store" });
        if (answer.status === 429 || answer.status >= 500) {
          pause = Math.min(120000, Math.max(pause * 2, 1000 * (Number(answer.headers.get("Retry-After")) || 0)));
        } else {
          pause = every;
          if (answer.status === 200) swap(await answer.text());
        }
        showOffline(false);
      } catch {
        pause = Math.min(60000, pause * 2);
        showOffline(true);
      }
      if (!region.dataset.pollDone) later();
    }
    function swap(text) {
      const fresh = new DOMParser().parseFromString(text, "text/html");
      const part = (region.id && fresh.getElementById(region.id)) || fresh.body;
      if (part.querySelector("[data-poll-done]") || "pollDone" in part.dataset) region.dataset.pollDone = "1";
      const html = part.innerHTML;
      const focus = document.activeElement;
      if (html === last || (region.contains(focus) && focus.matches("input, select, textarea"))) return;
      const first = last === null && part.textContent.trim() === region.textContent.trim();
      last = html;
      if (first) return; // the same words as already shown, countdowns aside
      const id = region.contains(focus) && focus.id;
      region.innerHTML = html;
      if (id && document.getElementById(id)) document.getElementById(id).focus();
      wake(region);
      const line = region.querySelector("[data-say]");
      if (line) say(line.textContent.trim());
    }
    document.addEventListener("visibilitychange", () => { if (!document.hidden) { clearTimeout(timer); ask(); } });
    later();
  }

  // <time data-countdown datetime>: the clock time becomes the time left. Not announced every second.
  function tick() {
    for (const node of all("time[data-countdown]")) {
      const left = Math.max(0, Math.round((Date.parse(node.dateTime) - Date.now()) / 1000));
      const two = (n) => String(n).padStart(2, "0");
      const hours = Math.floor(left / 3600);
      node.textContent = left ? (hours ? hours + ":" : "") + two(Math.floor(left / 60) % 60) + ":" + two(left % 60)
        : node.dataset.over || "00:00";
      node.classList.toggle("is-over", !left);
    }
  }
  if (document.querySelector("time[data-countdown], [data-poll]")) { tick(); setInterval(tick, 1000); }

  // .stepper: − and + beside a plain number input.
  function stepper(box) {
    const input = box.querySelector("input");
    const make = (sign, label, act) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "btn btn-second";
      button.textContent = sign;
      button.setAttribute("aria-label", label);
      button.onclick = () => {
        act();
        input.dispatchEvent(new Event("input", { bubbles: true }));
        input.dispatchEvent(new Event("change", { bubbles: true }));
        say(input.value);
      };
      return button;
    };
    box.prepend(make("−", box.dataset.less, () => input.stepDown()));
    box.append(make("+", box.dataset.more, () => input.stepUp()));
  }

  // input[type=file][data-max-bytes]: say at once when a file is too large, before a slow line carries it.
  addEventListener("change", (event) => {
    const input = event.target;
    if (!input.dataset || !input.dataset.maxBytes) return;
    const over = [...input.files].some((file) => file.size > Number(input.dataset.maxBytes));
    input.setCustomValidity(over ? input.dataset.tooBig || "" : "");
    if (over) input.reportValidity();
  });

  // button[data-copy=text]
  addEventListener("click", async (event) => {
    const button = event.target.closest && event.target.closest("[data-copy]");
    if (!button) return;
    const label = button.querySelector("span") || button;
    const before = button.dataset.label || (button.dataset.label = label.textContent);
    try { await navigator.clipboard.writeText(button.dataset.copy); } catch { return; }
    label.textContent = words.copied;
    say(words.copied);
    setTimeout(() => { label.textContent = before; }, 2500);
  });

  // The menu closes on Escape and when the focus leaves it.
  for (const menu of all("details.menu")) {
    menu.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { menu.open = false; menu.querySelector("summary").focus(); }
    });
    menu.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
    });
  }

  const toErrors = () => { const box = document.querySelector(".errors"); if (box) box.focus(); };
  function wake(root) {
    all("[data-poll]", root).forEach(poll);
    all(".stepper[data-less]", root).forEach(stepper);
    all("[data-copy]", root).forEach((button) => { button.hidden = !navigator.clipboard; });
    tick();
  }
  wake(document);
  toErrors();
})();
