// Package journal is the log behind one interface: it puts records in one total order and keeps them as durably as its
// engine can.
//
// An engine lives in a package of its own below this one (memory; others later) and is chosen when the gateway is built.
// The gateway appends to the journal and reads the order back through [Journal.Tail]; what followers read comes from the
// gateway's own history, never from the journal.
//
// The package owns no goroutine. It must not import the gateway, HTTP or a metrics library.
package journal
