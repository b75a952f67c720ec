//go:build !linux

package park

import (
	"net"
	"net/netip"
	"time"
)

// Loops are not to be had on this system: goroutines hold what they would.
type Loops struct{}

// Loop does not exist on this system.
type Loop struct{}

// Wait does nothing.
func (*Loop) Wait(time.Duration) {}

// Wake does nothing.
func (*Loop) Wake() {}

// Left does nothing.
func (*Loop) Left() {}

// Host is never called on this system.
type Host func(n int, l *Loop) (release func())

// NewLoops returns loops that do nothing.
func NewLoops(Asker, Host) *Loops { return new(Loops) }

// Listen returns false: the listener is the caller's.
func (*Loops) Listen(net.Listener) (bool, error) { return false, nil }

// Drain does nothing.
func (*Loops) Drain() {}

// Release does nothing.
func (*Loops) Release() {}

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

// Shard returns 0.
func (*Fresh) Shard() int { return 0 }

// Remote returns the zero address.
func (*Fresh) Remote() netip.Addr { return netip.Addr{} }

func leave(net.Conn, []byte, *Loops) (Conn, bool) { return nil, false }
