package proxies

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tidings/server"
)

// collapsing are the proxies that answer many pollers with one request.
var collapsing = []setup{{"nginx", ourNginx}, {"Varnish", ourVarnish}}

// poll is a poll's answer.
type poll struct {
	Items []struct {
		Seq, Prev uint64
		Data      string
		Gap       any
	}
}

const (
	pollers  = 2000
	pause    = time.Second // between two polls of one
	messages = 9
	burst    = 3 // messages that are published at once
)

// TestProxiesCollapsePollers has 2,000 clients poll one URL: each gets every message, and the gateway is asked about once a second. It
// runs alone: it takes all that a small machine has.
func TestProxiesCollapsePollers(t *testing.T) {
	for _, s := range collapsing {
		t.Run(s.name, func(t *testing.T) {
			g := newOrigin(t, server.Options{})
			c := &crowd{url: "http://" + s.start(t, g.address) + "/topics/news", next: make(chan struct{}, pollers)}
			transport := &http.Transport{MaxIdleConnsPerHost: pollers}
			c.client = &http.Client{Transport: transport}
			defer transport.CloseIdleConnections()
			ctx, cancel := context.WithTimeoutCause(t.Context(), 4*patience, fmt.Errorf("not every poller got every message"))
			defer cancel()
			var polling sync.WaitGroup
			for i := range pollers {
				polling.Go(func() {
					if err := c.poll(ctx, i); err != nil {
						t.Errorf("poller %d: %v", i, err)
						cancel()
					}
				})
			}
			// Some messages at a time: when all have them, the next are published, in the middle of some second.
			for n := range messages {
				g.publish(t, fmt.Sprint(n))
				if (n+1)%burst > 0 {
					continue
				}
				for range burst * pollers {
					select {
					case <-c.next:
					case <-ctx.Done():
					}
				}
			}
			polling.Wait()
			asked, polls := g.asked.Load(), c.polls.Load()
			t.Logf("%d polls by %d pollers, of which the gateway saw %d, and answered %d with a body", polls, pollers, asked, g.fresh.Load())
			if asked*100 > polls {
				t.Errorf("the gateway saw %d of %d polls", asked, polls)
			}
		})
	}
}

// crowd polls one URL.
type crowd struct {
	url    string
	client *http.Client
	polls  atomic.Int64
	next   chan struct{} // a poller has one message more
}

// poll polls until all messages have come, each behind the one before it.
func (c *crowd) poll(ctx context.Context, i int) error {
	var cover uint64
	got := 0
	// They do not all come at once.
	for wait := time.NewTimer(time.Duration(i) * pause / pollers); ; wait.Reset(pause) {
		select {
		case <-wait.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		p, err := c.ask(ctx)
		if err != nil {
			return err
		}
		for _, m := range p.Items {
			switch {
			case m.Gap != nil || m.Prev > cover:
				return fmt.Errorf("a message is missing: has %d, got %+v", cover, m)
			case m.Seq <= cover:
				continue
			case m.Data != fmt.Sprint(got):
				return fmt.Errorf("message %d is %q", got, m.Data)
			}
			cover = m.Seq
			got++
			c.next <- struct{}{}
		}
		if got == messages {
			return nil
		}
	}
}

func (c *crowd) ask(ctx context.Context) (p poll, err error) {
	c.polls.Add(1)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return p, err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return p, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return p, fmt.Errorf("%s %w: %.100s", resp.Status, err, body)
	}
	return p, json.Unmarshal(body, &p)
}
