// Meterai: placing the stamp on the page picture by drag, tap, arrow keys or preset; the number fields stay the
// truth that is sent. Points, origin at the bottom left of the displayed page. Markup contract: docs/design.md.
"use strict";
(() => {
  const MARGIN = 36; // points; half an inch from the edge is printable everywhere
  const MM = 25.4 / 72;

  function placer(box) {
    const form = box.closest("form") || document.querySelector("form[data-placer]");
    const stamp = box.querySelector(".placer-stamp");
    const picture = box.querySelector(".placer-page");
    const field = (name) => form.elements.namedItem(name);
    const [fx, fy, fsize, fpage] = ["x", "y", "size", "page"].map(field);
    let wide = Number(box.dataset.pageWidth);
    let high = Number(box.dataset.pageHeight);
    let side = Number(fsize && fsize.value) || Number(box.dataset.size);
    let x = 0;
    let y = 0;

    const speaker = document.createElement("p");
    speaker.className = "hush";
    speaker.setAttribute("role", "status");
    box.after(speaker);
    let wait = 0;
    const announce = () => {
      clearTimeout(wait);
      wait = setTimeout(() => {
        speaker.textContent = (box.dataset.say || "{x} mm, {y} mm")
          .replace("{x}", Math.round(x * MM)).replace("{y}", Math.round(y * MM));
      }, 600);
    };

    const clamp = (value, most) => Math.min(Math.max(0, value), Math.max(0, most));
    const tidy = (value) => Math.round(value * 10) / 10;
    function draw() {
      const css = stamp.style;
      css.setProperty("--at-x", (100 * x) / wide + "%");
      css.setProperty("--at-y", (100 * y) / high + "%");
      css.setProperty("--side", (100 * side) / wide + "%");
    }
    function move(toX, toY) {
      x = tidy(clamp(toX, wide - side));
      y = tidy(clamp(toY, high - side));
      fx.value = x;
      fy.value = y;
      draw();
      announce();
    }
    function fromFields(event) {
      side = Number(fsize && fsize.value) || side;
      x = clamp(Number(fx.value) || 0, wide - side);
      y = clamp(Number(fy.value) || 0, high - side);
      draw();
      // While a number is being typed the field is left alone; when it is finished it shows what will be used.
      if (event && event.type === "change") move(x, y);
    }

    // One screen pixel in points; read afresh, since the picture grows with the window.
    const scale = () => wide / picture.getBoundingClientRect().width;
    const pointAt = (event) => {
      const rect = picture.getBoundingClientRect();
      return [(event.clientX - rect.left) * scale(), (rect.bottom - event.clientY) * scale()];
    };

    let grip = null;
    stamp.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      const [px, py] = pointAt(event);
      grip = [px - x, py - y];
      stamp.setPointerCapture(event.pointerId);
      box.classList.add("is-dragging");
    });
    stamp.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const [px, py] = pointAt(event);
      move(px - grip[0], py - grip[1]);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      stamp.addEventListener(end, () => { grip = null; box.classList.remove("is-dragging"); });
    }

    picture.addEventListener("click", (event) => {
      const [px, py] = pointAt(event);
      move(px - side / 2, py - side / 2);
      stamp.focus({ preventScroll: true });
    });

    stamp.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 10 : 1;
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      move(x + way[0] * step, y + way[1] * step);
    });

    function preset(name) {
      const [row, column] = name.split("-");
      const across = { left: MARGIN, center: (wide - side) / 2, right: wide - side - MARGIN }[column];
      const up = { bottom: MARGIN, middle: (high - side) / 2, top: high - side - MARGIN }[row];
      move(across, up);
    }
    form.addEventListener("click", (event) => {
      const button = event.target.closest("[data-preset]");
      if (!button) return;
      event.preventDefault();
      preset(button.dataset.preset);
    });

    // Another page: its picture and, where the sizes are known, its size. Without data-page-src the server does it.
    if (fpage && box.dataset.pageSrc) {
      fpage.addEventListener("change", () => {
        if (!fpage.checkValidity()) return;
        const sizes = JSON.parse(box.dataset.pages || "[]")[fpage.value - 1];
        if (sizes) [wide, high] = sizes;
        picture.src = box.dataset.pageSrc.replace("PAGE", encodeURIComponent(fpage.value));
        picture.alt = picture.alt.replace(/\d+/, fpage.value);
        move(x, y);
      });
      for (const button of form.querySelectorAll("[data-show-page]")) button.hidden = true;
    }

    for (const input of [fx, fy, fsize]) {
      if (!input) continue;
      input.addEventListener("input", fromFields);
      input.addEventListener("change", fromFields);
    }
    if (!stamp.hasAttribute("tabindex")) stamp.tabIndex = 0;
    fromFields();
    box.classList.add("is-live");
  }

  document.querySelectorAll(".placer").forEach(placer);
})();
