package program

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tidings/gateway/socket"
)

// TestDirectory holds which paths lead to a program, and that none leads out of the directory.
func TestDirectory(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "scripts")
	const script = "#!/bin/sh\n" + `echo "$SCRIPT_NAME $PATH_INFO"`
	write(t, dir, "count.sh", script, 0o700)
	write(t, dir, "sub/echo", script, 0o700)
	write(t, dir, "sub/.hidden", script, 0o700)
	write(t, dir, ".git/hook", script, 0o700)
	write(t, dir, "notes.txt", "no program", 0o600)
	write(t, top, "outside.sh", script, 0o700)
	write(t, top, "scripts-too/outside.sh", script, 0o700)
	for link, to := range map[string]string{
		"inside": "sub/echo", "out": "../outside.sh", "absolute": filepath.Join(top, "outside.sh"), "away": "../scripts-too", "sub/up": "../..",
		"dangling": "nowhere", "sub/round": "round", "first": "second", "second": "../outside.sh",
	} {
		if err := os.Symlink(to, filepath.Join(dir, filepath.FromSlash(link))); err != nil {
			t.Fatal(err)
		}
	}
	for _, mount := range []string{"/", "/app/"} {
		log := &logged{}
		r, err := New(Options{Dir: dir, Path: mount, Logger: log.logger()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		prefix := mount[:len(mount)-1]
		for path, want := range map[string]string{
			"/count.sh": prefix + "/count.sh ", "/count.sh/": prefix + "/count.sh /", "/count.sh/a/../b//c": prefix + "/count.sh /a/../b//c",
			"/sub/echo/x": prefix + "/sub/echo /x", "/inside": prefix + "/inside ",
			"/": "", "/sub": "", "/sub/": "", "/notes.txt": "", "/nowhere": "", "/sub/.hidden": "", "/.git/hook": "", "": "",
			"/../outside.sh": "", "/sub/../count.sh": "", "/./count.sh": "", "//count.sh": "", "/sub//echo": "", "/..": "", "/sub/../../outside.sh": "",
			"/out": "", "/absolute": "", "/away/outside.sh": "", "/sub/up/outside.sh": "", "/dangling": "", "/sub/round": "", "/first": "",
			"/count.sh\x00": "", "/..\\outside.sh": "", "/%2e%2e/outside.sh": "",
		} {
			c := newTalk(t)
			c.request.Path = prefix + path
			_, err := r.Accept(&socket.Request{Path: c.request.Path})
			if (err == nil) != (want != "") {
				t.Errorf("%q: %v", c.request.Path, err)
			}
			if r.serve(c); c.all() != want {
				t.Errorf("%q: heard %q, want %q", c.request.Path, c.all(), want)
			}
		}
		if !strings.Contains(log.all(), `is it chmod +x?" file=notes.txt`) {
			t.Error("what is forgotten most often is not said")
		}
	}
	if _, err := New(Options{Dir: filepath.Join(dir, "nowhere")}); err == nil {
		t.Error("a directory that is not there is served")
	}
}
