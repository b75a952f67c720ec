package commands

import (
	"regexp"
	"strings"
)

var socketURL = regexp.MustCompile(`\b(ws|http)s?://\S+`)

// talks has a socket that echoes stand for the one that is named, and says hello to it.
func (v *visit) talks(text string) {
	at := free(v.t)
	echo := v.tools.start(v.t, root, "go run ./examples/echo --listen "+at)
	echo.until("it says where it listens", func() bool { return strings.Contains(echo.out.text(), "ws://"+at+"/echo") })
	text = socketURL.ReplaceAllString(text, "$1://"+at+"/echo")
	if !strings.Contains(text, "|") {
		text = "echo hello | " + text
	}
	if got := v.start(text).finish(); !strings.Contains(got, "hello\n") {
		v.t.Errorf("heard %q", got)
	}
	echo.interrupt()
}
