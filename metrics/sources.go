package metrics

import "tidings/gateway"

// Sources are the snapshots that a scrape reads. A nil function stands for a part that is not there: its metrics are
// not shown. The functions are called from the scraping request's goroutine, possibly several at once.
type Sources struct {
	Version string // of the program
	Node    string // this gateway's name

	// ClassNames name the classes of gateway.Stats.Classes in their order: the transports.
	ClassNames []string

	Gateway func() gateway.Stats
	Choices func() []Choice
	Server  func() ServerStats
}

// Choice counts how often a transport was chosen for a request, for one cause. Counts never fall.
type Choice struct {
	Transport string
	Cause     string
	Count     uint64
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
