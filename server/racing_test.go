//go:build race

package server

// racing says that the race detector takes its part of every figure.
const racing = true
