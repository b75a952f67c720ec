package main

import (
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// pages serves the tests as their own server does, as far as those for WebSocket ask for: files, documents around scripts, names and ports
// filled in, and the few answers that are programs there.
type pages struct {
	files  fs.FS             // the root of the tests
	client string            // what workers load first, in place of their own WebSocket; may be empty
	fields map[string]string // what stands in files named *.sub.*, by the text between the braces
}

// The folders that the tests load from. All other paths are left to sockets.
var folders = []string{"/common/", "/interfaces/", "/resources/", "/websockets/"}

// serves says whether a path is one of the tests' own.
func (p *pages) serves(name string) bool {
	for _, folder := range folders {
		if strings.HasPrefix(name, folder) {
			return true
		}
	}
	return name == clientPath
}

// Where the client is found by workers.
const clientPath = "/client.js"

func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A test's page is read again by every run: what is cached would hide a change.
	w.Header().Set("Cache-Control", "no-store")
	switch name := r.URL.Path; name {
	case clientPath:
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		fmt.Fprint(w, p.client)
	case "/resources/testharnessreport.js":
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		fmt.Fprint(w, report)
	case "/resources/WebIDLParser.js":
		p.file(w, "/resources/webidl2/lib/webidl2.js")
	case "/websockets/cookies/support/set-cookie.py":
		cookie, err := url.QueryUnescape(r.URL.RawQuery)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Set-Cookie", cookie)
		w.Header().Set("Content-Type", "text/plain")
	case "/websockets/security/check.py":
		w.Header().Set("Content-Type", "text/plain")
		if r.Header.Get("Sec-WebSocket-Key") != "" {
			fmt.Fprint(w, "FAIL")
		} else {
			fmt.Fprint(w, "PASS")
		}
	default:
		if seconds := trickle.FindStringSubmatch(r.URL.Query().Get("pipe")); seconds != nil {
			n, err := strconv.Atoi(seconds[1])
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			time.Sleep(time.Duration(n) * time.Second)
		}
		if script, kind, ok := wrapped(name); ok {
			p.document(w, script, kind)
		} else {
			p.file(w, name)
		}
	}
}

// trickle is the one pipe that the tests use: a pause before the body.
var trickle = regexp.MustCompile(`^trickle\(d(\d)\)$`)

// wrapped gives the script that a document without a file of its own stands for.
func wrapped(name string) (script, kind string, ok bool) {
	for _, kind := range []string{"any", "window", "worker"} {
		if stem, ok := strings.CutSuffix(name, "."+kind+".html"); ok {
			return stem + "." + kind + ".js", kind, true
		}
	}
	return "", "", false
}

// report says, in place of a file that is there to be replaced, how a page ended.
const report = `add_completion_callback(function (tests, status) {
  function plain(text) { return text === null || text === undefined ? "" : String(text); }
  window.wptReport = {
    status: status.status,
    message: plain(status.message),
    tests: tests.map(function (t) { return { name: t.name, status: t.status, message: plain(t.message) }; }),
  };
});
`

// document writes the page around a script.
func (p *pages) document(w http.ResponseWriter, script, kind string) {
	text, err := fs.ReadFile(p.files, script[1:])
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	var head strings.Builder
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "// META: "), "=")
		if !strings.HasPrefix(line, "// META: ") || !ok {
			break
		}
		switch value = html.EscapeString(value); key {
		case "script":
			fmt.Fprintf(&head, "<script src=\"%s\"></script>\n", value)
		case "timeout":
			fmt.Fprintf(&head, "<meta name=timeout content=\"%s\">\n", value)
		case "title":
			fmt.Fprintf(&head, "<title>%s</title>\n", value)
		}
	}
	run := fmt.Sprintf("<script src=\"%s\"></script>", path.Base(script))
	if kind == "worker" {
		run = fmt.Sprintf("<script>fetch_tests_from_worker(new Worker(%q + location.search));</script>", path.Base(script))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!DOCTYPE html>
<meta charset=utf-8>
<script>
self.GLOBAL = { isWindow: () => true, isWorker: () => false, isShadowRealm: () => false };
</script>
<script src="/resources/testharness.js"></script>
<script src="/resources/testharnessreport.js"></script>
%s<div id=log></div>
%s
`, head.String(), run)
}

// hole finds what is to be filled in.
var hole = regexp.MustCompile(`\{\{(.+?)\}\}`)

// file writes a file.
func (p *pages) file(w http.ResponseWriter, name string) {
	text, err := fs.ReadFile(p.files, strings.TrimPrefix(path.Clean(name), "/"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	if strings.Contains(name, ".sub.") {
		text = hole.ReplaceAllFunc(text, func(found []byte) []byte {
			if value, ok := p.fields[string(found[2:len(found)-2])]; ok {
				return []byte(value)
			}
			return found
		})
	}
	switch path.Ext(name) {
	case ".html":
		// Without a charset: some tests say their own.
		w.Header().Set("Content-Type", "text/html")
	case ".js":
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		if strings.HasSuffix(name, ".worker.js") && p.client != "" {
			fmt.Fprintf(w, "importScripts(%q);\n", clientPath)
		}
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	if _, err := w.Write(text); err != nil {
		return // the page is gone
	}
}
