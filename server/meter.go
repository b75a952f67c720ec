package server

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"tidings/fallback"
)

// meter measures what the process uses.
type meter struct {
	files, memory uint64        // the limits; 0 for none
	used          func() uint64 // how much memory there is of what memory bounds

	at   time.Time // of the last reading
	busy time.Duration
}

func newMeter(o Pressure) *meter {
	m := &meter{files: o.Files, memory: o.Memory, used: newKept().read}
	if m.files == 0 {
		m.files = fileLimit()
	}
	if limit := debug.SetMemoryLimit(-1); m.memory == 0 && limit != math.MaxInt64 {
		m.memory = uint64(limit)
	}
	if m.memory == 0 {
		// Nothing keeps the runtime from taking more than the control group may have: what waits to be collected counts too.
		m.memory, m.used = groupLimit("/"), resident
	}
	m.at, m.busy = time.Now(), processorTime()
	return m
}

// read returns the reading of now.
func (m *meter) read() fallback.Reading {
	r := fallback.Reading{Files: openFiles(), FileLimit: m.files, Memory: m.used(), MemoryLimit: m.memory}
	now, busy := time.Now(), processorTime()
	if passed := now.Sub(m.at); passed > 0 {
		r.CPU = min(1, max(0, float64(busy-m.busy)/float64(passed)/float64(runtime.GOMAXPROCS(0))))
	}
	m.at, m.busy = now, busy
	return r
}

// kept is the memory that the process cannot do without. What waits to be collected is none of it: with a limit, the runtime lets the
// heap grow up to that before it collects.
type kept []metrics.Sample

// keptParts make it up; those with less are taken off.
var keptParts = [...]struct {
	name string
	less bool
}{
	{name: "/gc/heap/live:bytes"},
	{name: "/memory/classes/total:bytes"},
	{name: "/memory/classes/heap/objects:bytes", less: true},
	{name: "/memory/classes/heap/unused:bytes", less: true},
	{name: "/memory/classes/heap/free:bytes", less: true},
	{name: "/memory/classes/heap/released:bytes", less: true},
}

func newKept() kept {
	k := make(kept, len(keptParts))
	for i, part := range keptParts {
		k[i].Name = part.name
	}
	return k
}

func (k kept) read() (sum uint64) {
	metrics.Read(k)
	for i, part := range keptParts {
		n := k[i].Value.Uint64()
		if part.less {
			n = -n
		}
		sum += n
	}
	return sum
}
