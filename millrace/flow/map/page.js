"use strict";
const { parts, hues } = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const canvas = $("canvas"), panel = $("panel"), search = $("search");
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
let view, shapes, arrows, chosen = null;

// the details of a part

function made(tag, attributes = {}, ...inner) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.addEventListener("click", value);
    else if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...inner);
  return element;
}

const isEvent = (part) => part.kind === "event" || part.kind === "refusal";
const context = (part) => (isEvent(part) ? part.path.slice(0, part.path.indexOf(":")) : part.kind);

function button(id) {
  const part = parts[id];
  const dot = isEvent(part)
    ? made("span", { class: `dot event${part.kind === "refusal" ? " no" : ""}`, style: `--hue: ${hues[context(part)]}` })
    : made("span", { class: "dot code" });
  return made("button", { type: "button", class: "part", onclick: () => choose(id) }, dot, part.title);
}

function list(ids) {
  const groups = Map.groupBy ? Map.groupBy(ids, (id) => context(parts[id])) : grouped(ids);
  const shown = [...groups].sort(([a], [b]) => Number(b in hues) - Number(a in hues));
  panel.replaceChildren(...shown.flatMap(([head, members]) => [
    made("h3", {}, head in hues || members.length === 1 ? head : plural(head)),
    made("ul", {}, ...members.map((id) => made("li", {}, button(id)))),
  ]));
  if (!ids.length) panel.append(made("p", { class: "kind" }, "No part has this name."));
}

const plural = (kind) => (kind.endsWith("s") ? kind : `${kind.replace(/y$/, "ie")}s`);

function grouped(ids) {
  const found = new Map();
  for (const id of ids) found.set(context(parts[id]), [...(found.get(context(parts[id])) ?? []), id]);
  return found;
}

function showDetails(id) {
  const part = parts[id];
  panel.replaceChildren(
    made("button", { type: "button", onclick: () => choose(null) }, "← everything"),
    made("h2", {}, part.title),
    made("p", { class: "kind" }, `${part.kind} · ${part.path}`),
    ...(part.about ? [made("p", {}, part.about)] : []),
    ...part.rows.flatMap(row), ...contract(part),
  );
  panel.scrollTop = 0;
}

function row({ head, entries }) {
  const items = entries.map(({ text, to }) => made("li", { class: head === "Source" ? "location" : undefined },
    to in parts ? button(to) : text));
  return [made("h3", {}, head), made("ul", {}, ...items)];
}

function contract(part) {
  if (!part.fields) return [];
  const rows = part.fields.map(({ name, type, required }) =>
    made("tr", {}, made("td", {}, name), made("td", {}, type), made("td", {}, required || name.endsWith("[]") ? "" : "optional")));
  return [made("h3", {}, "Fields"), made("table", {}, ...rows),
    made("details", {}, made("summary", {}, "JSON Schema"), made("pre", { tabindex: "0" }, part.schema))];
}

// the chosen part, and the parts before and after it

function reached(id, from, to) {
  const ids = new Set([id]), lit = new Set(), inside = parts[id].kind === "mediator" ? [...shapes.keys()].filter((k) => k.startsWith(`${id}/`)) : [];
  const waiting = [id, ...inside];
  inside.forEach((each) => ids.add(each));
  while (waiting.length) {
    const at = waiting.pop();
    for (const arrow of arrows) if (arrow.dataset[from] === at) {
      lit.add(arrow);
      if (!ids.has(arrow.dataset[to])) { ids.add(arrow.dataset[to]); waiting.push(arrow.dataset[to]); }
    }
  }
  return { ids, lit };
}

function choose(id, { focus = true } = {}) {
  chosen = id && parts[id] ? id : null;
  history.replaceState(null, "", chosen ? `#${encodeURIComponent(chosen)}` : location.pathname + location.search);
  if (!chosen) { mark(null); found(); return; }
  showDetails(chosen);
  mark(chosen);
  reveal(chosen, { atOnce: still || !focus });
  if (focus && document.activeElement?.dataset?.id !== chosen) panel.focus({ preventScroll: true });
}

function mark(id) {
  const after = id && reached(id, "from", "to"), before = id && reached(id, "to", "from");
  for (const [key, shape] of shapes) {
    shape.classList.toggle("on", key === id);
    if (!shape.classList.contains("group")) shape.classList.toggle("dim", Boolean(id) && !after.ids.has(key) && !before.ids.has(key));
  }
  for (const arrow of arrows) {
    const lit = Boolean(id) && (after.lit.has(arrow) || before.lit.has(arrow));
    arrow.classList.toggle("lit", lit);
    arrow.classList.toggle("dim", Boolean(id) && !lit);
  }
}

function found() {
  const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const ids = Object.keys(parts).filter((id) => {
    const text = [parts[id].title, id, parts[id].kind, ...(parts[id].fields ?? []).map((f) => f.name)].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
  list(ids);
  for (const [id, shape] of shapes) if (!shape.classList.contains("group")) shape.classList.toggle("dim", words.length > 0 && !ids.includes(id));
  arrows.forEach((arrow) => arrow.classList.toggle("dim", words.length > 0));
  return ids;
}

// pan and zoom

let scale = 1, left = 0, top_ = 0;
const area = () => canvas.getBoundingClientRect();
const draw = () => view.setAttribute("transform", `translate(${left} ${top_}) scale(${scale})`);

const isNarrow = () => innerWidth <= 760;
const room = () => { const { width, height } = area(); return { width, height: height - (isNarrow() ? 0 : 72) }; };
const fit = (drawn) => Math.min(room().width / drawn.dataset.width, room().height / drawn.dataset.height);

function show() {
  const [wide, narrow] = [$("wide"), $("narrow")];
  const best = fit(narrow) > fit(wide) * 1.1 ? narrow : wide;
  if (best === view) return;
  view = best;
  shapes = new Map([...view.querySelectorAll("[data-id]")].map((shape) => [shape.dataset.id, shape]));
  arrows = [...view.querySelectorAll(".arrow")];
  for (const each of [wide, narrow]) each.classList.toggle("shown", each === view);
  if (chosen) mark(chosen);
}

const LEGIBLE = 0.72;
const margin = () => (isNarrow() ? 8 : 34);

function whole() {
  show();
  const { width, height } = room();
  scale = Math.min(fit(view), 1.15);
  left = (width - view.dataset.width * scale) / 2;
  top_ = (height - view.dataset.height * scale) / 2 + margin();
  draw();
}

// Show the whole map if it is legible, else the start of the flow.
function begin() {
  whole();
  if (scale >= LEGIBLE) return;
  scale = LEGIBLE;
  [left, top_] = [0, margin()];
  draw();
  const { width, height } = room(), first = view.querySelector(".box").getBoundingClientRect(), { left: x, top: y } = area();
  const middle = (size, room_, from, length) => (size * scale <= room_ ? (room_ - size * scale) / 2 : room_ / 2 - (from + length / 2));
  if (view.id === "narrow") left = middle(view.dataset.width, width, first.left - x, first.width);
  else top_ = margin() + middle(view.dataset.height, height, first.top - y, first.height);
  draw();
}

function zoom(by, x = area().width / 2, y = area().height / 2) {
  const next = Math.min(3, Math.max(0.15, scale * by));
  left = x - ((x - left) * next) / scale;
  top_ = y - ((y - top_) * next) / scale;
  scale = next;
  draw();
}

function reveal(id, { atOnce = still } = {}) {
  const shape = shapes.get(id).getBoundingClientRect(), { left: x, top: y, width, height } = area();
  const inside = shape.left > x + 20 && shape.right < x + width - 20 && shape.top > y + 20 && shape.bottom < y + height - 20;
  if (inside) return;
  const to = [left + x + width / 2 - (shape.left + shape.width / 2), top_ + y + height / 2 - (shape.top + shape.height / 2)];
  if (atOnce) { [left, top_] = to; draw(); } else glide(...to);
}

function glide(toLeft, toTop) {
  const start = performance.now(), [fromLeft, fromTop] = [left, top_];
  requestAnimationFrame(function step(now) {
    const share = Math.min(1, (now - start) / 220), eased = 1 - (1 - share) ** 3;
    left = fromLeft + (toLeft - fromLeft) * eased;
    top_ = fromTop + (toTop - fromTop) * eased;
    draw();
    if (share < 1) requestAnimationFrame(step);
  });
}

const fingers = new Map();
let moved = false;
canvas.addEventListener("pointerdown", (event) => {
  if (event.target.closest("button")) return;
  fingers.set(event.pointerId, event);
  moved = false;
});
canvas.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const others = [...fingers.values()].filter((each) => each.pointerId !== event.pointerId);
  if (!moved && !others.length && Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY) < 4) return;
  if (!moved) { moved = true; canvas.classList.add("held"); canvas.setPointerCapture(event.pointerId); }
  if (others.length) {
    const { left: x, top: y } = area(), other = others[0];
    const apart = (a, b) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    zoom(apart(event, other) / Math.max(1, apart(before, other)), (event.clientX + other.clientX) / 2 - x, (event.clientY + other.clientY) / 2 - y);
  } else {
    left += event.clientX - before.clientX;
    top_ += event.clientY - before.clientY;
    draw();
  }
  fingers.set(event.pointerId, event);
});
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => {
  fingers.delete(event.pointerId);
  canvas.classList.remove("held");
});
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const { left: x, top: y } = area();
  zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX - x, event.clientY - y);
}, { passive: false });
canvas.addEventListener("click", (event) => {
  if (moved || event.target.closest("button")) return;
  choose(event.target.closest("[data-id]")?.dataset.id ?? null, { focus: false });
});

// keyboard

const TURNS = {
  wide: { ArrowRight: "on", ArrowLeft: "back", ArrowDown: 1, ArrowUp: -1 },
  narrow: { ArrowDown: "on", ArrowUp: "back", ArrowRight: 1, ArrowLeft: -1 },
};

function turned(id, key) {
  const turn = TURNS[view.id][key];
  if (turn === "on") return arrows.find((arrow) => arrow.dataset.from === id)?.dataset.to;
  if (turn === "back") return arrows.find((arrow) => arrow.dataset.to === id)?.dataset.from;
  return neighbour(id, turn, view.id === "wide" ? ["left", "right", "top"] : ["top", "bottom", "left"]);
}

function neighbour(id, by, [first, last, along]) {
  const at = shapes.get(id).getBoundingClientRect();
  const boxes = [...shapes].filter(([, shape]) => shape.classList.contains("box"));
  const aligned = boxes.map(([key, shape]) => [key, shape.getBoundingClientRect()])
    .filter(([, r]) => r[first] < at[last] && r[last] > at[first] && (r[along] - at[along]) * by > 1);
  return aligned.sort(([, a], [, b]) => (a[along] - b[along]) * by)[0]?.[0];
}

function go(id) {
  if (!id) return;
  shapes.get(id).focus({ preventScroll: true });
  reveal(id);
}

canvas.addEventListener("focusin", (event) => { if (event.target.dataset.id && event.target.matches(":focus-visible")) reveal(event.target.dataset.id); });
document.addEventListener("keydown", (event) => {
  const id = event.target.dataset?.id;
  if (event.target === search) {
    if (event.key === "Enter") { const ids = found(); if (ids.length) choose(ids[0]); }
    if (event.key === "Escape") { search.value = ""; search.blur(); choose(null); }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") search.focus();
  else if (event.key === "Escape") choose(null);
  else if (event.key === "+" || event.key === "=") zoom(1.25);
  else if (event.key === "-") zoom(0.8);
  else if (event.key === "0") whole();
  else if (id && (event.key === "Enter" || event.key === " ")) choose(id, { focus: false });
  else if (id && event.key in TURNS.wide) go(turned(id, event.key));
  else return;
  event.preventDefault();
});

search.addEventListener("input", () => { chosen = null; mark(null); found(); });
$("closer").addEventListener("click", () => zoom(1.25));
$("farther").addEventListener("click", () => zoom(0.8));
$("whole").addEventListener("click", whole);
let seen = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === seen && isNarrow()) return; // a phone's address bar comes and goes
  seen = innerWidth;
  begin();
  if (chosen) reveal(chosen, { atOnce: true });
});
addEventListener("hashchange", () => choose(decodeURIComponent(location.hash.slice(1)) || null));

begin();
if (location.hash.length > 1) choose(decodeURIComponent(location.hash.slice(1)), { focus: false });
else found();
