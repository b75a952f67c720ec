package sockets

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"tidings/server"
)

// Opcodes (RFC 6455, section 5.2).
const (
	opContinuation = 0
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// mask is that of every frame that a client sends. Who tests its own server needs no secret one (RFC 6455, section 10.3).
var mask = [4]byte{0x5a, 0x01, 0xc3, 0x7e}

// cover masks, or unmasks, what begins where a payload does.
func cover(b []byte) {
	for i := range b {
		b[i] ^= mask[i%4]
	}
}

// head appends the head of a client's frame.
func head(b []byte, opcode byte, last bool, length int64) []byte {
	if last {
		opcode |= 0x80
	}
	switch b = append(b, opcode); {
	case length < 126:
		b = append(b, 0x80|byte(length))
	case length < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(length))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(length))
	}
	return append(b, mask[:]...)
}

// small is a whole frame of a client.
func small(opcode byte, payload []byte) []byte {
	b := head(nil, opcode, true, int64(len(payload)))
	at := len(b)
	b = append(b, payload...)
	cover(b[at:])
	return b
}

// frame is the head of a server's frame.
type frame struct {
	opcode byte
	last   bool
	length int64
}

func readHead(in *bufio.Reader) (frame, error) {
	var b [8]byte
	if _, err := io.ReadFull(in, b[:2]); err != nil {
		return frame{}, err
	}
	f := frame{opcode: b[0] & 0xf, last: b[0]&0x80 != 0, length: int64(b[1])}
	if b[0]&0x70 != 0 || b[1]&0x80 != 0 {
		return f, fmt.Errorf("no server's head: % x", b[:2])
	}
	if long := map[int64]int{126: 2, 127: 8}[f.length]; long > 0 {
		clear(b[:])
		if _, err := io.ReadFull(in, b[8-long:]); err != nil {
			return f, err
		}
		f.length = int64(binary.BigEndian.Uint64(b[:]))
	}
	return f, nil
}

// dial opens a plain WebSocket.
func dial(ctx context.Context, address, path string) (net.Conn, *bufio.Reader, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, address)
	in := bufio.NewReaderSize(c, 4<<10)
	var resp *http.Response
	if err == nil {
		resp, err = http.ReadResponse(in, nil)
	}
	if err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
		err = fmt.Errorf("the server answers %s", resp.Status)
	}
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return c, in, nil
}

// exchange sends a message and awaits it. Pings are answered meanwhile.
func exchange(c net.Conn, in *bufio.Reader, message []byte) error {
	if _, err := c.Write(small(opBinary, message)); err != nil {
		return err
	}
	for {
		f, err := readHead(in)
		if err != nil {
			return err
		}
		got := make([]byte, min(f.length, 1<<10))
		if _, err := io.ReadFull(in, got); err != nil {
			return err
		}
		switch {
		case f.opcode == opBinary && bytes.Equal(got, message):
			return nil
		case f.opcode != opPing:
			return fmt.Errorf("opcode %d with %q comes back", f.opcode, got)
		}
		if _, err := c.Write(small(opPong, got)); err != nil {
			return err
		}
	}
}

// serve runs a server until the test ends, and returns it and its address.
func serve(t *testing.T) (*server.Server, string) {
	t.Helper()
	s, err := server.New(server.Options{NoBoard: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(ctx, ln); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		serving.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, ln.Addr().String()
}

// eventually waits until something holds, and fails where it does not within a minute.
func eventually(t *testing.T, holds func() error) {
	t.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
	}
}
