package park

import (
	"bytes"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Fresh is the exchange of a request that a loop has read.
type Fresh struct {
	// Fields go out with the answer, beside its own. They are set before it is answered.
	Fields []Field
	// Last says that the client wants no other answer on its connection.
	Last bool

	sock    *socket
	touched bool // one of its methods was called
}

var _ Exchange = (*Fresh)(nil)

// Shard returns the place among the listener's loops of the one that has the connection, from 1; 0 if it has none.
func (x *Fresh) Shard() int { return x.sock.watcher().place }

// Remote returns the address of the client; the zero address if it is not known any more.
func (x *Fresh) Remote() netip.Addr {
	c := x.sock
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return netip.Addr{}
	}
	addr, err := unix.Getpeername(int(c.fd))
	if err != nil {
		return netip.Addr{}
	}
	switch addr := addr.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(addr.Addr)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(addr.Addr).Unmap()
	}
	return netip.Addr{}
}

// become moves the connection on from asking.
func (x *Fresh) become(next phase) *socket {
	x.touched = true
	c := x.sock
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != asking {
		return c // it is being closed
	}
	if c.phase = next; next != waiting {
		return c
	}
	c.set(deaf)
	c.clear(keep)
	if !x.Last {
		c.set(keep)
	}
	if len(x.Fields) > 0 {
		c.more().fields = x.Fields
	}
	return c
}

// Open implements [Exchange].
func (x *Fresh) Open(h *Head) (Answer, error) {
	return Answer{Conn: x.become(open), Head: h.stream(x.Fields, true), Chunked: true}, nil
}

// Take implements [Exchange].
func (x *Fresh) Take() (Conn, []Field, error) { return x.become(open), x.Fields, nil }

// Hold implements [Exchange].
func (x *Fresh) Hold() Held { return (*poll)(x.become(waiting)) }

// Reply implements [Exchange].
func (x *Fresh) Reply(r Reply) { x.become(waiting).reply(r) }

// passed is a connection whose first bytes were read by a loop.
type passed struct {
	*net.TCPConn
	early []byte
}

func (p *passed) Read(b []byte) (int, error) {
	if len(p.early) > 0 {
		n := copy(b, p.early)
		if p.early = p.early[n:]; len(p.early) == 0 {
			p.early = nil
		}
		return n, nil
	}
	return p.TCPConn.Read(b)
}

// pass hands the connection on with all that it has said. It is busy.
func (l *Loop) pass(c *socket, said []byte) {
	c.mu.Lock()
	if c.phase == closed {
		c.closeFD()
		c.mu.Unlock()
		return
	}
	fd := int(c.fd)
	c.phase = closed
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, fd, nil) // the duplicate below would keep it in the set
	c.depart()
	c.mu.Unlock()
	f := os.NewFile(uintptr(fd), "")
	nc, err := net.FileConn(f)
	_ = f.Close() // nc has its own
	if err != nil {
		return
	}
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		_ = nc.Close()
		return
	}
	l.home.asker.Pass(&passed{tcp, bytes.Clone(said)})
}
