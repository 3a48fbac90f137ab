"use strict";
// A hair line and the values at it, where a pointer is over a chart.
for (const chart of document.querySelectorAll(".chart[data-chart]")) {
  const data = JSON.parse(chart.querySelector("script").textContent);
  const tip = document.getElementById("tip");
  const short = v => v === 0 ? "0" : Math.abs(v) >= 1e-3 && Math.abs(v) < 1e5 ? String(+v.toPrecision(5)) : v.toExponential(2);
  const nearest = (points, x) => {
    let low = 0, high = points.length - 1;
    while (high - low > 1) { const mid = (low + high) >> 1; if (points[mid][0] < x) low = mid; else high = mid; }
    return Math.abs(points[low][0] - x) <= Math.abs(points[high][0] - x) ? points[low] : points[high];
  };
  for (const svg of chart.querySelectorAll(".plots svg")) {
    const hair = svg.querySelector(".hair");
    const leave = () => { tip.hidden = true; hair.setAttribute("visibility", "hidden"); };
    svg.addEventListener("pointerleave", leave);
    svg.addEventListener("pointermove", event => {
      const box = svg.getBoundingClientRect();
      const place = (event.clientX - box.left) / box.width * data.width;
      const x = data.x[0] + (place - data.left) / (data.right - data.left) * (data.x[1] - data.x[0]);
      const near = data.series.filter(s => s.points.length).map(s => [s.name, nearest(s.points, x)]);
      if (!near.length || place < data.left - 8 || place > data.right + 8) { leave(); return; }
      const at = near.reduce((a, b) => Math.abs(b[1][0] - x) < Math.abs(a[1][0] - x) ? b : a)[1][0];
      const span = (data.x[1] - data.x[0]) || 1;
      const here = data.left + (at - data.x[0]) / span * (data.right - data.left);
      hair.setAttribute("x1", here); hair.setAttribute("x2", here); hair.setAttribute("visibility", "visible");
      const reach = span / 20;
      tip.textContent = data.label + " " + short(at) + near.filter(n => Math.abs(n[1][0] - at) <= reach).map(n => "\n" + n[0] + "  " + short(n[1][1])).join("");
      tip.hidden = false;
      const left = Math.min(event.pageX + 14, scrollX + document.documentElement.clientWidth - tip.offsetWidth - 6);
      tip.style.left = Math.max(scrollX + 4, left) + "px"; tip.style.top = (event.pageY + 16) + "px";
    });
  }
}
document.documentElement.dataset.charts = document.querySelectorAll(".chart[data-chart]").length;
