package board

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// read is the text of all files with one of the endings.
func read(t *testing.T, endings ...string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, ending := range endings {
		names, err := fs.Glob(Files, "*"+ending)
		if err != nil || len(names) == 0 {
			t.Fatalf("no *%s: %v", ending, err)
		}
		for _, name := range names {
			data, err := Files.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			texts[name] = string(data)
		}
	}
	return texts
}

func TestReferencesExist(t *testing.T) {
	reference := regexp.MustCompile(`(?:src|href)="/([^"]*)"|"/board/([a-z]+\.[a-z]+)"`)
	for name, text := range read(t, ".html", ".js") {
		for _, m := range reference.FindAllStringSubmatch(text, -1) {
			file := strings.TrimPrefix(m[1], "board/") + m[2]
			if file == "tidings.js" {
				continue
			}
			if _, err := Files.Open(file); err != nil {
				t.Errorf("%s refers to %q: %v", name, m[0], err)
			}
		}
	}
}

// The page must run under a policy that allows nothing inline and nothing from elsewhere.
func TestPageFitsAStrictPolicy(t *testing.T) {
	for what, pattern := range map[string]string{
		"an inline script":      `<script(?:\s[^>]*)?>\s*[^<\s]`,
		"a style element":       `<style`,
		"a style attribute":     `\sstyle=`,
		"an event attribute":    `\son[a-z]+=`,
		"something from abroad": `(?:src|href|action)="(?:https?:)?//`,
	} {
		for name, text := range read(t, ".html", ".svg") {
			if found := regexp.MustCompile(pattern).FindString(text); found != "" {
				t.Errorf("%s has %s: %s", name, what, found)
			}
		}
	}
	for name, text := range read(t, ".js", ".css") {
		if found := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|setAttribute\("style"|@import|url\(`).FindString(text); found != "" {
			t.Errorf("%s uses %s", name, found)
		}
	}
}
