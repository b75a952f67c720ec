package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tidings/client"
	"tidings/gateway/socket"
	"tidings/server"
	"tidings/transport"
)

func TestDialRefused(t *testing.T) {
	s, url := gatewayAt(t, server.Options{}, nil)
	refuse := socket.Options{Accept: func(*socket.Request) (string, error) {
		return "", &socket.RefusedError{Status: http.StatusTeapot, Detail: "not today"}
	}}
	if err := s.Socket("/no", echo, refuse); err != nil {
		t.Fatal(err)
	}
	if err := s.Socket("/yes", echo); err != nil {
		t.Fatal(err)
	}
	for _, plain := range []bool{false, true} {
		var refused *client.Error
		_, err := client.DialHurried(t.Context(), url+"/no", client.DialOptions{Plain: plain}, time.Hour)
		switch {
		case !errors.As(err, &refused):
			t.Errorf("refused: %v", err)
		case plain && (refused.Status != http.StatusTeapot || refused.Detail != "not today"),
			!plain && refused.Close != transport.Forbidden: // what every client can be told, pages included
			t.Errorf("refused: %+v", refused)
		}
		_, err = client.DialHurried(t.Context(), url+"/nothing", client.DialOptions{Plain: plain}, time.Hour)
		if !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
			t.Errorf("nothing there: %v", err)
		}
		if _, err = client.Dial(t.Context(), "http://127.0.0.1:1", client.DialOptions{Plain: plain}); !errors.Is(err, client.ErrUnreachable) {
			t.Errorf("nobody there: %v", err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("enough")
		cancel(why)
		if _, err = client.Dial(ctx, url+"/yes", client.DialOptions{Plain: plain}); !errors.Is(err, why) {
			t.Errorf("left: %v", err)
		}
	}
	if _, err := client.Dial(t.Context(), "pigeon://a", client.DialOptions{}); !errors.Is(err, client.ErrSocketURL) {
		t.Error(err)
	}
}

func TestSocketMisuse(t *testing.T) {
	s := dial(t, socketAt(t, server.Options{}, socket.Options{}, nil, echo), client.DialOptions{})
	for _, code := range []uint16{1, 999, 1004, 1005, 1006, 1012, 2999, 5000} {
		if s.Close(code, "") == nil {
			t.Errorf("closes with %d", code)
		}
	}
	if s.Close(1000, strings.Repeat("x", 124)) == nil || s.Close(1000, "\xff") == nil || s.Close(0, "x") == nil {
		t.Error("closes with a reason that cannot be said")
	}
	if s.Send(client.Text, []byte{0xff}) == nil || s.Send(0, nil) == nil {
		t.Error("sends what is none")
	}
	if _, err := s.Writer(7); err == nil {
		t.Error("writes what is none")
	}
	if s.State() != socket.Open {
		t.Error("a mistake closes")
	}
}

// TestSocketGone holds that a socket ends with 1006 where the gateway does not know it any more, by whatever transport it comes back.
func TestSocketGone(t *testing.T) {
	for _, way := range kindNames() {
		t.Run(way, func(t *testing.T) {
			other, err := server.New(server.Options{PollInterval: 5e7})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = other.Close() })
			if err := other.Socket("/chat", echo); err != nil {
				t.Fatal(err)
			}
			var moved atomic.Bool
			cut := make(chan struct{})
			url := socketAt(t, server.Options{}, socket.Options{}, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if moved.Load() {
						other.ServeHTTP(w, r)
						return
					}
					next.ServeHTTP(w, r)
				})
			}, func(s *socket.Socket) {
				<-cut
				_ = s.Send(socket.Text, []byte("last"))
				_, _ = s.Receive()
			})
			road := newRoad(t, strings.TrimSuffix(url, "/chat"), func() (up, down int) { return 0, 0 })
			s := dial(t, road.url+"/chat", by(way, client.DialOptions{}))
			moved.Store(true)
			road.cut()
			_, err = s.Receive()
			if closed, ok := errors.AsType[*client.CloseError](err); !ok || closed.Code != 1006 || closed.Clean {
				t.Errorf("ended with %v", err)
			}
			close(cut)
		})
	}
}
