"use strict";
// Put into a copy of the report by report_browser_test: uses the page and leaves its verdict in <pre id="verdict">.
const faults = [];
window.addEventListener("error", (event) => faults.push("error: " + event.message));
window.alert = () => faults.push("markup of the data was executed");

window.addEventListener("load", () => {
  const check = (holds, what) => { if (!holds) faults.push(what); };
  const find = (selector) => document.querySelector(selector);
  const change = (element, name) => element.dispatchEvent(new Event(name, {bubbles: true}));
  const data = JSON.parse(document.getElementById("data").textContent);
  const paper = getComputedStyle(find("nav")).display === "none";

  function checkDrawing(svg) {
    const name = svg.getAttribute("aria-label").slice(0, 40), box = svg.getBoundingClientRect();
    check(box.width > 150 && box.height > 40, `${name}: ${box.width} x ${box.height}`);
    check(!/NaN|inf/.test(svg.outerHTML), `${name}: a number that is none`);
    const marks = [...svg.querySelectorAll("circle, rect, path")].filter((mark) => {
      const size = mark.getBoundingClientRect();
      return size.width + size.height > 1;
    });
    check(marks.length > 0, `${name}: no marks`);
    const labels = [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim() !== "");
    check(labels.length > 0 || svg.id === "map-svg", `${name}: no labels`);
    const boxes = labels.map((text) => text.getBoundingClientRect());
    boxes.forEach((a, i) => {
      const text = labels[i].textContent.slice(0, 30);
      check(a.left >= box.left - 2 && a.right <= box.right + 2 && a.top >= box.top - 2 && a.bottom <= box.bottom + 2,
        `${name}: '${text}' is cut off`);
      for (let j = 0; j < i; ++j) {
        const b = boxes[j];
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left), high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        check(wide <= 1 || high <= 2, `${name}: '${text}' lies on '${labels[j].textContent.slice(0, 30)}'`);
      }
    });
  }

  function checkTable() {
    const count = data.rows.length, pages = Math.ceil(count / 20);
    const rows = () => document.querySelectorAll("#table tbody tr").length;
    check(rows() === Math.min(20, count), rows() + " rows in the table");
    const first = find("#page").textContent;
    find("#forth").click();
    check(find("#page").textContent !== first && find("#page").textContent.includes(String(pages)), find("#page").textContent);
    find("#search").value = "c1042";
    change(find("#search"), "input");
    check(rows() === 1 && find("#table tbody td").textContent.startsWith("C1042"), "the search finds " + rows());
    find("#search").value = "";
    change(find("#search"), "input");
    const column = data.columns.findIndex((entry) => entry.kind === "n" || entry.kind === "p") + 1;
    check(column > 0, "no column of numbers");
    const values = () => [...document.querySelectorAll(`#table tbody td:nth-child(${column})`)].map((cell) => parseFloat(cell.textContent.replace(/,/g, "")));
    const heading = find(`#table th:nth-child(${column})`);
    heading.click();
    const falling = values();
    check(falling[0] >= falling[falling.length - 1], "sorting gives " + falling);
    heading.click();
    check(values()[0] <= falling[0], "sorting the other way gives " + values());
  }

  function checkMap() {
    const circles = [...document.querySelectorAll("#map-svg circle")];
    check(circles.length === data.texts.length, circles.length + " customers on the map");
    const box = circles[7].getBoundingClientRect();
    circles[7].dispatchEvent(new MouseEvent("mousemove", {bubbles: true, clientX: box.x, clientY: box.y}));
    check(!find("#tip").hidden && find("#tip").textContent.includes(data.segments[Number(circles[7].dataset.s)].title), "no tip on the map");
    const choice = find("#map-color"), before = getComputedStyle(circles[7]).fill;
    if (data.traits.length === 0) return;
    choice.value = "0";
    change(choice, "change");
    check(getComputedStyle(circles[7]).fill !== before && !find("#map-scale").hidden, "colouring by a trait does nothing");
    choice.value = "";
    change(choice, "change");
    check(getComputedStyle(circles[7]).fill === before, "the segments' colours do not come back");
  }

  try {
    const links = [...document.querySelectorAll("nav a")].map((link) => link.getAttribute("href").slice(1));
    check(links.length >= 9, "only the sections " + links);
    for (const id of links) {
      const section = document.getElementById(id);
      check(section && (paper && id === "customers" || section.offsetHeight > 80), `section ${id} is missing or flat`);
    }
    const drawings = [...document.querySelectorAll("svg")];
    check(drawings.length >= 2, `only ${drawings.length} drawings`);
    drawings.forEach(checkDrawing);
    const page = document.documentElement;
    check(page.scrollWidth <= page.clientWidth, `the page is wider (${page.scrollWidth}) than the window (${page.clientWidth})`);
    if (paper) {  // nothing can be scrolled there
      for (const element of document.querySelectorAll("main table, main figure, main article")) {
        const box = element.getBoundingClientRect();
        check(box.width === 0 || box.right <= page.clientWidth + 1, `${element.tagName} of ${element.closest("section").id} is cut off on paper`);
      }
    }
    check(performance.getEntriesByType("resource").length === 0, "something was loaded from outside");
    check(document.querySelectorAll("script").length === 3, "a script that is not the page's");
    if (document.documentElement.lang === "zh-CN") {
      const words = [...document.querySelectorAll("h2, nav a, .lead")].filter((element) => !/[\u4e00-\u9fff]/.test(element.textContent));
      check(words.length === 0, "not in Chinese: " + words.map((element) => element.textContent.slice(0, 30)));
    }
    if (!paper) {
      checkMap();
      checkTable();
    }
  } catch (error) {
    faults.push("exception: " + error.message);
  }
  const verdict = document.createElement("pre");
  verdict.id = "verdict";
  verdict.textContent = faults.length ? faults.slice(0, 12).join("; ") : "all well";
  document.body.append(verdict);
});
