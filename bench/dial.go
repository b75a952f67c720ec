package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

const dialTime = 30 * time.Second

// lastAlias is the highest x of 127.0.0.x that is dialled when the ports to the others have run out.
const lastAlias = 250

// ErrUnreachable is returned when no connection can be made.
var ErrUnreachable = errors.New("the server cannot be reached")

// dialer connects to one place.
type dialer struct {
	place
	net   net.Dialer
	alias atomic.Int32 // of 127.0.0.x; from 1
}

func newDialer(p place, anywhere bool) *dialer {
	d := &dialer{place: p, net: net.Dialer{Timeout: dialTime, KeepAlive: -1}}
	if !anywhere {
		d.net.Control = control
	}
	d.alias.Store(1)
	return d
}

func (d *dialer) dial(ctx context.Context) (net.Conn, error) {
	for {
		alias := d.alias.Load()
		addr := d.addr
		if d.name == "127.0.0.1" && alias > 1 {
			addr = net.JoinHostPort(fmt.Sprintf("127.0.0.%d", alias), d.port())
		}
		c, err := d.net.DialContext(ctx, "tcp", addr)
		if err == nil {
			return d.secure(ctx, c)
		}
		if again, err := d.failed(alias, err); !again {
			return nil, err
		}
	}
}

// failed says what an error of connecting means, or that another try with another alias may do.
func (d *dialer) failed(alias int32, err error) (again bool, told error) {
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL) && d.name == "127.0.0.1" && alias < lastAlias:
		// Another destination has all the local ports again.
		d.alias.CompareAndSwap(alias, alias+1)
		return true, nil
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return false, fmt.Errorf("no local port is left to connect from: fewer connections, or a wait of a minute: %w", err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return false, fmt.Errorf("this process may not open more files (%s): fewer connections, or a higher `ulimit -n`: %w", fileLimit(), err)
	case alias > 1 && errors.Is(err, syscall.ECONNREFUSED):
		return false, fmt.Errorf("the local ports to 127.0.0.1 have run out, and the server does not listen at 127.0.0.%d "+
			"(at 0.0.0.0 it would): %w", alias, err)
	case errors.Is(err, ErrHost), errors.Is(err, context.Canceled):
		return false, err
	}
	return false, fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// resolve returns the one address that connections go to. What a name stands for is found out by connecting.
func (d *dialer) resolve(ctx context.Context) (netip.AddrPort, error) {
	if to, err := netip.ParseAddrPort(d.addr); err == nil {
		if d.net.Control != nil {
			err = control("tcp", d.addr, nil)
		}
		return netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), err
	}
	c, err := d.dial(ctx)
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer c.Close()
	to, err := netip.ParseAddrPort(c.RemoteAddr().String())
	return netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), err
}

func (d *dialer) port() string {
	_, port, _ := net.SplitHostPort(d.addr) // it was joined
	return port
}

func (d *dialer) secure(ctx context.Context, c net.Conn) (net.Conn, error) {
	if !d.tls {
		return c, nil
	}
	t := tls.Client(c, &tls.Config{ServerName: d.name, NextProtos: []string{"http/1.1"}})
	if err := t.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return t, nil
}

// sever closes a connection without a goodbye, so that its port is free at once.
func sever(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // if not, the port is free in a minute
	}
	c.Close()
}
