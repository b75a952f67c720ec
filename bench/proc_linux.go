package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of processor time in /proc (proc(5)): 100 a second on every architecture that Go runs on.
const tick = 10 * time.Millisecond

// processUsage is what a process and its children use.
type processUsage struct {
	rss int64         // bytes
	cpu time.Duration // user and system
}

// usageOf reads /proc.
func usageOf(pid int) (processUsage, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	var u processUsage
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(kib), " kB"), 10, 64)
			if err != nil {
				return u, err
			}
			u.rss = n << 10
		}
	}
	if u.rss == 0 {
		return u, errors.New("it has no memory of its own (VmRSS in /proc)")
	}
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return u, err
	}
	// The second field is the program's name in brackets, which may hold brackets too; utime and stime are the 14th and 15th.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return u, fmt.Errorf("short /proc stat: %q", stat)
	}
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return u, err
		}
		u.cpu += time.Duration(n) * tick
	}
	children, err := filepath.Glob(filepath.Join(dir, "task", "*", "children"))
	if err != nil {
		return u, err
	}
	for _, path := range children {
		list, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		for child := range strings.FieldsSeq(string(list)) {
			if n, err := strconv.Atoi(child); err == nil {
				more, err := usageOf(n)
				if err != nil {
					continue // the child has ended
				}
				u.rss += more.rss
				u.cpu += more.cpu
			}
		}
	}
	return u, nil
}

// fileLimit says how many files this process may open.
func fileLimit() string {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return "limit unknown"
	}
	return strconv.FormatUint(limit.Cur, 10)
}

// ownTime returns the processor time of this process.
func ownTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// machineTime returns the processor time that was used, and that there was, on all cores (proc(5)).
func machineTime() (busy, all time.Duration) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	first, _, _ := strings.Cut(string(stat), "\n")
	for i, field := range strings.Fields(first) {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil || i > 8 {
			continue // its name; guests are counted twice
		}
		all += time.Duration(n) * tick
		if i != 4 && i != 5 { // idle, and waiting for disks
			busy += time.Duration(n) * tick
		}
	}
	return busy, all
}

// kernelMemory returns what the kernel has for its own objects, sockets among them, and for what is in sockets, in bytes. It is
// that of the whole machine: only what it grows by while nothing else happens says something.
func kernelMemory() int64 {
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	stat, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return 0
	}
	return number(string(info), "\nSlab:", " kB")<<10 + number(string(stat), "TCP: ", "", "mem ")*int64(os.Getpagesize())
}

// number returns the number between the last of some words that follow each other and the end of its line; 0 if there is none.
func number(text, word, unit string, more ...string) int64 {
	_, text, _ = strings.Cut(text, word)
	text, _, _ = strings.Cut(text, "\n")
	for _, word := range more {
		_, text, _ = strings.Cut(text, word)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(text, unit)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
