// Colours of the figures in the page's scheme. A trace's meta.role is the index of a colour
// or a name; on a dark page Okabe and Ito's colours are lightened to be read.
(function () {
  "use strict";
  const light = {
    series: ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"],
    // Of series with an order, from the first to the last.
    shades: ["#0D0887", "#5C01A6", "#9C179E", "#CC4778", "#ED7953"],
    known: "#009E73", soft: "#7d8794", ink: "#1c1f24", grid: "#e3e7ec", line: "#9aa4b1",
    card: "#ffffff",
  };
  const dark = {
    series: ["#5CB8F0", "#FF9D5C", "#3CCFA5", "#E6A3C8", "#9AD4F5", "#F5C04A", "#FFFFFF"],
    shades: ["#B052D6", "#D8576B", "#ED7953", "#FDB42F", "#F0F921"],
    known: "#3CCFA5", soft: "#8e99a8", ink: "#e6e9ee", grid: "#2c333d", line: "#66717f",
    card: "#1d2229",
  };
  const query = window.matchMedia("(prefers-color-scheme: dark)");

  function faint(hex) {
    const part = (at) => parseInt(hex.slice(at, at + 2), 16);
    return `rgba(${part(1)},${part(3)},${part(5)},0.22)`;
  }

  function mixed(shades, position) {
    const place = position * (shades.length - 1);
    const first = Math.min(Math.floor(place), shades.length - 2);
    const part = (hex, at) => parseInt(hex.slice(at, at + 2), 16);
    return "#" + [1, 3, 5].map((at) => {
      const [low, high] = [part(shades[first], at), part(shades[first + 1], at)];
      return Math.round(low + (place - first) * (high - low)).toString(16).padStart(2, "0");
    }).join("");
  }

  function shadeOf(meta, colors) {
    if (!meta) return colors.series[0];
    if (typeof meta.shade === "number") return mixed(colors.shades, meta.shade);
    return typeof meta.role === "number" ? colors.series[meta.role] : colors[meta.role];
  }

  function paint(figure, colors) {
    figure.data.forEach((trace, index) => {
      const shade = shadeOf(trace.meta, colors);
      const change = {"line.color": shade, "marker.color": shade};
      if (trace.meta && trace.meta.band) change.fillcolor = faint(shade);
      window.Plotly.restyle(figure, change, [index]);
    });
    const change = {
      "font.color": colors.ink, "hoverlabel.bgcolor": colors.card,
      "hoverlabel.font.color": colors.ink, "hoverlabel.bordercolor": colors.line,
    };
    for (const axis of ["xaxis", "yaxis"]) {
      change[`${axis}.gridcolor`] = colors.grid;
      change[`${axis}.zerolinecolor`] = colors.line;
      change[`${axis}.linecolor`] = colors.line;
    }
    window.Plotly.relayout(figure, change);
  }

  function paintAll(colors) {
    document.querySelectorAll(".js-plotly-plot").forEach((figure) => paint(figure, colors));
  }

  const current = () => (query.matches ? dark : light);
  window.manifoldscale = {current};
  window.addEventListener("load", () => paintAll(current()));
  query.addEventListener("change", () => paintAll(current()));
  // Paper is white, whatever the screen.
  window.addEventListener("beforeprint", () => paintAll(light));
  window.addEventListener("afterprint", () => paintAll(current()));
})();
