// Chooses the page's looks before anything is drawn: what has no custom properties gets a plain sheet.
if (!(window.CSS && CSS.supports && CSS.supports("color", "var(--ink)"))) {
  document.getElementById("looks").setAttribute("href", "/board/plain.css");
}
