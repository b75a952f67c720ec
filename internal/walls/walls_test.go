package walls

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "tidings"

// pkg is what `go list` says of one package.
type pkg struct {
	ImportPath string
	Imports    []string
	// TestImports and XTestImports are the imports of its tests, inside and outside the package.
	TestImports, XTestImports []string
}

// graph maps import paths to packages: ours and everything they depend on.
type graph map[string]pkg

// load reads the import graph of the repository.
func load(t *testing.T) graph {
	t.Helper()
	watch(t)
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps",
		"-json=ImportPath,Imports,TestImports,XTestImports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	g := graph{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return g
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		g[p.ImportPath] = p
	}
}

// watch reads every directory that may hold a package. `go test` reuses the result of a test until a file or a
// directory that it has opened changes; what `go list` opens it cannot see.
func watch(t *testing.T) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || path == root {
			return err
		}
		if name := d.Name(); name == "node_modules" || name == "testdata" || name == "bin" || strings.HasPrefix(name, ".") {
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ours lists the repository's packages in the order of their paths.
func (g graph) ours() []string {
	var paths []string
	for path := range g {
		if within(path, module) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// chain finds a shortest way of imports from a package to one for which bad is true, or nil. It does not walk past
// packages for which stop is true.
func (g graph) chain(from string, bad, stop func(string) bool) []string {
	via := map[string]string{from: ""}
	queue := []string{from}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, next := range g[at].Imports {
			if _, seen := via[next]; seen {
				continue
			}
			via[next] = at
			if bad(next) {
				way := []string{next}
				for p := at; p != ""; p = via[p] {
					way = append(way, p)
				}
				slices.Reverse(way)
				return way
			}
			if !stop(next) {
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// within reports whether path is root or lies below it.
func within(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

// withinAny reports whether path lies within one of the roots.
func withinAny(path string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return within(path, root) })
}

// TestOwners holds the walls around what only certain packages may import.
func TestOwners(t *testing.T) {
	walls := []struct {
		imported string
		by       []string
		tests    bool // whether tests elsewhere may import it all the same
		reason   string
	}{
		{
			imported: "github.com/labstack/echo", by: []string{"tidings/server"},
			reason: "echo leaves support at the end of 2026; moving to its successor must touch one package",
		},
		{
			imported: "github.com/gobwas/ws", by: []string{"tidings/transport/websocket", "tidings/bench/bare"},
			reason: "a WebSocket's parsing is written and fuzzed once; dial through the transport's own dialer (the bare loop is a yardstick)",
		},
		{
			imported: "github.com/prometheus", by: []string{"tidings/metrics"},
			reason: "the hot path counts in its own fields; metrics alone turns snapshots into a format",
		},
		{
			imported: "github.com/nats-io", by: []string{"tidings/gateway/journal/jetstream"},
			reason: "an engine's library stays in the engine, so that another log takes one package",
		},
		{
			imported: "github.com/klauspost/compress", by: []string{"tidings/transport/wire", "tidings/transport/websocket"},
			reason: "a message is deflated where it becomes bytes, once for all",
		},
		{
			imported: "tidings/metrics", by: []string{"tidings/server", "tidings/cmd", "tidings/metrics"}, tests: true,
			reason: "metrics reads snapshots of the others; who imported it could begin to push",
		},
		{
			imported: "tidings/server", by: []string{"tidings/cmd", "tidings/server", "tidings/examples", "tidings/test/wpt"}, tests: true,
			reason: "the server is the outermost room; only programs stand outside it",
		},
	}
	g := load(t)
	for _, wall := range walls {
		for _, path := range g.ours() {
			if withinAny(path, wall.by) {
				continue
			}
			p := g[path]
			imports := p.Imports
			if !wall.tests {
				imports = slices.Concat(imports, p.TestImports, p.XTestImports)
			}
			for _, imported := range imports {
				if within(imported, wall.imported) {
					t.Errorf("%s imports %s: only %s may, for %s",
						path, imported, strings.Join(wall.by, ", "), wall.reason)
				}
			}
		}
	}
}

// TestReach holds the walls that count through any number of imports.
func TestReach(t *testing.T) {
	// An engine other than memory brings its client library, and that brings what it likes.
	engines := []string{"tidings/gateway/journal/jetstream"}
	walls := []struct {
		from   string // and all below it
		never  []string
		reason string
	}{
		{
			from:   "tidings/gateway",
			never:  []string{"net/http", "github.com/prometheus", "github.com/labstack/echo", "github.com/gobwas/ws"},
			reason: "the core moves messages; how they come in, go out and are counted is another room's matter",
		},
		{
			from:   "tidings/transport",
			never:  []string{"github.com/prometheus", "github.com/labstack/echo"},
			reason: "a transport is only what differs: framing, head and when to finish",
		},
		{
			from:   "tidings/transport/park",
			never:  []string{"tidings/gateway", "tidings/transport/websocket", "tidings/transport/sse", "tidings/transport/stream", "tidings/transport/poll"},
			reason: "whoever holds a connection does not know what it is for",
		},
		{
			from: "tidings/transport/front",
			never: []string{
				"tidings/gateway", "tidings/transport/websocket", "tidings/transport/sse", "tidings/transport/stream", "tidings/transport/poll",
			},
			reason: "whoever reads a request does not decide what becomes of it",
		},
		{
			from:   "tidings/fallback",
			never:  []string{"github.com/prometheus", "github.com/labstack/echo"},
			reason: "the ladder decides; it serves nothing",
		},
		{
			from:   "tidings/client",
			never:  []string{"github.com/prometheus", "github.com/labstack/echo", "tidings/server", "tidings/fallback", "tidings/metrics"},
			reason: "a program that embeds the client must not carry the gateway's edge",
		},
		{
			from: "tidings/bench",
			never: []string{
				"tidings/server", "tidings/fallback", "tidings/transport", "tidings/gateway", "tidings/client", "tidings/metrics",
				"tidings/config",
			},
			reason: "a load that shared code with what it measures would share its mistakes",
		},
	}
	g := load(t)
	for _, wall := range walls {
		stands := false
		for _, path := range g.ours() {
			if !within(path, wall.from) || withinAny(path, engines) {
				continue
			}
			stands = true
			bad := func(path string) bool { return withinAny(path, wall.never) }
			stop := func(path string) bool { return withinAny(path, engines) }
			if way := g.chain(path, bad, stop); way != nil {
				t.Errorf("%s: %s", strings.Join(way, " → "), wall.reason)
			}
		}
		if !stands {
			t.Errorf("no package %s: a wall around nothing", wall.from)
		}
	}
}

// TestArrows holds the direction of imports between the rooms: each may import its own packages and those of the
// rooms after it.
func TestArrows(t *testing.T) {
	const reason = "arrows run one way, cmd → server → fallback → transport → gateway → gateway/journal"
	rooms := []string{
		"tidings/cmd", "tidings/server", "tidings/fallback", "tidings/transport", "tidings/gateway",
		"tidings/gateway/journal",
	}
	// The innermost room that a path lies in, or -1: the journal is a room of its own within the gateway's path.
	room := func(path string) int {
		for i, root := range slices.Backward(rooms) {
			if within(path, root) {
				return i
			}
		}
		return -1
	}
	g := load(t)
	inhabited := make([]bool, len(rooms))
	for _, path := range g.ours() {
		from := room(path)
		if from < 0 {
			continue
		}
		inhabited[from] = true
		for _, imported := range g[path].Imports {
			if to := room(imported); to >= 0 && to < from {
				t.Errorf("%s imports %s: %s", path, imported, reason)
			}
		}
	}
	for i, there := range inhabited {
		if !there {
			t.Errorf("no package in %s: an arrow from nothing", rooms[i])
		}
	}
}
