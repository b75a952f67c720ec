package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"

	"tidings/client"
	"tidings/transport"
)

// TestTake: files arrive whole by WebSocket and by POST, and what is no file is refused.
func TestTake(t *testing.T) {
	gateway, err := open()
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(gateway)
	defer web.Close()
	defer web.CloseClientConnections()
	defer gateway.Close()
	for _, by := range []transport.Kind{transport.WebSocket, transport.Stream} {
		s, err := client.Dial(t.Context(), web.URL+"/files", client.DialOptions{Transports: []transport.Kind{by}})
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{0, 1, 3 << 20} { // the last is more than messages may have elsewhere
			file := make([]byte, size)
			for i := range file {
				file[i] = byte(i * i)
			}
			if err := s.Send(client.Binary, file); err != nil {
				t.Fatal(err)
			}
			m, err := s.Receive()
			if want := fmt.Sprintf(`{"bytes":%d,"sha256":"%x"}`, size, sha256.Sum256(file)); err != nil || string(m.Data) != want {
				t.Errorf("%d bytes by %s: %s, %v", size, by, m.Data, err)
			}
		}
		if err := s.Send(client.Text, []byte("no file")); err != nil {
			t.Fatal(err)
		}
		_, err = s.Receive()
		if end, ok := errors.AsType[*client.CloseError](err); !ok || end.Code != 1003 {
			t.Errorf("a text by %s: %v", by, err)
		}
		<-s.Context().Done()
	}
}

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, "127.0.0.1:0"); err != nil {
		t.Error(err)
	}
}
