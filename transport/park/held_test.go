package park

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
)

// hold makes a request whose answer is held, and returns what arrives of it.
func hold(ctx context.Context, t *testing.T, url string, web *http.Client) <-chan string {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		response, err := web.Do(request)
		if err != nil {
			got <- "failed"
			return
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		// What comes after the client has left is nothing that it looks at.
		if ctx.Err() == nil && (err != nil || response.ContentLength != int64(len(body)) || response.Header.Get("X-A") != "1") {
			t.Errorf("%v, header %v", err, response.Header)
		}
		got <- string(body)
	}()
	return got
}

// countDials counts the connections that a client makes from now on.
func countDials(web *http.Client) *atomic.Int32 {
	n := new(atomic.Int32)
	transport, _ := web.Transport.(*http.Transport)
	dial := transport.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		n.Add(1)
		return dial(ctx, network, address)
	}
	return n
}

func TestHeld(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			polls := make(chan Held, 1)
			ear := newEars()
			url, web := kind.start(t, func(x Exchange) {
				h := x.Hold()
				polls <- h
				h.Serve(ear)
			})
			dials := countDials(web)
			for range 2 {
				got := hold(t.Context(), t, url, web)
				h := <-polls
				h.Reply(Reply{Head: textX, Fields: []Field{{"X-A", "1"}}, Parts: [][]byte{[]byte("a"), []byte("b")}})
				h.Close()
				if body := <-got; body != "ab" {
					t.Errorf("got %q", body)
				}
			}
			if n := dials.Load(); n != 1 {
				t.Errorf("two polls took %d connections", n)
			}

			ctx, leave := context.WithCancel(t.Context())
			got := hold(ctx, t, url, web)
			h := <-polls
			leave()
			ear.goneOnce(t)
			h.Reply(Reply{Head: textX, Parts: [][]byte{[]byte("too late")}})
			<-got

			got = hold(t.Context(), t, url, web)
			(<-polls).Close()
			// The client may ask again by itself when a connection that it used before was cut.
			select {
			case h := <-polls:
				h.Close()
				<-got
			case body := <-got:
				if body != "failed" {
					t.Errorf("got %q", body)
				}
			}
			if len(ear.gone) > 0 {
				t.Error("Gone after Close")
			}
		})
	}
}
