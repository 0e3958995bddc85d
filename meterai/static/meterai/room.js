/* The waiting page: reads the status file (the same for everybody) and works out this phone's place by itself.
   The ticket is kept in localStorage, since the page may be a file that knows nobody. docs/waiting-room.md */
(() => {
  "use strict";
  const main = document.querySelector("main"), d = main.dataset, language = document.documentElement.lang;
  const all = (what) => main.querySelectorAll(what), one = (what) => main.querySelector(what);
  const number = (n) => n.toLocaleString(language), pause = (s) => new Promise((go) => { setTimeout(go, s * 1000); });

  const typed = one("[data-recover] [name=kode]");
  if (typed) {
    if (location.hash.length > 1) typed.value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, "", location.pathname);
    return;
  }

  // ---------- What this phone keeps
  const key = `antre-${d.room}`, LIFE = 48 * 3600;
  const kept = () => { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } };
  const keep = (what) => { try { localStorage.setItem(key, JSON.stringify(what)); } catch { /* storage is off */ } };
  // flags:1 | number:4 | joined at:4 | … as orders/rooms/tickets.py writes it
  function read(saved) {
    try {
      const text = atob(saved.ticket.replace(/-/g, "+").replace(/_/g, "/"));
      const view = new DataView(Uint8Array.from(text, (c) => c.charCodeAt(0)).buffer);
      return { ...saved, draws: view.getUint8(0) & 1, number: view.getUint32(1), joined: view.getUint32(5) };
    } catch { return null; }
  }
  if (d.ticket) {
    const old = kept();
    if (!old || old.ticket !== d.ticket) keep({ ticket: d.ticket, code: d.code });
    if (location.pathname === d.page) history.replaceState(null, "", d.page);
  }
  let held = read(kept());

  // ---------- The news
  let facts = null, draw = null, skew = 0, failures = 0, timer = 0, due = 0, rank = null, wasCalled = null, told = {}, wasOld = false;
  const now = () => (Date.now() - skew) / 1000;
  const newsAt = () => (facts ? facts.t : Number(d.at));

  async function ask(address, body) {
    const sent = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(address, sent || { cache: "no-store", credentials: "omit" });
    const served = Date.parse(answer.headers.get("Date") || "");
    if (served) skew = Date.now() - served;
    return answer;
  }
  const toldToWait = (answer) => Number(answer.headers.get("Retry-After")) || 0;

  async function poll() {
    clearTimeout(timer);
    let wait = 0;
    try {
      const answer = await ask(d.status);
      if (answer.ok) {
        facts = await answer.json();
        wasOld = now() - facts.t > 30;
        await placeByDraw();
        if (failures > 2) say(d.wBack);
        failures = 0;
        wait = interval();
      } else wait = toldToWait(answer);
    } catch { /* no line, or half an answer: the age says so */ }
    if (!wait) {
      failures += 1;
      if (failures === 3) say(d.wOld);
      wait = Math.max(facts ? facts.i[0] : 5, Math.min(60, 5 * 2 ** failures));
    }
    show();
    const jitter = (facts ? facts.i[2] : 20) / 100;
    wait *= 1 - jitter + 2 * jitter * Math.random();
    due = Date.now() + wait * 1000;
    timer = setTimeout(poll, wait * 1000);
  }

  const ahead = () => Math.max(0, rank - facts.n - 1);
  function interval() {
    const [least, most] = facts.i;
    if (!held || rank === null) return facts.s === "q" && held ? least : most;
    return Math.min(most, Math.max(least, facts.r.length ? ahead() / facts.r[1] * 6 : 15));
  }
  // The phone slept: look at once, but not all phones of a crowd in the same instant.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || Date.now() < due) return;
    clearTimeout(timer);
    timer = setTimeout(poll, 800 * Math.random());
  });
  addEventListener("online", () => { if (failures) poll(); });

  // ---------- The draw: orders/rooms/shuffle.py once more
  async function placeByDraw() {
    rank = held ? held.number : null;
    if (!facts.d) { draw = null; return; }
    if (!draw || (facts.d === 2 && !draw.seed)) {
      const answer = await ask(d.draw);
      if (answer.ok) draw = await answer.json();
    }
    if (!held) return;
    const ours = draw && held.number >= draw.first && !(draw.count && held.number >= draw.first + draw.count);
    if (!draw || (ours && !draw.seed)) rank = null;
    else if (ours) rank = await drawn(held.number);
  }
  async function drawn(mine) {
    if (!window.crypto || !crypto.subtle) {
      const answer = await ask(`/api/v1/rooms/${d.room}/place`, { ticket: held.ticket });
      const place = answer.ok ? await answer.json() : {};
      return place.ahead === undefined || place.ahead === null ? null : facts.n + 1 + place.ahead - (place.called ? 1 : 0);
    }
    const hmac = async (secret, text) => {
      const hash = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
      return new Uint8Array(await crypto.subtle.sign("HMAC", hash, text));
    };
    const seed = Uint8Array.from(draw.seed.match(/../g), (pair) => parseInt(pair, 16));
    const secret = await hmac(seed, new TextEncoder().encode(`${draw.room}:${draw.first}:${draw.count}`));
    let width = 1, place = mine - draw.first;
    while (4 ** width < draw.count) width += 1;
    const size = 2 ** width;
    do {
      let left = Math.floor(place / size), right = place % size;
      for (let turn = 0; turn < 8; turn += 1) {
        const text = new DataView(new ArrayBuffer(9));
        text.setUint8(0, turn);
        text.setUint32(5, right);
        const end = new DataView((await hmac(secret, text.buffer)).buffer, 28).getUint32(0);
        [left, right] = [right, left ^ (end % size)];
      }
      place = left * size + right;
    } while (place >= draw.count);
    return draw.first + place;
  }

  // ---------- What is shown
  const speaker = one("[data-speaker]");
  const say = (text) => { speaker.textContent = text; };
  const put = (name, text) => all(`[data-f="${name}"]`).forEach((spot) => { if (spot.textContent !== text) spot.textContent = text; });
  const when = (name, is) => all(`[data-if="${name}"]`).forEach((spot) => { spot.hidden = !is; });
  const trouble = (text) => { const line = one("[data-trouble]"); line.textContent = text; line.hidden = !text; };
  const clock = (seconds, form) => `${new Intl.DateTimeFormat(language, { timeZone: "Asia/Jakarta", ...form }).format(seconds * 1000)} WIB`;
  const DAY = { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" };

  // orders/rooms/estimate.py
  function minutes() {
    if (!facts.r.length) return d.wUnknown;
    let [slow, fast] = facts.r;
    const middle = (slow + fast) / 2;
    slow = Math.min(slow, middle / 1.25);
    fast = Math.max(fast, middle * 1.25);
    const from = Math.max(0, Math.floor(ahead() / fast - 0.5)), to = Math.max(1, Math.ceil(ahead() / slow + 0.5));
    const fill = (form, a, b) => form.replace("{a}", number(a)).replace("{b}", number(b));
    if (from === 0) return fill(d.wMost, 0, to);
    return from >= 120 ? fill(d.wHours, Math.floor(from / 60), Math.ceil(to / 60)) : fill(d.wRange, from, to);
  }

  function view() {
    if ("stays" in d) return d.view;
    if (facts.s === "o" || facts.s === "c" || facts.s === "d") return { o: "open", c: "closed", d: "drained" }[facts.s];
    if (!held) return "join";
    if (facts.s === "p" || rank === null) return "prequeue";
    return rank <= facts.n ? "called" : "waiting";
  }

  function show() {
    if (held && held.joined + LIFE < now()) held = null;
    showAge();
    if (!facts) return;
    const seen = view();
    if (seen !== d.view) {
      all("[data-p]").forEach((panel) => { panel.hidden = panel.dataset.p !== seen; });
      if (facts && seen !== "called") say(one(`[data-p="${seen}"] h2`).textContent);
    }
    d.view = seen;
    put("serving", number(facts.n));
    put("given", number(facts.m));
    when("line", facts.s === "q");
    when("opens", facts.o);
    when("drawing", !facts.o);
    if (facts.o) put("opens", clock(facts.o, DAY));
    when("kept", facts.h >= 0);
    put("kept", String(facts.h));
    when("place", held && seen !== "open");
    if (held) showPlace(seen);
    showDraw();
  }

  function showPlace(seen) {
    put("number", number(held.number));
    put("plain", String(held.number));
    put("code", held.code);
    put("until", clock(held.joined + LIFE, DAY));
    const letter = d.wLetter.replace("{code}", held.code).replace("{link}", `${location.origin}${d.page}pulihkan/#${held.code}`);
    one("[data-mail]").href = `mailto:?subject=${encodeURIComponent(d.wSubject)}&body=${encodeURIComponent(letter)}`;
    one("[data-whatsapp]").href = `https://wa.me/?text=${encodeURIComponent(letter)}`;
    one("[data-copy]").hidden = !navigator.clipboard;
    all("[name=tiket]").forEach((field) => { field.value = held.ticket; });
    if (seen === "waiting") {
      const text = minutes();
      put("ahead", number(ahead()));
      put("minutes", text);
      when("runout", facts.k >= 0 && ahead() >= facts.k);
      // Read out when it means something: half of the way is gone since the last time, or five minutes.
      if (!told.at || ahead() <= told.ahead / 2 || now() - told.at > 300) {
        say(d.wPlace.replace("{n}", number(ahead())).replace("{m}", text));
        told = { ahead: ahead(), at: now() };
      }
    }
    if (seen === "called") showCalled();
    else ring(false);
    wasCalled = seen === "called" ? true : seen === "waiting" ? now() : wasCalled;
  }

  // When this number was called is known only to a phone that looked just before.
  function showCalled() {
    if (wasCalled !== true) {
      if (wasCalled && now() - wasCalled < 90 && !held.called) keep({ ...kept(), called: held.called = wasCalled });
      ring(true);
      say(d.wTurn);
    }
    const end = held.called ? held.called + d.grace * 60 : 0;
    when("soon", end > now());
    when("held", !end);
    when("late", end && end <= now());
    if (end) put("deadline", clock(end, { hour: "2-digit", minute: "2-digit" }));
  }

  const title = document.title;
  let bell = 0;
  function ring(on) {
    if (on === Boolean(bell)) return;
    clearInterval(bell);
    bell = on ? setInterval(() => { document.title = document.title === title ? `▶ ${d.wTurn}` : title; }, 1500) : 0;
    document.title = on ? `▶ ${d.wTurn}` : title;
    if (on && navigator.vibrate && (navigator.userActivation || {}).hasBeenActive) navigator.vibrate([300, 150, 300, 150, 600]);
  }

  function showDraw() {
    when("draw", draw);
    if (!draw) return;
    put("commitment", draw.commitment);
    when("drawn", draw.seed);
    put("seed", draw.seed || "");
    put("count", number(draw.count || 0));
    put("rank", rank === null ? "–" : number(rank));
  }

  const words = new Intl.RelativeTimeFormat(language);
  function showAge() {
    const seconds = Math.max(0, Math.round(now() - newsAt()));
    const [n, unit] = seconds < 120 ? [seconds, "second"] : seconds < 7200 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
    // Far from the front a phone looks seldom: only news that was old when it came, or did not come, is old.
    const isOld = failures > 1 || wasOld || (due && Date.now() > due + 30000);
    put("age", words.format(-Math.round(n), unit));
    one("[data-old]").hidden = !isOld;
    if (facts && facts.o) {
      const left = Math.max(0, Math.round(facts.o - now())), two = (n2) => String(n2).padStart(2, "0");
      put("countdown", `${Math.floor(left / 3600)}:${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`);
    }
  }

  // ---------- What a person does
  const zeros = (hash, bits) => { for (let n = 0; n < bits; n += 1) if (hash[n >> 3] & (128 >> (n & 7))) return false; return true; };
  async function solve({ challenge, bits, patience }) {
    const until = Date.now() + patience * 1000;
    if (!window.crypto || !crypto.subtle) { await pause(patience); return ""; }
    for (let n = 0; Date.now() < until; n += 1) {
      const text = new TextEncoder().encode(`${challenge}:${n}`);
      if (zeros(new Uint8Array(await crypto.subtle.digest("SHA-256", text)), bits)) return String(n);
    }
    return "";
  }

  async function join() {
    const room = `/api/v1/rooms/${d.room}`;
    const asked = await (await ask(`${room}/challenge`)).json();
    const body = {};
    if (asked.bits) {
      say(d.wWorking);
      trouble(d.wWorking);
      body.solution = await solve(asked);
      body.challenge = asked.challenge;
    }
    const answer = await ask(`${room}/tickets`, body);
    if (answer.status === 201) {
      const { ticket, code } = await answer.json();
      keep({ ticket, code });
      held = read(kept()) || read({ ticket, code });
      told = {};
      wasCalled = null;
      delete d.stays;
    } else if (answer.status !== 409) throw new Error(answer.status);
    trouble("");
    await poll();
  }

  async function enter(form) {
    for (let wait = 2; ; wait = Math.min(30, wait * 2)) {
      let rest = 0;
      try {
        const answer = await ask(`/api/v1/rooms/${d.room}/passes`, { ticket: held.ticket });
        if (answer.ok) { location.assign(d.shop); return; }
        rest = toldToWait(answer);
        // What it was, missed or used or closed, the server's own page says best.
        if (answer.status < 500 && answer.status !== 429) { form.submit(); return; }
      } catch { /* no line */ }
      trouble(d.wFail);
      await pause((rest || wait) * (1 + 0.2 * Math.random()));
    }
  }

  addEventListener("submit", async (event) => {
    const form = event.target, button = form.querySelector("button");
    const isEntering = "enter" in form.dataset && held;
    if (!isEntering && !("join" in form.dataset)) return;
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    try { await (isEntering ? enter(form) : join()); } catch { trouble(d.wFailedJoin); }
    button.disabled = false;
  });
  addEventListener("click", async (event) => {
    if (!event.target.matches("[data-copy]")) return;
    await navigator.clipboard.writeText(held.code);
    say(d.wCopied);
    event.target.textContent = d.wCopied;
  });
  addEventListener("pageshow", (event) => { if (event.persisted) poll(); });

  showAge();
  setInterval(showAge, 1000);
  if (held && !("stays" in d)) all("[data-p]").forEach((panel) => { if (panel.dataset.p === "join") panel.hidden = true; });
  poll();
})();
