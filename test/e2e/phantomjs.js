// Runs in PhantomJS: takes commands as JSON by HTTP on the port that is its argument, and answers {value} or {error}.
//
//   {open: url, width, height}        opens a tab and gives its number when it has loaded
//   {tab, evaluate: expression}       gives the expression's value, a string
//   {tab, picture: true}              gives a PNG of what is seen in base64
//   {tab, errors: true}               gives what went wrong in it, a text each
//   {tab, close: true}
/* global phantom, require */
var webpage = require("webpage");
var tabs = {};
var number = 0;

function open(command, done) {
  var page = webpage.create();
  var id = ++number;
  var errors = [];
  page.viewportSize = { width: command.width, height: command.height };
  page.clipRect = { top: 0, left: 0, width: command.width, height: command.height };
  page.onError = function (text) {
    errors.push(String(text));
  };
  page.onConsoleMessage = function (text) {
    // The page's own words cannot be told from WebKit's: only what is called an error is one.
    if (/error|refused/i.test(text)) {
      errors.push(text);
    }
  };
  tabs[id] = { page: page, errors: errors };
  page.open(command.open, function (status) {
    if (status === "success") {
      done({ value: id });
    } else {
      done({ error: "cannot open " + command.open });
    }
  });
}

function run(command, done) {
  var tab = tabs[command.tab];
  if (command.open) {
    open(command, done);
  } else if (command.evaluate) {
    // An exception in the page would only be reported, and end nowhere.
    var found = tab.page.evaluateJavaScript(
      "function () { try { return { value: " + command.evaluate + " }; } catch (error) { return { error: String(error) }; } }"
    );
    done(found || { error: "no answer from the page" });
  } else if (command.picture) {
    done({ value: tab.page.renderBase64("PNG") });
  } else if (command.errors) {
    done({ value: tab.errors });
  } else if (command.close) {
    tab.page.close();
    delete tabs[command.tab];
    done({ value: true });
  } else {
    done({ error: "unknown command" });
  }
}

var listening = require("webserver").create().listen("127.0.0.1:" + require("system").args[1], function (request, response) {
  function done(answer) {
    response.statusCode = 200;
    response.setHeader("Connection", "close");
    response.setHeader("Content-Type", "application/json");
    response.setEncoding("UTF-8");
    response.write(JSON.stringify(answer));
    response.close();
  }
  try {
    run(JSON.parse(request.post), done);
  } catch (error) {
    done({ error: String(error) });
  }
});

if (listening) {
  console.log("listening");
} else {
  phantom.exit(1);
}
