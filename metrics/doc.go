// Package metrics turns snapshots of the other packages' counters into what Prometheus scrapes.
//
// Nothing is counted here: the gateway, the fallback and the server count in their own fields, and [Handler] asks them for a
// snapshot when it is scraped. Every metric stands in one table, a file per subject, from which docs/metrics.md is generated;
// `go generate ./metrics` writes it again.
//
// A label never holds a topic, a session, a key or anything else that a client chooses: how many series there are is known
// when the gateway starts.
//
// The package owns no goroutine. It must not import server, fallback or transport: whoever builds [Sources] knows them.
package metrics

//go:generate go test -run "^(TestPage|TestScrape)$" . -update
