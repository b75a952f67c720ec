// The weather icons, drawn from a few shapes by the WMO code of a report. Their colours are in board.css.

import { svg } from "./dom.js";

const cloudPath = "M14.5 36a8.5 8.5 0 0 1-.8-16.96A12 12 0 0 1 36.7 17.6 9.3 9.3 0 0 1 37 36z";

// sky is the kind of weather, which colours the card: clear, cloud, fog, rain, snow or storm.
export function sky(code) {
  if (code <= 1) return "clear";
  if (code <= 3) return "cloud";
  if (code <= 48) return "fog";
  if ((code >= 71 && code <= 77) || code === 85 || code === 86) return "snow";
  return code >= 95 ? "storm" : "rain";
}

// icon draws the weather of a code, by day or night. It is decoration: the words beside it say the same.
export function icon(code, isDay) {
  const kind = sky(code);
  const shapes = [];
  if (code <= 2 || code === 80 || code === 85) shapes.push(isDay ? sun(code >= 2) : moon(code >= 2));
  if (code >= 2) shapes.push(svg("path", { class: code === 2 ? "cloud light" : "cloud", d: cloudPath }));
  if (kind === "fog") shapes.push(lines("fog", [[11, 41, 37], [15, 46, 33]].map(([x, y, to]) => `M${x} ${y}H${to}`)));
  if (kind === "rain") shapes.push(lines("drop", drops(code)));
  if (kind === "snow") shapes.push(lines("flake", [[16, 42], [25, 45], [34, 42]].map(([x, y]) => `M${x} ${y}h.01`)));
  if (kind === "storm") shapes.push(svg("path", { class: "bolt", d: "M26 33l-7 9h6l-2 7 8-10h-6l3-6z" }), lines("drop", ["M14.5 40l-1.5 4", "M36 40l-1.5 4"]));
  return svg("svg", { viewBox: "0 0 48 52", "aria-hidden": "true", class: "icon" }, ...shapes);
}

function drops(code) {
  const heavy = [55, 63, 65, 67, 81, 82].includes(code);
  const columns = heavy ? [13, 20.5, 28, 35.5] : [16, 25, 34];
  return columns.map((x, i) => `M${x} ${i % 2 ? 42 : 40}l-2 ${heavy ? 6 : 5}`);
}

function lines(kind, paths) {
  return svg("path", { class: kind, d: paths.join("") });
}

function sun(behind) {
  const [x, y, r] = behind ? [33, 15, 7] : [24, 25, 9];
  const rays = [];
  for (let i = 0; i < 8; i++) {
    const [dx, dy] = [Math.cos((i * Math.PI) / 4), Math.sin((i * Math.PI) / 4)];
    rays.push(`M${(x + dx * (r + 3.5)).toFixed(1)} ${(y + dy * (r + 3.5)).toFixed(1)}L${(x + dx * (r + 6.5)).toFixed(1)} ${(y + dy * (r + 6.5)).toFixed(1)}`);
  }
  return svg("g", { class: "sun" }, svg("circle", { cx: x, cy: y, r: r }), svg("path", { d: rays.join("") }));
}

function moon(behind) {
  const [x, y, r] = behind ? [32, 14, 9] : [25, 25, 13];
  const [top, end] = [`${x} ${y - r}`, `${x + r} ${y}`];
  return svg("path", { class: "moon", d: `M${top}A${r} ${r} 0 1 0 ${end}A${r * 0.78} ${r * 0.78} 0 1 1 ${top}z` });
}
