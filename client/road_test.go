package client_test

import (
	"net"
	"sync"
	"testing"
)

// road is a way to a gateway whose connections break.
type road struct {
	url  string
	mu   sync.Mutex // guards open
	open map[net.Conn]bool
}

// newRoad makes a road to a server. after says of a connection behind how many bytes, up and down, it is cut; 0 for never.
func newRoad(t testing.TB, to string, after func() (up, down int)) *road {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{url: "http://" + ln.Addr().String(), open: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		ln.Close()
		r.cut()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to[len("http://"):])
			if err != nil {
				client.Close()
				continue
			}
			r.mu.Lock()
			r.open[client], r.open[server] = true, true
			r.mu.Unlock()
			end := func() {
				client.Close()
				server.Close()
				r.mu.Lock()
				defer r.mu.Unlock()
				delete(r.open, client)
				delete(r.open, server)
			}
			up, down := after()
			wg.Go(func() {
				defer end()
				relay(server, client, up)
			})
			wg.Go(func() {
				defer end()
				relay(client, server, down)
			})
		}
	})
	return r
}

// cut cuts all connections that there are.
func (r *road) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		c.Close()
	}
}

// relay copies until one side ends, or most bytes were copied.
func relay(to, from net.Conn, most int) {
	buf := make([]byte, 512)
	for sent := 0; most == 0 || sent < most; {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
			sent += n
		}
		if err != nil {
			return
		}
	}
}
