package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"tidings/transport/wire"
)

// upstream sends by POST what is to be said, one request after the other, until the watch's connection ends.
func (s *Socket) upstream(w *watch, idle time.Duration) {
	failures, most := 0, budget(movingBytes)
	var since time.Time // the first failure in a row
	for w.ctx.Err() == nil {
		words, due := s.words(0, most, idle)
		if words.none() {
			s.rest(w.ctx, due)
			continue
		}
		err := s.post(w.ctx, &words)
		most.went(err == nil)
		if err == nil {
			failures = 0
			continue
		}
		refused, isRefused := errors.AsType[*Error](err)
		_, away := s.patience()
		switch {
		case isRefused && !refused.temporary() && refused.Code != "":
			w.cancel(err)
		case failures > 0 && time.Since(since) > away:
			w.cancel(errNoUpstream)
		}
		if failures++; failures == 1 {
			since = time.Now()
		}
		floor := time.Duration(0)
		if isRefused {
			floor = refused.RetryAfter
		}
		_ = sleep(w.ctx, s.tempo.wait.after(failures, floor)) // the loop sees it
	}
}

// rest waits until there may be something to say, or it is due, which it never is below 0.
func (s *Socket) rest(ctx context.Context, due time.Duration) {
	var after <-chan time.Time
	if due >= 0 {
		timer := time.NewTimer(due)
		defer timer.Stop()
		after = timer.C
	}
	select {
	case <-s.wake:
	case <-after:
	case <-ctx.Done():
	}
}

// lines are the body of a POST.
func (w *words) lines() []byte {
	body := []byte{}
	if w.tell {
		body = append(wire.AppendSocketAck(body, w.ack), '\n')
	}
	for i := range w.frames {
		body = append(wire.AppendSocketFrame(body, &w.frames[i].Frame), '\n')
	}
	return body
}

// errNotTaken says that the gateway has taken nothing of what was sent.
var errNotTaken = errors.New("the gateway takes nothing at the moment")

// post sends words in a request of their own.
func (s *Socket) post(ctx context.Context, w *words) error {
	before := s.left()
	page, err := s.exchange(ctx, s.url(0, true, ""), w.lines(), s.tempo.post)
	switch {
	case err != nil && w.tell:
		s.mu.Lock()
		s.ackSaid = 0 // who knows whether it was heard
		s.mu.Unlock()
		return err
	case err != nil:
		return err
	case page.Ack.Seq == nil:
		return errNoSocket
	}
	if w.tell {
		s.heard(w.ack)
	}
	if err := s.acked(*page.Ack.Seq); err != nil {
		return err
	}
	if len(w.frames) > 0 && s.left() == before {
		return errNotTaken
	}
	return nil
}

// left is the number of the last frame that has left.
func (s *Socket) left() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.left
}

// had is the number of the last frame that has come.
func (s *Socket) had() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.in.had
}

// maxSocketPage bounds an answer: the gateway's own bound of 1 MiB of payload and one frame, escaped.
const maxSocketPage = 8<<20 + maxSocketObject

// slowest is how many bytes a second a way has that is not held to be broken.
const slowest = 4 << 10

// exchange sends a request whose answer is one object, within a time, and what a slow way needs for the body.
func (s *Socket) exchange(ctx context.Context, at string, body []byte, limit time.Duration) (socketPage, error) {
	limit += time.Duration(len(body)) * time.Second / slowest
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errSilent)
	defer cancel()
	var page socketPage
	resp, err := s.ask(ctx, at, "application/json", body)
	if err != nil {
		return page, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxSocketPage+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return page, context.Cause(ctx)
	case err != nil:
		return page, fmt.Errorf("%w: %w", ErrUnreachable, err)
	case len(text) > maxSocketPage:
		return page, errNoSocket
	}
	if err := json.Unmarshal(text, &page); err != nil {
		return page, fmt.Errorf("%w: %w", errNoSocket, err)
	}
	return page, nil
}
