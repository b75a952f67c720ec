package bench_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tidings/bench"
)

// echoServer serves WebSockets until the test ends. What comes goes to answer, one for each connection, which gives what is sent back; nil
// ends the connection.
func echoServer(t *testing.T, newAnswer func() func(payload []byte) [][]byte) (url string) {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		answer := newAnswer()
		for {
			opcode, payload, err := readMasked(rw.Reader)
			if err != nil {
				return
			}
			all := answer(payload)
			if all == nil {
				return
			}
			for _, b := range all {
				_, _ = c.Write(append(binary.BigEndian.AppendUint64([]byte{0x80 | opcode, 127}, uint64(len(b))), b...))
			}
		}
	}))
	t.Cleanup(web.Close)
	return "ws" + strings.TrimPrefix(web.URL, "http")
}

func readMasked(in *bufio.Reader) (opcode byte, payload []byte, err error) {
	var head [10]byte
	if _, err := io.ReadFull(in, head[:2]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1] & 0x7f)
	if long := map[uint64]int{126: 2, 127: 8}[n]; long > 0 {
		if _, err := io.ReadFull(in, head[10-long:]); err != nil {
			return 0, nil, err
		}
		clear(head[:10-long])
		n = binary.BigEndian.Uint64(head[2:])
	}
	var mask [4]byte
	payload = make([]byte, n)
	if _, err := io.ReadFull(in, mask[:]); err != nil {
		return 0, nil, err
	}
	_, err = io.ReadFull(in, payload)
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return head[0] & 0xf, payload, err
}

func same(payload []byte) [][]byte { return [][]byte{payload} }

func TestEcho(t *testing.T) {
	for name, way := range map[string]func(bench.Options) bench.Options{
		"": func(o bench.Options) bench.Options { return o }, "by goroutines": bench.Portably,
	} {
		t.Run(name, func(t *testing.T) {
			for _, b := range []bench.Echo{
				{Size: 64},
				{Size: 1000, InFlight: 8, Binary: true},
				{Size: 300_000},
				{Size: 64 << 10, InFlight: 4},
			} {
				b.Options = way(bench.Options{URL: echoServer(t, func() func([]byte) [][]byte { return same })})
				b.Connections, b.For = 2, 50*time.Millisecond
				r, err := b.Run(t.Context())
				for err == nil && r.Expected == 0 { // the machine is busy
					b.For *= 2
					r, err = b.Run(t.Context())
				}
				if err != nil {
					t.Fatal(err)
				}
				if r.Expected != r.Delivered || r.Lost+r.Doubled+r.Disordered+r.Cut != 0 ||
					r.Latency.Count != uint64(r.Delivered) || r.Size != b.Size || r.InFlight != max(1, b.InFlight) {
					t.Errorf("%d bytes: %+v, %+v", b.Size, r, r.Losses)
				}
				var table bytes.Buffer
				if err := r.Table(&table); err != nil || !strings.Contains(table.String(), "in flight on each connection") {
					t.Errorf("%v in\n%s", err, table.String())
				}
			}
		})
	}
}

// TestEchoesAreCounted loads servers that send something else back than what they got.
func TestEchoesAreCounted(t *testing.T) {
	// after has a server behave until a message of the measurement has come, and then does something else once.
	after := func(do func(payload []byte) [][]byte) func() func([]byte) [][]byte {
		return func() func([]byte) [][]byte {
			done := false
			return func(payload []byte) [][]byte {
				if done || !measuredMessage(payload) {
					return same(payload)
				}
				done = true
				return do(payload)
			}
		}
	}
	var held []byte
	for name, test := range map[string]struct {
		answer func() func([]byte) [][]byte
		holds  func(r *bench.Report, err error) bool
	}{
		"nothing": {
			answer: after(func([]byte) [][]byte { return [][]byte{} }),
			holds:  func(r *bench.Report, err error) bool { return errors.Is(err, bench.ErrLost) && r.Lost == 1 },
		},
		"twice": {
			answer: after(func(b []byte) [][]byte { return [][]byte{b, b} }),
			holds:  func(r *bench.Report, err error) bool { return err == nil && r.Doubled == 1 && r.Lost == 0 },
		},
		"later": {
			answer: func() func([]byte) [][]byte {
				return func(b []byte) [][]byte {
					switch {
					case !measuredMessage(b) || len(held) == 1:
						return same(b)
					case held == nil:
						held = bytes.Clone(b)
						return [][]byte{}
					}
					was := held
					held = held[:1]
					return [][]byte{b, was}
				}
			},
			holds: func(r *bench.Report, err error) bool { return err == nil && r.Disordered == 1 && r.Lost == 0 },
		},
		"less": {
			answer: after(func(b []byte) [][]byte { return [][]byte{b[:len(b)-1]} }),
			holds:  func(r *bench.Report, err error) bool { return errors.Is(err, bench.ErrLost) && r.Lost > 0 },
		},
		"more": {
			answer: after(func(b []byte) [][]byte { return [][]byte{append(b, '!')} }),
			holds: func(_ *bench.Report, err error) bool {
				return err != nil && strings.Contains(err.Error(), "there are 1 bytes more")
			},
		},
		"goodbye": {
			answer: after(func([]byte) [][]byte { return nil }),
			holds: func(r *bench.Report, err error) bool {
				return errors.Is(err, bench.ErrLost) && r.Cut == 1 && r.Lost == 2
			},
		},
		"never anything": {
			answer: func() func([]byte) [][]byte { return func([]byte) [][]byte { return nil } },
			holds: func(_ *bench.Report, err error) bool {
				return err != nil && strings.Contains(err.Error(), "is it an echo?")
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := bench.Options{URL: echoServer(t, test.answer), Patience: 200 * time.Millisecond}
			r, err := bench.Echo{Options: o, Connections: 1, InFlight: 2, Size: 64, For: 50 * time.Millisecond}.Run(t.Context())
			if !test.holds(r, err) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// measuredMessage reports whether a message is not one of warming up: the stamp says the phase.
func measuredMessage(payload []byte) bool { return string(payload[10:14]) != "0000" }

func TestEchoRefusals(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	for name, test := range map[string]struct {
		bench.Echo
		want error
	}{
		"no WebSocket": {bench.Echo{Options: bench.Options{URL: web.URL}, Connections: 1, Size: 64, For: time.Second}, bench.ErrRefused},
		"nobody":       {bench.Echo{Options: bench.Options{URL: "ws://127.0.0.1:1"}, Connections: 1, Size: 64, For: time.Second}, bench.ErrUnreachable},
		"too small":    {bench.Echo{Options: bench.Options{URL: web.URL}, Connections: 1, Size: 4, For: time.Second}, bench.ErrUsage},
		"too much":     {bench.Echo{Options: bench.Options{URL: web.URL}, Connections: 1, Size: 1 << 20, InFlight: 2, For: time.Second}, bench.ErrUsage},
		"no time":      {bench.Echo{Options: bench.Options{URL: web.URL}, Connections: 1, Size: 64}, bench.ErrUsage},
		"no one":       {bench.Echo{Options: bench.Options{URL: web.URL}, Size: 64, For: time.Second}, bench.ErrUsage},
	} {
		if _, err := test.Run(t.Context()); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
