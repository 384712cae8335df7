// A legend takes no room from its plot: the figure grows by its height. On a narrow page it
// stands below, or is left out where a slider names what it holds.
(function () {
  "use strict";
  const narrow = 520, height = 380, usual = 34;

  function hasSlider(figure) {
    return Array.from(document.querySelectorAll(".slider")).some((slider) =>
      JSON.parse(slider.dataset.targets).some(([name, what]) =>
        what === "network" && figure.id === `figure-${slider.dataset.part}-${name}`));
  }

  function resized(figure, tall) {
    figure.parentElement.style.height = `${tall}px`;  // a figure fills its frame
    return window.Plotly.Plots.resize(figure);
  }

  async function fit(figure) {
    const isNarrow = figure.clientWidth < narrow;
    const named = figure.data.filter((one) => one.showlegend !== false && one.name).length;
    const legend = isNarrow
      ? {"legend.yref": "container", "legend.yanchor": "bottom", "legend.y": 0}
      : {"legend.yref": "paper", "legend.yanchor": "bottom", "legend.y": 1.02};
    const shows = figure.dataset.legend === "true" && !(isNarrow && named > 4 && hasSlider(figure));
    const isAsDrawn = !isNarrow && !figure.dataset.below;
    if (!isAsDrawn) await window.Plotly.relayout(figure, {...legend, showlegend: shows});
    figure.dataset.below = isNarrow ? "true" : "";
    // Room for all of it first: in a low figure a legend scrolls.
    if (isNarrow && shows && named > 2) await resized(figure, height + 26 * named);
    const drawn = figure.querySelector(".legend .bg");
    const needs = shows && drawn ? Number(drawn.getAttribute("height")) : 0;
    const tall = height + Math.max(0, needs - usual);
    if (tall !== figure.clientHeight) await resized(figure, tall);
  }

  function fitAll() {
    document.querySelectorAll(".js-plotly-plot").forEach(fit);
  }

  window.addEventListener("load", () => {
    document.querySelectorAll(".js-plotly-plot").forEach((figure) => {
      figure.dataset.legend = String(figure.layout.showlegend !== false);
    });
    fitAll();
    let wide = window.innerWidth;
    window.addEventListener("resize", () => {
      if (window.innerWidth === wide) return;
      wide = window.innerWidth;
      fitAll();
    });
  });
})();
