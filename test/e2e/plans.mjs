// Which transports a network breaks, and how: the rows of the table in docs/fallback.md.

import { transports } from "./pages.mjs";

// The kinds of requests (kinds.mjs) by which a transport is asked for.
const asked = { stream: ["get-stream", "post-stream"] };

// What an upgrade alone can suffer goes with a box that holds answers, as such boxes do.
const ofUpgrades = { strip: "hold" };

// What a poll's answer, which is complete when it comes, suffers little from.
const harmless = new Set(["slice", "hold", "hold16", "delay-one", "kill"]);

/** A plan for the fault proxy that breaks these transports. */
export function planOf(fault, broken) {
  const plan = {};
  for (const transport of broken) {
    for (const kind of asked[transport] ?? [transport]) {
      plan[kind] = kind === "websocket" ? fault : (ofUpgrades[fault] ?? fault);
    }
  }
  return plan;
}

/**
 * A row: a client that begins with `start` in a network with `fault` on the transports `broken`. `finds` is the best that is
 * left; `behind` counts the broken ones before it, each of which may cost a head start. What is sliced is not broken.
 */
function row(fault, start, broken) {
  const ladder = transports.slice(transports.indexOf(start));
  const dead = fault === "slice" ? [] : broken;
  const finds = ladder.find((transport) => !dead.includes(transport));
  return { fault, start, broken, plan: planOf(fault, broken), finds, behind: ladder.indexOf(finds) };
}

/** All rows of the given faults: on the start transport, on two, on all but polling; from every start transport. */
export function rowsOf(faults) {
  const rows = transports.map((start) => row("none", start, []));
  for (const fault of faults) {
    for (const start of transports.slice(0, -1)) {
      if (fault === "strip" && start !== "websocket") continue;
      if (harmless.has(fault) && start === "longpoll") continue;
      const streams = transports.slice(transports.indexOf(start), -2);
      if (start === "longpoll") rows.push(row(fault, start, [start]));
      for (let n = fault === "slice" ? streams.length : 1; n <= streams.length; n++) {
        rows.push(row(fault, start, streams.slice(0, n)));
      }
    }
    // A client that begins with polling is hit by this alone.
    if (fault !== "strip" && !harmless.has(fault)) rows.push(row(fault, "websocket", ["longpoll"]));
  }
  return rows;
}
