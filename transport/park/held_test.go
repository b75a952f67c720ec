package park

import (
	"context"
	"errors"
	"io"
	"net/http"
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

func TestHeld(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			polls := make(chan Held)
			ear := newEars()
			remotes := make(chan string, 8)
			url, web := kind.start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				remotes <- r.RemoteAddr
				h := Hold(w, r)
				polls <- h
				h.Serve(ear)
			}))
			for range 2 {
				got := hold(t.Context(), t, url, web)
				h := <-polls
				if _, err := h.Write(nil); !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("Write: %v", err)
				}
				h.Answer(http.Header{"X-A": {"1"}}, [][]byte{[]byte("a"), []byte("b")})
				h.Close()
				if body := <-got; body != "ab" {
					t.Errorf("got %q", body)
				}
			}
			if first, second := <-remotes, <-remotes; first != second {
				t.Error("the second poll came by another connection")
			}

			ctx, leave := context.WithCancel(t.Context())
			got := hold(ctx, t, url, web)
			h := <-polls
			leave()
			ear.goneOnce(t)
			h.Answer(nil, [][]byte{[]byte("too late")})
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
