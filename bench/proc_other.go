//go:build !linux

package bench

import (
	"errors"
	"time"
)

// processUsage is what a process and its children use.
type processUsage struct {
	rss int64         // bytes
	cpu time.Duration // user and system
}

// usageOf cannot know.
func usageOf(int) (processUsage, error) {
	return processUsage{}, errors.New("the memory and processor time of a process are read from /proc, which only Linux has: leave --pid out")
}

// fileLimit says how many files this process may open.
func fileLimit() string { return "see ulimit -n" }

func ownTime() time.Duration { return 0 }

func machineTime() (busy, all time.Duration) { return 0, 0 }

func kernelMemory() int64 { return 0 }
