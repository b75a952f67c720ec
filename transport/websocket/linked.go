package websocket

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gobwas/ws"

	"tidings/gateway"
	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// SocketProtocol is the subprotocol of a WebSocket that carries a socket which can move (docs/wire.md, "Sockets").
const SocketProtocol = "tidings.socket.v1"

// LinkTerms are what a link of a socket that can move is served on.
type LinkTerms struct {
	Offer transport.Offer
	Node  string // this gateway's name
}

// Links reports whether the client asks for a link of a socket that can move.
func (u *Upgrade) Links() bool { return slices.Contains(u.Offered, SocketProtocol) }

// Others are the subprotocols that are offered beside [SocketProtocol].
func (u *Upgrade) Others() []string {
	return slices.DeleteFunc(slices.Clone(u.Offered), func(name string) bool { return name == SocketProtocol })
}

// Link answers with 101 and has the connection carry a socket that was opened for it, or found: it lives on when the connection ends. An
// error means that nothing was sent.
func (u *Upgrade) Link(x park.Exchange, s *socket.Socket, o *socket.Opening, t LinkTerms) (status int, err error) {
	conn, fields, err := x.Take()
	if err != nil {
		s.Drop()
		return 0, err
	}
	u.agreed.protocol = SocketProtocol
	l := &linked{socket: s, conn: conn, copies: park.Copies(conn), rest: u.agreed.appendHead(make([]byte, 0, 768), fields)}
	l.messages = messages{frames: frames{state: ws.StateServerSide, limit: wire.SocketLineBytes}, hear: (*linkedEars)(l).hear}
	if u.agreed.extensions != "" {
		l.bits, l.messages.deflates = u.agreed.windowBits, true
	}
	switch w, err := s.Attach(l, o); {
	case errors.Is(err, socket.ErrReplaced):
		l.part(replaced)
	case err != nil:
		l.part(transport.Bye{Code: transport.Gone, Reason: "gone"})
	default:
		l.begin(&w, &t)
		s.Ready(l)
		conn.Serve((*linkedEars)(l))
	}
	return http.StatusSwitchingProtocols, nil
}

// Refuse answers with 101, one bye, and the end: a page sees no status of a WebSocket that is refused.
func (u *Upgrade) Refuse(x park.Exchange, bye transport.Bye) (status int, err error) {
	conn, fields, err := x.Take()
	if err != nil {
		return 0, err
	}
	u.agreed.protocol = SocketProtocol
	l := &linked{conn: conn, rest: u.agreed.appendHead(nil, fields)}
	l.part(bye)
	return http.StatusSwitchingProtocols, nil
}

var replaced = transport.Bye{Code: transport.Replaced, Reason: string(gateway.ReasonReplaced)}

// linked is a WebSocket that carries a socket which can move.
type linked struct {
	socket *socket.Socket
	conn   park.Conn
	copies bool          // the connection has taken a copy when it returns from Write
	heard  atomic.Bool   // something has come since this was asked last
	opened atomic.Uint32 // counts how often the socket's queue has got room again

	// What follows is the loop's.
	messages messages
	up       uint64 // the number of the last frame that has come
	unsaid   int    // frames that came and were not acknowledged, as far as is known here
	unsaidB  int    // their bytes
	roomy    uint32 // what opened was
	beyond   int    // what has come since then while the socket's queue was full, in bytes
	came     int    // bytes of the messages that have come with this read
	acked    uint64 // up to where they say that the client has the socket's frames

	mu       sync.Mutex // guards what follows; taken with the socket's lock held, never the other way round
	bits     int        // of the window in which frames are deflated; 0 if they are not
	at       gateway.Cursor
	said     uint64 // up to where the client was told that its frames were taken
	brimful  bool   // the socket's queue is full: what comes is taken, but not acknowledged
	ping     bool   // one is owed
	controls []byte // whole frames that are owed: answers to pings
	rest     []byte // of what was begun, up to the end of a unit
	half     uint64 // the number of the frame that rest ends; 0 if it ends none
	over     bool   // nothing is written any more
}

var (
	_ socket.Link  = (*linked)(nil)
	_ park.Handler = (*linkedEars)(nil)
)

// begin has the link begin with hello.
func (l *linked) begin(w *socket.Welcome, t *LinkTerms) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over { // another link has replaced it already
		return
	}
	l.at, l.said, l.up = gateway.Cursor{Epoch: w.Epoch, Seq: w.Since}, w.Ack, w.Ack
	l.rest = appendFrame(l.rest, opText, wire.AppendSocketHello(nil, wire.SocketHello{
		Cursor: l.at, Ack: w.Ack, Transport: transport.WebSocket.String(), Protocol: w.Protocol,
		PingMS: int(w.Ping.Milliseconds()), AwayMS: int(w.Away.Milliseconds()), Offer: t.Offer, Node: t.Node,
	}))
}

// unit is where one ends in what is written at a time.
type unit struct {
	end int
	seq uint64 // of the frame that it is, else 0
	ack uint64 // that it says
}

// maxBatch is about how many bytes are written at a time.
const maxBatch = 64 << 10

// lot is what is written at a time.
type lot struct {
	bytes []byte
	units []unit
	parts [2][]byte
}

var lots = sync.Pool{New: func() any { return new(lot) }}

// back gives the memory back.
func (b *lot) back() {
	b.bytes, b.units, b.parts = b.bytes[:0], b.units[:0], [2][]byte{}
	lots.Put(b)
}

// Carry implements [socket.Link].
func (l *linked) Carry(load socket.Load) (frames int, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return 0, false
	}
	l.ping = l.ping || load.Ping
	todo := load.Frames
	begun := l.half != 0 && len(todo) > 0 && todo[0].Seq == l.half // it is in rest
	if begun {
		todo = todo[1:]
	}
	b := new(lot)
	if l.copies {
		b = lots.Get().(*lot)
		defer b.back()
	}
	for {
		l.gather(b, load.Ack, todo)
		if len(l.rest) == 0 && len(b.bytes) == 0 {
			return frames, false
		}
		b.parts = [2][]byte{l.rest, b.bytes}
		n, err := l.conn.Write(b.parts[:])
		if err != nil {
			l.over = true // the connection's handler hears of its end
			return frames, false
		}
		if n < len(l.rest) {
			l.rest = l.rest[n:]
			return frames, false
		}
		n -= len(l.rest)
		l.rest, l.half = nil, 0
		if begun {
			frames++
			begun = false
		}
		wrote, short := l.wrote(b, n)
		frames += wrote
		if short {
			return frames, false
		}
		todo = todo[wrote:]
		if !l.copies {
			b = new(lot)
		}
	}
}

// gather puts into b what is to be written next, in units: what the link itself has to say, and frames. mu is held.
func (l *linked) gather(b *lot, ack uint64, todo []socket.Frame) {
	b.bytes, b.units = b.bytes[:0], b.units[:0]
	own := unit{}
	b.bytes = append(b.bytes, l.controls...)
	if ack > l.said && !l.brimful {
		b.bytes = appendFrame(b.bytes, opText, wire.AppendSocketAck(nil, ack))
		own.ack = ack
	}
	if l.ping {
		b.bytes = appendFrame(b.bytes, opText, wire.AppendPing(nil, l.at))
	}
	if own.end = len(b.bytes); own.end > 0 {
		b.units = append(b.units, own)
	}
	at := l.at.Seq
	for i := range todo {
		f := &todo[i]
		if len(b.bytes) >= maxBatch {
			break
		}
		// What the client has by another link has a number here all the same.
		for at++; at < f.Seq; at++ {
			b.bytes = appendFrame(b.bytes, opBinary, nothing)
		}
		b.bytes = l.appendNumbered(b.bytes, f)
		b.units = append(b.units, unit{end: len(b.bytes), seq: f.Seq})
	}
}

// nothing is an empty frame of a socket: what stands for one that was brought by another link.
var nothing = []byte{0}

// appendNumbered appends a frame of the socket.
func (l *linked) appendNumbered(dst []byte, f *socket.Frame) []byte {
	op, mark := opBinary, byte(0)
	switch f.Kind {
	case socket.Close:
		return appendFrame(dst, opText, wire.AppendSocketFrame(nil, f))
	case socket.Text:
		if op, mark = opText, '='; f.More {
			mark = '+'
		}
	case socket.Binary:
		if f.More {
			mark = 1
		}
	}
	if l.bits > 0 && len(f.Data) >= wire.DefaultDeflateFrom {
		lent := framePairs.Get().(*framePair)
		defer lent.back()
		lent.plain = append(append(lent.plain[:0], mark), f.Data...)
		lent.packed = appendPacked(lent.packed[:0], lent.plain, l.bits, true)
		if len(lent.packed) < len(lent.plain) {
			return appendHeaded(dst, ws.Header{Fin: true, Rsv: rsv1, OpCode: op, Length: int64(len(lent.packed))}, lent.packed)
		}
	}
	size := 1 + len(f.Data)
	dst = appendHead(dst, ws.Header{Fin: true, OpCode: op, Length: int64(size)}, size)
	return append(append(dst, mark), f.Data...)
}

// wrote notes that n bytes of b were written. It returns how many frames have left whole, and whether that was not all of it. mu is held.
func (l *linked) wrote(b *lot, n int) (frames int, short bool) {
	start := 0
	for _, u := range b.units {
		if n == start {
			break
		}
		if u.seq == 0 {
			l.said, l.ping, l.controls = max(l.said, u.ack), false, nil
		} else {
			l.at.Seq = u.seq
		}
		if n < u.end {
			l.rest, l.half = bytes.Clone(b.bytes[n:u.end]), u.seq
			break
		}
		if u.seq != 0 {
			frames++
		}
		start = u.end
	}
	return frames, n < len(b.bytes)
}

// Heard implements [socket.Link].
func (l *linked) Heard() bool { return l.heard.Swap(false) }

// Resume implements [socket.Link].
func (l *linked) Resume() {
	l.mu.Lock()
	l.opened.Add(1)
	owes := l.brimful
	l.brimful = false
	l.mu.Unlock()
	l.conn.Resume()
	if owes {
		l.socket.Poke(l) // to acknowledge what has come meanwhile
	}
}

// End implements [socket.Link].
func (l *linked) End(e socket.End) {
	switch {
	case e.Over:
		l.finish(appendClose(nil, uint16(ws.StatusNormalClosure), ""))
	case e.Code != 0:
		last := appendFrame(nil, opText, wire.AppendSocketFailure(nil, e.Code, e.Reason))
		l.finish(appendClose(last, e.Code, e.Reason))
	case e.Replaced:
		l.part(replaced)
	default:
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.over {
			l.over = true
			l.conn.Close()
		}
	}
}

// part ends the connection with a bye, and not the socket.
func (l *linked) part(bye transport.Bye) {
	l.finish(appendClose(appendFrame(nil, opText, wire.AppendBye(nil, bye)), uint16(bye.Code), bye.Reason))
}

// finish ends the connection behind the unit that was begun.
func (l *linked) finish(last []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.over = true
		l.conn.Finish([][]byte{l.rest, last})
	}
}
