// A slider shows one of its steps, and marks it in figures: at a place of the axis, as the
// one trace that is shown, or as the network that the others fade beside.
(function () {
  "use strict";
  const act = {
    place(figure, index) {
      const color = window.manifoldscale.current().line;
      const shape = {
        type: "line", xref: "x", yref: "paper", x0: index, x1: index, y0: 0, y1: 1,
        line: {color: color, width: 6}, opacity: 0.35, layer: "below",
      };
      return window.Plotly.relayout(figure, {shapes: [shape]});
    },
    trace(figure, index) {
      // A trace with the band that is its own.
      const visible = figure.data.map(
        (one, place) => place === index || Boolean(one.meta && one.meta.of === index)
      );
      return window.Plotly.restyle(figure, {visible: visible});
    },
    network(figure, index) {
      // The first step is all of them. Arrows at the ends of bars go with their network.
      const own = (one, place) => (one.meta && one.meta.of !== undefined ? one.meta.of : place);
      const opacity = figure.data.map(
        (one, place) => (!index || own(one, place) === index - 1 ? 1 : 0.25)
      );
      return window.Plotly.restyle(figure, {opacity: opacity});
    },
  };

  function show(slider, index) {
    const steps = Array.from(slider.querySelectorAll(".step"));
    const label = steps[index].dataset.label;
    steps.forEach((step, place) => { step.hidden = place !== index; });
    slider.querySelector("output").textContent = label;
    slider.querySelector("input").setAttribute("aria-valuetext", label);
    for (const [name, what] of JSON.parse(slider.dataset.targets)) {
      act[what](document.getElementById(`figure-${slider.dataset.part}-${name}`), index);
    }
  }

  window.addEventListener("load", () => {
    document.querySelectorAll(".slider").forEach((slider) => {
      const input = slider.querySelector("input");
      input.addEventListener("input", () => show(slider, Number(input.value)));
      show(slider, Number(input.value));
    });
  });
})();
