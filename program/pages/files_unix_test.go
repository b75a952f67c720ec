//go:build unix

package pages

import (
	"net/http"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPipe holds that a named pipe is not waited for.
func TestPipe(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "index.html"), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/index.html/", "/index.html"} {
		if w := get(h, path); w.Code == http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
