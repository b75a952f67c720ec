package server

import (
	"context"
	"encoding/json"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"tidings/fallback"
	"tidings/gateway"
	"tidings/transport"
)

// Pressure says when files or memory are short. The zero value of a field means its default.
type Pressure struct {
	fallback.PressureOptions
	// Files is how many files may be open; by default what the system allows the process.
	Files uint64
	// Memory is how much memory the process may take, in bytes; by default the limit that the Go runtime was given (GOMEMLIMIT), or
	// that of the process's control group; without either memory is never short.
	Memory uint64
	// Level fixes the level: normal, ask, move or refuse. Empty, it goes by what is measured.
	Level string
}

// press knows how short files and memory are. What every request asks of it is in atomics.
type press struct {
	level   atomic.Uint32
	stretch atomic.Int64
	room    atomic.Int64 // files that may still be opened before it is worth looking again

	streams func() int  // how many there are
	move    func(n int) // has so many of them moved, the slowest first

	mu      sync.Mutex // guards what follows
	policy  *fallback.Pressure
	measure func() fallback.Reading
}

// lookEvery is how often it is measured. A rush of clients is noticed sooner.
const lookEvery = time.Second

func newPress(o Pressure) (*press, error) {
	o.PressureOptions = o.WithDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	p := &press{policy: fallback.NewPressure(o.PressureOptions), measure: newMeter(o).read}
	p.stretch.Store(1)
	if o.Level != "" {
		level, err := fallback.ParseLevel(o.Level)
		if err != nil {
			return nil, err
		}
		p.policy.Fix(time.Now(), level)
	}
	return p, nil
}

// begin looks for the first time.
func (p *press) begin(streams func() int, move func(n int)) {
	p.streams, p.move = streams, move
	p.mu.Lock()
	defer p.mu.Unlock()
	p.look(time.Now())
}

// Level returns the level.
func (p *press) Level() fallback.Level { return fallback.Level(p.level.Load()) }

// stretched returns a time after which clients should come again, longer where the processors are busy.
func (p *press) stretched(d time.Duration) time.Duration { return d * time.Duration(p.stretch.Load()) }

// run looks until ctx ends.
func (p *press) run(ctx context.Context) {
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-again.C:
			p.mu.Lock()
			p.look(now)
			p.mu.Unlock()
		}
	}
}

// look measures, and has streams moved. mu is held.
func (p *press) look(now time.Time) {
	p.policy.Observe(now, p.measure())
	p.store()
	if p.policy.Level() < fallback.Move {
		return
	}
	if n := p.policy.Moves(p.streams()); n > 0 {
		p.move(n)
	}
}

// store lets others see what was decided. mu is held.
func (p *press) store() {
	p.level.Store(uint32(p.policy.Level()))
	p.stretch.Store(int64(p.policy.Stretch()))
	p.room.Store(p.policy.Room())
}

// came notes that a connection is about to follow, and looks at once if there were so many since the last look that the level may be a
// higher one by now. It is called by loops, and never waits.
func (p *press) came() {
	if p.room.Add(-1) > 0 || !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	p.look(time.Now())
}

// fix sets the level by hand; nil leaves it to what is measured.
func (p *press) fix(level *fallback.Level) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if level == nil {
		p.policy.Release()
	} else {
		p.policy.Fix(now, *level)
	}
	p.look(now)
}

func (p *press) stats() fallback.PressureStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.policy.Stats()
}

// spare asks a client to poll that would follow in a way for which files or memory are too short.
func (s *Server) spare(e *entry) *problem {
	if e.kind != transport.Poll {
		s.press.came()
	}
	level := s.press.Level()
	if level.Admits(e.kind, e.offer.Cheaper.Shared) {
		return nil
	}
	p := s.short(level)
	p.offer = e.offer.Cheaper
	return p
}

// short says that files or memory are.
func (s *Server) short(level fallback.Level) *problem {
	p := pressed.of("files or memory are short: the level is " + level.String())
	p.retry = s.press.stretched(5 * time.Second)
	return p
}

// underPressure has a request that is admitted served as cheaply as it may. Who polls keeps no connection, and is offered nothing else. The
// answer to a plain poll that says nothing of its client is good for others: a proxy may make one of them all.
func (s *Server) underPressure(v *visit) {
	v.brief = false
	if s.press.Level() == fallback.Normal {
		return
	}
	f := &v.request
	f.Offer = *v.inquiry.entry.offer.Cheaper
	kind := v.choice.Kind
	v.brief = kind == transport.Poll || kind == transport.LongPoll
	if kind != transport.Poll || f.Session != "" || f.Callback != "" || v.asked.since() {
		return
	}
	f.Cache = transport.CacheByOrigin
	if s.doors.anyOrigin {
		f.Cache = transport.CacheForAll
	}
}

// streaming are the transports that hold a connection for as long as its client follows.
var streaming = []uint8{uint8(transport.WebSocket), uint8(transport.SSE), uint8(transport.Stream)}

func (s *Server) streams() (n int) {
	for _, class := range streaming {
		n += s.gateway.Followers(class)
	}
	return n
}

// moveStreams ends streams whose clients may poll, with what they are to do instead.
func (s *Server) moveStreams(n int) { s.gateway.Shed(n, gateway.ReasonPressure, streaming...) }

// moved counts the streams that were.
func (s *Server) moved() (n uint64) {
	classes := s.gateway.Stats().Classes
	for _, class := range streaming {
		n += classes[class].Closed[gateway.ReasonPressure]
	}
	return n
}

// pressureState is what /pressure answers.
type pressureState struct {
	Level       string  `json:"level"`
	Fixed       bool    `json:"fixed"` // by hand
	Files       uint64  `json:"files"`
	FileLimit   uint64  `json:"file_limit,omitempty"`
	Memory      uint64  `json:"memory"`
	MemoryLimit uint64  `json:"memory_limit,omitempty"`
	CPU         float64 `json:"cpu"`
	PollMS      int64   `json:"poll_ms"`
	Asked       uint64  `json:"asked"`
	Moved       uint64  `json:"moved"`
}

// showPressure answers GET /pressure.
func (s *Server) showPressure(c *call) error {
	stats := s.press.stats()
	r := stats.Reading
	return answerJSON(c, pressureState{
		Level: stats.Level.String(), Fixed: stats.Fixed, Files: r.Files, FileLimit: r.FileLimit, Memory: r.Memory,
		MemoryLimit: r.MemoryLimit, CPU: math.Round(r.CPU*100) / 100,
		PollMS: s.press.stretched(s.options.PollInterval).Milliseconds(), Asked: s.counters.refusals[pressed].Load(), Moved: s.moved(),
	})
}

// putPressure answers PUT /pressure beside the topics: whoever may publish need not be the operator, who is on this machine, or has
// a listener of their own.
func (s *Server) putPressure(c *call) error {
	if !c.entry.loopback {
		p := methodNotAllowed.of("the level is set at a loopback address, or at the listener for operations")
		p.allow = "GET, HEAD"
		return p
	}
	return s.setPressure(c)
}

// setPressure answers PUT /pressure, by which operators set the level by hand, or leave it to what is measured ("auto").
func (s *Server) setPressure(c *call) error {
	body, err := s.readBody(c, 1<<10)
	if err != nil {
		return err
	}
	var wish struct {
		Level string `json:"level"`
	}
	if err := json.Unmarshal(body, &wish); err != nil {
		return badRequest.of("the body cannot be read: " + jsonMistake(err))
	}
	if wish.Level == "auto" {
		s.press.fix(nil)
		return s.showPressure(c)
	}
	level, err := fallback.ParseLevel(wish.Level)
	if err != nil {
		return badParameter.of(err.Error() + ", and auto")
	}
	s.press.fix(&level)
	return s.showPressure(c)
}
