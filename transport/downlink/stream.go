package downlink

import (
	"bytes"
	"net/http"
	"slices"
	"sync"
	"time"

	"tidings/gateway"
	"tidings/gateway/socket"
	"tidings/transport"
	"tidings/transport/park"
	"tidings/transport/sse"
	"tidings/transport/stream"
	"tidings/transport/wire"
)

// framing is what differs between streams.
type framing struct {
	head    *park.Head
	prelude string                                                                 // opens every stream
	object  func(dst []byte, at gateway.Cursor, object func([]byte) []byte) []byte // appends an object as a unit
	bye     func(dst []byte, b transport.Bye) []byte
}

var events = framing{
	head: park.NewHead(stream.Fields(sse.MediaType)...), prelude: wire.SSEPrelude, object: wire.AppendSSEObject,
	bye: func(dst []byte, b transport.Bye) []byte { return wire.AppendSSEBye(dst, b, gateway.Cursor{}) },
}

var lines = framing{
	head: park.NewHead(stream.Fields(stream.NDJSON)...),
	object: func(dst []byte, _ gateway.Cursor, object func([]byte) []byte) []byte {
		return append(object(dst), '\n')
	},
	bye: func(dst []byte, b transport.Bye) []byte { return append(wire.AppendBye(dst, b), '\n') },
}

// batchBytes is about how many bytes of frames are written at a time.
const batchBytes = 64 << 10

// streamed is a link whose answer does not end.
type streamed struct {
	socket  Socket
	terms   Terms
	framing *framing

	mu      sync.Mutex // guards what follows; taken with the socket's lock held, never the other way round
	conn    park.Conn  // nil until the answer has begun
	chunked bool
	at      gateway.Cursor // that of the last frame that was begun
	said    uint64         // up to where the client was told that its frames were taken
	owed    bool           // a ping
	rest    []byte         // of what was begun, up to the end of a unit
	half    uint64         // the seq of the frame that rest ends; 0 if it ends none
	over    bool           // nothing is written any more
	end     *socket.End    // came before the answer had begun
	tick    *time.Timer
}

var _ Link = (*streamed)(nil)

// Serve implements [Link].
func (l *streamed) Serve(x park.Exchange, w socket.Welcome) (int, error) {
	answer, err := x.Open(l.framing.head)
	if err != nil {
		l.socket.Detach(l)
		return 0, err
	}
	l.begin(answer, &w)
	l.socket.Ready(l)
	l.flush() // where the socket had nothing to be carried
	answer.Conn.Serve((*streamEars)(l))
	return http.StatusOK, nil
}

// begin has the answer begin with hello.
func (l *streamed) begin(answer park.Answer, w *socket.Welcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn, l.chunked = answer.Conn, answer.Chunked
	l.at, l.said = gateway.Cursor{Epoch: w.Epoch, Seq: w.Since}, w.Ack
	greeting := slices.Concat(answer.Head...)
	from := len(greeting)
	greeting = append(greeting, l.framing.prelude...)
	if l.terms.Prelude && l.terms.Kind == transport.Stream {
		greeting = append(greeting, wire.NDJSONPrelude...)
	}
	greeting = l.framing.object(greeting, l.at, func(dst []byte) []byte { return wire.AppendSocketHello(dst, l.terms.hello(w)) })
	l.rest = l.close(greeting, from)
	if l.end != nil {
		l.finish(*l.end)
		return
	}
	if l.terms.Tick > 0 {
		l.tick = time.AfterFunc(l.terms.Tick, l.ping)
	}
}

// close ends a unit that begins at start.
func (l *streamed) close(dst []byte, start int) []byte {
	if l.chunked {
		return wire.CloseChunk(dst, start)
	}
	return dst
}

// appendObject appends an object as a unit.
func (l *streamed) appendObject(dst []byte, object func([]byte) []byte) []byte {
	return l.close(l.framing.object(dst, l.at, object), len(dst))
}

// unit is where one ends in what is written at a time, and the frame that it is; 0 for none.
type unit struct {
	end int
	seq uint64
}

// Carry implements [socket.Link].
func (l *streamed) Carry(load socket.Load) (frames int, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil || l.over {
		return 0, false
	}
	l.owed = l.owed || load.Ping
	todo := load.Frames
	begun := l.half != 0 && len(todo) > 0 && todo[0].Seq == l.half // it is in rest
	if begun {
		todo = todo[1:]
	}
	for {
		buf, units := l.batch(load.Ack, todo)
		if len(l.rest) == 0 && len(buf) == 0 {
			return frames, false
		}
		n, err := l.conn.Write([][]byte{l.rest, buf})
		if err != nil {
			l.stop() // the connection's handler hears of its end
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
		wrote, short := l.wrote(buf, n, load.Ack, units)
		frames += wrote
		if short {
			return frames, false
		}
		todo = todo[wrote:]
	}
}

// batch returns what is to be written next, in units: what the link itself has to say, and frames. An ack alone is not worth a unit: who sends
// hears it in the answer.
func (l *streamed) batch(ack uint64, todo []socket.Frame) (buf []byte, units []unit) {
	if l.owed || ack > l.said && len(todo) > 0 {
		if ack > l.said {
			buf = l.appendObject(buf, func(dst []byte) []byte { return wire.AppendSocketAck(dst, ack) })
		}
		if l.owed {
			buf = l.appendObject(buf, func(dst []byte) []byte { return wire.AppendPing(dst, l.at) })
		}
		units = append(units, unit{end: len(buf)})
	}
	at := l.at
	for i := range todo {
		if len(buf) >= batchBytes {
			break
		}
		l.at.Seq = todo[i].Seq
		buf = l.appendObject(buf, func(dst []byte) []byte { return wire.AppendSocketFrame(dst, &todo[i]) })
		units = append(units, unit{end: len(buf), seq: todo[i].Seq})
	}
	l.at = at
	return buf, units
}

// wrote notes that n bytes of a batch were written. It returns how many frames have left whole, and whether that was not all of the batch.
func (l *streamed) wrote(buf []byte, n int, ack uint64, units []unit) (frames int, short bool) {
	start := 0
	for _, u := range units {
		if n == start {
			break
		}
		if u.seq == 0 {
			l.said, l.owed = max(l.said, ack), false
		} else {
			l.at.Seq = u.seq
		}
		if n < u.end {
			l.rest, l.half = bytes.Clone(buf[n:u.end]), u.seq
			break
		}
		if u.seq != 0 {
			frames++
		}
		start = u.end
	}
	return frames, n < len(buf)
}

// ping says the ping that its client has asked for, or leaves it to the next that is written.
func (l *streamed) ping() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed = true
	l.write()
}

// flush writes what is no frame.
func (l *streamed) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write()
}

// write writes what there is beside frames: where a frame is under way, the socket has something to be carried. mu is held.
func (l *streamed) write() {
	if l.over || l.half != 0 {
		return
	}
	buf, units := l.batch(0, nil)
	if len(l.rest) == 0 && len(buf) == 0 {
		return
	}
	n, err := l.conn.Write([][]byte{l.rest, buf})
	switch {
	case err != nil:
		l.stop()
	case n < len(l.rest):
		l.rest = l.rest[n:]
	default:
		n -= len(l.rest)
		l.rest = nil
		l.wrote(buf, n, 0, units)
	}
}

// Heard implements [socket.Link]: a client cannot say anything on a stream. Its end shows by TCP.
func (*streamed) Heard() bool { return true }

// Hurry implements [Link].
func (*streamed) Hurry() {}

// Resume implements [socket.Link]: nothing comes up a stream.
func (*streamed) Resume() {}

// End implements [socket.Link].
func (l *streamed) End(e socket.End) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		l.end = &e
		return
	}
	if !l.over {
		l.finish(e)
	}
}

// finish ends the stream. mu is held.
func (l *streamed) finish(e socket.End) {
	var last []byte
	switch {
	case e.Code != 0:
		last = l.appendObject(nil, func(dst []byte) []byte { return wire.AppendSocketFailure(dst, e.Code, e.Reason) })
	case e.Replaced:
		last = l.close(l.framing.bye(nil, transport.Bye{Code: transport.Replaced, Reason: string(gateway.ReasonReplaced)}), 0)
	}
	if l.chunked {
		last = append(last, wire.LastChunk...)
	}
	l.conn.Finish([][]byte{l.rest, last})
	l.stop()
}

// stop has nothing written any more. mu is held.
func (l *streamed) stop() {
	l.over, l.rest = true, nil
	if l.tick != nil {
		l.tick.Stop()
	}
}

// streamEars hears a connection for its link.
type streamEars streamed

var _ park.Handler = (*streamEars)(nil)

// Data implements [park.Handler]: what a client has to say it posts, and what is sent up all the same means nothing.
func (*streamEars) Data([]byte) bool { return true }

// Ready implements [park.Handler]. The connection's lock is held, and the socket's must not be taken with it.
func (e *streamEars) Ready() {
	go func() {
		l := (*streamed)(e)
		l.socket.Ready(l)
		l.flush() // where the socket had nothing to be carried
	}()
}

// Gone implements [park.Handler].
func (e *streamEars) Gone() {
	l := (*streamed)(e)
	l.mu.Lock()
	l.stop()
	l.mu.Unlock()
	l.socket.Detach(l)
}
