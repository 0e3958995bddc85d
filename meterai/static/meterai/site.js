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
    } else if ("retry" in form.dataset) {
      event.preventDefault();
      insist(form, event.submitter);
    }
  });
  addEventListener("pageshow", (event) => { if (event.persisted) all("[data-sent]").forEach(release); });

  // An answer to a form that was sent by script: go where it leads, or show the page that came back. False: no page.
  function arrive(form, status, url, text) {
    const here = location.href.split("#")[0];
    if (status < 400 && url !== here && url !== form.action) {
      location.assign(url);
      return true;
    }
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const main = fresh.querySelector("main");
    if (!main) return false;
    document.querySelector("main").replaceWith(main);
    document.title = fresh.title;
    wake(main);
    toErrors();
    return true;
  }

  // <form data-once data-retry>: a form whose token makes a repeat harmless is sent until somebody answers. The draft
  // says that an answer is still owed, also after a reload: without it a new token could make a second order.
  async function insist(form, button) {
    const body = new URLSearchParams(new FormData(form));
    if (button && button.name) body.append(button.name, button.value);
    draft.keep(form);
    for (let wait = 2, tries = 0; tries < 20; wait = Math.min(30, wait * 2), tries += 1) {
      try {
        const answer = await fetch(form.action, { method: "POST", body });
        if (answer.status < 502 && answer.status !== 429) {
          showOffline(false);
          draft.drop();
          if (!arrive(form, answer.status, answer.url, await answer.text())) location.reload();
          return;
        }
        wait = Math.max(wait, Number(answer.headers.get("Retry-After")) || 0);
      } catch {
        showOffline(true);
      }
      await pause(wait);
    }
    release(form); // ten minutes of silence: the button is the person's again, the token stays the same
  }
  // So many seconds, or until the line is back.
  const pause = (seconds) => new Promise((done) => {
    const end = () => { clearTimeout(timer); removeEventListener("online", end); done(); };
    const timer = setTimeout(end, seconds * 1000);
    addEventListener("online", end);
  });

  // [data-draft="name name"]: what of a form outlives a reload while its answer is owed. In this tab only, ten minutes,
  // and never the contact: a shared phone must not tell the next person who bought.
  const draft = {
    at: () => "draft:" + location.pathname,
    keep(form) {
      if (!form.dataset.draft) return;
      const kept = { time: Date.now() };
      for (const name of form.dataset.draft.split(" ")) kept[name] = form.elements[name] && form.elements[name].value;
      try { sessionStorage.setItem(draft.at(), JSON.stringify(kept)); } catch { /* storage is off */ }
    },
    drop() { try { sessionStorage.removeItem(draft.at()); } catch { /* storage is off */ } },
    restore(form) {
      let kept = null;
      try { kept = JSON.parse(sessionStorage.getItem(draft.at())); } catch { /* storage is off */ }
      if (!kept || Date.now() - kept.time > 600000) return;
      for (const name of form.dataset.draft.split(" ")) {
        if (form.elements[name] && kept[name]) form.elements[name].value = kept[name];
      }
      const owed = form.querySelector("[data-owed]");
      if (owed) owed.hidden = false;
    },
  };

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
      // A busy machine of ours says so on a page of ours; anything else of that kind is a lost line.
      const ours = request.status === 503 && request.responseText.includes("<main");
      if (!ours && (request.status >= 502 || request.status === 429)) return failed();
      if (!arrive(form, request.status, request.responseURL, request.responseText)) failed();
    };
    request.open("POST", form.action);
    request.send(body);
  }

  // [data-poll=URL][data-every=seconds][data-version]: fetch the fragment again, swap only what changed, rest while
  // hidden. As long as nothing changes it asks a little less often; a change, or coming back, makes it ask soon again.
  function poll(region) {
    const every = () => Math.max(1, Number(region.dataset.every) || 4) * 1000;
    let wait = every();
    let last = null;
    let timer = 0;
    const later = () => { clearTimeout(timer); timer = setTimeout(ask, wait * (0.8 + 0.4 * Math.random())); };
    async function ask() {
      if (!region.isConnected || region.dataset.pollDone) return;
      if (document.hidden) return; // visibilitychange starts it again
      try {
        const headers = { "X-Requested-With": "fetch" };
        if (region.dataset.version) headers["If-None-Match"] = `"${region.dataset.version}"`;
        const answer = await fetch(region.dataset.poll, { headers, cache: "no-store" });
        if (answer.status === 429 || answer.status >= 500) {
          wait = Math.min(120000, Math.max(wait * 2, 1000 * (Number(answer.headers.get("Retry-After")) || 0)));
        } else if (answer.status === 200) {
          swap(await answer.text());
          wait = every();
        } else {
          wait = Math.min(every() * 5, wait * 1.1);
        }
        showOffline(false);
      } catch {
        wait = Math.min(60000, wait * 2);
        showOffline(true);
      }
      if (!region.dataset.pollDone) later();
    }
    function swap(text) {
      const fresh = new DOMParser().parseFromString(text, "text/html");
      const part = (region.id && fresh.getElementById(region.id)) || fresh.body;
      const done = part.querySelector("[data-poll-done]") || "pollDone" in part.dataset;
      const html = part.innerHTML;
      const focus = document.activeElement;
      if (region.contains(focus) && focus.matches("input, select, textarea")) return;
      if (done) region.dataset.pollDone = "1";
      for (const name of ["every", "version"]) if (part.dataset[name]) region.dataset[name] = part.dataset[name];
      if (html === last) return;
      const first = last === null && part.textContent.trim() === region.textContent.trim();
      last = html;
      if (first) return; // the same words as already shown, countdowns aside
      const id = region.contains(focus) && focus.id;
      const open = [...all("details[open][id]", region)].map((fold) => fold.id);
      region.innerHTML = html;
      for (const fold of open) if (document.getElementById(fold)) document.getElementById(fold).open = true;
      if (id && document.getElementById(id)) document.getElementById(id).focus();
      wake(region);
      const line = region.querySelector("[data-say]");
      if (line) say(line.textContent.trim());
    }
    const again = () => { if (!document.hidden) { clearTimeout(timer); wait = every(); ask(); } };
    document.addEventListener("visibilitychange", again);
    addEventListener("online", again);
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
  setInterval(tick, 1000);

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
    all("form[data-draft]", root).forEach(draft.restore);
    all("[data-copy]", root).forEach((button) => { button.hidden = !navigator.clipboard; });
    tick();
  }
  wake(document);
  toErrors();
})();
