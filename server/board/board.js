// The board: follows weather/** and news/** of the gateway that served the page, and shows how it is connected.

import { setText } from "./dom.js";
import * as news from "./news.js";
import { buildLadder, log, showGap, showMessage, showState } from "./panel.js";
import * as weather from "./weather.js";

const patience = 2500; // milliseconds that the history may take to come
const byId = (id) => document.getElementById(id);

const command = `curl -d "Rain from noon" ${location.origin}/topics/weather/paris`;
setText(byId("curl-text"), command);
byId("copy").addEventListener("click", async () => {
  let done = "Copied";
  try {
    await navigator.clipboard.writeText(command);
  } catch { // not over plain HTTP: select it, so that one key press copies
    getSelection().selectAllChildren(byId("curl-text"));
    done = "Selected";
  }
  setText(byId("copy"), done);
  setTimeout(() => setText(byId("copy"), "Copy"), 1500);
});

if (typeof window.tidings === "function") connect(window.tidings(location.origin));
else log("error", "The client did not load: /tidings.js is missing.");

function connect(client) {
  buildLadder((name) => {
    try {
      client.use(name);
    } catch (error) { // this browser does not have it
      log("error", words(error));
    }
  }, window.faults.set);

  client.on("state", showState);
  client.on("gap", showGap);
  client.on("error", (error) => log("error", words(error)));

  const follow = (pattern, show, caughtUp) => {
    client.follow(pattern, (message) => {
      showMessage(message);
      show(message);
    }, { since: "last:10" });
    client.on("live", (live) => {
      if (live.topic === pattern) caughtUp();
    });
    setTimeout(caughtUp, patience); // where nothing answers, the page is not to stay blank
  };
  follow("weather/**", weather.showWeather, weather.caughtUp);
  follow("news/**", news.showNews, news.caughtUp);

  byId("publish").addEventListener("submit", (event) => {
    event.preventDefault();
    publish(client, byId("topic").value.trim(), byId("text").value);
  });
}

// words is what went wrong, without the name of the client that every error of it begins with.
function words(error) {
  return error.message.replace(/^tidings: /, "");
}

// publish sends the text, as JSON if it is an object or array, and shows the receipt or why there is none.
function publish(client, topic, message) {
  const output = byId("receipt");
  const answer = (kind, text) => {
    output.dataset.kind = kind;
    setText(output, text);
  };
  answer("", "Publishing …");
  let data = message;
  const options = { type: "text/plain" };
  if (/^\s*[[{]/.test(message)) {
    try {
      data = JSON.parse(message);
      options.type = "application/json";
    } catch { /* then it is a text */ }
  }
  client.publish(topic, data, options, (error, receipt) => {
    if (error) answer("error", words(error));
    else answer("done", `Stored in ${receipt.durability} as ${receipt.cursor}, ${receipt.followers} ${receipt.followers === 1 ? "follower" : "followers"} told.`);
  });
}
