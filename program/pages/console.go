package pages

import (
	"bytes"
	"embed"
	"net/http"
	"time"
)

//go:embed console.html console.js console.css
var console embed.FS

// consolePolicy lets the console load what the gateway itself has, and connect to it, and nothing else.
const consolePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src data:; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'"

// Console serves the development console at every path: it talks to the socket at the path at which it was opened.
func Console() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, kind := "console.html", "text/html; charset=utf-8"
		switch r.URL.Path {
		case "/tidings-console.js":
			name, kind = "console.js", "text/javascript; charset=utf-8"
		case "/tidings-console.css":
			name, kind = "console.css", "text/css; charset=utf-8"
		case "/favicon.ico":
			http.NotFound(w, r)
			return
		}
		body, err := console.ReadFile(name)
		if err != nil {
			panic(err) // it is part of the program
		}
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Content-Security-Policy", consolePolicy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	})
}
