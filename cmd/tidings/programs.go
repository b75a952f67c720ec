package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tidings/config"
	"tidings/gateway"
	"tidings/metrics"
	"tidings/program"
	"tidings/server"
)

// rule has a program serve a path's sockets, or feed a topic.
type rule struct {
	program.Options

	socket server.SocketOptions
	topic  string
}

// aheadBytes bounds what a program has said and its client has not taken. It need not be much: past that the program waits at its pipe.
const aheadBytes = 256 << 10

// rules says those of a configuration in the words of what runs them.
func rules(c []config.Socket) (out []rule) {
	for _, s := range c {
		out = append(out, rule{
			Options: s.Program(), topic: s.Topic,
			socket: server.SocketOptions{MessageBytes: int(s.Message), PerAddress: s.PerAddress, Absence: time.Duration(s.Absence)},
		})
	}
	return out
}

// programs are those of a gateway.
type programs struct {
	rules   []rule
	runners []*program.Runner // as the rules
	log     *slog.Logger
}

// newPrograms reports all mistakes at once.
func newPrograms(rules []rule, log *slog.Logger) (*programs, error) {
	p := &programs{rules: rules, log: log}
	var errs []error
	for _, r := range rules {
		r.Logger, r.Software = log, "tidings/"+version()
		runner, err := program.New(r.Options)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.runners = append(p.runners, runner)
	}
	if len(errs) > 0 {
		p.close()
		return nil, usageError{errors.Join(errs...)}
	}
	return p, nil
}

func (p *programs) close() {
	for _, r := range p.runners {
		r.Close()
	}
}

// stats adds up what all have done.
func (p *programs) stats() metrics.ProgramStats {
	var sum program.Stats
	for _, r := range p.runners {
		sum.Add(r.Stats())
	}
	return metrics.ProgramStats(sum)
}

// serve has the sockets served.
func (p *programs) serve(by *server.Server) error {
	var errs []error
	for i, r := range p.rules {
		if r.topic != "" {
			continue
		}
		r.socket.Accept, r.socket.BufferBytes = p.runners[i].Accept, aheadBytes
		errs = append(errs, by.Socket(r.Path, p.runners[i].Serve, r.socket))
	}
	return errors.Join(errs...)
}

// feed has the topics fed until ctx ends and all programs that do are gone.
func (p *programs) feed(ctx context.Context, to *gateway.Gateway) {
	var wg sync.WaitGroup
	for i, r := range p.rules {
		if r.topic == "" {
			continue
		}
		wg.Go(func() {
			if err := p.runners[i].Feed(ctx, to, r.topic); err != nil {
				p.log.Error("a topic is not fed any more", "topic", r.topic, "cause", err)
			}
		})
	}
	wg.Wait()
}
