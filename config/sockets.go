package config

import (
	"fmt"
	"strings"
	"time"

	"tidings/gateway"
	"tidings/program"
)

// Program says a rule in the words of what runs it.
func (s Socket) Program() program.Options {
	return program.Options{
		Command: s.Exec, Dir: s.Dir, Path: s.Path, Binary: s.Binary, Processes: s.MaxProcs, Grace: time.Duration(s.Grace), PassEnv: s.PassEnv,
	}
}

func (l *loader) validateSockets() {
	seen := map[string]int{}
	for i, s := range l.config.Sockets {
		wrongIn := l.wrongIn(fmt.Sprintf("sockets[%d]", i))
		switch {
		case s.Path == "" && s.Topic == "":
			wrongIn("path", "is missing; or a topic")
		case s.Path != "" && s.Topic != "":
			wrongIn("topic", "the rule has a path already: a program serves a socket or feeds a topic")
		case s.Topic != "":
			l.validateFeed(s, wrongIn)
		case !isPath(s.Path):
			wrongIn("path", "%q is no path: it begins with / and has neither ? nor # nor parts that are empty, . or ..", s.Path)
		case s.Dir != "" && !strings.HasSuffix(s.Path, "/"):
			wrongIn("path", "the programs of a directory are below the path: say %q", s.Path+"/")
		}
		if at := s.Path + " " + s.Topic; at != " " {
			if first, twice := seen[at]; twice {
				wrongIn("path", "sockets[%d] is for the same", first)
			} else {
				seen[at] = i
			}
		}
		if err := s.Program().Check(); err != nil {
			for text := range strings.SplitSeq(err.Error(), "\n") {
				wrongIn("exec", "%s", text)
			}
		}
		if s.MaxProcs < -1 {
			wrongIn("max_procs", "%d is less than -1", s.MaxProcs)
		}
		if s.Absence < 0 {
			wrongIn("absence", "%v is negative", s.Absence)
		}
		if s.PerAddress < 0 {
			wrongIn("per_address", "%d is less than 1", s.PerAddress)
		}
	}
}

// validateFeed reports what makes no sense where there is no socket.
func (l *loader) validateFeed(s Socket, wrongIn func(key, format string, args ...any)) {
	if err := gateway.CheckTopic(s.Topic); err != nil {
		wrongIn("topic", "%v", err)
	}
	for _, key := range []struct {
		name string
		said bool
	}{{"dir", s.Dir != ""}, {"binary", s.Binary}, {"max_procs", s.MaxProcs != 0}, {"per_address", s.PerAddress != 0}, {"message", s.Message != 0}, {"absence", s.Absence != 0}} {
		if key.said {
			wrongIn(key.name, "it means nothing with a topic")
		}
	}
}

func isPath(path string) bool {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == '?' || r == '#' || r == 0x7f }) {
		return false
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(rest, "/"), "/") {
		if part == "." || part == ".." || part == "" && rest != "" {
			return false
		}
	}
	return true
}
