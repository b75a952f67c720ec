package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"tidings/transport"
)

var (
	// errNoSocket says that something has answered, but not as a gateway's socket does.
	errNoSocket = fmt.Errorf("%w: what answered is no socket of a gateway", ErrUnreachable)
	// errGone says that the gateway does not know the socket any more.
	errGone = errors.New("the gateway does not know the socket any more")
	// errStalled says that a connection was given up because nobody took what came.
	errStalled = errors.New("nobody takes what comes")
	// errNoUpstream says that a socket can be heard and cannot speak.
	errNoUpstream = errors.New("nothing that is sent gets through")
)

// journey is how the connections of a socket have gone so far. Only run uses it.
type journey struct {
	tried    []transport.Kind // before the socket was open
	first    error            // what the first of them met
	failures int              // in a row
	lost     time.Time        // when the last connection that worked has ended
}

// run serves the socket until it has ended: it connects again and again.
func (s *Socket) run() {
	defer close(s.gone)
	if s.idle != nil {
		defer s.idle()
	}
	j := journey{lost: time.Now()}
	for {
		kind := s.ladder.pick(time.Now())
		began := time.Now()
		spoke, err := s.connection(kind)
		s.mu.Lock()
		s.carrier = ""
		plain := s.plain
		s.mu.Unlock()
		var wait time.Duration
		switch {
		case s.ctx.Err() != nil, s.leave():
			return
		case !s.isOpen():
			if err = s.step(&j, kind, err); err != nil {
				s.cancel(err)
				s.end(&CloseError{Code: 1006, Reason: err.Error()})
				return
			}
			continue // to a transport that was not tried yet
		case !plain:
			wait, err = s.mend(&j, kind, spoke, time.Since(began), err)
		}
		if plain || err != nil {
			s.end(&CloseError{Code: 1006, Reason: err.Error()})
			return
		}
		if sleep(s.ctx, wait) != nil {
			return
		}
	}
}

func (s *Socket) isOpen() bool {
	select {
	case <-s.opened:
		return true
	default:
		return false
	}
}

// connection carries the socket over one connection, or a series of polls, until it ends. It reports whether the gateway has spoken on it.
func (s *Socket) connection(kind transport.Kind) (spoke bool, err error) {
	switch kind {
	case transport.WebSocket:
		return s.overWebSocket()
	case transport.SSE, transport.Stream:
		return s.overStream(kind)
	}
	return s.overPolls(kind)
}

// step decides after a vain attempt to open the socket whether the next transport is tried; otherwise it returns what Dial fails with. Every
// transport is tried once.
func (s *Socket) step(j *journey, kind transport.Kind, err error) error {
	if j.first == nil {
		j.first = err
	}
	j.tried = append(j.tried, kind)
	now := time.Now()
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return err // nobody there: the same by every transport
	}
	if _, final := s.ladder.judge(kind, err, false, false, now); final {
		return err
	}
	if refused, ok := errors.AsType[*Error](err); ok && refused.temporary() && !refused.pressed() {
		if refused.Code != "" {
			return err // the gateway is busy: it is not for us to wait
		}
		s.ladder.ended(kind, err, false, false, now) // something on the way
	}
	if slices.Contains(j.tried, s.ladder.pick(now)) {
		return j.first // the best one's failure says the most
	}
	return nil
}

// mend decides after the end of a connection how long to wait for the next, or with what the socket ends.
func (s *Socket) mend(j *journey, kind transport.Kind, spoke bool, lasted time.Duration, err error) (wait time.Duration, final error) {
	now := time.Now()
	if spoke {
		j.lost = now
	}
	ping, away := s.patience()
	refused, isRefused := errors.AsType[*Error](err)
	floor := time.Duration(0)
	switch {
	case errors.Is(err, errClimb):
		return 0, nil // from a transport that worked: at most once in the ladder's time
	case errors.Is(err, errStalled):
		s.awaitRoom(s.ctx, away/3)
		return 0, nil
	case errors.Is(err, errGone), errors.Is(err, errNoUpstream):
		return 0, err
	case isRefused && refused.Close == transport.Replaced:
		// That connection is not wanted; another one may be.
	default:
		var over bool
		if floor, over = s.ladder.judge(kind, err, spoke, lasted >= s.tempo.age, now); over {
			return 0, err
		}
	}
	// The gateway may notice the end of a connection that much later.
	left := away + silence(ping) - now.Sub(j.lost)
	if left <= 0 {
		return 0, err
	}
	if spoke && lasted >= s.tempo.age {
		j.failures = 0
	}
	j.failures++
	wait = min(s.tempo.wait.after(j.failures, floor), left)
	s.tell(State{Transport: kind.String(), Err: err, Wait: wait})
	return wait, nil
}

// patience returns the heartbeat and how long the gateway waits for who is away.
func (s *Socket) patience() (ping, away time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return heartbeat(s.hello.PingMS), heartbeat(s.hello.AwayMS)
}

func (s *Socket) tell(state State) {
	if s.options.State != nil {
		s.options.State(state)
	}
}

// awaitRoom waits until what has come is within the credit again, or ctx ends, or for as long as is given. It reports whether there is room.
func (s *Socket) awaitRoom(ctx context.Context, most time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed.Broadcast()
	})
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.in.cost > s.in.credit && !s.closed && ctx.Err() == nil {
		s.changed.Wait()
	}
	return s.in.cost <= s.in.credit || s.closed
}
