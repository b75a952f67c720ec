package metrics

import (
	"tidings/gateway"
	"tidings/gateway/socket"
)

// Sources are the snapshots that a scrape reads. A nil function stands for a part that is not there: its metrics are
// not shown. The functions are called from the scraping request's goroutine, possibly several at once.
type Sources struct {
	Version string // of the program
	Node    string // this gateway's name

	// ClassNames name the classes of gateway.Stats.Classes in their order: the transports.
	ClassNames []string

	Gateway func() gateway.Stats
	Choices func() []Choice
	Steps   func() []Step
	// Pressure is how short files and memory are.
	Pressure func() PressureStats
	Server   func() ServerStats
	Sockets  func() []socket.PathStats
	Programs func() ProgramStats
}

// Choice counts how often a transport was chosen for a request, for one cause. Counts never fall.
type Choice struct {
	Transport string
	Cause     string
	Count     uint64
}

// Step counts how often clients stepped from one transport to another, for one cause. Counts never fall.
type Step struct {
	From  string
	To    string
	Cause string
	Count uint64
}

// PressureStats is a snapshot of how short files and memory are, and what was done about it. Counters start at 0 and never fall.
type PressureStats struct {
	Level        string
	Levels       []string           // all that there are, in the order of rising pressure
	Transitions  map[string]uint64  // by the level that began
	Used, Limits map[string]float64 // by resource: files, memory (bytes), processors (shares of 1); what has no limit is not in Limits
	Stretch      int                // what the times are multiplied by after which clients should come again
	Readings     uint64
	Asked        uint64 // requests that were asked to take a cheaper transport
	Moved        uint64 // streams that were ended for it
}

// ServerStats is a snapshot of what the HTTP edge counts. Counters start at 0 and never fall; gauges say so.
type ServerStats struct {
	Connections map[string]int     // gauge: open now and following, by transport
	HeldPolls   int                // gauge: long polls that wait for their answer
	Requests    map[Request]uint64 // answered (for streams: begun)
	Forgotten   uint64             // sessions that were let go because there were more than are known at a time
	Refusals    map[string]uint64  // requests that were not admitted, by cause: the problem's code
}

// Request says how requests are counted apart.
type Request struct {
	Route  string // as the router has it, such as "/topics/*": never the path that was asked for
	Status int    // HTTP status
}
