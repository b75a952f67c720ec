// Makes the table in docs/fallback.md of what fallback-table.mjs measured.

import { faults } from "./faults.mjs";
import { transports } from "./pages.mjs";
import { rowsOf } from "./plans.mjs";

const head = 300; // ms: the client's head start

const begin = "<!-- fallback-table: begin (written by make fallback-table) -->";
const end = "<!-- fallback-table: end -->";

const names = { tidings: "Tidings", "socket.io": "Socket.IO", sockjs: "SockJS" };

/** What identifies a row. */
export const rowName = ({ fault, broken, start }) => `${fault} on ${broken.join("+") || "nothing"} from ${start}`;

/** The page with the table in it, between its markers or, where there are none, at the end under a heading of its own. */
export function withTable(page, results) {
  const section = `${begin}\n\n${text(results)}\n${end}`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from >= 0 && to > from) return page.slice(0, from) + section + page.slice(to + end.length);
  return `${page || "# Fallback\n"}\n## Measured under faults\n\n${section}\n`;
}

/** Milliseconds in which the first message is promised: a head start per broken transport and two round trips. */
export const bound = ({ behind }, { rtt }) => behind * head + 2 * rtt;

function text({ clients, browser, pace }) {
  const rows = rowsOf(Object.keys(faults));
  const others = Object.keys(names).filter((name) => clients[name]);
  const versions = others.filter((name) => clients[name].version).map((name) => `${names[name]} ${clients[name].version}`);
  const beside = rows.filter(({ start }) => start === transports[0]);
  const ours = rows.filter(({ start }) => start !== transports[0]);
  return `A page in Chromium follows a topic through a proxy that breaks some transports and is ${2 * pace.line} ms of round trip away. A
message is published every ${pace.tick} ms; with \`delay-one\`, which frequent messages hide, every ${pace.rare}. In a cell: milliseconds from
the page's script to its first message, the transport in use ${pace.settle / 1000} s later, and the one in use after the network was healed and the
page had an \`online\` event (within ${pace.healing / 1000} s). After these stands what went wrong: messages lost, doubled, out of order; late by so many
milliseconds (the median, where it is over 80); attempts at broken transports, where they were more than six. *Bound* is ${head} ms for each
broken transport before the best that works, and two round trips as the page measured them; a first message past it is **bold**.

\`make fallback-table\` measures it all anew; \`test/e2e/fallback-table.json\` has every figure, with the requests that were made before the
first message. Chromium ${browser}${versions.length ? `, ${versions.join(", ")}` : ""}, default options; Socket.IO begins with polling. It and SockJS keep
no history: their servers send the newest message to whoever connects, and what is lost is what was published while they changed over.
A page with SockJS connects again after a second.

${legend()}
With \`strip\`, which only an upgrade can suffer, the other transports in the row are held back to the end.

${table(beside, others, clients)}${clients.tidings ? `\nTidings beginning with another transport:\n\n${table(ours, ["tidings"], clients)}` : ""}`;
}

function legend() {
  return ["| Fault | |", "|---|---|", ...Object.entries(faults).map(([name, what]) => `| ${name} | ${what} |`)].join("\n") + "\n";
}

function table(rows, who, clients) {
  const same = rows.every(({ start }) => start === transports[0]);
  const heads = ["Fault", "on", ...(same ? [] : ["begins with"]), "bound", ...who.map((name) => names[name])];
  const lines = [];
  for (const row of rows) {
    const got = who.map((name) => clients[name]?.rows[rowName(row)]);
    if (!got.some(Boolean)) continue;
    const limit = got[0] && Math.round(bound(row, got[0]));
    lines.push([
      row.fault,
      row.broken.join(", ") || "–",
      ...(same ? [] : [row.start]),
      limit ?? "",
      ...got.map((one, i) => (one ? cell(one, who[i] === "tidings" ? limit : Infinity) : "")),
    ]);
  }
  return `| ${heads.join(" | ")} |\n${"|---".repeat(heads.length)}|\n${lines.map((line) => `| ${line.join(" | ")} |\n`).join("")}`;
}

function cell({ first, broken, use, healed, lost, doubled, disordered, garbled, gaps, late }, limit) {
  const ms = first === null ? "**never**" : first > limit ? `**${first}**` : first;
  const wrong = [
    lost && `${lost} lost`,
    doubled && `${doubled} doubled`,
    disordered && `${disordered} out of order`,
    garbled && `${garbled} garbled`,
    gaps && `${gaps} gaps`,
    broken > 6 && `${broken} attempts`,
    late > 80 && use !== "poll" && `${late} ms late`,
  ].filter(Boolean);
  return [`${ms}: ${use || "none"} → ${healed || "none"}`, ...wrong].join(", ");
}
