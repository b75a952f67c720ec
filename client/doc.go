// Package client publishes to a gateway and follows its topics, for the command line and for Go programs.
//
// [Client.Follow] takes whichever transport works, comes back by itself after a break, and resumes where it was: nothing twice, and
// nothing lost without a gap that says so. What a reader keeps for that is in cover.go, after docs/wire.md.
//
// The package starts no goroutine of its own: a follow reads in the goroutine that ranges over it. It must not import server,
// fallback or metrics.
package client
