package websocket

import (
	"sync"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"tidings/gateway"
	"tidings/transport"
)

// talk is what a client is saying: a frame that has not arrived whole, and what was said and is not obeyed yet. Publishing may take
// its time, so that a goroutine obeys, one request after the other, for as long as there are any.
type talk struct {
	peer   *peer
	frames messages // the loop's

	mu       sync.Mutex // guards the rest
	said     []spoken
	bytes    int                // of text in said
	obeying  bool               // the goroutine runs
	full     bool               // answers that are not written yet are too many
	deaf     bool               // the connection is not read from
	upstream transport.Upstream // with the rights that the client has now
	// farewell is the close frame with which a client is answered that has closed, or broken the protocol. It is set before the
	// same bytes are passed to the follower as a reply, or that is ended.
	farewell []byte
}

// spoken is a text, or the code of a close frame.
type spoken struct {
	text   []byte
	packed bool // the text is deflated
	close  bool
}

// maxSaid bounds the text that waits to be obeyed: past it a client is not read from. One message is always taken.
const maxSaid = 64 << 10

func newTalk(p *peer) *talk {
	on := p.on()
	t := &talk{peer: p, upstream: on.upstream}
	t.frames = messages{frames: frames{state: ws.StateServerSide, limit: on.messageBytes}, hear: t.hear}
	if on.deflates {
		t.frames.deflates, t.frames.hearPacked = true, t.hearPacked
	}
	return t
}

// say has the goroutine obey.
func (t *talk) say(s spoken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.said = append(t.said, s)
	t.bytes += len(s.text)
	if !t.obeying {
		t.obeying = true
		go t.obey()
	}
}

// obey does what was said until there is nothing more.
func (t *talk) obey() {
	for {
		t.mu.Lock()
		t.listenOn()
		if len(t.said) == 0 {
			t.obeying = false
			t.said = nil
			t.mu.Unlock()
			return
		}
		s := t.said[0]
		t.said[0] = spoken{}
		t.said = t.said[1:]
		t.bytes -= len(s.text)
		t.mu.Unlock()
		switch {
		case s.close:
			frame := appendFrame(nil, opClose, s.text)
			t.part(frame)
			t.reply(frame)
		case !t.obeySpoken(s):
			t.peer.Follower.Close(gateway.ReasonBadRequest)
			t.mu.Lock()
			t.said, t.bytes = nil, 0
			t.mu.Unlock()
		}
	}
}

// obeySpoken does what a text asks for. It returns false if that is nothing that the wire allows, and the client is told why.
func (t *talk) obeySpoken(s spoken) bool {
	if s.packed {
		text, err := inflate(s.text, t.frames.limit)
		if err == nil && !utf8.Valid(text) {
			err = notUTF8
		}
		if err != nil {
			t.endFor(err)
			return false
		}
		s.text = text
	}
	return t.obeyOne(s.text)
}

// reply has a frame written in order with everything else.
func (t *talk) reply(frame []byte) { t.ask(func() bool { return t.peer.Reply(frame) }) }

// ask asks the follower for something that it answers, and notes whether there is room for more answers.
func (t *talk) ask(of func() (room bool)) {
	t.mu.Lock()
	defer t.mu.Unlock() // over of, so that room cannot be told before it is known to be wanted
	if !of() {
		t.full = true
	}
}

// room says that answers have left.
func (t *talk) room() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.full = false
	t.listenOn()
}

// listenOn has the connection read from again, if it may be. t.mu is held.
func (t *talk) listenOn() {
	if t.deaf && !t.full && t.bytes <= maxSaid/2 {
		t.deaf = false
		t.peer.conn.Resume()
	}
}

// rights returns what serves the client's requests; nil if it may send none.
func (t *talk) rights() transport.Upstream {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.upstream
}

// part leaves the peer its farewell.
func (t *talk) part(frame []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.farewell == nil {
		t.farewell = frame
	}
}

// rest says whether more may be read, and whether there is nothing that must be remembered of this talk.
func (t *talk) rest() (more, silent bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.full || t.bytes > maxSaid {
		t.deaf = true
	}
	silent = !t.deaf && !t.obeying && t.farewell == nil && t.upstream == t.peer.on().upstream && t.frames.atRest()
	return !t.deaf, silent
}
