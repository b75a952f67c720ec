//go:build unix

package server

import (
	"math"
	"os"
	"syscall"
	"time"
)

// fileLimit returns how many files the process may have open; 0 if that is not limited.
func fileLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	if limit.Cur >= math.MaxInt64 {
		return 0
	}
	return limit.Cur
}

// openFiles returns how many files the process has open.
func openFiles() uint64 {
	// Linux says it as the size of the directory, from 6.2 on.
	var dir syscall.Stat_t
	if syscall.Stat("/proc/self/fd", &dir) == nil && dir.Size > 0 {
		return uint64(dir.Size)
	}
	f, err := os.Open("/dev/fd")
	if err != nil {
		return 0
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return uint64(len(names) - 1) // its own is one of them
}

// processorTime returns how long the process has kept processors busy.
func processorTime() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
