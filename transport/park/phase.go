package park

// phase is where a connection is in its life.
type phase uint8

const (
	open      phase = iota // its handler's
	broken                 // shut after a failed write; Gone is to come
	finishing              // the last bytes are being written, or the client's close is awaited
	closed
	asking    // a request is awaited
	waiting   // a request waits for its answer
	answering // the answer is being written, and then the next request is awaited
)
