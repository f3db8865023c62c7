// The script of the HTML report: draws the plot and redraws it when its width or colours change.

/** Runs in the browser, after uPlot; reads the figures that html.ts put into the page. */
export const pageScript = `(() => {
  "use strict";
  const holder = document.getElementById("plot");
  if (holder === null) return;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const root = document.documentElement;
  const utc = (ms) => new Date(ms).toISOString().replace("T", " ");
  const cores = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 1 });

  // Steps: the last value is repeated where the last step ends. Each area reaches from zero to the
  // sum of its part and those below it, and is painted over by the next lower one; the tallest
  // comes first.
  const repeatLast = (values) => [...values, values[values.length - 1]];
  const times = [...figures.atMs, figures.endMs];
  const below = times.map(() => 0);
  const layers = figures.parts.map((part) => {
    const own = repeatLast(part.cores);
    own.forEach((value, index) => { below[index] += value; });
    return { ...part, own, top: [...below] };
  }).reverse();

  const timeLabels = (plot, splits, axis, space, stepMs) => splits.map((ms, index) => {
    const [day, clock] = utc(ms).split(" ");
    if (stepMs >= 86400000) return day;
    const time = clock.slice(0, stepMs >= 60000 ? 5 : stepMs >= 1000 ? 8 : 12);
    const newDay = index === 0 || utc(splits[index - 1]).slice(0, 10) !== day;
    return newDay ? time + "\\n" + day : time;
  });

  // As wide as the longest number, so that numbers leave the axis' name free.
  const widthOf = (plot, values) =>
    16 + 7.5 * (values ?? []).reduce((most, value) => Math.max(most, String(value).length), 3);

  const draw = () => {
    const colours = getComputedStyle(holder);
    const colour = (name) => colours.getPropertyValue("--" + name).trim();
    const font = "12px " + colours.getPropertyValue("font-family");
    const axis = { stroke: colour("quiet"), font, labelFont: font, ticks: { stroke: colour("line") } };
    const options = {
      width: holder.clientWidth,
      height: holder.clientWidth < 560 ? 240 : 300,
      ms: 1,
      tzDate: (ms) => uPlot.tzDate(new Date(ms), "Etc/UTC"),
      padding: [12, 22, 0, 0],
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false } },
      scales: { y: { range: (plot, least, most) => [0, Math.max(1, most)] } },
      axes: [
        { ...axis, values: timeLabels, grid: { show: false }, size: 46, space: 90 },
        { ...axis, label: "cores", labelSize: 22, size: widthOf, grid: { stroke: colour("line") } },
      ],
      series: [
        { label: "Time (UTC)", value: (plot, ms) => ms === null ? "" : utc(ms).slice(0, 19) },
        ...layers.map((layer) => ({
          label: layer.name,
          fill: colour(layer.part),
          stroke: colour(layer.part),
          width: 0,
          points: { show: false },
          paths: uPlot.paths.stepped({ align: 1 }),
          value: (plot, top, series, index) => index === null ? "" : cores(layer.own[index]),
        })),
      ],
    };
    holder.replaceChildren();
    return new uPlot(options, [times, ...layers.map((layer) => layer.top)], holder);
  };

  let plot = draw();
  const again = () => { plot.destroy(); plot = draw(); };
  new ResizeObserver(() => { if (plot.width !== holder.clientWidth) again(); }).observe(holder);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  // Paper is always white.
  addEventListener("beforeprint", () => { root.classList.add("paper"); again(); });
  addEventListener("afterprint", () => { root.classList.remove("paper"); again(); });
})();`;
