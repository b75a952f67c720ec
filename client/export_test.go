package client

import (
	"context"
	"time"
)

// Hurry makes a client of a test wait little: for it, everything that is far away is broken.
func Hurry(c *Client) {
	c.wait = backoff{least: time.Millisecond, most: 20 * time.Millisecond}
	c.hello = 300 * time.Millisecond
}

// DialHurried dials as a test does, which waits little. relent is how long a transport that failed is left alone.
func DialHurried(ctx context.Context, address string, o DialOptions, relent time.Duration) (*Socket, error) {
	t := usual
	t.wait = backoff{least: time.Millisecond, most: 20 * time.Millisecond}
	t.relent = relent
	t.hello = time.Second
	t.ack = 5 * time.Millisecond
	t.post = 5 * time.Second
	return dial(ctx, address, o, t)
}

// Waiting is what a socket holds of what has come and was not received, in bytes, and what each frame costs.
func Waiting(s *Socket) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.in.cost
}
