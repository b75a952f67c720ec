package commands

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the repository.
const root = "../.."

// pages are the pages whose commands are run, as globs below root.
var pages = []string{
	"README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/*.md", "js-client/README.md", "examples/*/README.md",
}

// command is one command of a page.
type command struct {
	line  int // where it begins
	block int // counts from 1; 0 in a table
	text  string
}

// page is what a page asks its readers to run.
type page struct {
	path     string
	commands []command // of blocks and tables, in order
	named    []command // named in a sentence only
}

// fences are the languages of blocks. Only sh has commands; what is in another language must be known to have none.
var fences = map[string]bool{"sh": true, "html": false, "js": false, "json": false, "go": false, "yaml": false, "": false}

var (
	inTable    = regexp.MustCompile("^\\| `((?:go|make|npm|curl|tidings) [^`]+)` \\|")
	inSentence = regexp.MustCompile("`((?:make|npm|go test|go run|go generate|cd) [^`]+|\\.ci/[a-z]+)`")
	begins     = regexp.MustCompile(`^(go|make|npm|curl|tidings|git|docker) `)
	remark     = regexp.MustCompile(`(^|\s{2,})# .*$`)
)

func readPages(t *testing.T) (found []page) {
	t.Helper()
	for _, glob := range pages {
		paths, err := filepath.Glob(filepath.Join(root, glob))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d pages, %v", glob, len(paths), err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, readPage(t, filepath.ToSlash(name), string(text)))
		}
	}
	return found
}

// readPage finds a page's commands. A line that ends with \ or | goes on in the next.
func readPage(t *testing.T, path, text string) page {
	t.Helper()
	p := page{path: path}
	fenced, language, block := false, "", 0
	begun := command{}
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "```"):
			if fenced = !fenced; !fenced {
				if begun.text != "" {
					t.Errorf("%s:%d: the command does not end", path, begun.line)
				}
				continue
			}
			language = strings.TrimPrefix(trimmed, "```")
			if _, known := fences[language]; !known {
				t.Errorf("%s:%d: a block in %q: commands are in sh", path, i+1, language)
			}
			block++
		case fenced && fences[language]:
			if begun.text == "" {
				begun = command{line: i + 1, block: block}
			}
			part := strings.TrimSpace(remark.ReplaceAllString(line, ""))
			begun.text = strings.TrimSpace(begun.text + " " + strings.TrimSuffix(part, `\`))
			if begun.text == "" || strings.HasSuffix(part, `\`) || strings.HasSuffix(part, "|") {
				continue
			}
			p.commands = append(p.commands, begun)
			begun = command{}
		case fenced && begins.MatchString(trimmed):
			t.Errorf("%s:%d: a command in a block that is not sh: %s", path, i+1, trimmed)
		case fenced:
		case inTable.MatchString(line):
			p.commands = append(p.commands, command{line: i + 1, text: inTable.FindStringSubmatch(line)[1]})
		default:
			for _, m := range inSentence.FindAllStringSubmatch(line, -1) {
				p.named = append(p.named, command{line: i + 1, text: m[1]})
			}
		}
	}
	return p
}

func TestReadPage(t *testing.T) {
	p := readPage(t, "page.md", "Say `make lint`.\n```sh\n# first\na   # remark\nb \\\n  c |\n  d\n```\n```json\n{}\n```\n| `go run x` | y |\n")
	want := []command{{line: 4, block: 1, text: "a"}, {line: 5, block: 1, text: "b c | d"}, {line: 12, text: "go run x"}}
	if len(p.commands) != len(want) || len(p.named) != 1 || p.named[0].text != "make lint" {
		t.Fatalf("read %+v", p)
	}
	for i := range want {
		if p.commands[i] != want[i] {
			t.Errorf("read %+v, want %+v", p.commands[i], want[i])
		}
	}
}
