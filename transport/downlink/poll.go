package downlink

import (
	"net/http"
	"sync"
	"time"

	"tidings/gateway"
	"tidings/gateway/socket"
	"tidings/transport/park"
	longpoll "tidings/transport/poll"
	"tidings/transport/wire"
)

// answerBytes bounds the items of one answer.
const answerBytes = 1 << 20

// replacedMS is when the client of a poll that a newer one has ended should ask again, if it still hears the answer.
const replacedMS = 500

var pollHead = longpoll.NewHead()

// poll is a link that is one answer: to what there is, or, where it waits, to what comes first.
type poll struct {
	socket Socket
	terms  Terms

	mu       sync.Mutex // guards what follows; taken with the socket's lock held, never the other way round
	welcome  socket.Welcome
	serving  bool        // the answer may be given
	end      *socket.End // came before that
	answered bool
	answer   wire.SocketPoll // once it is given
	items    []byte
	held     park.Held // nil where the handler's goroutine answers
	timer    *time.Timer
}

var _ Link = (*poll)(nil)

// Serve implements [Link].
func (l *poll) Serve(x park.Exchange, w socket.Welcome) (int, error) {
	l.mu.Lock()
	l.welcome, l.serving = w, true
	l.terms.PollMS = min(l.terms.PollMS, int(w.Away.Milliseconds())/3) // a client that comes so late is not away by then
	if l.end != nil {
		l.finish(*l.end)
	}
	l.mu.Unlock()
	l.socket.Ready(l)
	if l.terms.Wait > 0 && l.hold(x) {
		l.held.Serve((*pollEars)(l))
		return http.StatusOK, nil
	}
	l.expire()
	x.Reply(l.reply())
	return http.StatusOK, nil
}

// hold has the poll wait, unless it is answered already.
func (l *poll) hold(x park.Exchange) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answered {
		return false
	}
	l.held = x.Hold()
	l.timer = time.AfterFunc(l.terms.Wait, l.expire)
	return true
}

// expire answers with nothing, if there was nothing to answer with.
func (l *poll) expire() {
	taken := l.socket.Taken()
	l.mu.Lock()
	first := !l.answered
	if first {
		l.give(0, taken, false, l.terms.PollMS)
	}
	l.mu.Unlock()
	if first {
		l.socket.Detach(l)
	}
}

// give answers with the items that there are, of which the last has this seq; 0 where there is none. mu is held.
func (l *poll) give(last, ack uint64, more bool, pollMS int) {
	l.answered = true
	l.answer = wire.SocketPoll{
		Cursor: gateway.Cursor{Epoch: l.welcome.Epoch, Seq: max(last, l.welcome.Since)}, Ack: max(ack, l.welcome.Ack), More: more,
		PollMS: pollMS, Offer: l.terms.Offer,
	}
	if !l.terms.Resume {
		hello := l.terms.hello(&l.welcome)
		l.answer.Hello = &hello
	}
	if l.held != nil {
		l.timer.Stop()
		l.held.Reply(l.reply())
	}
}

// reply is the answer, once it is given.
func (l *poll) reply() park.Reply {
	return park.Reply{Head: pollHead, Parts: l.answer.Parts(l.items)}
}

// Carry implements [socket.Link].
func (l *poll) Carry(load socket.Load) (frames int, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answered || !l.serving || len(load.Frames) == 0 {
		return 0, l.answered
	}
	for i := range load.Frames {
		before := len(l.items)
		if frames > 0 {
			l.items = append(l.items, ',')
		}
		l.items = wire.AppendSocketFrame(l.items, &load.Frames[i])
		if frames > 0 && len(l.items) > answerBytes {
			l.items = l.items[:before]
			break
		}
		frames++
	}
	l.give(load.Frames[frames-1].Seq, load.Ack, frames < len(load.Frames), l.terms.PollMS)
	return frames, true
}

// Heard implements [socket.Link]: a client cannot say anything on a poll.
func (*poll) Heard() bool { return true }

// Hurry implements [Link].
func (l *poll) Hurry() { l.terms.Wait = 0 }

// Resume implements [socket.Link]: a poll is not read from.
func (*poll) Resume() {}

// End implements [socket.Link]. A poll that is ended early has nothing to report but its position, and that is an answer like any other.
func (l *poll) End(e socket.End) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.answered:
	case !l.serving:
		l.end = &e
	default:
		l.finish(e)
	}
}

// finish answers with why the link is ended. mu is held.
func (l *poll) finish(e socket.End) {
	pollMS := l.terms.PollMS
	switch {
	case e.Code != 0:
		l.items = wire.AppendSocketFailure(l.items, e.Code, e.Reason)
	case e.Replaced:
		pollMS = min(pollMS, replacedMS)
	}
	l.give(0, 0, false, pollMS)
}

// pollEars hears a connection for its link.
type pollEars poll

var _ park.Handler = (*pollEars)(nil)

// Data implements [park.Handler]: nothing is read while an answer is awaited.
func (*pollEars) Data([]byte) bool { return false }

// Ready implements [park.Handler]: a poll is never written to short.
func (*pollEars) Ready() {}

// Gone implements [park.Handler].
func (e *pollEars) Gone() {
	l := (*poll)(e)
	l.mu.Lock()
	l.answered = true
	l.timer.Stop()
	l.mu.Unlock()
	l.socket.Detach(l)
}
