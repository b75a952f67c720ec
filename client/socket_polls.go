package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"tidings/transport"
)

// overPolls carries the socket by polls, held or plain. Held ones stand beside the POSTs; a plain one takes along what is to be sent.
func (s *Socket) overPolls(kind transport.Kind) (spoke bool, err error) {
	w := &watch{} // of the POSTs: a poll has a limit of its own
	w.ctx, w.cancel = context.WithCancelCause(s.ctx)
	defer w.cancel(nil)
	failures, most := 0, budget(movingBytes)
	for {
		var body []byte
		before := s.left()
		if kind == transport.Poll {
			if words, _ := s.words(0, most, 0); len(words.frames) > 0 {
				body = words.lines()
			}
		}
		wait, limit := "", 15*time.Second
		if kind == transport.LongPoll {
			wait = "&wait=" + firstWait
			if spoke {
				wait, limit = "&wait="+pollWait, 40*time.Second
			}
		}
		had := s.had() // what the request acknowledges, at least
		page, err := s.exchange(w.ctx, s.url(kind, false, wait), body, limit)
		if err != nil {
			if w.ctx.Err() != nil {
				err = context.Cause(w.ctx)
			}
			return spoke, err
		}
		s.heard(had)
		full, err := s.hearPage(&page, kind)
		if err != nil {
			return spoke, err
		}
		if !spoke {
			spoke = true
			if kind == transport.LongPoll {
				ping, _ := s.patience()
				done := make(chan struct{})
				go func() {
					defer close(done)
					s.upstream(w, max(ping/2, time.Second))
				}()
				defer func() {
					w.cancel(nil)
					<-done
				}()
			}
			s.tell(State{Transport: kind.String(), Connected: true})
		}
		if len(body) > 0 && s.left() == before {
			failures++
		} else {
			failures = 0
		}
		most.went(failures == 0)
		if full {
			_, away := s.patience()
			s.awaitRoom(w.ctx, away/3)
		}
		if page.More || full {
			continue
		}
		if s.ladder.better(kind, time.Now()) {
			return spoke, errClimb
		}
		if kind == transport.Poll {
			s.pause(w.ctx, page.PollMS, failures)
		}
	}
}

// pause waits for the next plain poll, or until there is something to send that was not in vain before.
func (s *Socket) pause(ctx context.Context, pollMS, failures int) {
	d := min(max(heartbeat(pollMS), 100*time.Millisecond), time.Hour)
	d += rand.N(d/5 + 1)
	if failures > 0 {
		_ = sleep(ctx, min(d, s.tempo.wait.after(failures, 0))) // the caller's next request sees it
		return
	}
	until := time.Now().Add(d)
	for left := d; left > 0 && ctx.Err() == nil; left = time.Until(until) {
		if words, _ := s.words(0, leastWords, time.Hour); !words.none() {
			return
		}
		s.rest(ctx, left)
	}
}

// hearPage takes the answer to a poll. full says that not all of it was taken.
func (s *Socket) hearPage(page *socketPage, kind transport.Kind) (full bool, err error) {
	if page.Bye != nil {
		return false, goodbye(page.Bye)
	}
	if page.Cursor == "" {
		return false, errNoSocket
	}
	s.mu.Lock()
	known := s.hello != nil
	s.mu.Unlock()
	switch {
	case page.Hello != nil:
		if _, err := s.welcome(page.Hello, kind); err != nil {
			return false, err
		}
	case !known:
		return false, errNoSocket
	default:
		s.mu.Lock()
		s.carry(kind.String())
		s.mu.Unlock()
	}
	if page.Ack.Seq != nil {
		if err := s.acked(*page.Ack.Seq); err != nil {
			return false, err
		}
	}
	var objects objectReader
	for _, item := range page.Items {
		o, err := objects.read(item)
		if err == nil {
			err = s.hear(&o)
		}
		if errors.Is(err, errFull) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}
