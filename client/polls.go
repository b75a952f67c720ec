package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"tidings/transport"
)

// polls is a series of polls, held or plain, as one connection.
type polls struct {
	f    *following
	ctx  context.Context // the follow's: a source lives within it
	kind transport.Kind

	pending []object // of the last answer, in order
	asked   bool
	more    bool
	pause   time.Duration // before the next plain poll
}

// maxPage bounds an answer: the gateway's own bound of 1 MiB of payload, escaped, and one message that is larger.
func (p *polls) maxPage() int64 { return int64(p.f.c.options.EventBytes) + 8<<20 }

func (p *polls) next() (object, error) {
	for len(p.pending) == 0 {
		if err := p.ask(); err != nil {
			return object{}, err
		}
	}
	o := p.pending[0]
	p.pending = p.pending[1:]
	return o, nil
}

// ask polls once, after the pause that was asked for.
func (p *polls) ask() error {
	if p.asked && !p.more {
		if p.f.ladder.better(p.kind, time.Now()) {
			return errClimb
		}
		if p.kind == transport.Poll {
			if err := sleep(p.ctx, p.pause+rand.N(p.pause/5+1)); err != nil {
				return err
			}
		}
	}
	wait, limit := firstWait, 15*time.Second
	if p.asked && p.kind == transport.LongPoll {
		wait, limit = pollWait, 40*time.Second
	}
	ctx, cancel := context.WithTimeoutCause(p.ctx, limit, errSilent)
	defer cancel()
	req, err := p.f.request(ctx, p.kind, wait)
	if err != nil {
		return err
	}
	resp, err := p.f.c.do(req, http.StatusOK)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, p.maxPage()+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	case int64(len(text)) > p.maxPage():
		return errTooLong
	}
	pending, end, err := parsePage(text)
	if err != nil {
		return err
	}
	p.pending, p.asked, p.more = pending, true, end.More
	p.pause = min(max(time.Duration(end.PollMS)*time.Millisecond, 100*time.Millisecond), time.Hour)
	return nil
}

func (p *polls) close() {}

var errNoPage = errors.New("what answered the poll is no gateway")

// parsePage reads a poll's answer: its items between a beginning and an end.
func parsePage(text []byte) ([]object, page, error) {
	var answer page
	if err := json.Unmarshal(text, &answer); err != nil || answer.Cursor == "" {
		return nil, page{}, fmt.Errorf("%w: %w", ErrUnreachable, errNoPage)
	}
	items := answer.Items
	answer.Items = nil
	begin, end := answer, answer
	begin.first = true
	out := make([]object, 0, len(items)+2)
	out = append(out, object{page: &begin})
	for _, item := range items {
		o, err := parseObject(item)
		if err != nil {
			return nil, page{}, err
		}
		out = append(out, o)
	}
	return append(out, object{page: &end}), end, nil
}
