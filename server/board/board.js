// The board: follows weather/** and news/** of the gateway that served the page, and shows how it is connected.
(function (board) {
  "use strict";

  var byId = board.byId;
  var setText = board.setText;
  var patience = 2500; // milliseconds that the history may take to come
  var origin = location.protocol + "//" + location.host;
  var command = 'curl -d "Rain from noon" ' + origin + "/topics/weather/paris";

  function copied(done) {
    setText(byId("copy"), done);
    setTimeout(function () { setText(byId("copy"), "Copy"); }, 1500);
  }

  // Where the clipboard is closed to pages (over plain HTTP, say), one key press copies what is selected.
  function select() {
    getSelection().selectAllChildren(byId("curl-text"));
    copied("Selected");
  }

  setText(byId("curl-text"), command);
  byId("copy").addEventListener("click", function () {
    if (navigator.clipboard) navigator.clipboard.writeText(command).then(function () { copied("Copied"); }, select);
    else select();
  }, false);

  if (typeof window.tidings === "function") connect(window.tidings(origin));
  else board.log("error", "The client did not load: /tidings.js is missing.");

  function connect(client) {
    board.buildLadder(function (name) {
      try {
        client.use(name);
      } catch (error) { // this browser does not have it
        board.log("error", words(error));
      }
    }, window.faults.set);

    client.on("state", board.showState);
    client.on("gap", board.showGap);
    client.on("error", function (error) { board.log("error", words(error)); });

    follow(client, "weather/**", board.showWeather, board.weatherCaughtUp);
    follow(client, "news/**", board.showNews, board.newsCaughtUp);

    byId("publish").addEventListener("submit", function (event) {
      event.preventDefault();
      publish(client, byId("topic").value.trim(), byId("text").value);
    }, false);
  }

  function follow(client, pattern, show, caughtUp) {
    client.follow(pattern, function (message) {
      board.showMessage(message);
      show(message);
    }, { since: "last:10" });
    client.on("live", function (live) {
      if (live.topic === pattern) caughtUp();
    });
    setTimeout(caughtUp, patience); // where nothing answers, the page is not to stay blank
  }

  // words is what went wrong, without the name of the client that every error of it begins with.
  function words(error) {
    return error.message.replace(/^tidings: /, "");
  }

  // publish sends the text, as JSON if it is an object or array, and shows the receipt or why there is none.
  function publish(client, topic, message) {
    var output = byId("receipt");
    var answer = function (kind, text) {
      output.setAttribute("data-kind", kind);
      setText(output, text);
    };
    answer("", "Publishing …");
    var data = message;
    var options = { type: "text/plain" };
    if (/^\s*[[{]/.test(message)) {
      try {
        data = JSON.parse(message);
        options.type = "application/json";
      } catch (error) { /* then it is a text */ }
    }
    client.publish(topic, data, options, function (error, receipt) {
      if (error) answer("error", words(error));
      else answer("done", "Stored in " + receipt.durability + " as " + receipt.cursor + ", " + receipt.followers + (receipt.followers === 1 ? " follower" : " followers") + " told.");
    });
  }
}(window.board));
