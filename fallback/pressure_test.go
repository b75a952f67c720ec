package fallback

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidings/transport"
)

// files is a reading with so many files of a thousand.
func files(n uint64) Reading { return Reading{Files: n, FileLimit: 1000} }

var begun = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestLevels(t *testing.T) {
	type step struct {
		at    time.Duration
		share uint64 // in thousandths
		want  Level
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"calm", []step{{0, 100, Normal}, {time.Second, 799, Normal}}},
		{"rises by steps", []step{{0, 800, Ask}, {1, 900, Move}, {2, 950, Refuse}}},
		{"rises at once", []step{{0, 10, Normal}, {1, 990, Refuse}}},
		{"holds within the slack", []step{{0, 800, Ask}, {time.Hour, 701, Ask}, {2 * time.Hour, 700, Ask}, {3 * time.Hour, 699, Normal}}},
		{"holds for the dwell time", []step{{0, 800, Ask}, {10*time.Second - 1, 10, Ask}, {10 * time.Second, 10, Normal}}},
		{"falls by steps", []step{
			{0, 990, Refuse}, {10 * time.Second, 10, Move}, {20*time.Second - 1, 10, Move}, {20 * time.Second, 10, Ask}, {30 * time.Second, 10, Normal},
		}},
		{"falls as far as it may", []step{{0, 990, Refuse}, {10 * time.Second, 790, Move}, {20 * time.Second, 790, Ask}, {time.Hour, 790, Ask}}},
		{"rises while it falls", []step{{0, 990, Refuse}, {10 * time.Second, 10, Move}, {11 * time.Second, 960, Refuse}, {20 * time.Second, 10, Refuse}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := NewPressure(PressureOptions{})
			for i, s := range c.steps {
				if p.Observe(begun.Add(s.at), files(s.share)); p.Level() != s.want {
					t.Fatalf("step %d: %s, want %s", i, p.Level(), s.want)
				}
			}
		})
	}
}

// What is scarcest decides, and what has no limit never does.
func TestReadings(t *testing.T) {
	for _, c := range []struct {
		r    Reading
		want Level
	}{
		{Reading{}, Normal},
		{Reading{Files: 1 << 40, Memory: 1 << 40}, Normal},
		{Reading{Files: 5, FileLimit: 10, Memory: 9, MemoryLimit: 10}, Move},
		{Reading{Files: 8, FileLimit: 10, Memory: 9}, Ask},
		{Reading{Files: 20, FileLimit: 10}, Refuse},
	} {
		p := NewPressure(PressureOptions{})
		if p.Observe(begun, c.r); p.Level() != c.want {
			t.Errorf("%+v: %s, want %s", c.r, p.Level(), c.want)
		}
	}
}

func TestAdmits(t *testing.T) {
	const stream, held, poll = transport.SSE, transport.LongPoll, transport.Poll
	for _, c := range []struct {
		level Level
		kind  transport.Kind
		polls bool
		want  bool
	}{
		{Normal, stream, true, true},
		{Ask, stream, true, false},
		{Ask, stream, false, true}, // it could not be told of anything cheaper
		{Ask, held, true, true},
		{Move, stream, true, false},
		{Move, transport.WebSocket, true, false},
		{Move, held, true, true},
		{Refuse, stream, false, false},
		{Refuse, held, true, false},
		{Refuse, poll, true, true},
	} {
		if got := c.level.Admits(c.kind, c.polls); got != c.want {
			t.Errorf("%s, %s, may poll %t: %t", c.level, c.kind, c.polls, got)
		}
	}
}

// Processors that are busy space clients out and move nobody.
func TestBusyProcessorsStretchAndNeverPushDown(t *testing.T) {
	p := NewPressure(PressureOptions{})
	now := begun
	observe := func(seconds int, cpu float64) int {
		for range seconds {
			now = now.Add(time.Second)
			p.Observe(now, Reading{Files: 1, FileLimit: 1000, CPU: cpu})
			if p.Level() != Normal {
				t.Fatalf("%s though only the processors are busy", p.Level())
			}
		}
		return p.Stretch()
	}
	if got := observe(1, 1); got != 1 {
		t.Errorf("a moment stretches by %d", got)
	}
	if got := observe(60, 1); got != maxStretch {
		t.Errorf("a minute stretches by %d, want %d", got, maxStretch)
	}
	if got := observe(60, 0.7); got != maxStretch {
		t.Errorf("%d though the processors are still rather busy", got)
	}
	if got := observe(60, 0.1); got != 1 {
		t.Errorf("%d after a calm minute", got)
	}
}

func TestMoves(t *testing.T) {
	second := func(n int) time.Time { return begun.Add(time.Duration(n) * time.Second) }
	for _, c := range []struct {
		name    string
		reading Reading
		streams int
		want    int // within a second
	}{
		{"not so short", files(899), 500, 0},
		{"as many as are too many", files(900), 500, 100},
		{"no more than there are", files(900), 7, 7},
		{"no more than the rate", files(999), 5000, 100},
		{"memory", Reading{Memory: 100, MemoryLimit: 100}, 100, 20},
		{"memory alone, files without a limit", Reading{Files: 1 << 30, Memory: 100, MemoryLimit: 100}, 10, 2},
	} {
		p := NewPressure(PressureOptions{})
		p.Observe(second(0), Reading{})
		p.Observe(second(1), c.reading)
		if got := p.Moves(c.streams); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}

	p := NewPressure(PressureOptions{MoveRate: 10})
	p.Observe(second(0), files(990))
	if got := p.Moves(1000); got != 0 {
		t.Errorf("%d moved in no time", got)
	}
	p.Observe(second(1), files(990))
	if got, again := p.Moves(1000), p.Moves(1000); got != 10 || again != 0 {
		t.Errorf("%d and %d moved in a second", got, again)
	}
	p.Observe(second(60), files(990))
	if got := p.Moves(1000); got != 10 {
		t.Errorf("%d moved at once after a pause", got)
	}
	p.Observe(second(61), files(799))
	if got := p.Moves(1000); p.Level() != Move || got != 0 {
		t.Errorf("%d moved though there is room again", got)
	}
}

func TestByHand(t *testing.T) {
	p := NewPressure(PressureOptions{})
	p.Fix(begun, Move)
	for i := range 100 {
		p.Observe(begun.Add(time.Duration(i)*time.Second), files(1))
	}
	if got := p.Moves(5); p.Level() != Move || got != 5 || !p.Stats().Fixed {
		t.Errorf("%s, moves %d of 5", p.Level(), got)
	}
	p.Release()
	for i := range 30 {
		p.Observe(begun.Add(time.Duration(200+i)*time.Second), files(1))
	}
	if p.Level() != Normal || p.Stats().Fixed {
		t.Errorf("%s after it was released", p.Level())
	}
}

func TestPressureOptions(t *testing.T) {
	for _, c := range []struct {
		o    PressureOptions
		good bool
	}{
		{PressureOptions{}, true},
		{PressureOptions{Ask: 50, Move: 50, Refuse: 50, Slack: 40}, true},
		{PressureOptions{Ask: 95}, false},
		{PressureOptions{Refuse: 101}, false},
		{PressureOptions{Ask: -1}, false},
		{PressureOptions{Slack: 80}, false},
		{PressureOptions{Dwell: -1}, false},
		{PressureOptions{MoveRate: -1}, false},
	} {
		if err := c.o.WithDefaults().Validate(); (err == nil) != c.good {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}

func TestLevelNames(t *testing.T) {
	for _, level := range Levels {
		if got, err := ParseLevel(level.String()); err != nil || got != level {
			t.Errorf("%s is parsed as %s, %v", level, got, err)
		}
	}
	if _, err := ParseLevel("panic"); err == nil {
		t.Error("there is no such level")
	}
}

// Whatever is read: the level is never below what the reading asks for, it falls by one level at a time, after the dwell time and with the slack
// free only; and no more is moved than the rate allows.
func TestPressureHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := PressureOptions{Dwell: 5 * time.Second, MoveRate: rapid.IntRange(1, 50).Draw(t, "rate")}.WithDefaults()
		p := NewPressure(o)
		now, entered, moved := begun, begun, 0
		last := Normal
		transitions := uint64(0)
		for range rapid.IntRange(1, 200).Draw(t, "readings") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			r := files(rapid.Uint64Range(0, 1100).Draw(t, "files"))
			p.Observe(now, r)
			level := p.Level()
			for _, l := range Levels {
				if r.reaches(p.begins(l)) && level < l {
					t.Fatalf("%s at %+v", level, r)
				}
			}
			if level < last {
				if level != last-1 || now.Sub(entered) < o.Dwell || r.reaches(p.begins(last)-o.Slack) {
					t.Fatalf("from %s to %s after %v at %+v", last, level, now.Sub(entered), r)
				}
			}
			if level != last {
				last, entered = level, now
				transitions++
			}
			n := p.Moves(rapid.IntRange(0, 1000).Draw(t, "streams"))
			if moved += n; n > 0 && level < Move {
				t.Fatalf("%d are moved at %s", n, level)
			}
			if room := p.Room(); level < Refuse && room <= 0 {
				t.Fatalf("room for %d at %s and %+v", room, level, r)
			}
		}
		if most := now.Sub(begun).Seconds()*float64(o.MoveRate) + 1; float64(moved) > most {
			t.Fatalf("%d were moved in %v", moved, now.Sub(begun))
		}
		counted := uint64(0)
		for _, n := range p.Stats().Transitions {
			counted += n
		}
		if counted != transitions {
			t.Fatalf("%d transitions were counted of %d", counted, transitions)
		}
	})
}
