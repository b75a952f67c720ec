package bench

import (
	"errors"
	"net"
	"sync"
	"time"
)

// threads carry each connection by a goroutine that reads: what works everywhere, and with TLS.
type threads struct {
	*crowd
	book     *book
	dialling chan struct{}
	living   sync.WaitGroup

	mu   sync.Mutex
	all  []*thread     // guarded by mu
	gate chan struct{} // guarded by mu; open unless all are cut
}

// threadBuffer is what one reads at once.
const threadBuffer = 4 << 10

func newThreads(c *crowd) *threads {
	t := &threads{crowd: c, book: newBook(), dialling: make(chan struct{}, c.Dialers), gate: make(chan struct{})}
	close(t.gate)
	c.books = append(c.books, t.book)
	return t
}

// thread is one follower's connection.
type thread struct {
	*threads
	f    *follower
	mu   sync.Mutex
	conn net.Conn // guarded by mu
}

func (t *thread) write(b []byte) error {
	t.mu.Lock()
	c := t.conn
	t.mu.Unlock()
	_, err := c.Write(b)
	return err
}

func (t *threads) dial(fs []*follower) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range fs {
		one := &thread{threads: t, f: f}
		f.wire, f.book = one, t.book
		t.all = append(t.all, one)
		t.living.Go(one.live)
	}
}

func (t *threads) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gate = make(chan struct{})
	t.wave.Add(1)
	t.severAll()
}

func (t *threads) severAll() {
	for _, one := range t.all {
		one.mu.Lock()
		if one.conn != nil {
			sever(one.conn)
		}
		one.mu.Unlock()
	}
}

func (t *threads) back() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.gate)
}

// readOn has nothing to do: each waits for the crowd's word itself.
func (t *threads) readOn() {}

func (t *threads) close() {
	t.mu.Lock()
	t.severAll()
	t.mu.Unlock()
	t.living.Wait()
}

// live connects and reads until the run ends.
func (t *thread) live() {
	for {
		wave := t.wave.Load()
		err := t.once(wave)
		if t.wave.Load() != wave {
			t.f.leave()
		} else {
			pause, again := t.f.lost(err)
			if !again || sleep(t.ctx, pause) != nil {
				return
			}
		}
		t.threads.mu.Lock()
		gate := t.gate
		t.threads.mu.Unlock()
		select {
		case <-gate:
		case <-t.ctx.Done():
			return
		}
	}
}

var errWave = errors.New("all were cut")

// once is one connection, from the first packet to the last.
func (t *thread) once(wave int64) error {
	buf := make([]byte, threadBuffer)
	if err := t.connect(wave, buf); err != nil {
		return err
	}
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		sever(t.conn)
	}()
	if t.stalled != nil {
		select {
		case <-t.stalled:
		case <-t.ctx.Done():
			return t.ctx.Err()
		}
	}
	for {
		if err := t.rest(); err != nil {
			return err
		}
		n, err := t.conn.Read(buf)
		if n == 0 && err != nil {
			return t.f.gone(err)
		}
		if err := t.f.arrived(buf[:n]); err != nil {
			return err
		}
	}
}

// connect dials, and waits for an answer where there will be one soon.
func (t *thread) connect(wave int64, buf []byte) error {
	select {
	case t.dialling <- struct{}{}:
	case <-t.ctx.Done():
		return t.ctx.Err()
	}
	defer func() { <-t.dialling }()
	c, err := t.follow.dial(t.ctx)
	if err != nil {
		return err
	}
	if tcp, ok := c.(*net.TCPConn); ok && t.stalled != nil {
		_ = tcp.SetReadBuffer(stalledBuffer) // what comes without is more in the kernel
	}
	t.mu.Lock()
	t.conn = c
	t.mu.Unlock()
	// Who cuts all, or ends the run, severs what there is, and that is this only from here on.
	if t.ctx.Err() != nil || t.wave.Load() != wave {
		c.Close()
		return errWave
	}
	_ = c.SetReadDeadline(time.Now().Add(dialTime)) // a plain connection takes it
	for err = t.f.connected(); err == nil; {
		if err = t.rest(); err != nil || t.f.live {
			break
		}
		var n int
		if n, err = c.Read(buf); n == 0 && err != nil {
			err = t.f.gone(err)
			break
		}
		err = t.f.arrived(buf[:n])
	}
	if err != nil {
		sever(c)
		return err
	}
	_ = c.SetReadDeadline(time.Time{})
	return nil
}

// rest waits as long as the follower wants before it asks.
func (t *thread) rest() error {
	for t.f.pause > 0 {
		pause := t.f.pause
		t.f.pause = 0
		if err := sleep(t.ctx, pause); err != nil {
			return err
		}
		if err := t.f.ask(); err != nil {
			return err
		}
	}
	return nil
}
