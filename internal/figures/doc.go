// Command figures measures what an idle connection costs a gateway, and what a delivery costs it, on each transport: the
// first figures of docs/benchmarks.md. It starts the program it is given on a loopback port, loads it from this process,
// and reads the other's memory and processor time from /proc (Linux only).
//
// Usage:
//
//	go run ./internal/figures -program bin/tidings
package main
