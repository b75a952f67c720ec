package sockets

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// crowdAt names the variable that has this program be a crowd of clients: a process of its own, so that what the server has open can be
// counted, and so that each has all the files that one may open.
const crowdAt = "TIDINGS_TEST_CROWD"

func TestMain(m *testing.M) {
	if address := os.Getenv(crowdAt); address != "" {
		if err := crowd(address, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// The ways to leave, in turn.
const (
	saysGoodbye = iota // a close frame, and the answer is awaited
	hangsUp            // the connection is closed without a close frame
	resets             // the connection is reset
	freezes            // the connection stays, and nothing is read or said any more: a cable that was pulled
	ways
)

// client is one of a crowd.
type client struct {
	leaves int // in which way
	conn   net.Conn
	in     *bufio.Reader
	alive  sync.WaitGroup // answers pings
}

// live answers pings until it is interrupted.
func (c *client) live() {
	for {
		f, err := readHead(c.in)
		if err == nil {
			_, err = io.CopyN(io.Discard, c.in, f.length)
		}
		if err == nil && f.opcode == opPing {
			_, err = c.conn.Write(small(opPong, nil))
		}
		if err != nil {
			return
		}
	}
}

// interrupt ends live.
func (c *client) interrupt() error {
	if err := c.conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return err
	}
	c.alive.Wait()
	return c.conn.SetReadDeadline(time.Time{})
}

// crowd opens sockets at an address as standard input says, and reports each line: a path, their number, and in how many of the ways they will
// leave, one as often as the other. At an empty line all leave, which is reported too, and at its end it ends.
func crowd(address string, stdin io.Reader, stdout io.Writer) error {
	var all []*client
	lines := bufio.NewScanner(stdin)
	for lines.Scan() {
		if lines.Text() == "" {
			if err := leave(all); err != nil {
				return err
			}
			fmt.Fprintln(stdout, "left")
			continue
		}
		var path string
		var n, ways int
		if _, err := fmt.Sscan(lines.Text(), &path, &n, &ways); err != nil {
			return err
		}
		more, err := open(address, path, n, ways)
		if err != nil {
			return err
		}
		all = append(all, more...)
		fmt.Fprintln(stdout, "open")
	}
	return lines.Err()
}

// dialers is how many connections are made at the same time.
const dialers = 32

// each calls do for 0 to n-1, on a few goroutines.
func each(n int, do func(i int) error) error {
	var (
		working sync.WaitGroup
		errs    = make(chan error, dialers)
	)
	for from := range dialers {
		working.Go(func() {
			for i := from; i < n; i += dialers {
				if err := do(i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	working.Wait()
	close(errs)
	return <-errs
}

func open(address, path string, n, ways int) ([]*client, error) {
	all := make([]*client, n)
	err := each(n, func(i int) error {
		c, in, err := dial(context.Background(), address, path)
		if err != nil {
			return fmt.Errorf("socket %d: %w", i, err)
		}
		all[i] = &client{leaves: i % ways, conn: c, in: in}
		if path == floodPath {
			return nil
		}
		if err := exchange(c, in, []byte("hello")); err != nil {
			return err
		}
		all[i].alive.Go(all[i].live)
		return nil
	})
	return all, err
}

func leave(all []*client) error {
	return each(len(all), func(i int) error {
		c := all[i]
		if err := c.interrupt(); err != nil {
			return err
		}
		switch c.leaves {
		case saysGoodbye:
			return c.goodbye()
		case hangsUp:
			return c.conn.Close()
		case resets:
			return errors.Join(c.conn.(*net.TCPConn).SetLinger(0), c.conn.Close())
		}
		return nil
	})
}

// goodbye closes as RFC 6455, section 7.1.2, has it.
func (c *client) goodbye() error {
	if _, err := c.conn.Write(small(opClose, binary.BigEndian.AppendUint16(nil, 1000))); err != nil {
		return err
	}
	for {
		f, err := readHead(c.in)
		if err != nil {
			return fmt.Errorf("waiting for the close to be answered: %w", err)
		}
		if f.opcode == opClose {
			break
		}
		if _, err := io.CopyN(io.Discard, c.in, f.length); err != nil {
			return err
		}
	}
	// The server closes the connection (section 7.1.1).
	if _, err := io.Copy(io.Discard, c.in); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		return err
	}
	return c.conn.Close()
}
