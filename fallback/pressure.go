package fallback

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"tidings/transport"
)

// Level says how short files or memory are, and so what is done about it. Each level does what those before it do, and more.
type Level uint8

// The levels.
const (
	Normal Level = iota
	Ask          // who comes for a stream is asked to poll
	Move         // who has one is moved to polling, the slowest first
	Refuse       // who holds a connection in any way is turned away; polls are answered
)

// Levels lists all levels, in the order of rising pressure.
var Levels = [...]Level{Normal, Ask, Move, Refuse}

var levelNames = [...]string{"normal", "ask", "move", "refuse"}

// String returns the level's name, as configurations and answers have it.
func (l Level) String() string { return levelNames[l] }

// ParseLevel returns the level of a name.
func ParseLevel(name string) (Level, error) {
	for i, have := range levelNames {
		if name == have {
			return Level(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no level: there are %s", name, strings.Join(levelNames[:], ", "))
}

// Admits reports whether a request is served that would follow by a transport; polls says whether its client may poll instead. A poll is
// always served. Who may not poll could only be turned away, which is the last thing that is done.
func (l Level) Admits(kind transport.Kind, polls bool) bool {
	switch {
	case l == Normal || kind == transport.Poll:
		return true
	case l == Refuse:
		return false
	}
	return kind == transport.LongPoll || !polls
}

// Reading is what was measured at one moment.
type Reading struct {
	Files, FileLimit    uint64  // open files; a limit of 0 is none that is known
	Memory, MemoryLimit uint64  // in bytes; the same
	CPU                 float64 // share of the processors that was busy since the reading before: 0 to 1
}

// reaches reports whether so many percent of what is scarcest, files or memory, are in use.
func (r Reading) reaches(percent int) bool {
	return reaches(r.Files, r.FileLimit, percent) || reaches(r.Memory, r.MemoryLimit, percent)
}

func reaches(used, limit uint64, percent int) bool {
	return limit > 0 && float64(used)*100 >= float64(limit)*float64(percent)
}

// PressureOptions say when levels begin and end. A zero field means its default.
type PressureOptions struct {
	// Ask, Move and Refuse are the percent of a limit from which their levels hold, rising; defaults 80, 90 and 95.
	Ask, Move, Refuse int
	// Slack is how many percent less than at its begin must be in use before a level ends; default 10.
	Slack int
	// Dwell is for how long at least a level holds before a lower one may; default 10 s. Higher ones begin at once.
	Dwell time.Duration
	// MoveRate is how many streams are moved in a second at most; default 100.
	MoveRate int
}

// WithDefaults returns the options with the defaults filled in.
func (o PressureOptions) WithDefaults() PressureOptions {
	o.Ask = cmp.Or(o.Ask, 80)
	o.Move = cmp.Or(o.Move, 90)
	o.Refuse = cmp.Or(o.Refuse, 95)
	o.Slack = cmp.Or(o.Slack, 10)
	o.Dwell = cmp.Or(o.Dwell, 10*time.Second)
	o.MoveRate = cmp.Or(o.MoveRate, 100)
	return o
}

// Validate reports what is wrong with the options. Defaults are filled in already.
func (o PressureOptions) Validate() error {
	switch {
	case o.Ask <= 0 || o.Ask > o.Move || o.Move > o.Refuse || o.Refuse > 100:
		return fmt.Errorf("the levels of pressure begin at %d, %d and %d percent: they must rise, from 1 to 100", o.Ask, o.Move, o.Refuse)
	case o.Slack < 0 || o.Slack >= o.Ask:
		return fmt.Errorf("the slack of pressure is %d percent: it must be less than the %d from which clients are asked to poll", o.Slack, o.Ask)
	case o.Dwell < 0 || o.MoveRate < 0:
		return errors.New("the dwell time and the rate of moves under pressure cannot be negative")
	}
	return nil
}

// The bounds of how far clients are spaced out where processors are short.
const (
	maxStretch  = 4
	cpuBusy     = 0.85 // from here on a step more
	cpuIdle     = 0.60 // below this a step less
	cpuSmoothed = 5 * time.Second
)

// Pressure decides on the level. It measures nothing and knows no clock; it is for one goroutine at a time.
type Pressure struct {
	o     PressureOptions
	fixed bool // the level was set by hand

	level     Level
	entered   time.Time
	reading   Reading
	at        time.Time // of the reading
	cpu       float64   // smoothed
	stretch   int
	stretched time.Time
	moves     float64 // that may be made now
	stats     PressureStats
}

// PressureStats is a snapshot of what a Pressure has seen and done. Transitions and Readings are counters: they start at 0 and never
// fall.
type PressureStats struct {
	Level       Level
	Fixed       bool // by hand
	Reading     Reading
	Stretch     int // what the times are multiplied by after which clients should come again
	Transitions [len(Levels)]uint64
	Readings    uint64
}

// NewPressure begins at [Normal]. Defaults are filled in; the options must be valid.
func NewPressure(o PressureOptions) *Pressure {
	return &Pressure{o: o.WithDefaults(), stretch: 1}
}

// begins returns the percent from which a level holds.
func (p *Pressure) begins(l Level) int {
	return [...]int{Normal: 0, Ask: p.o.Ask, Move: p.o.Move, Refuse: p.o.Refuse}[l]
}

// Observe takes a reading. Higher levels begin at once; lower ones one after the other, each when as much less is in use as the slack says,
// and the level has held for the dwell time.
func (p *Pressure) Observe(now time.Time, r Reading) {
	since := now.Sub(p.at)
	if p.at.IsZero() {
		since = 0
	}
	p.at, p.reading = now, r
	p.stats.Readings++
	p.moves = min(p.moves+since.Seconds()*float64(p.o.MoveRate), float64(p.o.MoveRate))
	p.observeCPU(now, since, r.CPU)
	if p.fixed {
		return
	}
	next := p.level
	for next < Refuse && r.reaches(p.begins(next+1)) {
		next++
	}
	if next == p.level && next > Normal && !r.reaches(p.begins(next)-p.o.Slack) && now.Sub(p.entered) >= p.o.Dwell {
		next--
	}
	p.enter(now, next)
}

func (p *Pressure) enter(now time.Time, l Level) {
	if l == p.level {
		return
	}
	p.level, p.entered = l, now
	p.stats.Transitions[l]++
}

// observeCPU spaces clients out, a step each dwell time, for as long as the processors are busy. It never changes the level: a stream that is
// parked costs no processor anything, and a poll does.
func (p *Pressure) observeCPU(now time.Time, since time.Duration, cpu float64) {
	p.cpu += (cpu - p.cpu) * min(1, since.Seconds()/cpuSmoothed.Seconds())
	if now.Sub(p.stretched) < p.o.Dwell {
		return
	}
	switch {
	case p.cpu > cpuBusy && p.stretch < maxStretch:
		p.stretch++
		p.stretched = now
	case p.cpu < cpuIdle && p.stretch > 1:
		p.stretch--
		p.stretched = now
	}
}

// Fix sets the level by hand, until [Pressure.Release].
func (p *Pressure) Fix(now time.Time, l Level) {
	p.fixed = true
	p.enter(now, l)
}

// Release leaves the level to the readings again.
func (p *Pressure) Release() { p.fixed = false }

// Level returns the level.
func (p *Pressure) Level() Level { return p.level }

// Stretch returns what the times are to be multiplied by after which clients should come again: 1 to 4.
func (p *Pressure) Stretch() int { return p.stretch }

// Moves returns how many of so many streams are to be moved now, and takes them as moved: no more than the rate allows, and none once as
// much is free as ends [Move]. Where the level was set by hand, all are to be moved in the end.
func (p *Pressure) Moves(streams int) int {
	if p.level < Move {
		return 0
	}
	n := min(int(p.moves), streams)
	if !p.fixed {
		n = min(n, p.excess(streams))
	}
	p.moves -= float64(n)
	return n
}

// excess returns how many of so many streams are too many: each takes a file, and they are taken to have equal parts of the memory.
func (p *Pressure) excess(streams int) int {
	r, most := &p.reading, float64(p.begins(Move)-p.o.Slack)/100
	var files, memory float64
	if r.FileLimit > 0 {
		files = float64(r.Files) - most*float64(r.FileLimit)
	}
	if r.MemoryLimit > 0 && r.Memory > 0 {
		memory = float64(streams) * (1 - most*float64(r.MemoryLimit)/float64(r.Memory))
	}
	return max(0, int(math.Ceil(max(files, memory))))
}

// Room returns how many more files may be opened before a higher level begins.
func (p *Pressure) Room() int64 {
	if p.fixed || p.level == Refuse || p.reading.FileLimit == 0 {
		return math.MaxInt64
	}
	return int64(math.Ceil(float64(p.reading.FileLimit)*float64(p.begins(p.level+1))/100)) - int64(p.reading.Files)
}

// Stats returns a snapshot.
func (p *Pressure) Stats() PressureStats {
	s := p.stats
	s.Level, s.Fixed, s.Reading, s.Stretch = p.level, p.fixed, p.reading, p.stretch
	return s
}
