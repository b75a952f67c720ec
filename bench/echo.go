package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

// Echo sends messages over WebSockets to a server that sends each of them back, as fast as they come back.
type Echo struct {
	Options
	Connections int
	InFlight    int  // messages of each connection that are on their way; default 1
	Binary      bool // in place of text
	Size        int  // bytes of a message; no less than [StampBytes]
	For         time.Duration
}

// mostInFlight is how many bytes may be on their way on a connection that does not wait for each message: what its buffers take at both ends, so
// that nobody waits for who waits for them.
const mostInFlight = 256 << 10

func (b Echo) check() error {
	switch {
	case b.Connections < 1:
		return usage("nobody sends")
	case b.InFlight < 1:
		return usage("with nothing on its way nothing comes back")
	case b.InFlight > 1 && b.InFlight*b.Size > mostInFlight:
		return usage("no more than %d KiB can be on their way on a connection", mostInFlight>>10)
	case b.For <= 0:
		return usage("nothing can be measured in %v", b.For)
	}
	return checkSize(b.Size)
}

// Run measures. Latency counts from sending: nothing is due before what was sent has come back. With [ErrLost] there is a report too.
func (b Echo) Run(ctx context.Context) (*Report, error) {
	b.Plain, b.Transport = true, "websocket"
	b.InFlight = max(b.InFlight, 1)
	r, err := b.begin()
	if err != nil {
		return nil, err
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	c := newCrowd(ctx, r, b.Connections)
	c.echo = newEcho(r.id, b)
	defer c.close()
	if err := c.echoAll(b); err != nil {
		return nil, err
	}
	before, err := r.look()
	if err != nil {
		return nil, err
	}
	warmed := c.delivered(warming)
	c.echo.phase.Store(measured)
	stop := c.figures("echoing", measured, func() float64 { return time.Since(before.at).Seconds() / b.For.Seconds() })
	err = sleep(c.ctx, b.For)
	stop()
	if err != nil {
		return nil, err
	}
	after, err := r.look()
	if err != nil {
		return nil, err
	}
	out := r.report("echo")
	// Some that were sent before count, and as many that are on their way do not.
	out.RoundTrips = c.delivered(measured) + c.delivered(warming) - warmed
	out.RoundTripRate = perSecond(out.RoundTrips, after.at.Sub(before.at))
	out.Connections, out.InFlight, out.Size, out.Seconds = b.Connections, b.InFlight, b.Size, seconds(after.at.Sub(before.at))
	if out.spend(before, after); out.Server != nil {
		out.Server.CPUPerRoundTrip = per(out.Server.CPUSeconds*1e6, out.RoundTrips)
	}
	c.echo.phase.Store(phases)
	if err := c.awaitEchoes(); err != nil {
		return nil, err
	}
	c.close()
	if err := c.err(); err != nil {
		return nil, err
	}
	out.Latency = c.latency(measured).Latency()
	out.Curves = []Curve{{Name: "echo", Histogram: c.latency(measured)}}
	return out, c.accountEchoes(out)
}

// echoAll connects all, and returns once each has got something back and pools are filled.
func (c *crowd) echoAll(b Echo) error {
	stop := c.connecting(b.Connections)
	err := c.grow(b.Connections)
	stop()
	if err != nil {
		return err
	}
	stop = c.show("warming up", func() (float64, string) {
		return float64(c.warm.Load()) / float64(b.Connections), fmt.Sprintf("%d connections", c.warm.Load())
	})
	defer stop()
	for until := time.Now().Add(c.patience() + dialTime); c.warm.Load() < int64(b.Connections); {
		if err := c.err(); err != nil {
			return err
		}
		if time.Now().After(until) || c.cut.Load() > 0 {
			return fmt.Errorf("only %d of %d connections got back what they sent, %d were cut: is it an echo?",
				c.warm.Load(), b.Connections, c.cut.Load())
		}
		if err := sleep(c.ctx, time.Millisecond); err != nil {
			return err
		}
	}
	return sleep(c.ctx, b.For/10)
}

// awaitEchoes returns when all that was sent has come back, or nothing has come for Patience.
func (c *crowd) awaitEchoes() error {
	last, since := int64(-1), time.Now()
	for {
		got, sent := c.delivered(warming)+c.delivered(measured), c.sent(warming)+c.sent(measured)
		if got >= sent {
			return nil
		}
		if got != last {
			last, since = got, time.Now()
		}
		if time.Since(since) > c.patience() {
			return nil
		}
		if err := sleep(c.ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// accountEchoes fills in what did not come back as it was sent. All have ended.
func (c *crowd) accountEchoes(out *Report) error {
	l := &Losses{Delivered: c.delivered(measured), Cut: c.cut.Load()}
	for _, f := range c.members {
		t := &f.tallies[measured]
		n := f.echoes.sent[measured]
		l.Expected += int64(n)
		l.Lost += t.lost(n)
		l.Doubled += t.doubled
		l.Disordered += t.disordered
		if more := f.echoes.bytes; more > 0 && t.lost(n) == 0 {
			return fmt.Errorf("what comes back is not what was sent: there are %d bytes more", more)
		}
	}
	if out.Losses = l; l.Lost > 0 {
		return fmt.Errorf("%w: %d of %d", ErrLost, l.Lost, l.Expected)
	}
	return nil
}

// echo is what all connections send.
type echo struct {
	size, depth int
	mask        uint32 // of all frames: who is measured has to undo it, who measures need not be hidden from proxies (RFC 6455, section 10.3)
	frame       []byte // head and payload, masked
	stamp       int    // where in it
	phase       atomic.Int32
}

func newEcho(id uint32, b Echo) *echo {
	e := &echo{size: b.Size, depth: b.InFlight, mask: id | 1}
	opcode := byte(opText)
	if b.Binary {
		opcode = opBinary
	}
	switch e.frame = append(e.frame, 0x80|opcode); {
	case b.Size < 126:
		e.frame = append(e.frame, 0x80|byte(b.Size))
	case b.Size <= math.MaxUint16:
		e.frame = binary.BigEndian.AppendUint16(append(e.frame, 0x80|126), uint16(b.Size))
	default:
		e.frame = binary.BigEndian.AppendUint64(append(e.frame, 0x80|127), uint64(b.Size))
	}
	e.frame = binary.BigEndian.AppendUint32(e.frame, e.mask)
	e.stamp = len(e.frame)
	e.frame = append(e.frame, payload(b.Size)...)
	e.cover(e.frame[e.stamp:])
	return e
}

// cover masks what begins where a payload does.
func (e *echo) cover(b []byte) {
	var mask [4]byte
	binary.BigEndian.PutUint32(mask[:], e.mask)
	for i := range b {
		b[i] ^= mask[i%4]
	}
}

// append adds a message to b.
func (e *echo) append(b []byte, s stamp) []byte {
	at := len(b) + e.stamp
	b = append(b, e.frame...)
	s.put(b[at:])
	e.cover(b[at : at+StampBytes])
	return b
}

// echoes are one connection's account.
type echoes struct {
	sent  [phases]uint32
	begun []stamp // of messages that have not come back whole
	bytes int64   // that have come back, but for those of whole messages
	owed  int     // messages that may be sent
}

func (f *follower) beginsEcho(s stamp) { f.echoes.begun = append(f.echoes.begun, s) }

// countEchoes takes account of so many bytes that came back, and of the messages that are whole by them: for each another may be sent.
func (f *follower) countEchoes(n int) {
	e := &f.echoes
	e.bytes += int64(n)
	whole := min(len(e.begun), int(e.bytes/int64(f.echo.size)))
	for _, s := range e.begun[:whole] {
		f.note(s)
	}
	e.begun = append(e.begun[:0], e.begun[whole:]...)
	e.bytes -= int64(whole) * int64(f.echo.size)
	e.owed += whole
}

// answerEchoes sends as many as came back, as one write.
func (f *follower) answerEchoes() error {
	n := f.echoes.owed
	if n == 0 {
		return nil
	}
	f.echoes.owed = 0
	phase := f.echo.phase.Load()
	if phase >= phases {
		return nil
	}
	b := f.partial[:0]
	for range n {
		b = f.echo.append(b, stamp{run: f.id, phase: uint16(phase), number: f.echoes.sent[phase], due: f.at})
		f.echoes.sent[phase]++
	}
	f.book.sent[phase].Add(int64(n))
	err := f.wire.write(b)
	f.partial = b[:0]
	return err
}

// sent returns how many messages of a phase were sent.
func (c *crowd) sent(phase int) (n int64) {
	for _, b := range c.books {
		n += b.sent[phase].Load()
	}
	return n
}
