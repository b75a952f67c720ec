package commands

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCommands types every command of every page, in order, at a gateway of the page's own.
func TestCommands(t *testing.T) {
	watch(t)
	d := makeTools(t)
	for _, p := range readPages(t) {
		if len(p.commands)+len(p.named) == 0 {
			continue
		}
		t.Run(p.path, func(t *testing.T) {
			t.Parallel()
			v := newVisit(t, d, p)
			for _, c := range p.named {
				t.Logf("line %d: %s", c.line, c.text)
				v.exists(c.text)
			}
			for i, c := range p.commands {
				t.Logf("line %d: %s", c.line, c.text)
				v.judge(c.text)
				if i+1 == len(p.commands) || p.commands[i+1].block != c.block || c.block == 0 {
					v.leave()
				}
			}
			v.gateway.interrupt()
		})
	}
}

// TestCI holds that a change has to pass what CONTRIBUTING.md says, and nothing else.
func TestCI(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, ".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !regexp.MustCompile(`^(#|set |cd )`).MatchString(line) {
			steps = append(steps, line)
		}
	}
	if want := []string{"make lint", "make test"}; !slices.Equal(steps, want) {
		t.Errorf(".ci/run runs %q, want %q", steps, want)
	}
}

// watch reads every directory that may matter. `go test` reuses the result of a test until a file or a directory that it
// has opened changes; what the program was built from it cannot see.
func watch(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || path == root {
			return err
		}
		if name := d.Name(); name == "node_modules" || name == "bin" || name == "out" || name == ".git" {
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
