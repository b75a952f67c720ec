package client

import "time"

// Hurry makes a client of a test wait little: for it, everything that is far away is broken.
func Hurry(c *Client) {
	c.wait = backoff{least: time.Millisecond, most: 20 * time.Millisecond}
	c.hello = 300 * time.Millisecond
}
