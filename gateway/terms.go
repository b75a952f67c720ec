package gateway

import "time"

// Terms are what many followers have in common. They are shared: nobody changes them once a follower has them.
type Terms struct {
	// Of is the transport's: what it knows of all these followers.
	Of any

	// Format is how messages are written to the peers.
	Format *Format
	Class  uint8 // for counting: below Options.Classes
	// Ping is how long nothing may be said before the peer gets a ping; 0 for never.
	Ping time.Duration
	// Wait ends a follower that has nothing pending after this time with an empty Batch (a held long poll); 0 for never.
	Wait time.Duration
	// MaxParts and MaxBytes bound one Batch; defaults 64 and 64 KiB. A part is never cut: the last may go over.
	MaxParts, MaxBytes int
	// Live makes the follower say when each followed topic has caught up (NoticeLive).
	Live bool
	// Raw says that the peers' clients do not see a message's prev.
	Raw bool
}

const (
	defaultParts = 64
	defaultBytes = 64 << 10
)

// batch returns how much one batch holds.
func (t *Terms) batch() (parts, bytes int) {
	parts, bytes = t.MaxParts, t.MaxBytes
	if parts <= 0 {
		parts = defaultParts
	}
	if bytes <= 0 {
		bytes = defaultBytes
	}
	return parts, bytes
}

// ticksOf returns how many ticks of the wheel d takes, rounded up.
func ticksOf(d time.Duration) int64 { return int64((min(d, maxPause) + wheelTick - 1) / wheelTick) }

// Follower returns a follower on these terms, to be embedded in its peer: what a peer needs of its terms, it asks of its follower.
func (t *Terms) Follower() Follower { return Follower{terms: t} }

// Terms returns the terms that the follower is on.
func (f *Follower) Terms() *Terms { return f.terms }
