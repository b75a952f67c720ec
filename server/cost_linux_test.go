package server

import (
	"net"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tidings/transport"
)

// TestWhatAConnectionCosts: a connection that follows one topic and hears nothing is a descriptor and a few small objects, however it
// follows: some 200 bytes of live heap. The address is the kernel's to tell.
func TestWhatAConnectionCosts(t *testing.T) {
	const n = 8000
	most := 208.0 // measuring leaves a little too, more at some times than at others
	if racing {
		most = 400
	}
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	for _, c := range []struct {
		kind   transport.Kind
		fields string
		query  string
	}{
		{transport.WebSocket, upgrade, ""},
		{transport.WebSocket, upgrade + "Sec-WebSocket-Protocol: tidings.v1\r\n", ""},
		{transport.SSE, "Accept: text/event-stream\r\n", ""},
		{transport.SSE, "Accept: text/event-stream\r\n", "?wrap=1"},
		{transport.Stream, "Accept: application/x-ndjson\r\n", ""},
		{transport.LongPoll, "", "?wait=50"},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			s := start(t, Options{Pressure: Pressure{Level: "normal"}}) // the clients' files are its own, too
			request := []byte("GET /topics/weather/paris" + c.query + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0)\r\n" +
				c.fields + "\r\n")
			// Clients are bare descriptors, so that nothing of them is in the heap.
			clients := make([]int, 0, n+n/10)
			t.Cleanup(func() {
				for _, fd := range clients {
					_ = unix.Close(fd)
				}
			})
			connect := func(n int) {
				t.Helper()
				for range n {
					clients = append(clients, bareClient(t, s.url, request))
				}
				s.awaitFollowers("weather/paris", len(clients))
				s.http.CloseIdleConnections()
			}
			connect(n / 10) // what the first need, all share
			before := live()
			connect(n)
			after := live()
			for range 4 { // what only passes by goes with one collection or another
				after = min(after, live())
			}
			cost := float64(after-before) / n
			t.Logf("%s%s: %.0f bytes", c.kind, c.query, cost)
			if cost > most {
				t.Errorf("a connection costs %.0f bytes, which may be %.0f", cost, most)
			}
		})
	}
}

// live returns how many bytes of the heap are in use.
func live() int64 {
	var m runtime.MemStats
	for range 3 { // finalizers and pools
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func bareClient(t *testing.T, url string, request []byte) int {
	t.Helper()
	at, err := net.ResolveTCPAddr("tcp4", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	to := unix.SockaddrInet4{Port: at.Port, Addr: [4]byte(at.IP.To4())}
	if err := unix.Connect(fd, &to); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(fd, request); err != nil {
		t.Fatal(err)
	}
	return fd
}
