//go:build !linux

package park

import "net"

// Loops are not to be had on this system: goroutines hold what they would.
type Loops struct{}

// NewLoops returns loops that do nothing.
func NewLoops(Asker) *Loops { return new(Loops) }

// Listen returns false: the listener is the caller's.
func (*Loops) Listen(net.Listener) (bool, error) { return false, nil }

// Drain does nothing.
func (*Loops) Drain() {}

// Quiet does nothing.
func (*Loops) Quiet() {}

// Close does nothing.
func (*Loops) Close() {}

func (*Loops) hold(net.Conn, []byte, []Field, bool) Held { panic("unreachable") }

// Fresh does not exist on this system.
type Fresh struct {
	Fields []Field
	Last   bool
	Exchange
}

func leave(net.Conn, []byte, *Loops) (Conn, bool) { return nil, false }
