package websocket

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"pgregory.net/rapid"

	"tidings/gateway"
	"tidings/gateway/socket"
)

// sluice is a connection that takes so many bytes at a time, and keeps them.
type sluice struct {
	fakeConn
	all bytes.Buffer
}

func (c *sluice) Write(parts [][]byte) (int, error) {
	n := 0
	for _, p := range parts {
		took := p[:min(len(p), c.room)]
		c.all.Write(took)
		c.room -= len(took)
		n += len(took)
	}
	return n, nil
}

func (c *sluice) Finish(parts [][]byte) { c.all.Write(slices.Concat(parts...)) }

// messagesOf are the messages that bytes of a server are.
func messagesOf(b []byte) (all []string, err error) {
	m := messages{frames: frames{state: ws.StateClientSide, limit: 1 << 20, deflates: true}, hear: func(op ws.OpCode, payload []byte) error {
		all = append(all, fmt.Sprintf("%x %s", op, payload))
		return nil
	}}
	err = m.feed(bytes.Clone(b))
	return all, err
}

// TestLinkedWrites: every frame comes once, in order and under its number, however little the connection takes at a time and whatever comes by
// other links meanwhile.
func TestLinkedWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		conn := &sluice{}
		l := &linked{conn: conn, copies: true, at: gateway.Cursor{Epoch: "abcdefgh", Seq: 5}, bits: rapid.SampledFrom([]int{0, 9, 15}).Draw(t, "bits")}
		var frames []socket.Frame
		want := map[uint64]string{}
		for i := range rapid.IntRange(0, 20).Draw(t, "frames") {
			f := socket.Frame{
				Seq: uint64(6 + i), Kind: rapid.SampledFrom([]socket.Kind{socket.Text, socket.Binary}).Draw(t, "kind"), More: rapid.Bool().Draw(t, "more"),
				Data: bytes.Repeat([]byte("rain "), rapid.SampledFrom([]int{0, 1, 30, 200, 10_000}).Draw(t, "size")),
			}
			mark := map[socket.Kind]string{socket.Text: "1 =", socket.Binary: "2 \x00"}[f.Kind]
			if f.More {
				mark = map[socket.Kind]string{socket.Text: "1 +", socket.Binary: "2 \x01"}[f.Kind]
			}
			frames, want[f.Seq] = append(frames, f), mark+string(f.Data)
		}
		pings, ack := 0, uint64(0)
		for len(frames) > 0 || len(l.rest) > 0 {
			conn.room = rapid.SampledFrom([]int{0, 1, 2, 10, 100, 4000, 100_000}).Draw(t, "room")
			load := socket.Load{Frames: frames, Ack: ack}
			if rapid.IntRange(0, 9).Draw(t, "ping") == 0 && !l.ping {
				load.Ping = true
				pings++
			}
			if rapid.Bool().Draw(t, "ack") {
				ack++
			}
			n, done := l.Carry(load)
			if done || n > len(frames) {
				t.Fatalf("%d, %v", n, done)
			}
			frames = frames[n:]
			if rapid.IntRange(0, 4).Draw(t, "elsewhere") == 0 { // the client has acknowledged what came by another link
				k := rapid.IntRange(0, len(frames)).Draw(t, "acknowledged")
				for _, f := range frames[:k] {
					if f.Seq != l.half {
						want[f.Seq] = "2 \x00"
					}
				}
				frames = frames[k:]
			}
		}
		conn.room = 1 << 20
		l.Carry(socket.Load{Ack: ack})
		next, acked := uint64(6), uint64(0)
		all, err := messagesOf(conn.all.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			switch {
			case strings.HasPrefix(m, `1 {"ping":{"cursor":"abcdefgh-`):
				pings--
			case strings.HasPrefix(m, `1 {"ack":{"seq":`):
				var seq uint64
				_, _ = fmt.Sscanf(m, `1 {"ack":{"seq":%d}}`, &seq)
				if seq <= acked {
					t.Fatalf("acknowledged %d after %d", seq, acked)
				}
				acked = seq
			case m != want[next]:
				t.Fatalf("frame %d is %.100q, want %.100q", next, m, want[next])
			default:
				next++
			}
		}
		if pings != 0 || acked != ack {
			t.Fatalf("%d pings are missing; acknowledged %d of %d", pings, acked, ack)
		}
	})
}

// FuzzLinked: whatever comes, in whatever pieces, as much of it is taken, and the link ends or not.
func FuzzLinked(f *testing.F) {
	for _, text := range []string{"=a", "+a", `{"seq":1,"data":"a"}`, `{"seq":1,"close":{"code":1000}}`, `{"ack":{"seq":0}}`, `{"id":1,"ping":true}`, "x", ""} {
		f.Add(slices.Concat(masked(opText, true, text), masked(opBinary, true, "\x00b"), masked(opBinary, true, "\x01")), uint8(3))
	}
	f.Add(rsv(rsv1, masked(opText, true, packed("=a"))), uint8(1))
	f.Add(slices.Concat(masked(opPing, true, "a"), masked(opClose, true, "\x03\xe8")), uint8(1))
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		taken, over := linkedTakes(t, in)
		if inPieces, overToo := linkedTakes(t, slices.Collect(slices.Chunk(in, int(size)+1))...); inPieces != taken || overToo != over {
			t.Errorf("whole: %d, %v; in pieces: %d, %v", taken, over, inPieces, overToo)
		}
	})
}

// linkedTakes gives a link what comes, and returns how many frames its socket has taken and whether the link has ended.
func linkedTakes(t *testing.T, pieces ...[]byte) (taken uint64, over bool) {
	set := socket.NewSet()
	defer set.Close()
	o := &socket.Opening{
		Path: &socket.Path{Name: "/", Handler: func(s *socket.Socket) { <-s.Context().Done() }, Options: socket.Options{MessageBytes: 100}},
		ID:   "0123456789abcdef", Request: &socket.Request{}, Transport: "websocket",
	}
	s, err := set.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	l := &linked{socket: s, conn: &sluice{fakeConn: fakeConn{room: 1 << 30}}, copies: true}
	l.messages = messages{frames: frames{state: ws.StateServerSide, limit: 10_000, deflates: true}, hear: (*linkedEars)(l).hear}
	w, err := s.Attach(l, o)
	if err != nil {
		t.Fatal(err)
	}
	l.begin(&w, &LinkTerms{})
	s.Ready(l)
	for _, piece := range pieces {
		(*linkedEars)(l).Data(bytes.Clone(piece))
	}
	return s.Taken(), l.messages.ended
}
