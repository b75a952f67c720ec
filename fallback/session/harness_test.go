package session

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tidings/gateway"
	"tidings/gateway/journal/memory"
	"tidings/transport"
	"tidings/transport/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is a follower of a session within its peer, as transports have it.
type client struct {
	gateway.Follower
	closed atomic.Value // the gateway.Reason for which it was ended
}

func (*client) Greeting(parts [][]byte, _ gateway.Cursor) [][]byte        { return parts }
func (*client) AppendNotice(dst []byte, _ gateway.Notice) ([]byte, error) { return dst, nil }
func (*client) Write(b *gateway.Batch) (int, error)                       { return b.Bytes, gateway.ErrFinished }
func (c *client) Close(reason gateway.Reason, _ gateway.Cursor, _ []byte) { c.closed.Store(reason) }

// why returns for what the gateway has ended it, or "".
func (c *client) why() gateway.Reason {
	reason, _ := c.closed.Load().(gateway.Reason)
	return reason
}

var _ gateway.Peer = (*client)(nil)

// rig holds a registry and a gateway whose followers are its.
type rig struct {
	*Registry
	t *testing.T
	g *gateway.Gateway
}

// run runs test in a bubble of synthetic time.
func run(t *testing.T, o Options, test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g, err := gateway.New(gateway.Options{Journal: memory.New(), Classes: transport.Classes, Shards: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		r := New(o)
		defer r.Close()
		test(&rig{r, t, g})
	})
}

// begin begins a request of a session; a plain poll has no follower.
func (r *rig) begin(kind transport.Kind, label string, n uint32) *client {
	r.t.Helper()
	q := Request{Label: label, N: n, Kind: kind}
	if kind == transport.Poll {
		r.Take(&q, nil)
		synctest.Wait()
		return nil
	}
	c := r.follow(kind)
	r.Take(&q, &c.Follower)
	synctest.Wait()
	return c
}

// follow begins a follower.
func (r *rig) follow(kind transport.Kind) *client {
	r.t.Helper()
	pattern, err := gateway.ParsePattern("a")
	if err != nil {
		r.t.Fatal(err)
	}
	start, err := r.g.Start([]gateway.Follow{{Pattern: pattern}})
	if err != nil {
		r.t.Fatal(err)
	}
	terms := &gateway.Terms{Format: wire.Envelope, Class: uint8(kind)}
	c := &client{}
	if err := r.g.Follow(&c.Follower, gateway.FollowOptions{Start: start, Peer: c, Terms: terms}); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// leave has a client leave.
func (r *rig) leave(c *client) {
	c.Follower.Close(gateway.ReasonGone)
	synctest.Wait()
}

// pass lets time pass, and what is due in it happen.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// expect checks how many sessions poll.
func (r *rig) expect(long, plain int) {
	r.t.Helper()
	n := r.Pollers()
	if n[transport.LongPoll] != long || n[transport.Poll] != plain {
		r.t.Errorf("%d sessions poll and wait, %d poll; want %d and %d", n[transport.LongPoll], n[transport.Poll], long, plain)
	}
}

// ended checks which of the clients were ended by the registry.
func (r *rig) ended(want bool, clients ...*client) {
	r.t.Helper()
	for i, c := range clients {
		if why := c.why(); (why == gateway.ReasonReplaced) != want || why != "" && why != gateway.ReasonReplaced {
			r.t.Errorf("client %d was ended for %q: %v expected", i, why, want)
		}
	}
}

// known returns how many sessions are known.
func (r *rig) known() (n int) {
	for i := range r.stripes {
		r.stripes[i].mu.Lock()
		n += len(r.stripes[i].by)
		r.stripes[i].mu.Unlock()
	}
	return n
}
