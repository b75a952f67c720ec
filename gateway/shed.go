package gateway

import (
	"cmp"
	"slices"
)

// Shed ends up to n followers of some classes with a reason, those that are most behind first; of those that keep up, any. It
// returns before that is done: how many ended is counted in [Stats]. Each shard ends its share, by how many such followers it has. A shard
// that is still at it when it is asked again leaves it at that.
func (g *Gateway) Shed(n int, reason Reason, classes ...uint8) {
	has := make([]int, len(g.shards))
	all := 0
	for i, s := range g.shards {
		for _, class := range classes {
			has[i] += int(s.counted[class].followers.Load())
		}
		all += has[i]
	}
	if n = min(n, all); n <= 0 {
		return
	}
	of := make([]bool, g.options.Classes)
	for _, class := range classes {
		of[class] = true
	}
	before := 0
	for i, s := range g.shards {
		share := n*(before+has[i])/all - n*before/all
		if before += has[i]; share > 0 {
			s.post(command{op: opShed, with: &shedding{reason: reason, classes: of, most: share}})
		}
	}
}

// shedding is how far a shard has come with ending some of its followers. It goes through the wheel, where all are, in slices, and
// notes those that are most behind. Who moves in the wheel meanwhile may be passed over or noted twice.
type shedding struct {
	reason  Reason
	classes []bool
	most    int
	slot    int // of the wheel, and the place in it, that is looked at next
	index   int
	noted   []laggard
}

type laggard struct {
	follower *Follower
	lag      uint64
}

// lag returns how far the follower is behind; 0 if it keeps up.
func (s *shard) lag(f *Follower) uint64 {
	if !f.is(behind|blocked) || f.more == nil {
		return 0
	}
	walked := s.walked.Load()
	return walked - min(walked, f.more.main.seq) + 1
}

// shed goes on with what was asked by [Gateway.Shed]. It returns true if there is more to do.
func (s *shard) shed() (more bool) {
	x := s.shedding
	if x == nil {
		return false
	}
	if !s.survey(x) {
		return true
	}
	for range min(len(x.noted), fireSlice) {
		last := len(x.noted) - 1
		if f := x.noted[last].follower; !f.is(ended) {
			s.end(f, x.reason, true)
		}
		x.noted[last] = laggard{}
		x.noted = x.noted[:last]
	}
	if len(x.noted) == 0 {
		s.shedding = nil
	}
	return s.shedding != nil
}

// survey looks at some followers more. It returns true when it has looked at all: those to be ended are noted then, the most behind last.
func (s *shard) survey(x *shedding) (done bool) {
	if x.slot == len(s.wheel.slots) {
		return true
	}
	for range scanSlice {
		for x.slot < len(s.wheel.slots) && x.index >= s.wheel.slots[x.slot].len() {
			x.slot, x.index = x.slot+1, 0
		}
		if x.slot == len(s.wheel.slots) {
			break
		}
		f := *s.wheel.slots[x.slot].at(x.index)
		x.index++
		if !x.classes[f.terms.Class] {
			continue
		}
		if x.noted = append(x.noted, laggard{f, s.lag(f)}); len(x.noted) == 2*x.most {
			x.keep()
		}
	}
	if x.slot < len(s.wheel.slots) {
		return false
	}
	x.keep()
	slices.Reverse(x.noted)
	return true
}

// keep leaves of what is noted only as many as are to be ended, the most behind first.
func (x *shedding) keep() {
	slices.SortStableFunc(x.noted, func(a, b laggard) int { return cmp.Compare(b.lag, a.lag) })
	if len(x.noted) > x.most {
		clear(x.noted[x.most:])
		x.noted = x.noted[:x.most]
	}
}
