package websocket

import (
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/gobwas/ws"

	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/wire"
)

// Upgrade is a handshake that asks for a socket, and that may be answered.
type Upgrade struct {
	agreed agreement
	// Offered are the subprotocols that are offered, best first.
	Offered []string
}

// CheckSocket checks the handshake of a socket, and whether it is to agree on permessage-deflate where that is offered. It fails with one of this
// package's errors.
func CheckSocket(h *transport.Handshake, deflates bool) (*Upgrade, error) {
	a, offered, err := handshakeSocket(h, deflates)
	if err != nil {
		return nil, err
	}
	return &Upgrade{a, offered}, nil
}

// Serve answers with 101 and has the connection carry a socket that was opened for it: the conversation is what RFC 6455 says, and ends with the
// connection. An error means that nothing was sent, and that the socket was dropped.
func (u *Upgrade) Serve(x park.Exchange, s *socket.Socket, o *socket.Opening) (status int, err error) {
	conn, fields, err := x.Take()
	if err != nil {
		s.Drop()
		return 0, err
	}
	u.agreed.protocol = s.Protocol()
	l := newPlain(s, conn)
	l.rest = u.agreed.appendHead(make([]byte, 0, 512), fields)
	if u.agreed.extensions != "" {
		l.deflate(u.agreed.windowBits)
		o.Unpack = unpack
	}
	if _, gone := s.Attach(l, o); gone != nil { // the gateway has closed since the socket was opened
		s.Drop()
		conn.Finish([][]byte{l.rest, appendClose(nil, uint16(ws.StatusGoingAway), "")})
	} else {
		s.Ready(l)
		conn.Serve((*plainEars)(l))
	}
	return http.StatusSwitchingProtocols, nil
}

// plain is a WebSocket that is a socket's conversation itself, as RFC 6455 has it. Until a message is more than the system takes at a time, it
// keeps nothing of what it writes.
type plain struct {
	socket *socket.Socket
	conn   park.Conn
	copies bool        // the connection has taken a copy when it returns from Write
	heard  atomic.Bool // something has come since this was asked last
	frames frames      // the loop's
	more   bool        // the socket has room for more; the loop's

	owed  atomic.Bool // there is something in pongs
	mu    sync.Mutex  // guards pongs
	pongs []byte      // what the client's pings are answered with: whole frames

	// What follows is guarded by the socket's lock.
	bits     int                    // of the window in which messages are deflated; 0 if they are not
	within   bool                   // the next frame goes on with a message
	packing  bool                   // that is deflated
	rest     []byte                 // is to be written before all else: the end of something that has begun, or the answer to the handshake
	restEnds bool                   // rest ends the first frame that is to be carried
	begun    int                    // how many bytes of that have been written, where they are not in rest; 0 if it has not begun
	head     [ws.MaxHeaderSize]byte // its head
	headSize int
	controls []byte // control frames to be written before the next frame
}

var (
	_ socket.Link  = (*plain)(nil)
	_ park.Handler = (*plainEars)(nil)
)

func newPlain(s *socket.Socket, conn park.Conn) *plain {
	return &plain{
		socket: s, conn: conn, copies: park.Copies(conn), frames: frames{state: ws.StateServerSide, limit: s.MessageBytes()},
	}
}

// deflate has messages deflated in a window of so many bits.
func (l *plain) deflate(bits int) { l.bits, l.frames.deflates = bits, true }

// half reports whether a frame has been written in part.
func (l *plain) half() bool { return l.begun > 0 || l.restEnds }

// pongBytes bounds the answers that wait: a client that sends more pings is answered the last (RFC 6455 section 5.5.3).
const pongBytes = 4 << 10

// Heard implements [socket.Link].
func (l *plain) Heard() bool { return l.heard.Swap(false) }

// Resume implements [socket.Link].
func (l *plain) Resume() { l.conn.Resume() }

// End implements [socket.Link].
func (l *plain) End(e socket.End) {
	switch {
	case l.half(): // within a frame nothing can be said
		l.conn.Close()
	case e.Over:
		l.conn.Finish([][]byte{l.rest})
	case e.Code != 0:
		l.conn.Finish([][]byte{l.rest, appendClose(nil, e.Code, e.Reason)})
	default:
		l.conn.Close()
	}
}

// Carry implements [socket.Link].
func (l *plain) Carry(load socket.Load) (frames int, done bool) {
	todo := load.Frames
	if load.Ping {
		l.controls = append(l.controls, ws.CompiledPing...)
	}
	if l.owed.Load() {
		l.takePongs()
	}
	for {
		var n int
		var went bool
		switch {
		case len(l.rest) > 0:
			n, went = l.writeRest()
		case l.begun > 0:
			n, went = l.goOn(&todo[0])
		case len(l.controls) > 0:
			l.rest, l.controls = l.controls, nil
			continue
		case len(todo) == 0:
			return frames, false
		default:
			n, went = l.write(todo)
		}
		frames += n
		todo = todo[n:]
		if !went {
			return frames, false
		}
	}
}

func (l *plain) takePongs() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed.Store(false)
	l.controls = append(l.controls, l.pongs...)
	l.pongs = nil
}

// writeRest writes what is to be written before all else. It returns how many frames end with it.
func (l *plain) writeRest() (frames int, went bool) {
	n, err := l.conn.Write([][]byte{l.rest})
	if l.rest = l.rest[n:]; err != nil || len(l.rest) > 0 {
		return 0, false
	}
	l.rest = nil
	if l.restEnds {
		l.restEnds, frames = false, 1
	}
	return frames, true
}

// goOn writes what is left of a frame that has begun.
func (l *plain) goOn(f *socket.Frame) (frames int, went bool) {
	if l.begun < l.headSize {
		return l.writeOne(l.head[l.begun:l.headSize], f.Data)
	}
	return l.writeOne(nil, f.Data[l.begun-l.headSize:])
}

// writeOne writes the head and the payload of a frame, or what is left of them.
func (l *plain) writeOne(head, payload []byte) (frames int, went bool) {
	parts := [2][]byte{head, payload}
	if !l.copies {
		parts[0], parts[1] = append(append(make([]byte, 0, len(head)+len(payload)), head...), payload...), nil
	}
	n, err := l.conn.Write(parts[:])
	if err != nil || n < len(head)+len(payload) {
		l.begun += n
		return 0, false
	}
	l.begun = 0
	return 1, true
}

// simple reports whether a frame is a whole message that is sent as it is, or a close.
func (l *plain) simple(f *socket.Frame) bool {
	return f.Kind == socket.Close || !l.within && !f.More && !l.deflates(f)
}

// deflates reports whether a message that begins with f is to be deflated.
func (l *plain) deflates(f *socket.Frame) bool {
	return l.bits > 0 && len(f.Data) >= wire.DefaultDeflateFrom
}

// write writes the first frames of todo, which have not begun: one, or several in one go.
func (l *plain) write(todo []socket.Frame) (frames int, went bool) {
	if f := &todo[0]; !l.simple(f) || len(f.Data) > smallBytes {
		return l.begin(f)
	}
	b := batches.Get().(*batch)
	if !l.copies {
		b = new(batch)
	}
	for i := range todo {
		f := &todo[i]
		if i == batchFrames || len(f.Data) > smallBytes || !l.simple(f) {
			break
		}
		b.add(f)
	}
	b.part[0] = b.bytes
	n, err := l.conn.Write(b.part[:])
	for frames < b.n && n >= b.ends[frames] {
		frames++
	}
	went = frames == b.n && err == nil
	if !went && err == nil {
		l.broke(&todo[frames], n, b, frames)
	}
	if l.copies {
		b.back()
	}
	return frames, went
}

// broke notes how far a frame of a batch was written.
func (l *plain) broke(f *socket.Frame, n int, b *batch, i int) {
	from := 0
	if i > 0 {
		from = b.ends[i-1]
	}
	if n == from {
		return
	}
	if f.Kind == socket.Close { // its payload is not its data
		l.rest, l.restEnds = append([]byte(nil), b.bytes[n:b.ends[i]]...), true
		return
	}
	l.begun = n - from
	l.headSize = copy(l.head[:], b.bytes[from:b.ends[i]-len(f.Data)])
}

// begin writes a frame by itself.
func (l *plain) begin(f *socket.Frame) (frames int, went bool) {
	first := !l.within
	if first && l.deflates(f) && l.pack(f) || !first && l.packing {
		if !first {
			packed := appendPacked(nil, f.Data, l.bits, !f.More)
			l.rest = appendHeaded(nil, ws.Header{Fin: !f.More, OpCode: ws.OpContinuation, Length: int64(len(packed))}, packed)
		}
		l.restEnds, l.packing, l.within = true, true, f.More
		return l.writeRest()
	}
	h := ws.Header{Fin: !f.More, OpCode: opOf(f.Kind), Length: int64(len(f.Data))}
	if !first {
		h.OpCode = ws.OpContinuation
	}
	l.headSize = len(appendHead(l.head[:0], h, len(f.Data)))
	frames, went = l.writeOne(l.head[:l.headSize], f.Data)
	if went || l.begun > 0 {
		l.within, l.packing = f.More, false
	}
	return frames, went
}

// pack deflates the first frame of a message into rest. It returns false where that would not make it smaller.
func (l *plain) pack(f *socket.Frame) bool {
	fresh := func() []byte {
		packed := appendPacked(nil, f.Data, l.bits, !f.More)
		if len(packed) >= len(f.Data) {
			return nil
		}
		return appendHeaded(nil, ws.Header{Fin: !f.More, Rsv: rsv1, OpCode: opOf(f.Kind), Length: int64(len(packed))}, packed)
	}
	if f.Shared != nil {
		l.rest = f.Shared.Get(l.bits, fresh)
	} else {
		l.rest = fresh()
	}
	return l.rest != nil
}

func opOf(kind socket.Kind) ws.OpCode {
	switch kind {
	case socket.Text:
		return opText
	case socket.Close:
		return opClose
	case socket.Binary:
	}
	return opBinary
}
