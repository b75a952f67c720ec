// Package poll answers with what there is: at once (poll), or as soon as there is something (long poll).
//
// It owns no goroutine: package park holds a long poll, and a shard of the gateway answers it. It must not import any other
// transport.
package poll
