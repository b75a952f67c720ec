package server

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// unlimited is above what any machine has: version 1 of control groups writes a number of that size where there is no limit.
const unlimited = 1 << 60

// groupLimit returns by how much memory Linux bounds the process's control group, which container platforms and systemd set up; 0 if
// there is no bound. Root is where the file systems of proc and sys are.
func groupLimit(root string) uint64 {
	table, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(table)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		dir, name := filepath.Join(root, "sys/fs/cgroup"), "memory.max"
		if parts[0] != "0" || parts[1] != "" {
			if parts[1] != "memory" {
				continue
			}
			dir, name = filepath.Join(dir, "memory"), "memory.limit_in_bytes"
		}
		// Within a container the path may be that outside of it: then its own group is the root of what it sees.
		for _, path := range []string{filepath.Join(dir, parts[2], name), filepath.Join(dir, name)} {
			if limit, ok := readNumber(path, 0); ok && limit > 0 && limit < unlimited {
				return limit
			}
		}
	}
	return 0
}

// resident returns how much of the machine's memory the process has.
func resident() uint64 {
	pages, _ := readNumber("/proc/self/statm", 1)
	return pages * uint64(os.Getpagesize())
}

// readNumber reads the n-th number of a file.
func readNumber(path string, n int) (uint64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	words := bytes.Fields(text)
	if n >= len(words) {
		return 0, false
	}
	number, err := strconv.ParseUint(string(words[n]), 10, 64)
	return number, err == nil
}
