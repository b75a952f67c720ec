// The weather icons, drawn from a few shapes by the WMO code of a report. Their colours are in board.css.
(function (board) {
  "use strict";

  var svg = board.svg;
  var cloudPath = "M14.5 36a8.5 8.5 0 0 1-.8-16.96A12 12 0 0 1 36.7 17.6 9.3 9.3 0 0 1 37 36z";

  // sky is the kind of weather, which colours the card: clear, cloud, fog, rain, snow or storm.
  board.sky = function (code) {
    if (code <= 1) return "clear";
    if (code <= 3) return "cloud";
    if (code <= 48) return "fog";
    if ((code >= 71 && code <= 77) || code === 85 || code === 86) return "snow";
    return code >= 95 ? "storm" : "rain";
  };

  // icon draws the weather of a code, by day or night. It is decoration: the words beside it say the same.
  board.icon = function (code, isDay) {
    var kind = board.sky(code);
    var icon = svg("svg", { viewBox: "0 0 48 52", "aria-hidden": "true", "class": "icon" });
    var add = function (shape) {
      icon.appendChild(shape);
    };
    if (code <= 2 || code === 80 || code === 85) add(isDay ? sun(code >= 2) : moon(code >= 2));
    if (code >= 2) add(svg("path", { "class": code === 2 ? "cloud light" : "cloud", d: cloudPath }));
    if (kind === "fog") add(svg("path", { "class": "fog", d: "M11 41H37M15 46H33" }));
    if (kind === "rain") add(svg("path", { "class": "drop", d: drops(code) }));
    if (kind === "snow") add(svg("path", { "class": "flake", d: "M16 42h.01M25 45h.01M34 42h.01" }));
    if (kind === "storm") {
      add(svg("path", { "class": "bolt", d: "M26 33l-7 9h6l-2 7 8-10h-6l3-6z" }));
      add(svg("path", { "class": "drop", d: "M14.5 40l-1.5 4M36 40l-1.5 4" }));
    }
    return icon;
  };

  function drops(code) {
    var heavy = [55, 63, 65, 67, 81, 82].indexOf(code) >= 0;
    var columns = heavy ? [13, 20.5, 28, 35.5] : [16, 25, 34];
    return columns.map(function (x, i) {
      return "M" + x + " " + (i % 2 ? 42 : 40) + "l-2 " + (heavy ? 6 : 5);
    }).join("");
  }

  function sun(behind) {
    var x = behind ? 33 : 24;
    var y = behind ? 15 : 25;
    var r = behind ? 7 : 9;
    var rays = "";
    var point = function (angle, from) {
      return (x + Math.cos(angle) * (r + from)).toFixed(1) + " " + (y + Math.sin(angle) * (r + from)).toFixed(1);
    };
    for (var i = 0; i < 8; i++) rays += "M" + point((i * Math.PI) / 4, 3.5) + "L" + point((i * Math.PI) / 4, 6.5);
    return svg("g", { "class": "sun" }, svg("circle", { cx: x, cy: y, r: r }), svg("path", { d: rays }));
  }

  function moon(behind) {
    var x = behind ? 32 : 25;
    var y = behind ? 14 : 25;
    var r = behind ? 9 : 13;
    var top = x + " " + (y - r);
    var inner = r * 0.78;
    return svg("path", { "class": "moon", d: "M" + top + "A" + [r, r, 0, 1, 0, x + r, y].join(" ") + "A" + [inner, inner, 0, 1, 1].join(" ") + " " + top + "z" });
  }
}(window.board));
