"use strict";
// Put into a copy of the report by report_browser_test: uses the page and leaves its verdict in <pre id="verdict">.
const faults = [];
window.addEventListener("error", (event) => faults.push("error: " + event.message));
window.alert = () => faults.push("markup of the data was executed");

window.addEventListener("load", () => {
  const check = (holds, what) => { if (!holds) faults.push(what); };
  const find = (selector) => document.querySelector(selector);
  const change = (element, name) => element.dispatchEvent(new Event(name, {bubbles: true}));
  try {
    for (const id of ["summary", "quality", "training", "model", "map", "heat", "segments", "topics", "regression", "fairness",
      "recommendations", "customers", "provenance"]) {
      const section = document.getElementById(id);
      check(section && section.offsetHeight > 80, "section " + id + " is missing or flat");
      check(find(`nav a[href="#${id}"]`), "the menu lacks " + id);
    }
    const drawings = [...document.querySelectorAll("svg")];
    check(drawings.length >= 8, "only " + drawings.length + " drawings");
    for (const svg of drawings) {
      const box = svg.getBoundingClientRect();
      check(box.width > 200 && box.height > 60, "a drawing of " + box.width + " x " + box.height);
      check(!svg.outerHTML.includes("NaN"), "NaN in a drawing");
    }
    check(document.documentElement.scrollWidth <= document.documentElement.clientWidth, "the page is wider than the window");
    check(performance.getEntriesByType("resource").length === 0, "something was loaded from outside");
    check(document.querySelectorAll("script").length === 3, "a script that is not the page's");

    const circles = [...document.querySelectorAll("#map-svg circle")];
    check(circles.length === 300, circles.length + " customers on the map");
    const box = circles[7].getBoundingClientRect();
    circles[7].dispatchEvent(new MouseEvent("mousemove", {bubbles: true, clientX: box.x, clientY: box.y}));
    check(!find("#tip").hidden && find("#tip").textContent.startsWith("Segment "), "no tip on the map");
    const choice = find("#map-color"), before = getComputedStyle(circles[7]).fill;
    choice.value = "0";
    change(choice, "change");
    check(getComputedStyle(circles[7]).fill !== before && !find("#map-scale").hidden, "colouring by a trait does nothing");
    choice.value = "";
    change(choice, "change");
    check(getComputedStyle(circles[7]).fill === before, "the segments' colours do not come back");

    const rows = () => document.querySelectorAll("#table tbody tr").length;
    check(rows() === 20, rows() + " rows in the table");
    find("#forth").click();
    check(find("#page").textContent === "page 2 of 15", find("#page").textContent);
    find("#search").value = "c1042";
    change(find("#search"), "input");
    check(rows() === 1 && find("#table tbody td").textContent.startsWith("C1042"), "the search finds " + rows());
    find("#search").value = "";
    change(find("#search"), "input");
    const texts = () => [...document.querySelectorAll("#table tbody td:nth-child(3)")].map((cell) => Number(cell.textContent));
    find("#table th:nth-child(3)").click();
    const falling = texts();
    check(falling[0] >= falling[19] && falling[0] > 1, "sorting by texts gives " + falling);
    find("#table th:nth-child(3)").click();
    check(texts()[0] === 1, "sorting the other way gives " + texts());
  } catch (error) {
    faults.push("exception: " + error.message);
  }
  const verdict = document.createElement("pre");
  verdict.id = "verdict";
  verdict.textContent = faults.length ? faults.join("; ") : "all well";
  document.body.append(verdict);
});
