// Meterai: placing the stamp on the page picture by drag, tap, arrow keys or button. The number fields (millimetres from
// the left and the bottom of the page as shown) stay the truth that is sent, and the server their judge; what covers ink
// is reckoned as stamping/pdf/inkmap.py does. Markup: templates/stamping/placing.html.
"use strict";
(() => {
  const number = (text) => Number(String(text).trim().replace(/mm$/i, "").replace(",", "."));
  const comma = (1.5).toLocaleString(document.documentElement.lang || "id")[1] === "," ? "," : ".";
  const shown = (mm) => String(Math.round(mm * 10) / 10).replace(".", comma);

  // --- what the stamp would cover

  function inkOf(told) {
    const { cell, inset, wide, high, bits } = told.ink;
    const bytes = Uint8Array.from(atob(bits), (letter) => letter.charCodeAt(0));
    const stride = (wide + 7) >> 3;
    const span = (start, end) => [start + inset, end - inset].map((at) => Math.max(0, Math.ceil(at / cell - 0.5)));
    return (x, y, side) => {
      const [left, right] = span(x, x + side);
      const [low, top] = span(y, y + side);
      let found = 0;
      for (let row = low; row < Math.min(top, high); row += 1) {
        for (let column = left; column < Math.min(right, wide); column += 1) {
          found += (bytes[row * stride + (column >> 3)] >> (7 - (column & 7))) & 1;
        }
      }
      return found > Math.max(1, told.specks * (right - left) * (top - low));
    };
  }

  function coveringOf(told) {
    if (!told.ink) return () => "";
    const isInk = inkOf(told);
    const least = 25.4 / 72; // a point: less cannot be seen
    return (x, y, side) => {
      const touched = told.taken.filter(([, left, low, right, top]) =>
        Math.min(right, x + side) - Math.max(left, x) > least && Math.min(top, y + side) - Math.max(low, y) > least);
      const kinds = new Set(touched.map(([kind]) => kind));
      return ["signature", "field", "picture"].find((kind) => kinds.has(kind)) || (isInk(x, y, side) ? "ink" : "");
    };
  }

  // --- one form with its page

  function placing(form) {
    const box = form.querySelector("[data-placer]");
    const stamp = box.querySelector(".placer-stamp");
    const picture = box.querySelector(".placer-page");
    const told = JSON.parse(box.dataset.placer);
    const { wide, high } = told;
    const covering = coveringOf(told);
    const [fx, fy, fside] = ["x", "y", "side"].map((name) => form.elements.namedItem(name));
    const where = form.querySelector("[data-where]");
    const warning = form.querySelector("[data-covering]");
    const words = form.querySelector("[data-covering-words]");
    let side = told.side;
    let x = 0;
    let y = 0;

    const speaker = document.createElement("p");
    speaker.className = "hush";
    speaker.setAttribute("role", "status");
    form.append(speaker);
    let wait = 0;
    const announce = (text) => {
      clearTimeout(wait);
      wait = setTimeout(() => { speaker.textContent = text; }, 500);
    };

    const clamp = (value, most) => Math.min(Math.max(0, value), Math.max(0, most));
    // Whole millimetres, as a person says them; at the far edge the last whole one that is still on the page.
    const whole = (value, most) => Math.min(Math.round(clamp(value, most)), Math.floor(Math.max(0, most)));

    function draw(speak) {
      const css = stamp.style;
      css.setProperty("--at-x", (100 * x) / wide + "%");
      css.setProperty("--at-y", (100 * y) / high + "%");
      css.setProperty("--side", (100 * Math.min(side, wide, high)) / wide + "%");
      const said = told.say.replace("%(x)s", Math.round(x)).replace("%(y)s", Math.round(y));
      const covered = told.warnings[covering(x, y, side)] || "";
      where.textContent = said;
      if (told.ink) {
        warning.hidden = !covered;
        words.textContent = covered;
        stamp.classList.toggle("is-covering", Boolean(covered));
      }
      if (speak) announce(covered ? said + ". " + covered : said);
    }
    function move(toX, toY) {
      x = whole(toX, wide - side);
      y = whole(toY, high - side);
      fx.value = x;
      fy.value = y;
      draw(true);
    }
    function fromFields(event) {
      const typed = [number(fx.value), number(fy.value), number(fside.value) || told.side];
      if (!typed.every(Number.isFinite)) return;
      side = Math.min(Math.max(typed[2], 19.05), 50.8);
      if (Math.abs(side - told.side) < 0.1) side = told.side;
      x = clamp(typed[0], wide - side);
      y = clamp(typed[1], high - side);
      draw(Boolean(event));
      // While a number is being typed the field is left alone; when it is finished it shows what will be used.
      if (event && event.type === "change") [fx.value, fy.value] = [shown(x), shown(y)];
    }

    // --- drag and tap; pointer events are mouse, pen and finger alike

    // One screen pixel in millimetres; read afresh, since the picture grows with the window.
    const pointAt = (event) => {
      const rect = picture.getBoundingClientRect();
      const scale = wide / rect.width;
      return [(event.clientX - rect.left) * scale, (rect.bottom - event.clientY) * scale];
    };
    let grip = null;
    stamp.addEventListener("pointerdown", (event) => {
      if (event.button || grip) return; // a second finger changes nothing
      const [px, py] = pointAt(event);
      grip = { id: event.pointerId, x: px - x, y: py - y, from: [x, y] };
      stamp.setPointerCapture(event.pointerId);
      box.classList.add("is-dragging");
    });
    stamp.addEventListener("pointermove", (event) => {
      if (!grip || event.pointerId !== grip.id) return;
      const [px, py] = pointAt(event);
      move(px - grip.x, py - grip.y);
    });
    const letGo = () => { grip = null; box.classList.remove("is-dragging"); };
    for (const end of ["pointerup", "lostpointercapture"]) stamp.addEventListener(end, letGo);
    stamp.addEventListener("pointercancel", () => {
      if (grip) move(...grip.from); // the system took the finger away: nothing was decided
      letGo();
    });
    picture.addEventListener("click", (event) => {
      const [px, py] = pointAt(event);
      move(px - side / 2, py - side / 2);
      stamp.focus({ preventScroll: true });
    });

    // --- keys

    stamp.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 10 : 1;
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (event.key === "Escape" && grip) { move(...grip.from); letGo(); }
      if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      move(x + way[0] * step, y + way[1] * step);
    });

    // --- buttons: what is known here is done here, the rest by the server, whose answer is put in place

    form.addEventListener("submit", (event) => {
      const button = event.submitter;
      if (!button || button.name === "save") return;
      event.preventDefault();
      if ("x" in button.dataset) move(Number(button.dataset.x), Number(button.dataset.y));
      else if ("byX" in button.dataset) move(x + Number(button.dataset.byX), y + Number(button.dataset.byY));
      else ask(form, button);
    });

    for (const input of [fx, fy, fside]) {
      input.addEventListener("input", fromFields);
      input.addEventListener("change", fromFields);
    }
    const pages = form.elements.namedItem("page");
    if (pages && pages.type !== "hidden") {
      pages.addEventListener("change", () => {
        if (pages.checkValidity()) ask(form, { name: "turn", value: pages.value });
      });
    }
    const leaf = form.querySelector(".leaf[aria-current]");
    if (leaf) leaf.parentElement.scrollLeft = leaf.offsetLeft - (leaf.parentElement.clientWidth - leaf.offsetWidth) / 2;
    fromFields();
    box.classList.add("is-live");
  }

  // Send the form by script and show the page that comes back where the old one is; a line that breaks ends in a plain submit.
  let asked = 0;
  async function ask(form, button) {
    const mine = (asked += 1);
    const body = new URLSearchParams(new FormData(form));
    body.set(button.name, button.value);
    form.setAttribute("aria-busy", "true");
    let main = null;
    try {
      const answer = await fetch(form.action, { method: "POST", body });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!answer.redirected) main = fresh.querySelector("main");
    } catch { /* the plain submit below says what is the matter */ }
    if (mine !== asked) return; // another button was pressed meanwhile
    if (!main || !main.querySelector("[data-placing]")) {
      const field = document.createElement("input");
      [field.type, field.name, field.value] = ["hidden", button.name, button.value];
      form.append(field);
      form.submit();
      return;
    }
    const open = [...form.querySelectorAll("[data-keep]")].map((one) => one.open);
    const old = document.querySelector("main");
    old.replaceWith(main);
    main.querySelectorAll("[data-keep]").forEach((one, at) => { one.open = one.open || open[at]; });
    const next = main.querySelector("[data-placing]");
    placing(next);
    const goal = button.name === "look" && main.querySelector("#setuju");
    if (goal) {
      goal.tabIndex = -1;
      goal.focus({ preventScroll: true });
      goal.scrollIntoView({ block: "start" });
    } else {
      const same = next.querySelector(`button[name="${button.name}"][value="${CSS.escape(button.value)}"]:not([tabindex])`);
      const errors = main.querySelector(".errors");
      (errors || same || next.querySelector(".placer-stamp")).focus({ preventScroll: !errors });
    }
  }

  document.querySelectorAll("form[data-placing]").forEach(placing);
})();
