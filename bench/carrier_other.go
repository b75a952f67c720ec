//go:build !linux

package bench

func newCarrier(c *crowd) (carrier, error) { return newThreads(c), nil }
