package park

import (
	"net"
	"slices"
	"sync"
	"time"
)

// batched is the outlet of a connection on which only blocking writes are to be had: TLS, pipes, other systems. One batch at
// a time is in flight, and a goroutine exists only as long.
type batched struct {
	net  net.Conn
	room func(error)

	mu    sync.Mutex // guards the rest
	busy  bool       // a batch is in flight
	short bool       // a write was refused meanwhile
	last  [][]byte   // what finish took
	done  func(error)
}

func (b *batched) write(parts [][]byte) (int, error) {
	n := size(parts)
	if n == 0 {
		return 0, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy {
		b.short = true
		return 0, nil
	}
	b.busy = true
	go b.run(slices.Clone(parts))
	return n, nil
}

func (b *batched) finish(parts [][]byte, done func(error)) {
	_ = b.net.SetWriteDeadline(time.Now().Add(FinishTime)) // holds for the batch in flight too; a failure shows in the write
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last, b.done = slices.Clone(parts), done
	if !b.busy {
		b.busy = true
		go b.run(nil)
	}
}

// run writes a batch, and after it what finish took meanwhile.
func (b *batched) run(parts [][]byte) {
	err := writeAll(b.net, parts)
	b.mu.Lock()
	last, done := b.last, b.done
	short := b.short
	b.short = false
	b.busy = done != nil
	b.mu.Unlock()
	if done != nil {
		if err == nil {
			err = writeAll(b.net, last)
		}
		done(err)
		return
	}
	if err != nil || short {
		b.room(err)
	}
}

// buffered is the inlet of such a connection. A waiting read needs a buffer, so it is a small one; what arrives on a parked
// connection is little.
type buffered struct {
	net net.Conn
	buf []byte
}

func (b *buffered) read() ([]byte, error) {
	if b.buf == nil {
		b.buf = make([]byte, 1<<10)
	}
	n, err := b.net.Read(b.buf)
	if n > 0 {
		return b.buf[:n], nil // the error comes again
	}
	return nil, err
}

func (b *buffered) release() {}

// buffers holds what bytes pass through on their way: a TLS record's worth each.
var buffers = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// writeAll writes parts in few calls: every call would be a record of its own under TLS.
func writeAll(nc net.Conn, parts [][]byte) error {
	if len(parts) == 1 {
		_, err := nc.Write(parts[0])
		return err
	}
	buf, _ := buffers.Get().(*[16 << 10]byte)
	defer buffers.Put(buf)
	n := 0
	for _, p := range parts {
		for len(p) > 0 {
			took := copy(buf[n:], p)
			p = p[took:]
			if n += took; n == len(buf) {
				if _, err := nc.Write(buf[:n]); err != nil {
					return err
				}
				n = 0
			}
		}
	}
	if n == 0 {
		return nil
	}
	_, err := nc.Write(buf[:n])
	return err
}
