// Uses the map as a person would, and tells its parent what it saw. Appended to the page by map_page.py.
"use strict";
{
  const saw = {};
  const press = (target, key) => target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  const focused = () => document.activeElement.dataset.id;
  const heading = () => document.querySelector("#panel h2")?.textContent;
  const listed = () => [...document.querySelectorAll("#panel .part")].map((each) => each.textContent);
  const refused = [];
  addEventListener("securitypolicyviolation", (event) => refused.push(event.blockedURI));

  const canvasOf = (() => { const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
    return (colour) => { context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1); return [...context.getImageData(0, 0, 1, 1).data]; }; })();
  const luminance = (colour) => canvasOf(colour).slice(0, 3).map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const contrast = (text, ground) => { const [low, high] = [luminance(text), luminance(ground)].sort((a, b) => a - b); return (high + 0.05) / (low + 0.05); };
  const fill = (element) => getComputedStyle(element).fill;

  try {
    saw.view = view.id;
    saw.wider = document.documentElement.scrollWidth - innerWidth;
    saw.paper = luminance(getComputedStyle(document.body).backgroundColor);
    saw.contrast = Math.min(...[...view.querySelectorAll(".box")].flatMap((box) =>
      [".title", ".note"].map((part) => contrast(fill(box.querySelector(part)), fill(box.querySelector(".shape"))))));
    saw.nameless = [...document.querySelectorAll("[tabindex='0'], button, input")]
      .filter((each) => !(each.getAttribute("aria-label") || each.textContent.trim() || each.labels?.length)).length;

    const [on, ...across] = view.id === "wide" ? ["ArrowRight", "ArrowDown", "ArrowUp"] : ["ArrowDown", "ArrowRight", "ArrowLeft"];
    shapes.get("shop.orders:OrderPlaced").focus();
    press(document.activeElement, on);
    saw.after = focused();
    saw.follows = arrows.some(({ dataset: { from, to } }) => from === "shop.orders:OrderPlaced" && to === saw.after);
    const completed = shapes.get("shop.fulfilment:OrderCompleted");
    saw.across = across.map((key) => { completed.focus(); press(completed, key); return focused(); });
    completed.focus();
    press(document.activeElement, "Enter");
    saw.chosen = heading();
    saw.details = panel.textContent;
    saw.lit = view.querySelectorAll(".arrow.lit").length;
    press(document.body, "Escape");
    saw.everything = listed().length;

    press(document.body, "/");
    saw.searching = document.activeElement.id;
    search.value = "tracking_id";
    search.dispatchEvent(new Event("input"));
    saw.found = listed();
    press(search, "Escape");

    shapes.get("Shop/Loyalty/AwardPoints").dispatchEvent(new MouseEvent("click", { bubbles: true }));
    saw.clicked = heading();
    saw.fetched = performance.getEntriesByType("resource").map((entry) => entry.name);
    saw.refused = refused;
  } catch (error) {
    saw.error = String(error.stack);
  }
  parent.postMessage(saw, "*");
}
