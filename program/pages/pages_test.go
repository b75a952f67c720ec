package pages

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.URL.Path = path // as it would be decoded
	h.ServeHTTP(w, r)
	return w
}

func TestFiles(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "site")
	for _, name := range []string{"index.html", "count.html", "a/index.html", "bare/file.txt", ".env", ".git/config", "a/.hidden", "../outside", "../site-too/file"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("this is "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"in": "count.html", "out": "../outside", "away": "../site-too", "up": ".."} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	h, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/": "this is index.html", "/count.html": "this is count.html", "/in": "this is count.html", "/a/": "this is a/index.html",
		"/bare/file.txt": "this is bare/file.txt",
		"/bare/":         "", "/bare": "", "/nowhere": "", "/.env": "", "/.git/config": "", "/a/.hidden": "", "/out": "", "/away/file": "", "/up/outside": "",
		"/../outside": "", "/a/../../outside": "", "/up/site/count.html": "", "/in\x00": "",
	} {
		w := get(h, path)
		if want == "" && (w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "this is") || strings.Contains(w.Body.String(), "file")) {
			t.Errorf("%q: %d %s", path, w.Code, w.Body)
		}
		if want != "" && (w.Code != http.StatusOK || w.Body.String() != want || w.Header().Get("X-Content-Type-Options") != "nosniff") {
			t.Errorf("%q: %d %s", path, w.Code, w.Body)
		}
	}
	if _, err := Files(filepath.Join(top, "nowhere")); err == nil {
		t.Error("a directory that is not there is served")
	}
}

func TestConsole(t *testing.T) {
	h := Console()
	page := get(h, "/any/path")
	if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "<title>Tidings console") {
		t.Fatalf("%d %s", page.Code, page.Body)
	}
	policy := page.Header().Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %s", policy)
	}
	// What the policy does not let run must not be there.
	if inline := regexp.MustCompile(`<script>|<style|\son\w+=|style=|javascript:`).FindString(page.Body.String()); inline != "" {
		t.Errorf("the page has %s", inline)
	}
	for path, kind := range map[string]string{"/tidings-console.js": "text/javascript", "/tidings-console.css": "text/css"} {
		w := get(h, path)
		if !strings.Contains(page.Body.String(), `"`+path+`"`) || w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), kind) || w.Body.Len() < 500 {
			t.Errorf("%s: %d %s", path, w.Code, w.Header())
		}
	}
	script := get(h, "/tidings-console.js").Body.String()
	for _, m := range regexp.MustCompile(`element\("(\w+)"\)`).FindAllStringSubmatch(script, -1) {
		if !strings.Contains(page.Body.String(), `id="`+m[1]+`"`) {
			t.Errorf("the script looks for %s, which the page has not", m[1])
		}
	}
	if get(h, "/favicon.ico").Code != http.StatusNotFound {
		t.Error("there is an icon")
	}
}
