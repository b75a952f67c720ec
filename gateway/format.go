package gateway

// Format is one way to write a message as bytes. A transport's package makes each of its formats once, as a variable;
// formats are told apart by their address.
type Format struct {
	Name string
	// Append appends the message's bytes in this format to dst: one whole unit (frame, event, line, part). A message that
	// the format cannot say appends nothing. With a nil dst it may return what [Message.Encoded] has of another format.
	Append func(dst []byte, m *Message) []byte
}

// encoding is a message in one format. The bytes are shared by all followers and never change.
type encoding struct {
	format *Format
	bytes  []byte
	older  *encoding
	// late says that this was made after the message had left the history. An encoding without a format stands in the list
	// for that moment. It never changes.
	late bool
	// borrowed says that the bytes are another encoding's, which counts for both. It never changes.
	borrowed bool
	gone     bool // the message has left the history: the bytes count only while pinned; guarded by pins.mu once published
	pins     int  // followers that have written a part of it; guarded by pins.mu
}

// Encoded returns the message's bytes in format f. They are made at the first call, for everybody, and must not be changed.
func (m *Message) Encoded(f *Format) []byte { return m.encode(f).bytes }

func (m *Message) encode(f *Format) *encoding {
	head := m.encodings.Load()
	if e := head.find(f); e != nil {
		return e
	}
	made := &encoding{format: f, bytes: f.Append(nil, m)}
	made.borrowed = m.encodings.Load().lends(made.bytes)
	for {
		made.older = head
		made.late = head != nil && head.late
		made.gone = made.late
		if m.encodings.CompareAndSwap(head, made) {
			if !made.late && !made.borrowed {
				m.log.encoded.Add(int64(len(made.bytes)))
			}
			return made
		}
		// Another shard was first with some format; if it was this one, everybody shares its bytes.
		head = m.encodings.Load()
		if e := head.find(f); e != nil {
			return e
		}
	}
}

func (e *encoding) find(f *Format) *encoding {
	for ; e != nil; e = e.older {
		if e.format == f {
			return e
		}
	}
	return nil
}

// lends reports whether b are the bytes of an encoding.
func (e *encoding) lends(b []byte) bool {
	for ; e != nil; e = e.older {
		if len(b) > 0 && len(e.bytes) == len(b) && &e.bytes[0] == &b[0] {
			return true
		}
	}
	return false
}

// left stands in the list of every message that left the history before anybody had encoded it.
var left = &encoding{late: true, gone: true}

// leave takes the message's encodings out of the count of the history: from now on only pinned ones count.
func (m *Message) leave() {
	if m.encodings.CompareAndSwap(nil, left) {
		return
	}
	mark := &encoding{late: true, gone: true}
	for {
		mark.older = m.encodings.Load()
		if m.encodings.CompareAndSwap(mark.older, mark) {
			break
		}
	}
	for e := mark.older; e != nil; e = e.older {
		if !e.borrowed {
			m.log.encoded.Add(-int64(len(e.bytes)))
		}
		m.log.pinned.leave(e)
	}
}
