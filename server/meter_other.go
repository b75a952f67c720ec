//go:build !unix

package server

import "time"

// fileLimit returns 0: the system has no such limit, or does not tell.
func fileLimit() uint64 { return 0 }

// openFiles returns 0.
func openFiles() uint64 { return 0 }

// processorTime returns 0.
func processorTime() time.Duration { return 0 }
