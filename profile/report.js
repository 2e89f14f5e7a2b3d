"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const words = data.words, language = document.documentElement.lang;
  const fill = (phrase, ...values) => values.reduce((text, value, i) => text.replace(`{${i}}`, value).replace("{}", value), phrase);
  const counted = (one, many, count) => (count === 1 ? one : fill(many, count.toLocaleString(language)));

  // Map: tips, one segment at a time, colour by a trait.
  const map = byId("map-svg"), tip = byId("tip");
  const circles = map ? [...map.querySelectorAll("circle")] : [];
  let trait = null;

  function showTip(circle, x, y) {
    const i = Number(circle.dataset.i), s = Number(circle.dataset.s);
    const lines = [fill(words.segment, s + 1, data.segments[s].title), ...(data.texts[i] > 0 ? [counted(words.one_text, words.texts, data.texts[i])] : [])];
    if (trait && trait.values[i] < 0) lines.push(fill(words.unknown, trait.name));
    tip.textContent = lines.join("\n");
    tip.hidden = false;
    tip.style.left = Math.min(x + 14, document.documentElement.clientWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = y + 14 + "px";
  }
  if (map) {
    map.addEventListener("mousemove", (event) => {
      if (event.target.tagName === "circle") showTip(event.target, event.pageX, event.pageY);
      else tip.hidden = true;
    });
    map.addEventListener("mouseleave", () => { tip.hidden = true; });
  }

  function onlySegment(s) {
    for (const circle of circles) circle.classList.toggle("away", s !== null && circle.dataset.s !== s);
  }
  for (const item of document.querySelectorAll("#map-legend li")) {
    for (const on of ["mouseenter", "focus"]) item.addEventListener(on, () => onlySegment(item.dataset.s));
    for (const off of ["mouseleave", "blur"]) item.addEventListener(off, () => onlySegment(null));
  }

  // Cividis, which keeps its order for every kind of colour vision.
  const stops = [[0, 51, 111], [87, 93, 109], [165, 156, 116], [254, 232, 56]];
  function shade(value) {
    const at = (value / 255) * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2), part = at - low;
    return `rgb(${stops[low].map((from, c) => Math.round(from + (stops[low + 1][c] - from) * part)).join(",")})`;
  }
  const choice = byId("map-color"), scale = byId("map-scale");
  choice?.addEventListener("change", () => {
    trait = choice.value === "" ? null : data.traits[Number(choice.value)];
    for (const circle of circles) {
      const value = trait ? trait.values[Number(circle.dataset.i)] : 0;
      circle.style.fill = !trait ? "" : value < 0 ? "var(--rule)" : shade(value);
    }
    scale.hidden = !trait;
    if (trait) [scale.children[1].textContent, scale.children[2].textContent] = [trait.low, trait.high];
  });

  // Table: search, sort, pages.
  const table = byId("table"), search = byId("search"), pageSize = 20;
  let shown = data.rows, page = 0, sorted = null, falling = false;

  function cellText(value, kind) {
    if (value === null || value === "") return "–";
    if (kind === "p") return (100 * value).toFixed(0) + "%";
    if (kind === "n") return Number.isInteger(value) ? value.toLocaleString(language) : Number(value.toPrecision(3)).toLocaleString(language);
    return String(value);
  }
  function makeCell(value, kind) {
    const cell = document.createElement("td");
    if (kind === "s") {
      const badge = document.createElement("b");
      badge.className = "badge";
      badge.style.background = `var(--s${value % 10})`;
      badge.textContent = value + 1;
      cell.append(badge);
    } else if (kind === "c") {
      value.forEach(([name, similarity], i) => {
        const small = document.createElement("small");
        small.textContent = " " + similarity.toFixed(2);
        cell.append(i ? ", " : "", name, small);
      });
    } else {
      if (kind !== "t") cell.className = "n";
      cell.textContent = cellText(value, kind);
    }
    return cell;
  }
  function draw() {
    const body = document.createElement("tbody"), pages = Math.max(1, Math.ceil(shown.length / pageSize));
    page = Math.max(0, Math.min(page, pages - 1));
    for (const row of shown.slice(page * pageSize, (page + 1) * pageSize)) {
      const line = document.createElement("tr");
      row.forEach((value, i) => line.append(makeCell(value, data.columns[i].kind)));
      body.append(line);
    }
    table.tBodies[0]?.remove();
    table.append(body);
    byId("page").textContent = fill(words.page, page + 1, pages);
    byId("found").textContent = counted(words.one_customer, words.customers, shown.length);
    byId("back").disabled = page === 0;
    byId("forth").disabled = page === pages - 1;
  }
  function select() {
    const wanted = search.value.trim().toLowerCase();
    shown = wanted ? data.rows.filter((row) => String(row[0]).toLowerCase().includes(wanted)) : data.rows.slice();
    if (sorted !== null) {
      const sign = falling ? -1 : 1;
      shown.sort((a, b) => {
        const [x, y] = [a[sorted], b[sorted]];
        if (x === null || y === null) return (x === null) - (y === null);
        return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), language));
      });
    }
    draw();
  }
  function sortBy(column, heading) {
    falling = sorted === column ? !falling : ["n", "p"].includes(data.columns[column].kind);
    sorted = column;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    select();
  }
  const head = table.createTHead().insertRow();
  data.columns.forEach(({name, kind}, i) => {
    const heading = document.createElement("th");
    heading.textContent = name;
    if (["n", "p"].includes(kind)) heading.className = "n";
    if (kind !== "c") heading.addEventListener("click", () => sortBy(i, heading));
    head.append(heading);
  });
  search.addEventListener("input", () => { page = 0; select(); });
  byId("back").addEventListener("click", () => { page -= 1; draw(); });
  byId("forth").addEventListener("click", () => { page += 1; draw(); });
  draw();
})();
